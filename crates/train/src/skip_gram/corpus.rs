//! Texts as the ids of their known words, one text behind the other.

use meuse_prep::text::WordIndex;

/// The longest run of words that is read as one text, as in gensim: the learning rate falls between texts.
const LONGEST: usize = 10_000;

/// The known words of some texts, by id; others are left out before windows are laid, as in word2vec.
#[derive(Debug, Clone, Default)]
pub struct Corpus {
    ids: Vec<u32>,
    /// Where each text ends.
    ends: Vec<usize>,
    /// How many words there were, unknown ones too.
    words: u64,
}

impl Corpus {
    /// Cuts the texts, over several threads; the order of the texts stays.
    pub fn read(words: &WordIndex, texts: &[&str], threads: usize) -> Self {
        let pieces = texts.chunks(texts.len().div_ceil(threads.max(1)).max(1));
        let read = |texts: &[&str]| {
            let mut corpus = Self::default();
            let mut ids = Vec::new();
            for text in texts {
                ids.clear();
                corpus.words += words.read(text, &mut ids) as u64;
                corpus.push(&ids);
            }
            corpus
        };
        let parts: Vec<Self> = std::thread::scope(|scope| {
            let workers: Vec<_> = pieces.map(|texts| scope.spawn(move || read(texts))).collect();
            let joined =
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
            joined.collect()
        });
        let mut all = Self::default();
        for part in parts {
            let start = all.ids.len();
            all.ids.extend(part.ids);
            all.ends.extend(part.ends.into_iter().map(|end| start + end));
            all.words += part.words;
        }
        all
    }

    /// Texts whose words are all known: the first word has the id 1.
    pub fn of_ids<'a>(texts: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut corpus = Self::default();
        for ids in texts {
            corpus.words += ids.len() as u64;
            corpus.push(ids);
        }
        corpus
    }

    fn push(&mut self, ids: &[u32]) {
        for ids in ids.chunks(LONGEST) {
            self.ids.extend_from_slice(ids);
            self.ends.push(self.ids.len());
        }
    }

    /// How many texts there are.
    pub(super) fn texts(&self) -> usize {
        self.ends.len()
    }

    /// The ids of a text.
    pub(super) fn text(&self, number: usize) -> &[u32] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.ids[start..self.ends[number]]
    }

    /// How many known words the texts have.
    pub fn known(&self) -> u64 {
        self.ids.len() as u64
    }

    /// The share of the words that are known; nothing when there are no words.
    pub fn coverage(&self) -> Option<f64> {
        (self.words > 0).then(|| self.ids.len() as f64 / self.words as f64)
    }

    /// Whether two words stand side by side somewhere.
    pub fn has_pairs(&self) -> bool {
        (0..self.texts()).any(|number| self.text(number).len() > 1)
    }

    /// How often each id stands there; ids are below `size`.
    pub(super) fn counts(&self, size: usize) -> Vec<u64> {
        let mut counts = vec![0; size];
        for id in &self.ids {
            counts[*id as usize] += 1;
        }
        counts
    }
}
