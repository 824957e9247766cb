//! What a recipe comes to when all its defaults are explicit: which columns are features, and how each is treated.

use crate::recipe::network::{FEATURES, NetworkInput};
use crate::recipe::{
    Augmentation, ImageRule, NumericEncode, NumericImpute, Sentence, Sequence, TextEncode, TextImpute, Tfidf, Unknown,
};
use crate::schema::{ColumnType, Schema};

/// Which columns are features, and how each is treated: the recipe with all its defaults made explicit.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The features, in the order of the schema.
    pub columns: Vec<PlannedColumn>,
}

/// One feature column.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedColumn {
    /// The column's name.
    pub name: String,
    /// Its type in the dataset.
    pub column_type: ColumnType,
    /// How it is treated.
    pub treatment: Treatment,
}

/// How a column is treated.
#[derive(Debug, Clone, PartialEq)]
pub enum Treatment {
    /// As numbers.
    Numeric {
        /// What stands in for a missing cell.
        impute: NumericImpute,
        /// The number for [`NumericImpute::Constant`].
        fill: f64,
        /// What the model sees.
        encode: NumericEncode,
        /// The most bins.
        bins: u32,
        /// The inner edges of the bins, when the recipe gives them.
        breaks: Option<Vec<f64>>,
    },
    /// As categories. A column of numbers gives its numbers' texts.
    Text {
        /// What stands in for a missing cell.
        impute: TextImpute,
        /// The text for [`TextImpute::Constant`].
        fill: String,
        /// What the model sees.
        encode: TextEncode,
        /// What happens to a text that the training part does not hold.
        unknown: Unknown,
        /// The most bins of weight of evidence.
        bins: u32,
        /// The bins, when the recipe gives them.
        groups: Option<Vec<Vec<String>>>,
        /// The order of the categories, when the recipe gives it.
        order: Option<Vec<String>>,
    },
    /// As long texts, whose terms are weighed.
    LongText {
        /// Whether a row without a text is refused; otherwise it counts as an empty one.
        refuse_missing: bool,
        /// How.
        tfidf: Tfidf,
    },
    /// As sequences of word ids.
    Sequence {
        /// Whether a row without a text is refused; otherwise it counts as an empty one.
        refuse_missing: bool,
        /// How.
        sequence: Sequence,
        /// Words that stand less often in the training part are left out.
        min_count: u32,
    },
    /// As one vector each, by a published model. At most one column is, and it is the last.
    Sentence {
        /// Whether a row without a text is refused; otherwise it counts as an empty one.
        refuse_missing: bool,
        /// How.
        sentence: Sentence,
    },
    /// As pictures; a row without one is refused.
    Picture {
        /// How.
        image: ImageRule,
        /// What may happen to those of the training part.
        augmentation: Augmentation,
    },
}

impl Treatment {
    /// Where a column stands among those that a network reads, numbers first, which are one input; and that a text's
    /// vector stands behind them.
    pub(super) fn place(&self) -> u8 {
        match self {
            Self::Text { encode: TextEncode::Embedding, .. } => 1,
            Self::Numeric { .. } | Self::Text { .. } | Self::LongText { .. } => 0,
            Self::Sequence { .. } | Self::Sentence { .. } => 2,
            Self::Picture { .. } => 3,
        }
    }
}

impl Plan {
    /// How many features the columns make, at most: a category that only other rows hold makes none.
    pub fn width(&self, schema: &Schema) -> usize {
        let one = |column: &PlannedColumn| match &column.treatment {
            Treatment::Text { encode: TextEncode::OneHot, .. } => {
                let categories = schema.column(&column.name).and_then(|column| column.categories.as_ref());
                categories.map_or(1, |categories| categories.len().max(1))
            }
            Treatment::Numeric { encode: NumericEncode::QuantileBins, bins, .. } => *bins as usize,
            Treatment::Sequence { sequence, .. } => sequence.length as usize,
            Treatment::Sentence { sentence, .. } => sentence.length as usize,
            Treatment::Picture { image, .. } => image.count(),
            _ => 1,
        };
        self.columns.iter().map(one).sum()
    }

    /// The parameter of the law by which pictures of a batch are mixed; 0: they are not.
    pub fn mix_up(&self) -> f64 {
        let of = |column: &PlannedColumn| match &column.treatment {
            Treatment::Picture { augmentation, .. } => augmentation.mix_up,
            _ => 0.0,
        };
        self.columns.iter().map(of).fold(0.0, f64::max)
    }

    /// What a network reads of these columns, at most: see [`Plan::width`].
    pub fn network_inputs(&self, schema: &Schema) -> Vec<NetworkInput> {
        let numbers = Self { columns: self.columns.iter().filter(|c| c.treatment.place() == 0).cloned().collect() };
        let mut inputs = Vec::new();
        if !numbers.columns.is_empty() {
            inputs.push(NetworkInput::new(FEATURES, &[numbers.width(schema)], None));
        }
        for column in &self.columns {
            let name = column.name.as_str();
            match &column.treatment {
                Treatment::Text { encode: TextEncode::Embedding, .. } => {
                    let known = schema.column(name).and_then(|column| column.categories.as_ref()).map_or(0, Vec::len);
                    inputs.push(NetworkInput::new(name, &[1], Some(known as u32 + 1)));
                }
                Treatment::Sequence { sequence, .. } => {
                    inputs.push(NetworkInput::new(name, &[sequence.length as usize], Some(sequence.vocabulary)));
                }
                Treatment::Picture { image, .. } => {
                    inputs.push(NetworkInput { name: name.into(), shape: image.shape().to_vec(), ids: None });
                }
                _ => {}
            }
        }
        inputs
    }
}
