//! Work of many parts, shared among threads, with its results in the order of the parts.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What `work` gives for 0, 1, … below `count`, in that order, by so many threads: each takes the next part when it has
/// done one. With one thread none is started.
///
/// # Panics
/// Where `work` does.
pub fn side_by_side<T: Send>(threads: usize, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.clamp(1, count.max(1));
    if threads == 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= count {
                return done;
            }
            done.push((part, work(part)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(part, _)| *part);
    done.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_parts() {
        let squares: Vec<usize> = (0..100).map(|part| part * part).collect();
        for threads in [0, 1, 2, 7, 200] {
            assert_eq!(side_by_side(threads, 100, |part| part * part), squares, "{threads} threads");
        }
        assert!(side_by_side(4, 0, |part| part).is_empty());
    }
}
