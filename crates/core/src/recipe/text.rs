//! How long texts become numbers: tokens, n-grams, and their weights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a text becomes weights of terms, as scikit-learn's `TfidfVectorizer` does it: term frequency × inverse document
/// frequency, each text then scaled to length 1. Terms and frequencies come from the training part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tfidf {
    /// What a text is cut into.
    #[serde(default)]
    pub tokens: Tokens,
    /// What is done to the characters before.
    #[serde(default)]
    pub normalise: Normalise,
    /// Whether capital letters become small ones.
    #[serde(default = "yes")]
    pub lowercase: bool,
    /// The shortest run of tokens that is a term.
    #[serde(default = "default_ngram")]
    #[schemars(range(min = 1, max = 8))]
    pub min_ngram: u32,
    /// The longest run of tokens that is a term: 2 knows `not good`.
    #[serde(default = "default_ngram")]
    #[schemars(range(min = 1, max = 8))]
    pub max_ngram: u32,
    /// Terms of fewer texts are left out. Default: 1.
    #[serde(default = "default_min_df")]
    #[schemars(range(min = 1))]
    pub min_df: u32,
    /// Terms of a larger share of the texts are left out. Default: 1.
    #[serde(default = "default_max_df")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_df: f64,
    /// The most terms: the most frequent ones are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_features: Option<u32>,
    /// Whether a term that stands n times in a text counts 1 + ln n instead of n.
    #[serde(default)]
    pub sublinear_tf: bool,
    /// Whether document frequencies are counted as if one more text held every term.
    #[serde(default = "yes")]
    pub smooth_idf: bool,
}

fn yes() -> bool {
    true
}

fn default_ngram() -> u32 {
    1
}

fn default_min_df() -> u32 {
    1
}

fn default_max_df() -> f64 {
    1.0
}

impl Default for Tfidf {
    fn default() -> Self {
        Self {
            tokens: Tokens::default(),
            normalise: Normalise::default(),
            lowercase: true,
            min_ngram: default_ngram(),
            max_ngram: default_ngram(),
            min_df: default_min_df(),
            max_df: default_max_df(),
            max_features: None,
            sublinear_tf: false,
            smooth_idf: true,
        }
    }
}

/// What a text is cut into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tokens {
    /// Runs of two or more letters, digits and underscores, as scikit-learn's `(?u)\b\w\w+\b`.
    #[default]
    Words,
    /// What stands between blanks and punctuation, as Keras's `Tokenizer` cuts it.
    KerasWords,
    /// Single characters; runs of blanks count as one.
    Characters,
    /// Chinese words, as jieba finds them with its dictionary and its model of unknown words.
    Jieba,
}

impl Tokens {
    /// The word for it in a recipe.
    pub fn word(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::KerasWords => "keras_words",
            Self::Characters => "characters",
            Self::Jieba => "jieba",
        }
    }
}

/// What is done to the characters of a text before it is cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalise {
    /// Nothing.
    #[default]
    None,
    /// Unicode's form NFKC: full-width letters and digits become ordinary ones, ligatures their letters.
    Nfkc,
}

/// How a text becomes a sequence of word ids of one length, as Keras's `Tokenizer` and `pad_sequences` make it. Words
/// are known by frequency in the training part; id 0 is padding, others are dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// What a text is cut into.
    #[serde(default = "keras_words")]
    pub tokens: Tokens,
    /// What is done to the characters before.
    #[serde(default)]
    pub normalise: Normalise,
    /// Whether capital letters become small ones.
    #[serde(default = "yes")]
    pub lowercase: bool,
    /// How many ids there are, padding included: Keras's `num_words`.
    #[serde(default = "default_vocabulary")]
    #[schemars(range(min = 2, max = 10_000_000))]
    pub vocabulary: u32,
    /// How many ids the model sees of a text.
    #[serde(default = "default_length")]
    #[schemars(range(min = 1, max = 65_536))]
    pub length: u32,
    /// Where short texts are filled up.
    #[serde(default)]
    pub padding: Side,
    /// Where long texts are cut off.
    #[serde(default)]
    pub truncating: Side,
    /// In training, each word is left out with this probability, anew in every epoch.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub token_drop: f64,
}

impl Default for Sequence {
    fn default() -> Self {
        Self {
            tokens: keras_words(),
            normalise: Normalise::default(),
            lowercase: true,
            vocabulary: default_vocabulary(),
            length: default_length(),
            padding: Side::default(),
            truncating: Side::default(),
            token_drop: 0.0,
        }
    }
}

fn keras_words() -> Tokens {
    Tokens::KerasWords
}

fn default_vocabulary() -> u32 {
    10_000
}

fn default_length() -> u32 {
    100
}

/// One end of a sequence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The beginning; Keras says `pre`.
    #[default]
    Front,
    /// The end; Keras says `post`.
    Back,
}
