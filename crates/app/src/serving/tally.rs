//! How a version did since the server started, for a glance: calls, errors, rows, and how long answers took.
//!
//! Prometheus has the same and more; this can be read without it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets to a doubling of the duration: a quantile is at most a sixteenth off.
const STEPS: u64 = 8;
/// From a microsecond to more than a minute.
const BUCKETS: usize = 27 * STEPS as usize;

/// Counters of one version.
#[derive(Debug)]
pub struct Tally {
    calls: AtomicU64,
    errors: AtomicU64,
    rows: AtomicU64,
    durations: [AtomicU64; BUCKETS],
}

impl Default for Tally {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self { calls: zero(), errors: zero(), rows: zero(), durations: std::array::from_fn(|_| zero()) }
    }
}

impl Tally {
    /// A call that was answered.
    pub(super) fn answered(&self, rows: usize, milliseconds: f64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.durations[bucket((milliseconds * 1e3) as u64)].fetch_add(1, Ordering::Relaxed);
    }

    /// A call that went another way than answered.
    pub(super) fn failed(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls, answered or not.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that were not answered.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Rows that were answered.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// The milliseconds within which this share of the answered calls was; nothing before the first one.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let counts: Vec<u64> = self.durations.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let rank = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.filter(|_| total > 0).map(|bucket| middle(bucket as u64) / 1e3)
    }
}

fn bucket(micros: u64) -> usize {
    let micros = micros.max(1);
    let doubling = u64::from(micros.ilog2());
    let step = ((u128::from(micros) * u128::from(STEPS)) >> doubling) as u64 - STEPS;
    ((doubling * STEPS + step) as usize).min(BUCKETS - 1)
}

/// The microseconds in the middle of a bucket.
fn middle(bucket: u64) -> f64 {
    let (doubling, step) = (bucket / STEPS, bucket % STEPS);
    ((STEPS + step) as f64 + 0.5) / STEPS as f64 * (1_u64 << doubling) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_sixteenth_off_at_most() {
        assert_eq!(Tally::default().quantile(0.5), None);
        for micros in [8, 23, 100, 999, 1000, 12_345, 4_000_000, 60_000_000] {
            let tally = Tally::default();
            tally.answered(1, micros as f64 / 1e3);
            let found = tally.quantile(0.99).expect("one call") * 1e3;
            assert!((found / micros as f64 - 1.0).abs() <= 1.0 / 16.0, "{micros} µs became {found}");
        }
    }

    #[test]
    fn the_slowest_hundredth_is_told_apart_from_the_middle() {
        let tally = Tally::default();
        for call in 0..1000 {
            tally.answered(2, if call < 985 { 1.0 } else { 50.0 });
        }
        tally.failed();
        assert_eq!((tally.calls(), tally.errors(), tally.rows()), (1001, 1, 2000));
        let (middle, tail) = (tally.quantile(0.5).expect("calls"), tally.quantile(0.99).expect("calls"));
        assert!((0.9..1.1).contains(&middle) && (46.0..54.0).contains(&tail), "{middle} {tail}");
    }

    #[test]
    fn what_takes_longer_than_anything_is_counted_too() {
        let tally = Tally::default();
        tally.answered(1, f64::MAX);
        tally.answered(1, f64::NAN);
        assert!(tally.quantile(1.0).expect("two calls") > 60_000.0);
    }
}
