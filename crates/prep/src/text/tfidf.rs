//! Weights of terms, as scikit-learn's `TfidfVectorizer` computes them.
//!
//! tf is how often a term stands in the text, or 1 + ln of that; idf is ln((1 + n) / (1 + df)) + 1, or without
//! smoothing ln(n / df) + 1; the products of a text are divided by their Euclidean length. Terms stand in ascending
//! order of their bytes, which is the order of their code points. Where `max_features` must choose between equally
//! frequent terms, the first in order stays (scikit-learn leaves that to numpy's unstable sort).

use meuse_core::recipe::Tfidf;
use serde::{Deserialize, Serialize};

use super::terms::{Scratch, terms};
use super::vocabulary::Vocabulary;

/// The terms that the training part holds, and in how many of its texts each stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct FittedTfidf {
    /// How texts are cut and weighed.
    pub rule: Tfidf,
    /// Number of training texts.
    documents: u32,
    terms: Vocabulary,
    /// In how many texts each term stands.
    document_frequency: Vec<u32>,
    #[serde(skip)]
    idf: Vec<f64>,
}

/// As it stands in `prep.json`.
#[derive(Deserialize)]
struct Written {
    rule: Tfidf,
    documents: u32,
    terms: Vocabulary,
    document_frequency: Vec<u32>,
}

impl TryFrom<Written> for FittedTfidf {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { rule, documents, terms, document_frequency } = written;
        if terms.len() != document_frequency.len() {
            return Err(format!("{} terms have {} frequencies", terms.len(), document_frequency.len()));
        }
        Ok(Self::new(rule, documents, terms, document_frequency))
    }
}

/// Why there is nothing to learn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TfidfError {
    /// No text holds a token.
    NoTokens,
    /// `min_df` and `max_df` leave no term.
    NoTerms {
        /// How many texts there are.
        texts: u32,
        /// In how many texts the most frequent term stands.
        most: u32,
    },
}

impl FittedTfidf {
    fn new(rule: Tfidf, documents: u32, terms: Vocabulary, document_frequency: Vec<u32>) -> Self {
        let more = f64::from(u8::from(rule.smooth_idf));
        let texts = f64::from(documents) + more;
        let idf = document_frequency.iter().map(|df| (texts / (f64::from(*df) + more)).ln() + 1.0).collect();
        Self { rule, documents, terms, document_frequency, idf }
    }

    /// Learns the terms of the texts, one per row.
    ///
    /// # Errors
    /// [`TfidfError`] when no term is left.
    pub fn fit<'a>(rule: &Tfidf, texts: impl Iterator<Item = &'a str>) -> Result<Self, TfidfError> {
        let mut count = Count::default();
        let mut scratch = Scratch::default();
        for text in texts {
            count.add(text, rule, &mut scratch);
        }
        let chosen = count.choose(rule)?;
        let terms = Vocabulary::of(chosen.iter().map(|id| count.terms.term(*id)));
        let frequencies = chosen.iter().map(|id| count.texts_with[*id as usize]).collect();
        Ok(Self::new(rule.clone(), count.texts, terms, frequencies))
    }

    /// The terms, in the order of their columns.
    pub fn terms(&self) -> &Vocabulary {
        &self.terms
    }

    /// Number of terms.
    pub fn width(&self) -> usize {
        self.terms.len()
    }

    /// The weight of each known term of a text, ascending by term; none when it holds none.
    pub fn weights<'s>(&self, text: &str, scratch: &'s mut Scratch) -> &'s [(u32, f64)] {
        let mut ids = std::mem::take(&mut scratch.ids);
        ids.clear();
        terms(text, &self.rule, scratch, &mut |term| ids.extend(self.terms.id(term)));
        ids.sort_unstable();
        scratch.weights.clear();
        for run in ids.chunk_by(|a, b| a == b) {
            let count = run.len() as f64;
            let frequency = if self.rule.sublinear_tf { count.ln() + 1.0 } else { count };
            scratch.weights.push((run[0], frequency * self.idf[run[0] as usize]));
        }
        scratch.ids = ids;
        let length = scratch.weights.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        for (_, weight) in &mut scratch.weights {
            *weight /= length;
        }
        &scratch.weights
    }
}

/// What is counted over the training texts.
#[derive(Default)]
struct Count {
    terms: Vocabulary,
    texts: u32,
    texts_with: Vec<u32>,
    occurrences: Vec<u64>,
}

impl Count {
    fn add(&mut self, text: &str, rule: &Tfidf, scratch: &mut Scratch) {
        let mut ids = std::mem::take(&mut scratch.ids);
        ids.clear();
        terms(text, rule, scratch, &mut |term| ids.push(self.terms.learn(term)));
        ids.sort_unstable();
        self.texts += 1;
        self.texts_with.resize(self.terms.len(), 0);
        self.occurrences.resize(if rule.max_features.is_some() { self.terms.len() } else { 0 }, 0);
        for run in ids.chunk_by(|a, b| a == b) {
            self.texts_with[run[0] as usize] += 1;
            if let Some(occurrences) = self.occurrences.get_mut(run[0] as usize) {
                *occurrences += run.len() as u64;
            }
        }
        scratch.ids = ids;
    }

    /// The ids of the terms that are kept, in the order of the terms.
    fn choose(&self, rule: &Tfidf) -> Result<Vec<u32>, TfidfError> {
        if self.terms.is_empty() {
            return Err(TfidfError::NoTokens);
        }
        let most = rule.max_df * f64::from(self.texts);
        let kept = |df: u32| df >= rule.min_df && f64::from(df) <= most;
        let mut chosen: Vec<u32> =
            (0..self.terms.len() as u32).filter(|id| kept(self.texts_with[*id as usize])).collect();
        if chosen.is_empty() {
            let most = self.texts_with.iter().copied().max().unwrap_or(0);
            return Err(TfidfError::NoTerms { texts: self.texts, most });
        }
        chosen.sort_unstable_by(|a, b| self.terms.term(*a).cmp(self.terms.term(*b)));
        if let Some(limit) = rule.max_features.map(|limit| limit as usize).filter(|limit| *limit < chosen.len()) {
            chosen.sort_by_key(|id| std::cmp::Reverse(self.occurrences[*id as usize]));
            chosen.truncate(limit);
            chosen.sort_unstable_by(|a, b| self.terms.term(*a).cmp(self.terms.term(*b)));
        }
        Ok(chosen)
    }
}
