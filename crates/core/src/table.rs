//! A table in memory, column by column: what preprocessing reads, in training and in serving alike.

/// The code of a missing cell in a [`Values::Text`] column.
pub const MISSING: u32 = u32::MAX;

/// Columns of equal length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
}

/// A named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// Its cells.
    pub values: Values,
}

/// The cells of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; NaN is a missing cell. Booleans are 0 and 1, dates are days since 1970.
    Number(Vec<f64>),
    /// Categories: a code per row into `dictionary`, or [`MISSING`].
    Text {
        /// One code per row.
        codes: Vec<u32>,
        /// The distinct texts; a code is an index here.
        dictionary: Vec<String>,
    },
}

impl Values {
    /// Number of cells.
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Text { codes, .. } => codes.len(),
        }
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cells of the given rows, in that order.
    pub fn take(&self, rows: &[u32]) -> Self {
        match self {
            Self::Number(values) => Self::Number(rows.iter().map(|row| values[*row as usize]).collect()),
            Self::Text { codes, dictionary } => Self::Text {
                codes: rows.iter().map(|row| codes[*row as usize]).collect(),
                dictionary: dictionary.clone(),
            },
        }
    }

    /// A text column from cells; `None` is missing. Codes are given in order of first appearance.
    pub fn text<'a>(cells: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut dictionary: Vec<String> = Vec::new();
        let mut known = std::collections::HashMap::new();
        let codes = cells.into_iter().map(|cell| match cell {
            None => MISSING,
            Some(text) => *known.entry(text).or_insert_with(|| {
                dictionary.push(text.to_owned());
                dictionary.len() as u32 - 1
            }),
        });
        let codes = codes.collect();
        Self::Text { codes, dictionary }
    }
}

impl Table {
    /// A table of these columns.
    ///
    /// # Panics
    /// When the columns differ in length: the caller built them from one source.
    pub fn new(columns: Vec<Column>) -> Self {
        let rows = columns.first().map_or(0, |column| column.values.len());
        assert!(columns.iter().all(|column| column.values.len() == rows), "columns of one table have one length");
        Self { columns, rows }
    }

    /// The cells of the column of this name.
    pub fn column(&self, name: &str) -> Option<&Values> {
        self.columns.iter().find(|column| column.name == name).map(|column| &column.values)
    }

    /// The given rows, in that order.
    pub fn take(&self, rows: &[u32]) -> Self {
        let columns =
            self.columns.iter().map(|column| Column { name: column.name.clone(), values: column.values.take(rows) });
        Self { columns: columns.collect(), rows: rows.len() }
    }
}

/// The text of a number of a column of this type, as a person writes it: `3`, `2.5`, `true`; `None` for NaN.
/// This is how classes of a target, and categories of a column of numbers, are named.
pub fn number_text(value: f64, column_type: crate::schema::ColumnType) -> Option<String> {
    if value.is_nan() {
        return None;
    }
    Some(match column_type {
        crate::schema::ColumnType::Boolean => (value != 0.0).to_string(),
        _ => value.to_string(),
    })
}

/// A row-major matrix of 32-bit floats, `rows` × `width`: what a model sees. NaN is missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// The cells, row after row.
    pub data: Vec<f32>,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns (features).
    pub width: usize,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, width: usize) -> Self {
        Self { data: vec![0.0; rows * width], rows, width }
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.width..(row + 1) * self.width]
    }

    /// The given rows, in that order.
    pub fn take(&self, rows: &[u32]) -> Self {
        let data = rows.iter().flat_map(|row| self.row(*row as usize)).copied().collect();
        Self { data, rows: rows.len(), width: self.width }
    }
}
