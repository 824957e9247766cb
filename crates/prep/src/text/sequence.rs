//! Texts as sequences of word ids of one length, as Keras's `Tokenizer` and `pad_sequences` make them: what networks
//! that read word after word take.

use std::cmp::Reverse;

use meuse_core::recipe::{Normalise, Sequence, Side, Tokens};
use serde::{Deserialize, Serialize};

use super::normalise::normalise;
use super::tokens::tokens;
use super::vocabulary::Vocabulary;

/// Words by frequency in the training part: the most frequent one has id 1, and 0 is padding. Of equally frequent words
/// the one that was read first comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordIndex {
    /// What a text is cut into; [`Tokens::KerasWords`] is Keras's own rule.
    pub tokens: Tokens,
    /// What is done to the characters before.
    pub normalise: Normalise,
    /// Whether capital letters become small ones.
    pub lowercase: bool,
    words: Vocabulary,
}

impl WordIndex {
    /// Counts the words of the training texts and keeps the most frequent: ids run from 1 to `size` − 1, as with
    /// Keras's `num_words = size`; all are kept without a size.
    pub fn fit<'a>(tokens: Tokens, size: Option<u32>, texts: impl Iterator<Item = &'a str>) -> Self {
        Self::fit_as(
            Self { tokens, normalise: Normalise::None, lowercase: true, words: Vocabulary::default() },
            size,
            1,
            texts,
        )
        .0
    }

    /// [`WordIndex::fit`], as a recipe says; words that stand less often than `min_count` are left out. Told beside it is
    /// how often the most frequent word stands there.
    pub fn of<'a>(rule: &Sequence, min_count: u32, texts: impl Iterator<Item = &'a str>) -> (Self, u64) {
        let Sequence { tokens, normalise, lowercase, vocabulary, .. } = rule;
        let empty =
            Self { tokens: *tokens, normalise: *normalise, lowercase: *lowercase, words: Vocabulary::default() };
        Self::fit_as(empty, Some(*vocabulary), min_count, texts)
    }

    fn fit_as<'a>(
        mut index: Self,
        size: Option<u32>,
        min_count: u32,
        texts: impl Iterator<Item = &'a str>,
    ) -> (Self, u64) {
        let mut known = Vocabulary::default();
        let mut counts: Vec<u64> = Vec::new();
        for text in texts {
            index.each_word(text, &mut |word| {
                let id = known.learn(word) as usize;
                counts.resize(known.len(), 0);
                counts[id] += 1;
            });
        }
        let mut order: Vec<u32> = (0..known.len() as u32).collect();
        order.sort_by_key(|id| Reverse(counts[*id as usize]));
        let most = order.first().map_or(0, |id| counts[*id as usize]);
        order.truncate(size.map_or(order.len(), |size| size.saturating_sub(1) as usize));
        order.truncate(order.partition_point(|id| counts[*id as usize] >= u64::from(min_count)));
        index.words = Vocabulary::of(order.into_iter().map(|id| known.term(id)));
        (index, most)
    }

    /// Number of ids, padding included: what an embedding needs.
    pub fn size(&self) -> usize {
        self.words.len() + 1
    }

    /// The words, the most frequent first; the first one has id 1.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.terms()
    }

    /// The ids of the known words of a text, in their order; other words are dropped.
    pub fn ids(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        self.read(text, &mut ids);
        ids
    }

    /// Adds the ids of the known words of a text; tells how many words it has, unknown ones too.
    pub fn read(&self, text: &str, ids: &mut Vec<u32>) -> usize {
        let mut words = 0;
        self.each_word(text, &mut |word| {
            words += 1;
            ids.extend(self.words.id(word).map(|id| id + 1));
        });
        words
    }

    /// The id of a word as [`WordIndex::words`] gives it.
    pub fn id(&self, word: &str) -> Option<u32> {
        self.words.id(word).map(|id| id + 1)
    }

    /// The words that a text is cut into, known or not.
    pub fn cut(&self, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        self.each_word(text, &mut |word| words.push(word.to_owned()));
        words
    }

    fn each_word(&self, text: &str, told: &mut dyn FnMut(&str)) {
        let text = normalise(text, self.normalise, self.lowercase);
        tokens(&text, self.tokens, &mut |word| told(&text[word]));
    }
}

/// A sequence of exactly this length: zeros are put at one side of a short one, and ids are cut off at one side of a
/// long one.
pub fn pad(ids: &[u32], length: usize, padding: Side, truncating: Side) -> Vec<u32> {
    let kept = match truncating {
        Side::Front => &ids[ids.len().saturating_sub(length)..],
        Side::Back => &ids[..ids.len().min(length)],
    };
    let zeros = std::iter::repeat_n(0, length - kept.len());
    match padding {
        Side::Front => zeros.chain(kept.iter().copied()).collect(),
        Side::Back => kept.iter().copied().chain(zeros).collect(),
    }
}
