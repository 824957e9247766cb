//! Long texts as data: characters are normalised ([`normalise`]), cut into tokens ([`tokens`]), joined to n-grams
//! ([`terms`]) and weighed ([`tfidf`]), or become ids of one length ([`sequence`], [`tokenizer`]). The same code reads a column in
//! training and one text in serving. Nothing here knows an algorithm.

mod normalise;
mod sequence;
mod terms;
mod tfidf;
mod tokenizer;
mod tokens;
mod vocabulary;

pub use meuse_core::recipe::Side;
pub use normalise::normalise;
pub use sequence::{WordIndex, pad};
pub use terms::Scratch;
pub use tfidf::{FittedTfidf, TfidfError};
pub use tokenizer::{LARGEST_TOKENIZER, Tokenizer};
pub use tokens::{is_word_character, tokens};
pub use vocabulary::Vocabulary;

/// Reads jieba's dictionary, which takes a fraction of a second, so that the first text need not wait for it.
pub fn load_dictionary() {
    tokens::jieba();
}
