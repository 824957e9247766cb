//! The fitted steps, as `prep.json` holds them: one [`FittedColumn`] per column that the model reads.
//!
//! Plain data with a fixed order, so that the same training rows give the same bytes.

use std::collections::BTreeMap;

use meuse_core::bundle::LeftOut;
use meuse_core::recipe::network::{FEATURES, NetworkInput};
use meuse_core::recipe::{Side, Tokens, Unknown};
use meuse_core::schema::ColumnType;
use serde::{Deserialize, Serialize};

use crate::image::Steps;
use crate::text::{self, FittedTfidf, Tokenizer, WordIndex};

/// Preprocessing that was fitted on training rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The columns that the model reads, in the order of the dataset.
    pub columns: Vec<FittedColumn>,
    /// Columns that were left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// One column and what is done with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedColumn {
    /// The column's name.
    pub name: String,
    /// Its type in the dataset.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// What is done with it.
    pub step: Step,
}

/// What is done with a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "treated_as", rename_all = "snake_case")]
pub enum Step {
    /// As numbers.
    Numeric {
        /// What stands in for a missing cell.
        missing: MissingNumber,
        /// What the model sees.
        encoding: NumberEncoding,
    },
    /// As categories.
    Text {
        /// What stands in for a missing cell.
        missing: MissingText,
        /// What happens to a category that the training part does not hold.
        unknown: Unknown,
        /// The known categories and their codes (bins, for weight of evidence).
        categories: Categories,
        /// What the model sees.
        encoding: TextEncoding,
    },
    /// As long texts, whose terms stand in the sparse part of the matrix.
    LongText {
        /// Whether a row without a text is refused.
        missing: MissingText,
        /// The terms and their weights.
        tfidf: Box<FittedTfidf>,
    },
    /// As sequences of word ids.
    Sequence {
        /// Whether a row without a text is refused.
        missing: MissingText,
        /// The words and their ids.
        words: Box<WordIndex>,
        /// How many ids the model sees.
        length: u32,
        /// Where short texts are filled up.
        padding: Side,
        /// Where long texts are cut off.
        truncating: Side,
    },
    /// As sequences of a published tokenizer's ids.
    Tokenized {
        /// Whether a row without a text is refused.
        missing: MissingText,
        /// What makes the ids, as many as the model sees at most.
        tokenizer: Box<Tokenizer>,
        /// Where short texts are filled up.
        padding: Side,
    },
    /// As texts of which a published model makes one vector each: their tokens' ids, then [`NO_TOKEN`].
    Sentence {
        /// Whether a row without a text is refused.
        missing: MissingText,
        /// What makes the ids, as many as the model sees at most.
        tokenizer: Box<Tokenizer>,
    },
    /// As pictures; a row without one is refused.
    Picture {
        /// How a file becomes numbers.
        steps: Box<Steps>,
    },
}

/// What stands behind the ids of a text that becomes a vector.
pub const NO_TOKEN: f32 = -1.0;

/// What stands in for a missing number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum MissingNumber {
    /// Nothing.
    Keep,
    /// The row is refused.
    Refuse,
    /// A number.
    Fill {
        /// The number.
        value: f64,
        /// Where it comes from.
        origin: Origin,
    },
}

/// What stands in for a missing text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum MissingText {
    /// Nothing.
    Keep,
    /// The row is refused.
    Refuse,
    /// A category.
    Fill {
        /// The category's text.
        text: String,
        /// Its code; absent when the training part does not hold it, which leaves the cell missing.
        code: Option<u32>,
        /// Where it comes from.
        origin: Origin,
    },
}

/// Where a stand-in for missing cells comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The training part's mean.
    Mean,
    /// The training part's median.
    Median,
    /// The training part's most frequent category.
    MostFrequent,
    /// The recipe.
    Constant,
}

impl Origin {
    /// As a person says it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Mean => "the mean",
            Self::Median => "the median",
            Self::MostFrequent => "the most frequent value",
            Self::Constant => "the recipe's value",
        }
    }
}

/// What the model sees of a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberEncoding {
    /// The number itself; infinities pass through.
    None,
    /// (number − mean) / deviation.
    Standardise {
        /// The mean of the finite training numbers.
        mean: f64,
        /// Their population standard deviation (divided by n, as scikit-learn's StandardScaler).
        deviation: f64,
        /// The smallest finite training number, which stands in for −∞.
        low: f64,
        /// The largest finite training number, which stands in for +∞.
        high: f64,
    },
    /// One indicator per bin, and one for missing cells when the training part kept some.
    Bins {
        /// The inner edges, ascending; a bin holds its lower edge.
        edges: Vec<f64>,
        /// Whether missing cells have an indicator of their own.
        missing_indicator: bool,
    },
    /// The weight of evidence of the number's bin.
    Woe {
        /// The inner edges, ascending; a bin holds its lower edge.
        edges: Vec<f64>,
        /// The bins from low to high, then the one of missing cells, if any.
        bins: Vec<WoeBin>,
        /// The index of the bin of missing cells; absent when the training part has none, which makes them neutral.
        missing_bin: Option<u32>,
        /// Σ (share of positives − share of negatives) · weight of evidence.
        information_value: f64,
    },
}

/// What the model sees of a category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextEncoding {
    /// One indicator per category, in the order of the codes.
    OneHot,
    /// The code; NaN for missing and unknown.
    Ordinal,
    /// The code + 1; 0 for missing and unknown: ids of vectors that a network learns.
    Embedding,
    /// The weight of evidence of the category's bin; a category's code is its bin.
    Woe {
        /// The bins, then the one of missing cells, if any.
        bins: Vec<WoeBin>,
        /// The index of the bin of missing cells; absent when the training part has none, which makes them neutral.
        missing_bin: Option<u32>,
        /// Σ (share of positives − share of negatives) · weight of evidence.
        information_value: f64,
    },
}

/// A bin of weight of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WoeBin {
    /// The bin in words: `[26, 35)`, `own, rent`, `missing`.
    pub label: String,
    /// Training rows in it.
    pub count: u64,
    /// How many of them are positive.
    pub positives: u64,
    /// ln(share of positives / share of negatives).
    pub woe: f64,
}

/// Known categories and their codes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Categories {
    /// Of a column of texts.
    Texts(BTreeMap<String, u32>),
    /// Of a column of numbers: number and code, ascending by number. Infinities are never known.
    Numbers(Vec<(f64, u32)>),
}

impl Categories {
    /// The code of a text.
    pub(crate) fn of_text(&self, text: &str) -> Option<u32> {
        match self {
            Self::Texts(codes) => codes.get(text).copied(),
            Self::Numbers(_) => None,
        }
    }

    /// The code of a number.
    pub(crate) fn of_number(&self, number: f64) -> Option<u32> {
        let Self::Numbers(codes) = self else { return None };
        let index = codes.partition_point(|(known, _)| *known < number);
        codes.get(index).filter(|(known, _)| *known == number).map(|(_, code)| *code)
    }

    /// The number of codes.
    pub(crate) fn count(&self) -> u32 {
        let last = match self {
            Self::Texts(codes) => codes.values().copied().max(),
            Self::Numbers(codes) => codes.iter().map(|(_, code)| *code).max(),
        };
        last.map_or(0, |code| code + 1)
    }

    /// The texts in the order of their codes; only for codes that have one text each.
    fn names(&self, column_type: ColumnType) -> Vec<String> {
        let mut named: Vec<(u32, String)> = match self {
            Self::Texts(codes) => codes.iter().map(|(text, code)| (*code, text.clone())).collect(),
            Self::Numbers(codes) => {
                let text = |number| meuse_core::table::number_text(number, column_type).unwrap_or_default();
                codes.iter().map(|(number, code)| (*code, text(*number))).collect()
            }
        };
        named.sort();
        named.into_iter().map(|(_, text)| text).collect()
    }
}

/// One column of the matrix that a model sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its name: the column's, with `=category` or `=bin` for an indicator.
    pub name: String,
    /// The column it comes from.
    pub column: String,
    /// What its numbers mean.
    pub kind: FeatureKind,
}

/// What the numbers of a feature mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind {
    /// A quantity; NaN is missing.
    Number,
    /// 0 or 1.
    Indicator,
    /// A code from 0 to `count` − 1; NaN is missing or unknown.
    Category {
        /// The number of categories.
        count: u32,
    },
    /// A weight of evidence.
    Woe,
    /// One number of a text's vector; alone it means nothing.
    Embedded,
}

impl Fitted {
    /// The columns of the dense part of the matrix that [`Fitted::transform`] makes, in order.
    pub fn features(&self) -> Vec<Feature> {
        self.columns.iter().flat_map(FittedColumn::features).collect()
    }

    /// The width of the matrix's dense part.
    pub fn width(&self) -> usize {
        self.columns.iter().map(FittedColumn::width).sum()
    }

    /// The width of the matrix's sparse part: how many terms the columns of long texts have.
    pub fn terms(&self) -> usize {
        self.long_texts().map(|(_, tfidf)| tfidf.width()).sum()
    }

    /// The columns of long texts, in the order in which their terms stand in the sparse part.
    pub fn long_texts(&self) -> impl Iterator<Item = (&FittedColumn, &FittedTfidf)> {
        self.columns.iter().filter_map(|column| match &column.step {
            Step::LongText { tfidf, .. } => Some((column, tfidf.as_ref())),
            _ => None,
        })
    }

    /// Reads what texts need beside the fitted numbers, so that the first call need not wait for it.
    pub fn warm(&self) {
        let cuts_chinese = |column: &FittedColumn| match &column.step {
            Step::LongText { tfidf, .. } => tfidf.rule.tokens == Tokens::Jieba,
            Step::Sequence { words, .. } => words.tokens == Tokens::Jieba,
            _ => false,
        };
        if self.columns.iter().any(cuts_chinese) {
            text::load_dictionary();
        }
    }

    /// The column of texts that a published model makes one vector of; it is the last one.
    pub fn sentence(&self) -> Option<(&FittedColumn, &Tokenizer)> {
        self.columns.iter().find_map(|column| match &column.step {
            Step::Sentence { tokenizer, .. } => Some((column, tokenizer.as_ref())),
            _ => None,
        })
    }

    /// The same without [`Fitted::sentence`].
    #[must_use]
    pub fn beside_sentence(&self) -> Self {
        let is_other = |column: &&FittedColumn| !matches!(column.step, Step::Sentence { .. });
        Self { columns: self.columns.iter().filter(is_other).cloned().collect(), left_out: self.left_out.clone() }
    }

    /// What a network reads: the numbers of the columns as one input, then each column that is one by itself.
    pub fn network_inputs(&self) -> Vec<NetworkInput> {
        let own: Vec<Option<NetworkInput>> = self.columns.iter().map(FittedColumn::network_input).collect();
        let plain = |pair: &(&FittedColumn, &Option<NetworkInput>)| pair.1.is_none();
        let width: usize = self.columns.iter().zip(&own).filter(plain).map(|(column, _)| column.width()).sum();
        let numbers = (width > 0).then(|| NetworkInput::new(FEATURES, &[width], None));
        numbers.into_iter().chain(own.into_iter().flatten()).collect()
    }

    /// Whether a column holds pictures, which are read again each time they are needed.
    pub fn has_pictures(&self) -> bool {
        self.columns.iter().any(|column| matches!(column.step, Step::Picture { .. }))
    }

    /// Whether a row is more than numbers: pictures, or long texts.
    pub fn shows(&self) -> bool {
        let shown = |column: &FittedColumn| !matches!(column.step, Step::Numeric { .. } | Step::Text { .. });
        self.columns.iter().any(shown)
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&FittedColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Leaves a fitted column out after all: inputs no longer ask for it, and features lack it.
    pub fn leave_out(&mut self, column: &str, reason: String) {
        self.columns.retain(|fitted| fitted.name != column);
        self.left_out.push(LeftOut { column: column.to_owned(), reason });
    }
}

impl Step {
    /// Whether a cell is a text of many words, rather than a category.
    pub fn reads_long_texts(&self) -> bool {
        self.missing_long_text().is_some()
    }

    /// What is done with a missing long text; nothing for other columns.
    pub(crate) fn missing_long_text(&self) -> Option<&MissingText> {
        match self {
            Self::LongText { missing, .. }
            | Self::Sequence { missing, .. }
            | Self::Tokenized { missing, .. }
            | Self::Sentence { missing, .. } => Some(missing),
            Self::Numeric { .. } | Self::Text { .. } | Self::Picture { .. } => None,
        }
    }
}

impl FittedColumn {
    /// How many dense features the column becomes.
    pub fn width(&self) -> usize {
        match &self.step {
            Step::LongText { .. } => 0,
            Step::Sequence { length, .. } => *length as usize,
            Step::Tokenized { tokenizer, .. } | Step::Sentence { tokenizer, .. } => tokenizer.length() as usize,
            Step::Picture { steps } => steps.shape().map_or(0, crate::image::Shape::count),
            Step::Numeric { encoding: NumberEncoding::Bins { edges, missing_indicator }, .. } => {
                edges.len() + 1 + usize::from(*missing_indicator)
            }
            Step::Text { encoding: TextEncoding::OneHot, categories, .. } => categories.count() as usize,
            _ => 1,
        }
    }

    /// The bins of weight of evidence and the information value, where that is the encoding.
    pub fn woe(&self) -> Option<(&[WoeBin], f64)> {
        match &self.step {
            Step::Numeric { encoding: NumberEncoding::Woe { bins, information_value, .. }, .. }
            | Step::Text { encoding: TextEncoding::Woe { bins, information_value, .. }, .. } => {
                Some((bins, *information_value))
            }
            _ => None,
        }
    }

    /// What a network reads of a column that is an input by itself.
    fn network_input(&self) -> Option<NetworkInput> {
        match &self.step {
            Step::Text { encoding: TextEncoding::Embedding, categories, .. } => {
                Some(NetworkInput::new(&self.name, &[1], Some(categories.count() + 1)))
            }
            Step::Sequence { words, length, .. } => {
                Some(NetworkInput::new(&self.name, &[*length as usize], Some(words.size() as u32)))
            }
            Step::Tokenized { tokenizer, .. } => {
                Some(NetworkInput::new(&self.name, &[tokenizer.length() as usize], Some(tokenizer.size())))
            }
            Step::Picture { steps } => {
                let shape = steps.shape().ok()?;
                Some(NetworkInput::new(&self.name, &[shape.channels, shape.height, shape.width], None))
            }
            _ => None,
        }
    }

    fn features(&self) -> Vec<Feature> {
        let one = |name: &str, kind| Feature { name: name.to_owned(), column: self.name.clone(), kind };
        let indicator = |of: String| one(&format!("{}={of}", self.name), FeatureKind::Indicator);
        match &self.step {
            Step::Numeric { encoding, .. } => match encoding {
                NumberEncoding::None | NumberEncoding::Standardise { .. } => vec![one(&self.name, FeatureKind::Number)],
                NumberEncoding::Woe { .. } => vec![one(&self.name, FeatureKind::Woe)],
                NumberEncoding::Bins { edges, missing_indicator } => {
                    let missing = missing_indicator.then(|| "missing".to_owned());
                    interval_labels(edges).into_iter().chain(missing).map(indicator).collect()
                }
            },
            Step::Text { encoding, categories, .. } => match encoding {
                TextEncoding::OneHot => categories.names(self.column_type).into_iter().map(indicator).collect(),
                TextEncoding::Ordinal | TextEncoding::Embedding => {
                    vec![one(&self.name, FeatureKind::Category { count: categories.count() })]
                }
                TextEncoding::Woe { .. } => vec![one(&self.name, FeatureKind::Woe)],
            },
            // Of a picture's hundred thousand numbers none has a name.
            Step::LongText { .. }
            | Step::Sequence { .. }
            | Step::Tokenized { .. }
            | Step::Sentence { .. }
            | Step::Picture { .. } => Vec::new(),
        }
    }
}

/// The bins between edges, in words.
pub(crate) fn interval_labels(edges: &[f64]) -> Vec<String> {
    let Some((first, last)) = edges.first().zip(edges.last()) else { return vec!["(−∞, ∞)".to_owned()] };
    let middle = edges.windows(2).map(|pair| format!("[{}, {})", pair[0], pair[1]));
    let ends = |text: String| std::iter::once(text);
    ends(format!("(−∞, {first})")).chain(middle).chain(ends(format!("[{last}, ∞)"))).collect()
}
