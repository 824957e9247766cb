//! Any Hugging Face `tokenizer.json`: a text becomes the ids that a published network was trained on.
//!
//! Normalising, cutting, merging and special tokens are Hugging Face's own library's. What is ours: how many ids there
//! are at most, and that a file which the library cannot bear is an error with a reason. The file itself is kept, so
//! that `prep.json` holds all that a text needs.

use std::sync::Arc;

use meuse_core::panics;
use meuse_core::recipe::Side;
use serde::{Deserialize, Serialize};
use tokenizers::{PostProcessor, TruncationDirection, TruncationParams};

/// The largest file that is read, in bytes; the largest published ones have about 35 MiB.
pub const LARGEST_TOKENIZER: u64 = 64 << 20;
/// The longest part of a text that is read, in bytes: what is beyond it would be cut off in any case, for few ids stand
/// for more than ten bytes.
const LONGEST: usize = 1 << 20;
/// The longest token or rule of a tokenizer, in bytes: the library calls itself once per byte of a token.
const LONGEST_TOKEN: usize = 4096;
/// The one field that may be longer, a table in base64.
const TABLE: &str = "precompiled_charsmap";
/// The most ids.
const MOST_IDS: u32 = 10_000_000;
/// What a tokenizer must bear before it is taken.
const TRIED: [&str; 4] = ["", "A text, to try it.", "试一试：简体、繁體", "👍🏽 ﬁ\u{301}\0"];

/// A tokenizer, and how many ids it makes of a text at most.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Tokenizer {
    /// The file, as it was published.
    json: String,
    length: u32,
    truncating: Side,
    #[serde(skip)]
    ready: Arc<tokenizers::Tokenizer>,
    #[serde(skip)]
    ids: u32,
    #[serde(skip)]
    padding: Option<u32>,
}

/// As it stands in `prep.json`.
#[derive(Deserialize)]
struct Written {
    json: String,
    length: u32,
    truncating: Side,
}

impl TryFrom<Written> for Tokenizer {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        Self::new(written.json, written.length, written.truncating)
    }
}

impl PartialEq for Tokenizer {
    fn eq(&self, other: &Self) -> bool {
        (&self.json, self.length, self.truncating) == (&other.json, other.length, other.truncating)
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`. Its own padding and truncation give way to `length` ids at most, special tokens
    /// included, of which the ordinary ones are cut off at this side.
    ///
    /// # Errors
    /// Why it is no tokenizer that can be used.
    pub fn new(json: impl Into<String>, length: u32, truncating: Side) -> Result<Self, String> {
        let json = json.into();
        if json.len() as u64 > LARGEST_TOKENIZER {
            return Err(format!("it has {} MiB, and {} are the most", json.len() >> 20, LARGEST_TOKENIZER >> 20));
        }
        if let Some(length) = too_long(&json) {
            return Err(format!(
                "it holds a text of {length} bytes, and a token or a rule has at most {LONGEST_TOKEN}"
            ));
        }
        let mut ready: tokenizers::Tokenizer = unharmed(|| json.parse().map_err(|error| format!("{error}")))?;
        let special = ready.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
        if special >= length as usize {
            return Err(format!("it adds {special} special tokens to a text, and length = {length} leaves no other"));
        }
        ready.with_padding(None);
        let direction = match truncating {
            Side::Front => TruncationDirection::Left,
            Side::Back => TruncationDirection::Right,
        };
        let truncation = TruncationParams { max_length: length as usize, direction, ..TruncationParams::default() };
        ready.with_truncation(Some(truncation)).map_err(|error| error.to_string())?;
        let largest = ready.get_vocab(true).into_values().max();
        let ids = largest.ok_or("it has no tokens")?.saturating_add(1);
        if ids > MOST_IDS {
            return Err(format!("it has ids up to {}, and {MOST_IDS} are the most", ids - 1));
        }
        let padding = ["[PAD]", "<pad>", "<|pad|>"].into_iter().find_map(|token| ready.token_to_id(token));
        let made = Self { json, length, truncating, ready: Arc::new(ready), ids, padding };
        for text in TRIED {
            if made.ids(text)?.iter().any(|id| *id >= ids) {
                return Err("its special tokens have ids that its vocabulary has not".to_owned());
            }
        }
        Ok(made)
    }

    /// The ids of a text, special tokens included, as Hugging Face's `encode(text).ids`.
    ///
    /// # Errors
    /// Why the tokenizer cannot read this text.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        let text = match self.truncating {
            Side::Back => &text[..text.floor_char_boundary(LONGEST)],
            Side::Front => &text[text.ceil_char_boundary(text.len().saturating_sub(LONGEST))..],
        };
        let encoded = unharmed(|| self.ready.encode_fast(text, true).map_err(|error| error.to_string()))?;
        Ok(encoded.get_ids().to_vec())
    }

    /// How many ids it makes of a text at most.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Number of ids, that of padding included: what an embedding needs.
    pub fn size(&self) -> u32 {
        self.ids + u32::from(self.padding.is_none())
    }

    /// The id that fills up short texts: the tokenizer's own, or one more where it has none.
    pub fn padding(&self) -> u32 {
        self.padding.unwrap_or(self.ids)
    }

    /// Whether an id stands for a special token, as `[CLS]` is.
    pub fn is_special(&self, id: u32) -> bool {
        let token = self.ready.id_to_token(id);
        token.is_some_and(|token| self.ready.get_added_vocabulary().is_special_token(&token))
    }
}

/// The length of a text in a JSON document that is longer than any token or rule.
fn too_long(json: &str) -> Option<usize> {
    let (mut start, mut escaped, mut before) = (None, false, "");
    for (place, byte) in json.bytes().enumerate() {
        match (start, byte) {
            (None, b'"') => start = Some(place + 1),
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(begun), b'"') => {
                let text = &json[begun..place];
                if text.len() > LONGEST_TOKEN && before != TABLE {
                    return Some(text.len());
                }
                (start, before) = (None, text);
            }
            _ => {}
        }
    }
    None
}

/// The library meets some files and texts with a panic instead of an error; of these a person learns as of others.
fn unharmed<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    panics::caught(work).unwrap_or_else(|said| Err(format!("Hugging Face's library gave up on it: {said}")))
}
