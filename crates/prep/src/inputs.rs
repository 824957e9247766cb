//! What a caller gives for a model, in words and with examples from the training rows.

use meuse_core::bundle::Input;
use meuse_core::recipe::Unknown;
use meuse_core::schema::ColumnType;
use meuse_core::table::{MISSING, Table, Values};
use meuse_core::time::Micros;
use serde_json::Value;

use crate::fitted::{Categories, Fitted, FittedColumn, MissingNumber, MissingText, NumberEncoding, Step, TextEncoding};

/// Among so many rows there is a text of a good length for an example.
const ROWS_OF_EXAMPLES: usize = 100;
/// The longest example of a long text, in characters.
const LONGEST_EXAMPLE: usize = 200;

impl Fitted {
    /// The signature: one input per fitted column, examples taken from `table`, the training rows.
    pub fn inputs(&self, table: &Table) -> Vec<Input> {
        self.columns.iter().map(|column| column.input(table.column(&column.name))).collect()
    }

    /// [`Fitted::inputs`] with examples from the given rows, without a copy of them all.
    pub fn inputs_from(&self, table: &Table, rows: &[u32]) -> Vec<Input> {
        let input = |column: &FittedColumn| {
            let values = table.column(&column.name);
            if let (true, Some(values)) = (column.is_large(), values) {
                // Texts are long, and an example needs a few of them.
                return column.input(Some(&values.take(&rows[..rows.len().min(ROWS_OF_EXAMPLES)])));
            }
            let values = values.map(|values| values.take(rows));
            column.input(values.as_ref())
        };
        self.columns.iter().map(input).collect()
    }
}

impl FittedColumn {
    fn input(&self, values: Option<&Values>) -> Input {
        let allowed = match &self.step {
            Step::Text { categories: Categories::Texts(codes), .. } => Some(codes.keys().cloned().collect()),
            _ => None,
        };
        let unknown = match &self.step {
            Step::Text { unknown: Unknown::Refuse, .. } => "the row is refused".to_owned(),
            Step::Text { unknown: Unknown::Missing, .. } => "counts as missing".to_owned(),
            Step::LongText { .. } => "terms that were not seen in training count nothing".to_owned(),
            Step::Sequence { .. } => "words that were not seen in training are left out".to_owned(),
            Step::Tokenized { .. } | Step::Sentence { .. } => "any text is read".to_owned(),
            Step::Numeric { .. } | Step::Picture { .. } => String::new(),
        };
        if self.is_large() {
            return Input { example: values.map_or(Value::Null, example_text), ..self.plain_input(unknown) };
        }
        let example = values.map_or(Value::Null, |values| example(values, self.column_type));
        Input { allowed, example, ..self.plain_input(unknown) }
    }

    fn plain_input(&self, unknown: String) -> Input {
        Input {
            name: self.name.clone(),
            column_type: self.column_type,
            allowed: None,
            missing: self.missing_words(),
            required: self.refuses_missing(),
            unknown,
            example: Value::Null,
        }
    }

    /// Whether a cell is a long text or a picture.
    fn is_large(&self) -> bool {
        self.step.reads_long_texts() || matches!(self.step, Step::Picture { .. })
    }

    fn refuses_missing(&self) -> bool {
        match &self.step {
            Step::Numeric { missing, .. } => *missing == MissingNumber::Refuse,
            Step::Text { missing, .. } => *missing == MissingText::Refuse,
            Step::Picture { .. } => true,
            step => step.missing_long_text() == Some(&MissingText::Refuse),
        }
    }

    /// What happens to a missing cell.
    pub(crate) fn missing_words(&self) -> String {
        match &self.step {
            Step::Numeric { missing, encoding } => match missing {
                MissingNumber::Refuse => "the row is refused".into(),
                MissingNumber::Fill { value, origin } => format!("{} {value} stands in", origin.words()),
                MissingNumber::Keep => kept_number(encoding).into(),
            },
            Step::Text { missing, encoding, .. } => match missing {
                MissingText::Refuse => "the row is refused".into(),
                MissingText::Fill { text, origin, code: Some(_) } => format!("{} {text:?} stands in", origin.words()),
                MissingText::Fill { .. } | MissingText::Keep => kept_text(encoding).into(),
            },
            Step::Picture { .. } => "the row is refused".into(),
            step if step.missing_long_text() == Some(&MissingText::Refuse) => "the row is refused".into(),
            _ => "it counts as an empty text".into(),
        }
    }

    /// The known categories, as a hint.
    pub(crate) fn known_words(&self) -> String {
        let known: Vec<String> = match &self.step {
            Step::Text { categories: Categories::Texts(codes), .. } => codes.keys().cloned().collect(),
            Step::Text { categories: Categories::Numbers(codes), .. } => {
                codes.iter().map(|(number, _)| number.to_string()).collect()
            }
            _ => Vec::new(),
        };
        meuse_core::suggest::hint("", known.iter().map(String::as_str))
    }
}

fn kept_number(encoding: &NumberEncoding) -> &'static str {
    match encoding {
        NumberEncoding::None | NumberEncoding::Standardise { .. } => "the model takes it as missing",
        NumberEncoding::Bins { missing_indicator: true, .. } => "it has a bin of its own",
        NumberEncoding::Bins { missing_indicator: false, .. } => {
            "it is in no bin, since the training part had none missing"
        }
        NumberEncoding::Woe { missing_bin, .. } => kept_woe(*missing_bin),
    }
}

fn kept_text(encoding: &TextEncoding) -> &'static str {
    match encoding {
        TextEncoding::OneHot => "no category is set",
        TextEncoding::Ordinal => "the model takes it as missing",
        TextEncoding::Embedding => "it has a vector of its own",
        TextEncoding::Woe { missing_bin, .. } => kept_woe(*missing_bin),
    }
}

fn kept_woe(missing_bin: Option<u32>) -> &'static str {
    match missing_bin {
        Some(_) => "it has a bin of its own",
        None => "it is neutral (weight of evidence 0), since the training part had none missing",
    }
}

/// The first text that is short enough to be shown whole, else the beginning of one.
fn example_text(values: &Values) -> Value {
    let Values::Text { codes, dictionary } = values else { return Value::Null };
    let texts =
        || codes.iter().filter_map(|code| dictionary.get(*code as usize)).filter(|text| !text.trim().is_empty());
    let short = texts().find(|text| text.chars().nth(LONGEST_EXAMPLE).is_none());
    let text = short.or_else(|| texts().next());
    text.map_or(Value::Null, |text| Value::String(text.chars().take(LONGEST_EXAMPLE).collect()))
}

/// The lower median of numbers, the most frequent text; as JSON writes a value of the column's type.
fn example(values: &Values, column_type: ColumnType) -> Value {
    match values {
        Values::Number(numbers) => {
            let mut finite: Vec<f64> = numbers.iter().copied().filter(|number| number.is_finite()).collect();
            if finite.is_empty() {
                return Value::Null;
            }
            let middle = (finite.len() - 1) / 2;
            let (_, median, _) = finite.select_nth_unstable_by(middle, f64::total_cmp);
            number_value(*median, column_type)
        }
        Values::Text { codes, dictionary } => {
            let mut counts = vec![0_u64; dictionary.len()];
            for code in codes.iter().filter(|code| **code != MISSING) {
                counts[*code as usize] += 1;
            }
            let pairs = counts.into_iter().zip(dictionary).filter(|(count, _)| *count > 0);
            let best = pairs.max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(a.1)));
            best.map_or(Value::Null, |(_, text)| Value::String(text.clone()))
        }
        Values::Pictures(_) => Value::Null,
    }
}

fn number_value(number: f64, column_type: ColumnType) -> Value {
    let instant = || Micros((number * 86_400e6).round() as i64).to_string();
    match column_type {
        ColumnType::Boolean => Value::Bool(number != 0.0),
        ColumnType::Date => Value::String(instant().split('T').next().unwrap_or_default().to_owned()),
        ColumnType::Timestamp => Value::String(instant()),
        ColumnType::Integer if number.abs() < 9e15 => Value::from(number as i64),
        _ => Value::from(number),
    }
}
