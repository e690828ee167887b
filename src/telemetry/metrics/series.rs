//! Counters and histograms, and families of them by their labels.

use std::hash::BuildHasher as _;
use std::ptr;
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
    series: Vec<([Box<str>; N], S)>,
    /// Where in the list series are. A plain table, because it can be asked by labels that are borrowed.
    places: HashTable<usize>,
    hasher: RandomState,
}

/// What a family was last asked for, while labels stay where they are: mostly it is asked for the same again.
#[derive(Debug)]
pub(super) struct Last<'a, const N: usize>(Option<([&'a str; N], usize)>);

impl<const N: usize> Default for Last<'_, N> {
    fn default() -> Self {
        Self(None)
    }
}

impl<const N: usize, S> Default for Family<N, S> {
    fn default() -> Self {
        Self {
            series: Vec::new(),
            places: HashTable::new(),
            hasher: RandomState::default(),
        }
    }
}

impl<const N: usize, S: Default> Family<N, S> {
    /// The series of these labels.
    pub(super) fn of<'a>(&mut self, last: &mut Last<'a, N>, labels: [&'a str; N]) -> &mut S {
        let is_last = |known: &[&str; N]| known.iter().zip(labels).all(|(a, b)| ptr::eq(*a, b));
        let place = match last.0 {
            // The same words in the same place: nothing has to be compared.
            Some((known, place)) if is_last(&known) => place,
            _ => self.place(labels),
        };
        last.0 = Some((labels, place));
        self.at(place)
    }

    #[expect(clippy::expect_used, reason = "places are those of series, which stay")]
    fn at(&mut self, place: usize) -> &mut S {
        let (_, series) = self.series.get_mut(place).expect("a series is there");
        series
    }

    /// Where the series of these labels is.
    fn place(&mut self, labels: [&str; N]) -> usize {
        if let Some(place) = self.find(&labels) {
            return place;
        }
        let labels = if self.series.len() < MOST_SERIES {
            labels
        } else {
            [OTHER; N]
        };
        self.find(&labels).unwrap_or_else(|| self.make(labels))
    }

    fn find(&self, labels: &[&str; N]) -> Option<usize> {
        let is = |place: &usize| {
            let known = self.series.get(*place);
            known.is_some_and(|(known, _)| {
                known
                    .iter()
                    .zip(labels)
                    .all(|(one, other)| **one == **other)
            })
        };
        self.places.find(self.hasher.hash_one(labels), is).copied()
    }

    fn make(&mut self, labels: [&str; N]) -> usize {
        let Self {
            series,
            places,
            hasher,
        } = self;
        let place = series.len();
        series.push((labels.map(Into::into), S::default()));
        // Boxed or borrowed, a text has the same hash.
        let hash = |place: &usize| {
            series
                .get(*place)
                .map_or(0, |(known, _)| hasher.hash_one(known))
        };
        places.insert_unique(hasher.hash_one(labels), place, hash);
        place
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
    pub(super) fn add<'a>(&mut self, last: &mut Last<'a, N>, labels: [&'a str; N], more: u64) {
        let count = self.of(last, labels);
        *count = count.saturating_add(more);
    }

    /// The counts, in the order of their labels.
    pub(super) fn values(&self) -> Vec<([&str; N], u64)> {
        let all = self.all().into_iter();
        all.map(|(labels, count)| (labels, *count)).collect()
    }
}
