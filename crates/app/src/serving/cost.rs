//! What a call of a size has cost before: the reason why small ones are computed on the caller's thread.
//!
//! Handing a call to another thread and back takes 10 to 50 µs, more than a linear model or a small ensemble of trees
//! needs for a row. So a call whose size was measured to be cheap stays where it is. A size that was never measured is
//! handed over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A call that costs less than this is computed on the caller's thread.
const CEILING: Duration = Duration::from_micros(100);
/// Sizes are told apart by powers of two: 1, 2–3, 4–7, … rows.
const SIZES: usize = 24;

/// The measured cost of calls to one bundle, by size.
#[derive(Debug, Default)]
pub(super) struct Costs([AtomicU64; SIZES]);

impl Costs {
    /// Whether calls of this size are known to be cheap.
    pub(super) fn is_small(&self, rows: usize) -> bool {
        let nanoseconds = self.0[size(rows)].load(Ordering::Relaxed);
        nanoseconds > 0 && nanoseconds < CEILING.as_nanos() as u64
    }

    /// A call of this size took so long. One slow call among quick ones says little, so the mean moves by a quarter.
    pub(super) fn record(&self, rows: usize, took: Duration) {
        let cost = &self.0[size(rows)];
        let took = (took.as_nanos() as u64).max(1);
        let before = cost.load(Ordering::Relaxed);
        let mean = if before == 0 { took } else { before - before / 4 + took / 4 };
        cost.store(mean.max(1), Ordering::Relaxed);
    }
}

fn size(rows: usize) -> usize {
    (rows.max(1).ilog2() as usize).min(SIZES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_small_only_when_it_was_measured_to_be() {
        let costs = Costs::default();
        assert!(!costs.is_small(1), "nothing is known yet");
        costs.record(1, Duration::from_micros(20));
        assert!(costs.is_small(1));
        assert!(!costs.is_small(2), "another size");
    }

    #[test]
    fn a_size_that_became_slow_is_handed_over() {
        let costs = Costs::default();
        costs.record(100, Duration::from_micros(90));
        costs.record(100, Duration::from_micros(500));
        assert!(!costs.is_small(100));
        for _ in 0..20 {
            costs.record(100, Duration::from_micros(30));
        }
        assert!(costs.is_small(100), "and comes back when it is quick again");
    }
}
