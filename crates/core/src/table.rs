//! A table in memory, column by column: what preprocessing reads, in training and in serving alike.

use std::borrow::Cow;
use std::sync::Arc;

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
    /// Pictures.
    Pictures(Pictures),
}

/// Where the files of pictures are, by number.
pub trait PictureFiles: std::fmt::Debug + Send + Sync {
    /// The bytes of one file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, number: u32) -> Result<Cow<'_, [u8]>, String>;

    /// What people call a file, where it has a name.
    fn name(&self, number: u32) -> Option<&str> {
        let _ = number;
        None
    }

    /// The SHA-256 of a file, where it is known without reading the file.
    fn digest(&self, number: u32) -> Option<[u8; 32]> {
        let _ = number;
        None
    }
}

/// A column of pictures: their files' numbers, or [`MISSING`].
#[derive(Debug, Clone)]
pub struct Pictures {
    /// Where the files are.
    pub files: Arc<dyn PictureFiles>,
    /// The number of each row's file.
    pub numbers: Vec<u32>,
}

impl Pictures {
    /// The file of a row, or nothing where the cell is missing.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(&self, row: usize) -> Result<Option<Cow<'_, [u8]>>, String> {
        match self.numbers[row] {
            MISSING => Ok(None),
            number => self.files.read(number).map(Some),
        }
    }

    /// A code per row that two rows share when their files hold the same bytes, as far as that is known; or [`MISSING`].
    pub fn codes(&self) -> Vec<u32> {
        let mut first = std::collections::HashMap::new();
        let code = |number: &u32| match self.files.digest(*number) {
            Some(digest) if *number != MISSING => *first.entry(digest).or_insert(*number),
            _ => *number,
        };
        self.numbers.iter().map(code).collect()
    }

    /// Pictures in memory; `None` is missing.
    pub fn in_memory(files: impl IntoIterator<Item = Option<Vec<u8>>>) -> Self {
        let mut held = Vec::new();
        let numbers = files.into_iter().map(|file| {
            let Some(file) = file else { return MISSING };
            held.push(file);
            held.len() as u32 - 1
        });
        let numbers = numbers.collect();
        Self { files: Arc::new(Held(held)), numbers }
    }
}

/// Columns are the same when they name the same files of one place.
impl PartialEq for Pictures {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.files, &other.files) && self.numbers == other.numbers
    }
}

/// Files in memory.
#[derive(Debug)]
struct Held(Vec<Vec<u8>>);

impl PictureFiles for Held {
    fn read(&self, number: u32) -> Result<Cow<'_, [u8]>, String> {
        self.0.get(number as usize).map(|file| Cow::Borrowed(file.as_slice())).ok_or_else(|| "it is not there".into())
    }
}

impl Values {
    /// Number of cells.
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Text { codes, .. } => codes.len(),
            Self::Pictures(pictures) => pictures.numbers.len(),
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
            Self::Pictures(pictures) => Self::Pictures(Pictures {
                files: Arc::clone(&pictures.files),
                numbers: rows.iter().map(|row| pictures.numbers[*row as usize]).collect(),
            }),
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

/// What a model sees: a row-major matrix of 32-bit floats, `rows` × `width`, in which NaN is missing; and beside it, for
/// columns of long texts, the few terms that each row holds of hundreds of thousands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// The cells, row after row.
    pub data: Vec<f32>,
    /// Number of rows.
    pub rows: usize,
    /// Number of dense columns (features).
    pub width: usize,
    /// The terms of each row; none where no column becomes terms.
    pub sparse: Option<Sparse>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, width: usize) -> Self {
        Self { data: vec![0.0; rows * width], rows, width, sparse: None }
    }

    /// One row of the dense part.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.width..(row + 1) * self.width]
    }

    /// The given rows, in that order.
    pub fn take(&self, rows: &[u32]) -> Self {
        let data = rows.iter().flat_map(|row| self.row(*row as usize)).copied().collect();
        let sparse = self.sparse.as_ref().map(|sparse| sparse.take(rows));
        Self { data, rows: rows.len(), width: self.width, sparse }
    }

    /// Puts the rows of another matrix of the same columns below these.
    pub fn append(&mut self, below: &Self) {
        self.data.extend_from_slice(&below.data);
        self.rows += below.rows;
        if let (Some(sparse), Some(below)) = (&mut self.sparse, &below.sparse) {
            sparse.append(below);
        }
    }
}

/// Rows of which each holds few of many columns: the columns' indices, ascending, and their values.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    /// Where each row begins in `columns` and `values`; one more than there are rows.
    pub starts: Vec<usize>,
    /// The column of each cell.
    pub columns: Vec<u32>,
    /// Its value.
    pub values: Vec<f32>,
    /// Number of columns.
    pub width: usize,
}

impl Sparse {
    /// No rows, of so many columns.
    pub fn new(width: usize) -> Self {
        Self { starts: vec![0], columns: Vec::new(), values: Vec::new(), width }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The columns and values of one row.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let cells = self.starts[row]..self.starts[row + 1];
        (&self.columns[cells.clone()], &self.values[cells])
    }

    /// Ends a row whose cells were pushed.
    pub fn end_row(&mut self) {
        self.starts.push(self.columns.len());
    }

    /// The given rows, in that order.
    pub fn take(&self, rows: &[u32]) -> Self {
        let mut taken = Self::new(self.width);
        for row in rows {
            let (columns, values) = self.row(*row as usize);
            taken.columns.extend_from_slice(columns);
            taken.values.extend_from_slice(values);
            taken.end_row();
        }
        taken
    }

    /// Puts the rows of another one of the same columns below these.
    pub fn append(&mut self, below: &Self) {
        let before = self.columns.len();
        self.columns.extend_from_slice(&below.columns);
        self.values.extend_from_slice(&below.values);
        self.starts.extend(below.starts[1..].iter().map(|start| before + start));
    }
}
