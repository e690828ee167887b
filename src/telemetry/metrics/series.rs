//! Counters and histograms, and families of them by their labels.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::label::Label;
use super::micros;
use super::vocabulary::OTHER;

/// A family has no more series than this; what comes after them is counted together under `other`. Names are bounded
/// already, but not every product of them should become a series.
const MOST_SERIES: usize = 1000;

/// The upper boundaries of a histogram, in whole units.
pub(super) type Buckets = &'static [u64];

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often a value was in which range. Values are whole numbers, microseconds for times, so that sums are exact.
#[derive(Debug)]
pub(super) struct Histogram {
    pub(super) bounds: Buckets,
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug)]
pub(super) struct Shape {
    /// So many values up to each boundary, those below included.
    pub(super) up_to: Vec<u64>,
    /// So many in all.
    pub(super) count: u64,
    /// Their sum.
    pub(super) sum: u64,
}

impl Histogram {
    pub(super) fn of(bounds: Buckets) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    pub(super) fn add(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(super) fn time(&self, time: Duration) {
        self.add(micros(time));
    }

    pub(super) fn shape(&self) -> Shape {
        let mut count = 0;
        let up_to = self.counts.iter().map(|one| {
            count += one.load(Ordering::Relaxed);
            count
        });
        Shape {
            up_to: up_to.collect(),
            count,
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// Series of one name by `N` labels.
#[derive(Debug)]
pub(super) struct Family<const N: usize, S>(RwLock<HashMap<[Label; N], Arc<S>, RandomState>>);

impl<const N: usize, S> Default for Family<N, S> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<const N: usize, S: Default> Family<N, S> {
    /// Uses the series of these labels.
    pub(super) fn with(&self, labels: [Label; N], work: impl FnOnce(&S)) {
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(series) = known.get(&labels) {
                return work(series);
            }
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_full = all.len() >= MOST_SERIES && !all.contains_key(&labels);
        let labels = if is_full {
            std::array::from_fn(|_| OTHER)
        } else {
            labels
        };
        let series = all.entry(labels).or_default().clone();
        drop(all);
        work(&series);
    }

    /// All series, in the order of their labels.
    pub(super) fn all(&self) -> Vec<([Label; N], Arc<S>)> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = known
            .iter()
            .map(|(labels, series)| (labels.clone(), series.clone()))
            .collect();
        drop(known);
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

impl<const N: usize> Family<N, Counter> {
    /// The counts.
    pub(super) fn values(&self) -> Vec<(Vec<Label>, u64)> {
        let all = self.all().into_iter();
        all.map(|(labels, counter)| (labels.to_vec(), counter.get()))
            .collect()
    }
}
