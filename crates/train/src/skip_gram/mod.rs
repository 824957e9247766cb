//! Word vectors by skip-gram with negative sampling: T. Mikolov and others, Distributed representations of words and
//! phrases and their compositionality (2013), as their program word2vec and gensim do it.
//!
//! A word's vector learns to tell its neighbours within a window from words drawn by their frequency to the power ¾. The
//! window of each place is drawn from 1 to the widest, places of very frequent words are left out by chance, and the
//! rate falls to nothing. One thread does it, word after word: the same corpus, parameters and seed give the same
//! vectors, whatever the number of threads. [`crate::embedding`] makes a bundle of them.

mod chance;
mod corpus;
mod reader;
mod vectors;

use meuse_core::recipe::SkipGram;

use crate::Error;
use crate::fitting::stop_if_cancelled;
use crate::learner::Watch;
use chance::Chance;
pub use corpus::Corpus;
use reader::{Draws, Reader};
use vectors::Tables;

/// The streams of chance: how vectors begin, what is drawn in training, and what is drawn for held-out texts.
const BEGINNINGS: u64 = 0;
const TRAINING: u64 = 1;
const HELD_OUT: u64 = 2;
/// The share of the rate that it never falls below, as in word2vec.
const LEAST_RATE: f64 = 1e-4;
/// Of so many pairs one is measured while they are learnt: a logarithm for each would take as long as the learning.
const MEASURED: u64 = 16;
/// Words between two looks at whether to stop.
const LOOK: u64 = 1 << 15;
/// Words of held-out texts that are measured, about.
const HELD_OUT_WORDS: u64 = 200_000;

/// What was learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct WordVectors {
    /// A row for each id; that of 0, which is padding, is zero.
    pub vectors: Vec<f32>,
    /// Numbers of a row.
    pub dimensions: usize,
    /// The mean loss of a pair in the last epoch of the training.
    pub training_loss: Option<f64>,
    /// The mean loss of a pair of each corpus that was held out; nothing where one has no pairs.
    pub held_out_loss: Vec<Option<f64>>,
}

impl WordVectors {
    /// The mean vector of a row of ids; zeros are padding, and of nothing else the mean is zero.
    pub fn mean(&self, ids: &[f32]) -> Vec<f64> {
        let mut mean = vec![0.0; self.dimensions];
        let ids: Vec<usize> = ids.iter().map(|id| *id as usize).filter(|id| *id > 0).collect();
        for id in &ids {
            let row = &self.vectors[id * self.dimensions..(id + 1) * self.dimensions];
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        for sum in &mut mean {
            *sum /= ids.len().max(1) as f64;
        }
        mean
    }
}

/// Learns the vectors of the words of a corpus, whose ids are below `size`. The loss of each corpus of `held_out` is
/// measured at the end, and that of the first one also after each epoch.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn learn(
    parameters: &SkipGram,
    size: usize,
    corpus: &Corpus,
    held_out: &[&Corpus],
    seed: u64,
    watch: &dyn Watch,
) -> Result<WordVectors, Error> {
    let draws = Draws::new(parameters, &corpus.counts(size));
    let mut reader = Reader::new(&draws, Chance::new(seed, TRAINING));
    let dimensions = parameters.dimensions as usize;
    let mut tables = Tables::new(size, dimensions, &mut Chance::new(seed, BEGINNINGS));
    let total = corpus.known() * u64::from(parameters.epochs);
    let (mut done, mut looked, mut pairs) = (0, 0, 0_u64);
    let mut training_loss = None;
    let mut order: Vec<u32> = (0..corpus.texts() as u32).collect();
    for epoch in 1..=u64::from(parameters.epochs) {
        reader.chance.shuffle(&mut order);
        let mut measured = Mean::default();
        for number in &order {
            let text = corpus.text(*number as usize);
            let left = (1.0 - done as f64 / (total + 1) as f64).max(LEAST_RATE);
            let rate = (parameters.learning_rate * left) as f32;
            reader.each_pair(text, &mut |word, targets| {
                pairs += 1;
                if pairs.is_multiple_of(MEASURED) {
                    measured.add(tables.loss(word, targets));
                }
                tables.learn(word, targets, rate);
            });
            done += text.len() as u64;
            if done - looked >= LOOK {
                looked = done;
                watch.progress("train", done, total);
                stop_if_cancelled(watch)?;
            }
        }
        training_loss = measured.value();
        if let Some(loss) = training_loss {
            watch.metric("loss", "training", epoch, loss);
        }
        if let Some(loss) = held_out.first().and_then(|corpus| mean_loss(&tables, &draws, corpus, seed)) {
            watch.metric("loss", "validation", epoch, loss);
        }
    }
    watch.progress("train", total, total);
    let held_out_loss = held_out.iter().map(|corpus| mean_loss(&tables, &draws, corpus, seed)).collect();
    Ok(WordVectors { vectors: tables.into_words(), dimensions, training_loss, held_out_loss })
}

/// The mean loss of the pairs of a corpus, with draws that are the same each time. Of a large one, texts at even distances
/// are measured.
fn mean_loss(tables: &Tables, draws: &Draws, corpus: &Corpus, seed: u64) -> Option<f64> {
    let mut reader = Reader::new(draws, Chance::new(seed, HELD_OUT));
    let every = corpus.known().div_ceil(HELD_OUT_WORDS).max(1) as usize;
    let mut mean = Mean::default();
    for number in (0..corpus.texts()).step_by(every) {
        reader.each_pair(corpus.text(number), &mut |word, targets| mean.add(tables.loss(word, targets)));
    }
    mean.value()
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f32) {
        self.sum += f64::from(value);
        self.count += 1;
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}
