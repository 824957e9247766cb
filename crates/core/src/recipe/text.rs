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
    /// The same, and traditional Chinese characters become simplified ones, each by itself.
    Simplified,
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
    /// Instead of these three: a folder in the server's folder of pretrained models, whose `tokenizer.json` (Hugging
    /// Face's format) makes the ids. `vocabulary` is then at least as many as it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
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
            tokenizer: None,
            vocabulary: default_vocabulary(),
            length: default_length(),
            padding: Side::default(),
            truncating: Side::default(),
            token_drop: 0.0,
        }
    }
}

/// How a text becomes one vector, by a published model that reads whole sentences: the mean of what it makes of the
/// text's tokens, scaled to length 1. The model is not changed by the training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sentence {
    /// A folder in the server's folder of pretrained models that holds `model.onnx` and `tokenizer.json`.
    pub pretrained: String,
    /// How many tokens the model sees of a text, special ones included; what is beyond is cut off.
    #[serde(default = "default_sentence")]
    #[schemars(range(min = 4, max = 8192))]
    pub length: u32,
}

fn default_sentence() -> u32 {
    256
}

/// Whether a recipe's word can be the name of a folder among those of pretrained models, and of nothing else.
pub(super) fn is_folder_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(plain)
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
