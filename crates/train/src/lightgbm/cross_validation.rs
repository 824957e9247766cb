//! Cross-validation of one setting: boosters for every fold, stepped together, stopped at the round where their mean
//! loss is least.
//!
//! The folds' boosters are shared out over threads, and each uses one LightGBM thread where there are enough of them:
//! small data leaves LightGBM's own threads waiting for each other.

use meuse_core::bundle::Task;

use super::Reading;
use super::ffi::{Booster, Dataset};
use super::parameters::Parameters;
use crate::Error;

/// Number of folds.
pub(super) const FOLDS: u8 = 5;
/// How many rounds are boosted between two looks at the losses.
const STRIDE: u32 = 8;
/// Each repetition of the folds has the seed of the one before it and so much more.
const NEXT_SEED: u64 = 1000;

/// Which fold each row belongs to, once per repetition.
#[derive(Clone)]
pub(super) struct Folds {
    assignments: Vec<Vec<u8>>,
    /// How many of the folds are held out in turn.
    used: u8,
}

impl Folds {
    /// Deals rows to [`FOLDS`] folds in the order of their [`key`]s, class by class for a binary target; the first
    /// `used` folds are held out.
    pub(super) fn new(task: Task, y: &[f64], used: u8, repetitions: u64, seed: u64) -> Self {
        let deal = |repetition: u64| {
            let seed = seed.wrapping_add(NEXT_SEED * repetition);
            let mut order: Vec<(bool, u64, u32)> = (0..y.len() as u32)
                .map(|row| (task == Task::Binary && y[row as usize] > 0.5, key(seed, row), row))
                .collect();
            order.sort_unstable();
            let mut folds = vec![0; y.len()];
            for (position, (_, _, row)) in order.into_iter().enumerate() {
                folds[row as usize] = (position % usize::from(FOLDS)) as u8;
            }
            folds
        };
        Self { assignments: (0..repetitions).map(deal).collect(), used }
    }

    /// The first repetition only.
    pub(super) fn once(&self) -> Self {
        Self { assignments: self.assignments[..1].to_vec(), used: self.used }
    }

    /// How many folds of a repetition are held out in turn.
    pub(super) fn used(&self) -> u8 {
        self.used
    }

    /// Row numbers outside and in each held-out fold, repetition after repetition.
    pub(super) fn parts(&self) -> impl ExactSizeIterator<Item = (Vec<i32>, Vec<i32>)> {
        let all: Vec<_> =
            self.assignments.iter().flat_map(|folds| (0..self.used).map(move |fold| (folds, fold))).collect();
        all.into_iter()
            .map(|(folds, fold)| (0..folds.len() as i32).partition(|row| folds[row.cast_unsigned() as usize] != fold))
    }
}

/// A number by chance for a row: the finaliser of SplitMix64 (Steele, Lea, Flood, 2014), which needs no state, so that
/// a row's number does not depend on how many rows there are.
pub(super) fn key(seed: u64, row: u32) -> u64 {
    let mut z = (seed << 32).wrapping_add(u64::from(row)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What is cross-validated, and for how long.
pub(super) struct Question<'a> {
    /// What a person sees of it.
    pub(super) name: String,
    pub(super) dataset: &'a Dataset,
    pub(super) parameters: Parameters,
    pub(super) folds: &'a Folds,
    /// The end comes when the mean loss has not fallen for so many rounds,
    pub(super) patience: u32,
    /// or when so many are done.
    pub(super) rounds: u32,
}

/// What a setting reached.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reached {
    /// The mean loss at the best round.
    pub(super) loss: f64,
    /// The loss of every held-out fold at that round, repetition after repetition.
    pub(super) per_fold: Vec<f64>,
    /// The best round; of equals the earliest.
    pub(super) rounds: u32,
}

/// Cross-validates.
pub(super) fn cross_validate(question: &Question<'_>, context: &Reading<'_>) -> Result<Reached, Error> {
    let parts = question.folds.parts();
    let workers = context.threads.clamp(1, parts.len());
    let mut parameters = question.parameters.clone();
    parameters.set("num_threads", (context.threads / workers).max(1));
    let text = parameters.text();
    let mut boosters = Vec::with_capacity(parts.len());
    for (training, held_out) in parts {
        let mut booster = Booster::new(&question.dataset.subset(&training, &text)?, &text)?;
        booster.add_validation(&question.dataset.subset(&held_out, &text)?)?;
        boosters.push(booster);
    }
    let stage = format!("cross-validate {}", question.name);
    let mut reached = Reached { loss: f64::INFINITY, per_fold: Vec::new(), rounds: 0 };
    let mut done = 0;
    while done < question.rounds {
        let stride = STRIDE.min(question.rounds - done);
        let losses = step_all(&mut boosters, stride, workers, context)?;
        for step in 0..stride as usize {
            done += 1;
            let per_fold: Vec<f64> = losses.iter().map(|of_fold| of_fold[step]).collect();
            let loss = per_fold.iter().sum::<f64>() / per_fold.len() as f64;
            if loss < reached.loss {
                reached = Reached { loss, per_fold, rounds: done };
            } else if done - reached.rounds >= question.patience {
                return Ok(reached);
            }
        }
        context.watch.progress(&stage, u64::from(done), u64::from(question.rounds));
    }
    Ok(reached)
}

/// Boosts every booster by some rounds. Returns the held-out loss after each, per booster.
fn step_all(
    boosters: &mut [Booster],
    rounds: u32,
    workers: usize,
    context: &Reading<'_>,
) -> Result<Vec<Vec<f64>>, Error> {
    let share = boosters.len().div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = boosters
            .chunks_mut(share)
            .map(|chunk| scope.spawn(move || chunk.iter_mut().map(|booster| step(booster, rounds, context)).collect()))
            .collect();
        let mut losses = Vec::new();
        for worker in workers {
            let of_chunk: Result<Vec<Vec<f64>>, Error> =
                worker.join().map_err(|_| Error::Lightgbm("a cross-validation thread panicked".into()))?;
            losses.extend(of_chunk?);
        }
        Ok(losses)
    })
}

fn step(booster: &mut Booster, rounds: u32, context: &Reading<'_>) -> Result<Vec<f64>, Error> {
    let mut losses = Vec::with_capacity(rounds as usize);
    for _ in 0..rounds {
        if context.watch.cancelled() {
            return Err(Error::Cancelled);
        }
        booster.update()?;
        losses.push(booster.validation_loss()?);
    }
    Ok(losses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_splitmix64() {
        // The first outputs of SplitMix64 from state 0, whose step is the constant that is added.
        assert_eq!(key(0, 0), 0xE220_A839_7B1D_CDAF);
        assert_ne!(key(1, 0), key(0, 1));
    }

    #[test]
    fn folds_share_out_rows_and_classes_evenly() {
        let y: Vec<f64> = (0..103).map(|row| f64::from(u8::from(row % 10 == 0))).collect();
        let folds = Folds::new(Task::Binary, &y, FOLDS, 2, 7);
        let parts: Vec<_> = folds.parts().collect();
        assert_eq!(parts.len(), 10);
        let mut seen = vec![0; 103];
        for (outside, inside) in &parts {
            assert_eq!(outside.len() + inside.len(), 103);
            assert!((20..=21).contains(&inside.len()));
            let positives = inside.iter().filter(|row| *row % 10 == 0).count();
            assert!((2..=3).contains(&positives), "11 positives in five folds");
            for row in inside {
                seen[*row as usize] += 1;
            }
        }
        assert!(seen.iter().all(|times| *times == 2), "every row is held out once a repetition");
        assert_ne!(parts[0].1, parts[5].1, "repetitions differ");
    }
}
