//! Counters and histograms, and families of them by their labels.

use std::hash::BuildHasher as _;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::micros;
use super::vocabulary::OTHER;

/// A family has no more series than this; what comes after them is counted together under `other`. Names are bounded
/// already, but not every product of them should become a series.
const MOST_SERIES: usize = 1000;

/// The upper boundaries of a histogram, in whole units.
pub(super) type Buckets = &'static [u64];

/// How often a value was in which range. Values are whole numbers, microseconds for times, so that sums are exact.
#[derive(Debug)]
pub(super) struct Histogram {
    pub(super) bounds: Buckets,
    counts: Box<[u64]>,
    /// Of all values.
    pub(super) sum: u64,
}

impl Histogram {
    pub(super) fn of(bounds: Buckets) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1].into(),
            sum: 0,
        }
    }

    pub(super) fn add(&mut self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(value);
    }

    pub(super) fn time(&mut self, time: Duration) {
        self.add(micros(time));
    }

    /// So many values up to each boundary, those below included; the last is that of all.
    pub(super) fn up_to(&self) -> Vec<u64> {
        let counts = self.counts.iter();
        let sums = counts.scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        sums.collect()
    }
}

/// Series of one name by `N` labels.
#[derive(Debug)]
pub(super) struct Family<const N: usize, S> {
    /// A plain table, because it can be asked by labels that are borrowed.
    series: HashTable<([Box<str>; N], S)>,
    hasher: RandomState,
    /// The hash of what it was last asked for: mostly it is asked for the same again.
    last: u64,
}

impl<const N: usize, S> Default for Family<N, S> {
    fn default() -> Self {
        Self {
            series: HashTable::new(),
            hasher: RandomState::default(),
            last: 0,
        }
    }
}

impl<const N: usize, S: Default> Family<N, S> {
    /// The series of these labels.
    pub(super) fn of(&mut self, mut labels: [&str; N]) -> &mut S {
        let Self {
            series,
            hasher,
            last,
        } = self;
        let is = |known: &[Box<str>; N], labels: &[&str; N]| {
            known
                .iter()
                .zip(labels)
                .all(|(one, other)| **one == **other)
        };
        let series = match series.find_entry(*last, |(known, _)| is(known, &labels)) {
            Ok(again) => return &mut again.into_mut().1,
            Err(absent) => absent.into_table(),
        };
        let mut hash = hasher.hash_one(labels);
        if series.len() >= MOST_SERIES && series.find(hash, |(it, _)| is(it, &labels)).is_none() {
            labels = [OTHER; N];
            hash = hasher.hash_one(labels);
        }
        *last = hash;
        let place = series.entry(
            hash,
            |(known, _)| is(known, &labels),
            // Boxed or borrowed, a text has the same hash.
            |(known, _)| hasher.hash_one(known),
        );
        let (_, found) = place
            .or_insert_with(|| (labels.map(Into::into), S::default()))
            .into_mut();
        found
    }

    /// All series, in the order of their labels.
    pub(super) fn all(&self) -> Vec<([&str; N], &S)> {
        let all = self.series.iter();
        let mut all: Vec<_> = all
            .map(|(labels, series)| (labels.each_ref().map(|label| &**label), series))
            .collect();
        all.sort_by_key(|(labels, _)| *labels);
        all
    }
}

impl<const N: usize> Family<N, u64> {
    /// Counts so many more.
    pub(super) fn add(&mut self, labels: [&str; N], more: u64) {
        let count = self.of(labels);
        *count = count.saturating_add(more);
    }

    /// The counts, in the order of their labels.
    pub(super) fn values(&self) -> Vec<([&str; N], u64)> {
        let all = self.all().into_iter();
        all.map(|(labels, count)| (labels, *count)).collect()
    }
}
