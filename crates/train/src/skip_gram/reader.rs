//! Which pairs of words a text gives: subsampling, windows and negatives, all by chance.

use meuse_core::recipe::SkipGram;

use super::chance::{Alias, Chance};

/// Negatives are drawn by frequency to this power.
const POWER: f64 = 0.75;

/// What the words of a corpus are drawn by.
pub(super) struct Draws {
    /// The widest window, to either side.
    window: u32,
    /// How many words are drawn beside a neighbour.
    negatives: u32,
    /// Of each word, the probability that one of its places is read.
    kept: Vec<f32>,
    by_frequency: Alias,
}

impl Draws {
    /// `counts` says how often each word stands in the corpus.
    pub(super) fn new(parameters: &SkipGram, counts: &[u64]) -> Self {
        let total: u64 = counts.iter().sum();
        Self {
            window: parameters.window,
            negatives: parameters.negatives,
            kept: counts.iter().map(|count| kept(*count, total, parameters.subsample)).collect(),
            by_frequency: Alias::new(&counts.iter().map(|count| (*count as f64).powf(POWER)).collect::<Vec<_>>()),
        }
    }
}

/// √(t / f) + t / f of a word's frequency f, at most 1, where t is `subsample`; all places are read when that is 0.
fn kept(count: u64, total: u64, subsample: f64) -> f32 {
    if subsample <= 0.0 || count == 0 {
        return 1.0;
    }
    let ratio = subsample * total as f64 / count as f64;
    (ratio.sqrt() + ratio) as f32
}

/// Reads texts, with memory that is used again from text to text.
pub(super) struct Reader<'a> {
    draws: &'a Draws,
    pub(super) chance: Chance,
    words: Vec<u32>,
    targets: Vec<u32>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(draws: &'a Draws, chance: Chance) -> Self {
        Self { draws, chance, words: Vec::new(), targets: Vec::new() }
    }

    /// Tells each pair of a text: a word, and the neighbour that it is to know with those drawn beside it. All pairs of
    /// one neighbour share what is drawn, so that its rows stay at hand (S. Ji and others, Parallelizing word2vec in
    /// shared and distributed memory, 2016); a word that is drawn though it is the neighbour is left out.
    pub(super) fn each_pair(&mut self, text: &[u32], told: &mut impl FnMut(u32, &[u32])) {
        let Self { draws, chance, words, targets } = self;
        words.clear();
        for id in text {
            let kept = draws.kept[*id as usize];
            if kept >= 1.0 || chance.unit() < kept {
                words.push(*id);
            }
        }
        for (place, neighbour) in words.iter().enumerate() {
            let reach = 1 + chance.below(draws.window) as usize;
            let last = (place + reach).min(words.len() - 1);
            targets.clear();
            targets.push(*neighbour);
            for _ in 0..draws.negatives {
                let drawn = draws.by_frequency.draw(chance);
                if drawn != *neighbour {
                    targets.push(drawn);
                }
            }
            for other in (place.saturating_sub(reach)..=last).filter(|other| *other != place) {
                told(words[other], targets);
            }
        }
    }
}
