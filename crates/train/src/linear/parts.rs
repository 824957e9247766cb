//! Work over rows on several threads, with the same result whatever their number.

use std::ops::Range;

use crate::{Context, Error};

/// Results of pieces of rows that follow each other.
pub(super) trait Joined: Send {
    /// Takes in the result of the rows that follow.
    fn join(&mut self, next: Self);
}

impl Joined for Vec<f64> {
    fn join(&mut self, next: Self) {
        self.extend(next);
    }
}

/// How rows are cut. It must not depend on the number of threads, since sums depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) rows: usize,
    /// Parts that threads take.
    pub(super) parts: usize,
    /// Rows between two looks at whether to stop.
    pub(super) rows_per_look: usize,
}

/// Runs `work` over pieces of the rows on the context's threads and gives one result per part, in the order of the
/// rows.
pub(super) fn in_parts<T: Joined>(
    context: &Context<'_>,
    cut: Cut,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Result<Vec<T>, Error> {
    let size = cut.rows.div_ceil(cut.parts).max(1);
    let parts: Vec<Range<usize>> =
        (0..cut.rows).step_by(size).map(|start| start..(start + size).min(cut.rows)).collect();
    let threads = context.threads.clamp(1, parts.len().max(1));
    let of_worker = |worker: usize| -> Vec<(usize, Option<T>)> {
        let own = (worker..parts.len()).step_by(threads);
        own.map(|index| (index, part(context, &parts[index], cut.rows_per_look, &work))).collect()
    };
    let mut results: Vec<(usize, Option<T>)> = std::thread::scope(|scope| {
        let of_worker = &of_worker;
        let workers: Vec<_> = (0..threads).map(|worker| scope.spawn(move || of_worker(worker))).collect();
        let joined =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result.ok_or(Error::Cancelled)).collect()
}

/// The joined result of one part; `None` when somebody asked to stop.
fn part<T: Joined>(
    context: &Context<'_>,
    rows: &Range<usize>,
    rows_per_look: usize,
    work: &impl Fn(Range<usize>) -> T,
) -> Option<T> {
    let mut joined: Option<T> = None;
    for start in rows.clone().step_by(rows_per_look) {
        if context.watch.cancelled() {
            return None;
        }
        let piece = work(start..(start + rows_per_look).min(rows.end));
        match &mut joined {
            Some(joined) => joined.join(piece),
            None => joined = Some(piece),
        }
    }
    joined
}
