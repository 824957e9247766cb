//! Batches on threads of their own, in a fixed order whatever the number of threads, so that the computing ones wait for
//! nothing and chance stays chance of the seed.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;

use meuse_prep::boxes::TrueBox;
use rustix::process::{getpriority_process, setpriority_process};

use crate::Error;

/// Batches that each thread makes ahead.
const AHEAD: usize = 2;
/// Threads that make batches, at most.
const MOST: usize = 4;

/// Rows that can be made into numbers, one at a time, on any thread.
pub trait Rows: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Writes the numbers of a row. In training `epoch` counts from 0, for augmentation by chance of row and epoch;
    /// otherwise it is absent, and nothing is left to chance.
    ///
    /// # Errors
    /// Why the row cannot be read; the training ends with it.
    fn fill(&self, row: u32, epoch: Option<u64>, numbers: &mut [f32]) -> Result<(), Error>;

    /// The true boxes of a row, for a detection; in an epoch where [`Rows::fill`] has moved them.
    fn boxes(&self, _row: u32, _epoch: Option<u64>) -> Vec<TrueBox> {
        Vec::new()
    }
}

/// Rows and what is to be learnt of each: a class from 0, 0 or 1, or a number.
#[derive(Clone, Copy)]
pub struct Samples<'a> {
    /// The rows.
    pub rows: &'a dyn Rows,
    /// The target of each.
    pub targets: &'a [f32],
}

/// Rows that are numbers already.
impl Rows for meuse_core::table::Matrix {
    fn count(&self) -> usize {
        self.rows
    }

    fn fill(&self, row: u32, _: Option<u64>, numbers: &mut [f32]) -> Result<(), Error> {
        numbers.copy_from_slice(self.row(row as usize));
        Ok(())
    }
}

/// Rows of a dataset, as preprocessing makes them one at a time.
impl Rows for meuse_prep::TrainingRows<'_> {
    fn count(&self) -> usize {
        Self::count(self)
    }

    fn fill(&self, row: u32, epoch: Option<u64>, numbers: &mut [f32]) -> Result<(), Error> {
        Self::fill(self, row, epoch, numbers).map_err(|error| match error {
            meuse_prep::Error::Refused { row, column, reason, hint } => {
                Error::input(&column, format!("row {} of the dataset: {reason}", row + 1), hint)
            }
            other => Error::input("", other.to_string(), "train again with the programs of one release"),
        })
    }

    fn boxes(&self, row: u32, epoch: Option<u64>) -> Vec<TrueBox> {
        Self::boxes(self, row, epoch)
    }
}

/// How batches are made.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) width: usize,
    pub(crate) batch: usize,
    pub(crate) epoch: Option<u64>,
    pub(crate) threads: usize,
}

/// A batch: which rows, and their numbers one after the other.
pub(crate) struct Batch<'a> {
    pub(crate) rows: &'a [u32],
    pub(crate) numbers: Vec<f32>,
}

/// Calls `work` with each batch of `order`, in its order.
pub(crate) fn for_each_batch<'a>(
    rows: &dyn Rows,
    order: &'a [u32],
    plan: Plan,
    mut work: impl FnMut(Batch<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let chunks: Vec<&'a [u32]> = order.chunks(plan.batch.max(1)).collect();
    let threads = plan.threads.min(MOST).clamp(1, chunks.len().max(1));
    std::thread::scope(|scope| {
        let mut channels: Vec<Receiver<Result<Vec<f32>, Error>>> = Vec::with_capacity(threads);
        for number in 0..threads {
            let (sender, receiver) = sync_channel(AHEAD);
            let mine: Vec<&[u32]> = chunks.iter().skip(number).step_by(threads).copied().collect();
            let load = move || load(rows, &mine, plan, &sender);
            Builder::new().name("loader".into()).spawn_scoped(scope, load).map_err(Error::Thread)?;
            channels.push(receiver);
        }
        for (index, rows) in chunks.iter().enumerate() {
            let made = channels[index % threads].recv();
            let numbers = made.map_err(|_| Error::Thread(std::io::Error::other("a loader ended early")))??;
            work(Batch { rows, numbers })?;
        }
        Ok(())
    })
}

/// How far a loader stands behind the computing threads for a core, of at most 19: rows are made while these wait for
/// each other, and not in the middle of what both wait for. Once the rows run out, nobody else wants the core.
const BEHIND: i32 = 10;

fn load(rows: &dyn Rows, chunks: &[&[u32]], plan: Plan, sender: &SyncSender<Result<Vec<f32>, Error>>) {
    // Of this thread alone, on Linux. Where it is refused, rows are made as before.
    let _ = getpriority_process(None).and_then(|own| setpriority_process(None, (own + BEHIND).min(19)));
    for chunk in chunks {
        let mut numbers = vec![0.0; chunk.len() * plan.width];
        let places = numbers.chunks_exact_mut(plan.width.max(1));
        let made = chunk.iter().zip(places).try_for_each(|(row, numbers)| rows.fill(*row, plan.epoch, numbers));
        let failed = made.is_err();
        // Nobody listens any more when the training has ended.
        if sender.send(made.map(|()| numbers)).is_err() || failed {
            return;
        }
    }
}
