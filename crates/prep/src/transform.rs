//! From a table to the matrix that a model sees: the one code path of training and serving.
//!
//! Infinities: a bare number passes them through (trees split on them as on any number); a standardised column puts
//! the training part's smallest and largest number in their place; bins hold them in the first and last bin.

use meuse_core::api::{Note, NoteKind};
use meuse_core::recipe::{Side, Unknown};
use meuse_core::table::{MISSING, Matrix, Sparse, Table, Values};

use crate::Error;
use crate::fitted::{
    Categories, Fitted, FittedColumn, MissingNumber, MissingText, NO_TOKEN, NumberEncoding, Step, TextEncoding, WoeBin,
};
use crate::image::{Picture, Steps};
use crate::points::NEUTRAL;
use crate::text::{FittedTfidf, Scratch, Tokenizer, WordIndex, pad};

/// A transformed table.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformed {
    /// One row per row of the table, one column per feature.
    pub matrix: Matrix,
    /// Cells that needed a rule, by column and then by row.
    pub notes: Vec<RowNote>,
    /// Width and height of each picture as it is to be seen, by column and then by row.
    pub sizes: Vec<[usize; 2]>,
}

/// A cell that needed a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowNote {
    /// The row's index, from 0.
    pub row: usize,
    /// Which column, and what was done.
    pub note: Note,
}

/// Rows that are transformed together, so that their part of the matrix stays in the processor's cache.
const BLOCK: usize = 1024;
/// So few rows are not worth a second thread, unless each is a picture.
const ALONE: usize = 4 * BLOCK;
/// A standardised number beyond this (a million times a million deviations and more) is cut, so that sums of products
/// with weights stay finite in 32 bits.
const STANDARDISED_LIMIT: f64 = 1e18;

impl Fitted {
    /// The matrix that a model sees, and what was done about missing and unknown values. The order of the table's
    /// columns is free; columns that the steps do not read are ignored.
    ///
    /// # Errors
    /// A column is missing or of the other type, or a cell is one that the recipe refuses.
    pub fn transform(&self, table: &Table) -> Result<Transformed, Error> {
        let (mut notes, mut sizes) = (Vec::new(), Vec::new());
        let matrix = self.fill(table, None, &mut |row, remark| match remark {
            Remark::Size(size) => sizes.push(size),
            other => notes.extend(other.to_note().map(|note| RowNote { row, note })),
        })?;
        Ok(Transformed { matrix, notes, sizes })
    }

    /// The matrix of [`Fitted::transform`] alone: of a million rows nobody reads the notes.
    ///
    /// # Errors
    /// As [`Fitted::transform`].
    pub fn matrix(&self, table: &Table) -> Result<Matrix, Error> {
        self.fill(table, None, &mut |_, _| {})
    }

    /// The matrix of the given rows, in that order, without a copy of them in between, by so many threads.
    ///
    /// # Errors
    /// As [`Fitted::transform`]; the row of a refused cell counts in the table.
    pub fn matrix_of(&self, table: &Table, rows: &[u32], threads: usize) -> Result<Matrix, Error> {
        if threads < 2 || rows.len() < ALONE || self.terms() > 0 {
            return self.fill(table, Some(rows), &mut |_, _| {});
        }
        let sources = self.sources(table)?;
        let width = self.width();
        let mut matrix = Matrix::zeros(rows.len(), width);
        let share = rows.len().div_ceil(threads);
        let results: Vec<Result<(), Error>> = std::thread::scope(|scope| {
            let pieces = matrix.data.chunks_mut((share * width).max(1)).zip(rows.chunks(share));
            let workers = pieces.map(|(data, rows)| {
                let sources = &sources;
                scope.spawn(move || fill_rows(sources, width, Chosen::These(rows), data, &mut |_, _| {}))
            });
            let workers: Vec<_> = workers.collect();
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
        });
        // The first of the errors in the order of the rows, as one thread would meet it.
        results.into_iter().collect::<Result<Vec<()>, Error>>()?;
        Ok(matrix)
    }

    /// All rows, or the chosen ones.
    fn fill(
        &self,
        table: &Table,
        chosen: Option<&[u32]>,
        told: &mut dyn FnMut(usize, Remark<'_>),
    ) -> Result<Matrix, Error> {
        let sources = self.sources(table)?;
        let width = self.width();
        let count = chosen.map_or(table.rows, <[u32]>::len);
        let mut matrix = Matrix::zeros(count, width);
        fill_rows(&sources, width, chosen.map_or(Chosen::All(count), Chosen::These), &mut matrix.data, told)?;
        if sources.iter().any(|source| source.tfidf().is_some()) {
            let row = |index: usize| chosen.map_or(index, |chosen| chosen[index] as usize);
            matrix.sparse = Some(sparse(&sources, (0..count).map(row), told)?);
        }
        Ok(matrix)
    }

    /// Per fitted column, where its cells are.
    pub(crate) fn sources<'a>(&'a self, table: &'a Table) -> Result<Vec<Source<'a>>, Error> {
        self.columns.iter().enumerate().map(|(index, fitted)| Source::new(fitted, table, index)).collect()
    }
}

/// Which rows of a table go into a matrix.
#[derive(Clone, Copy)]
enum Chosen<'a> {
    /// The first so many.
    All(usize),
    These(&'a [u32]),
}

/// Writes the dense part of the rows into `data`, a block at a time.
fn fill_rows(
    sources: &[Source<'_>],
    width: usize,
    chosen: Chosen<'_>,
    data: &mut [f32],
    told: &mut dyn FnMut(usize, Remark<'_>),
) -> Result<(), Error> {
    let count = match chosen {
        Chosen::All(count) => count,
        Chosen::These(rows) => rows.len(),
    };
    for start in (0..count).step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(count);
        let block = &mut data[rows.start * width..rows.end * width];
        let mut offset = 0;
        for source in sources {
            let target = Target { block: &mut *block, width, offset };
            match chosen {
                Chosen::All(_) => source.encode(rows.clone(), target, told)?,
                Chosen::These(chosen) => {
                    let rows = chosen[rows.clone()].iter().map(|row| *row as usize);
                    source.encode(rows, target, told)?;
                }
            }
            offset += source.fitted.width();
        }
    }
    Ok(())
}

/// The terms of the rows, column after column of long texts.
fn sparse(
    sources: &[Source<'_>],
    rows: impl Iterator<Item = usize>,
    told: &mut dyn FnMut(usize, Remark<'_>),
) -> Result<Sparse, Error> {
    let texts: Vec<(&Source<'_>, &FittedTfidf)> =
        sources.iter().filter_map(|source| Some((source, source.tfidf()?))).collect();
    let mut sparse = Sparse::new(texts.iter().map(|(_, tfidf)| tfidf.width()).sum());
    let mut scratch = Scratch::default();
    for row in rows {
        let mut offset = 0;
        for (source, tfidf) in &texts {
            let text = source.long_text(row, told)?;
            let weights = tfidf.weights(text.unwrap_or_default(), &mut scratch);
            if weights.is_empty() && text.is_some() {
                told(row, Remark::NoTerms(source.fitted));
            }
            for (term, weight) in weights {
                sparse.columns.push(offset + term);
                sparse.values.push(*weight as f32);
            }
            offset += tfidf.width() as u32;
        }
        sparse.end_row();
    }
    Ok(sparse)
}

/// What is remarked of a cell; made into a [`Note`] only where somebody reads it.
#[derive(Clone, Copy)]
pub(crate) enum Remark<'a> {
    Missing(&'a FittedColumn),
    Unknown(&'a FittedColumn, Shown<'a>),
    NoTerms(&'a FittedColumn),
    NoWords(&'a FittedColumn),
    /// Width and height of a picture, which is no note.
    Size([usize; 2]),
}

/// The cell as its caller wrote it.
#[derive(Clone, Copy)]
pub(crate) enum Shown<'a> {
    Text(&'a str),
    Number(f64),
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl Remark<'_> {
    fn to_note(self) -> Option<Note> {
        let (column, kind, reason) = match self {
            Self::Size(_) => return None,
            Self::Missing(column) => (column, NoteKind::Missing, "missing".to_owned()),
            Self::Unknown(column, shown) => {
                (column, NoteKind::UnknownCategory, format!("{shown} was not seen in training and counts as missing"))
            }
            Self::NoWords(column) => {
                let message = "no word of it was seen in training: it counts as an empty text".to_owned();
                return Some(Note { field: column.name.clone(), kind: NoteKind::UnknownText, message });
            }
            Self::NoTerms(column) => {
                let message = "no term of it was seen in training: it counts as an empty text".to_owned();
                return Some(Note { field: column.name.clone(), kind: NoteKind::UnknownText, message });
            }
        };
        Some(Note { field: column.name.clone(), kind, message: format!("{reason}: {}", column.missing_words()) })
    }
}

/// Where the features of one column go.
pub(crate) struct Target<'a> {
    /// Rows of the matrix.
    pub(crate) block: &'a mut [f32],
    pub(crate) width: usize,
    /// The column's first feature.
    pub(crate) offset: usize,
}

impl Target<'_> {
    #[inline]
    fn set(&mut self, row: usize, feature: usize, value: f32) {
        self.block[row * self.width + self.offset + feature] = value;
    }

    /// So many features of a row.
    fn run(&mut self, row: usize, length: usize) -> &mut [f32] {
        let start = row * self.width + self.offset;
        &mut self.block[start..start + length]
    }
}

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<T> {
    Value(T),
    Missing,
}

/// A fitted column and its cells in a table.
pub(crate) struct Source<'a> {
    pub(crate) fitted: &'a FittedColumn,
    values: &'a Values,
    /// For a column of texts with more rows than distinct texts: the fitted code of each of the table's codes.
    translation: Option<Vec<Option<u32>>>,
}

impl<'a> Source<'a> {
    /// `index` is where the column stands when the table has the fitted columns in order, as a served table has.
    fn new(fitted: &'a FittedColumn, table: &'a Table, index: usize) -> Result<Self, Error> {
        let there = table.columns.get(index).filter(|column| column.name == fitted.name).map(|column| &column.values);
        let values = there.or_else(|| table.column(&fitted.name));
        let values = values.ok_or_else(|| Error::MissingColumn(fitted.name.clone()))?;
        let expected = match &fitted.step {
            Step::Text { categories: Categories::Texts(_), .. } => "texts",
            step if step.reads_long_texts() => "texts",
            Step::Picture { .. } => "pictures",
            _ => "numbers",
        };
        let found = match values {
            Values::Text { .. } => "texts",
            Values::Number(_) => "numbers",
            Values::Pictures(_) => "pictures",
        };
        if expected != found {
            return Err(Error::WrongType { column: fitted.name.clone(), found, expected });
        }
        let translation = match (values, &fitted.step) {
            (Values::Text { codes, dictionary }, Step::Text { categories, .. }) if codes.len() > dictionary.len() => {
                Some(dictionary.iter().map(|text| categories.of_text(text)).collect())
            }
            _ => None,
        };
        Ok(Self { fitted, values, translation })
    }

    pub(crate) fn encode(
        &self,
        rows: impl Iterator<Item = usize>,
        mut target: Target<'_>,
        told: &mut dyn FnMut(usize, Remark<'_>),
    ) -> Result<(), Error> {
        match &self.fitted.step {
            Step::Numeric { encoding, .. } => {
                for (index, row) in rows.enumerate() {
                    write_number(encoding, self.number(row, told)?, index, &mut target);
                }
            }
            Step::Text { encoding, .. } => {
                for (index, row) in rows.enumerate() {
                    write_code(encoding, self.code(row, told)?, index, &mut target);
                }
            }
            Step::Sequence { words, length, padding, truncating, .. } => {
                for (index, row) in rows.enumerate() {
                    let text = self.long_text(row, told)?;
                    let ids = words.ids(text.unwrap_or_default());
                    if ids.is_empty() && text.is_some() {
                        told(row, Remark::NoWords(self.fitted));
                    }
                    write_ids(&ids, (*padding, *truncating), target.run(index, *length as usize));
                }
            }
            Step::Tokenized { tokenizer, padding, .. } => {
                for (index, row) in rows.enumerate() {
                    let ids = self.tokens(tokenizer, row, told)?;
                    write_tokens(&ids, *padding, tokenizer.padding() as f32, target.run(index, self.fitted.width()));
                }
            }
            Step::Sentence { tokenizer, .. } => {
                for (index, row) in rows.enumerate() {
                    let ids = self.tokens(tokenizer, row, told)?;
                    write_tokens(&ids, Side::Back, NO_TOKEN, target.run(index, self.fitted.width()));
                }
            }
            Step::Picture { steps } => {
                let length = self.fitted.width();
                for (index, row) in rows.enumerate() {
                    let (picture, size) = self.picture(steps, row)?;
                    told(row, Remark::Size(size));
                    steps.emit(&picture, target.run(index, length));
                }
            }
            // Its terms stand in the sparse part.
            Step::LongText { .. } => {}
        }
        Ok(())
    }

    fn tfidf(&self) -> Option<&'a FittedTfidf> {
        match &self.fitted.step {
            Step::LongText { tfidf, .. } => Some(tfidf),
            _ => None,
        }
    }

    /// The picture of a row, in the size and colours that the model sees; and width and height that it came with.
    pub(crate) fn picture(&self, steps: &Steps, row: usize) -> Result<(Picture, [usize; 2]), Error> {
        let Values::Pictures(pictures) = self.values else { return Err(self.refused_missing(row)) };
        let refused = |reason: String, hint: &str| Error::Refused {
            row,
            column: self.fitted.name.clone(),
            reason,
            hint: hint.to_owned(),
        };
        let file = pictures.read(row).map_err(|reason| refused(reason, "import the pictures again"))?;
        let Some(file) = file else { return Err(self.refused_missing(row)) };
        steps.prepare_sized(&file).map_err(|error| {
            if let Some(name) = pictures.files.name(pictures.numbers[row]) {
                // It could be read when it was imported.
                return refused(format!("{name}: {error}"), "import the pictures again");
            }
            let hint = match &error {
                crate::image::Error::Damaged(_) => "send the file again, whole",
                crate::image::Error::TooLarge(_) => "send it smaller: the model sees few pixels of it",
                crate::image::Error::NoPicture(_) => "give PNG, JPEG, WebP, BMP or GIF",
            };
            refused(error.to_string(), hint)
        })
    }

    /// The word ids of a row of a column of sequences.
    pub(crate) fn ids(&self, words: &WordIndex, row: usize) -> Result<Vec<u32>, Error> {
        Ok(words.ids(self.long_text(row, &mut |_, _| {})?.unwrap_or_default()))
    }

    /// The ids that a published tokenizer makes of a row's text.
    pub(crate) fn tokens(
        &self,
        tokenizer: &Tokenizer,
        row: usize,
        told: &mut dyn FnMut(usize, Remark<'_>),
    ) -> Result<Vec<u32>, Error> {
        let text = self.long_text(row, told)?.unwrap_or_default();
        tokenizer.ids(text).map_err(|reason| Error::Refused {
            row,
            column: self.fitted.name.clone(),
            reason: format!("the tokenizer cannot read this text: {reason}"),
            hint: "give another text".into(),
        })
    }

    /// The text of a row of a column of long texts; `None` where it is missing and may be.
    pub(crate) fn long_text(
        &self,
        row: usize,
        told: &mut dyn FnMut(usize, Remark<'_>),
    ) -> Result<Option<&'a str>, Error> {
        let Values::Text { codes, dictionary } = self.values else { return Ok(None) };
        if let Some(text) = dictionary.get(codes[row] as usize) {
            return Ok(Some(text));
        }
        if self.fitted.step.missing_long_text() == Some(&MissingText::Refuse) {
            return Err(self.refused_missing(row));
        }
        told(row, Remark::Missing(self.fitted));
        Ok(None)
    }

    /// The bin of weight of evidence of a row; [`NEUTRAL`] where missing cells have none; `None` for other encodings.
    pub(crate) fn bin(&self, row: usize) -> Option<u32> {
        let silent = &mut |_: usize, _: Remark<'_>| {};
        match &self.fitted.step {
            Step::Numeric { encoding: NumberEncoding::Woe { edges, missing_bin, .. }, .. } => {
                Some(match self.number(row, silent) {
                    Ok(Cell::Value(number)) => bin_of(edges, number) as u32,
                    _ => missing_bin.unwrap_or(NEUTRAL),
                })
            }
            Step::Text { encoding: TextEncoding::Woe { missing_bin, .. }, .. } => Some(match self.code(row, silent) {
                Ok(Cell::Value(code)) => code,
                _ => missing_bin.unwrap_or(NEUTRAL),
            }),
            _ => None,
        }
    }

    /// The number of a row of a numeric column, after the rule for missing cells.
    #[inline]
    fn number(&self, row: usize, told: &mut dyn FnMut(usize, Remark<'_>)) -> Result<Cell<f64>, Error> {
        let Values::Number(numbers) = self.values else { return Ok(Cell::Missing) };
        let number = numbers[row];
        if !number.is_nan() {
            return Ok(Cell::Value(number));
        }
        let Step::Numeric { missing, .. } = &self.fitted.step else { return Ok(Cell::Missing) };
        match missing {
            MissingNumber::Refuse => Err(self.refused_missing(row)),
            MissingNumber::Keep => {
                told(row, Remark::Missing(self.fitted));
                Ok(Cell::Missing)
            }
            MissingNumber::Fill { value, .. } => {
                told(row, Remark::Missing(self.fitted));
                Ok(Cell::Value(*value))
            }
        }
    }

    /// The code of a row of a column of categories, after the rules for unknown and missing cells.
    #[inline]
    fn code(&self, row: usize, told: &mut dyn FnMut(usize, Remark<'_>)) -> Result<Cell<u32>, Error> {
        let Step::Text { missing, unknown, categories, .. } = &self.fitted.step else { return Ok(Cell::Missing) };
        let (code, shown) = self.look_up(row, categories);
        if let Some(code) = code {
            return Ok(Cell::Value(code));
        }
        match (shown, missing) {
            (Some(shown), _) if *unknown == Unknown::Refuse => return Err(self.refused_unknown(row, shown)),
            (_, MissingText::Refuse) => return Err(self.refused_missing(row)),
            (Some(shown), _) => told(row, Remark::Unknown(self.fitted, shown)),
            (None, _) => told(row, Remark::Missing(self.fitted)),
        }
        match missing {
            MissingText::Fill { code: Some(code), .. } => Ok(Cell::Value(*code)),
            _ => Ok(Cell::Missing),
        }
    }

    /// The fitted code of a cell; without one, the cell as it stands, or nothing when it is missing.
    #[inline]
    fn look_up(&self, row: usize, categories: &Categories) -> (Option<u32>, Option<Shown<'_>>) {
        match self.values {
            Values::Number(numbers) if numbers[row].is_nan() => (None, None),
            Values::Number(numbers) => (categories.of_number(numbers[row]), Some(Shown::Number(numbers[row]))),
            Values::Text { codes, .. } if codes[row] == MISSING => (None, None),
            Values::Text { codes, dictionary } => {
                let index = codes[row] as usize;
                let code = match &self.translation {
                    Some(translation) => translation[index],
                    None => categories.of_text(&dictionary[index]),
                };
                (code, Some(Shown::Text(&dictionary[index])))
            }
            Values::Pictures(_) => (None, None),
        }
    }

    fn refused_missing(&self, row: usize) -> Error {
        Error::Refused {
            row,
            column: self.fitted.name.clone(),
            reason: "the value is missing, and the recipe refuses rows without it".into(),
            hint: "give a value".into(),
        }
    }

    fn refused_unknown(&self, row: usize, shown: Shown<'_>) -> Error {
        Error::Refused {
            row,
            column: self.fitted.name.clone(),
            reason: format!("{shown} was not seen in training, and the recipe refuses such values"),
            hint: self.fitted.known_words(),
        }
    }
}

/// The index of the bin that holds a number: the number of edges at or below it.
#[inline]
pub(crate) fn bin_of(edges: &[f64], number: f64) -> usize {
    edges.partition_point(|edge| *edge <= number)
}

#[inline]
fn woe_at(bins: &[WoeBin], index: Option<u32>) -> f32 {
    index.and_then(|index| bins.get(index as usize)).map_or(0.0, |bin| bin.woe as f32)
}

#[inline]
fn write_number(encoding: &NumberEncoding, cell: Cell<f64>, row: usize, target: &mut Target<'_>) {
    match (encoding, cell) {
        (NumberEncoding::None, Cell::Value(number)) => target.set(row, 0, number as f32),
        (NumberEncoding::Standardise { mean, deviation, low, high }, Cell::Value(number)) => {
            let finite = if number.is_infinite() { if number > 0.0 { *high } else { *low } } else { number };
            let standardised = (finite - mean) / deviation;
            target.set(row, 0, standardised.clamp(-STANDARDISED_LIMIT, STANDARDISED_LIMIT) as f32);
        }
        (NumberEncoding::None | NumberEncoding::Standardise { .. }, Cell::Missing) => target.set(row, 0, f32::NAN),
        (NumberEncoding::Bins { edges, .. }, Cell::Value(number)) => target.set(row, bin_of(edges, number), 1.0),
        (NumberEncoding::Bins { edges, missing_indicator }, Cell::Missing) => {
            if *missing_indicator {
                target.set(row, edges.len() + 1, 1.0);
            }
        }
        (NumberEncoding::Woe { edges, bins, .. }, Cell::Value(number)) => {
            target.set(row, 0, woe_at(bins, Some(bin_of(edges, number) as u32)));
        }
        (NumberEncoding::Woe { bins, missing_bin, .. }, Cell::Missing) => {
            target.set(row, 0, woe_at(bins, *missing_bin));
        }
    }
}

/// Ids as the floats that a network casts back: whole numbers below 2²⁴ are exact.
pub(crate) fn write_ids(ids: &[u32], (padding, truncating): (Side, Side), numbers: &mut [f32]) {
    let padded = pad(ids, numbers.len(), padding, truncating);
    for (number, id) in numbers.iter_mut().zip(padded) {
        *number = id as f32;
    }
}

/// The same with a tokenizer's ids, which are as many as there are numbers at most, filled up with another number.
pub(crate) fn write_tokens(ids: &[u32], padding: Side, filler: f32, numbers: &mut [f32]) {
    numbers.fill(filler);
    let start = if padding == Side::Front { numbers.len() - ids.len().min(numbers.len()) } else { 0 };
    for (number, id) in numbers[start..].iter_mut().zip(ids) {
        *number = *id as f32;
    }
}

#[inline]
fn write_code(encoding: &TextEncoding, cell: Cell<u32>, row: usize, target: &mut Target<'_>) {
    match (encoding, cell) {
        (TextEncoding::OneHot, Cell::Value(code)) => target.set(row, code as usize, 1.0),
        (TextEncoding::OneHot, Cell::Missing) => {}
        (TextEncoding::Ordinal, Cell::Value(code)) => target.set(row, 0, code as f32),
        (TextEncoding::Ordinal, Cell::Missing) => target.set(row, 0, f32::NAN),
        (TextEncoding::Embedding, Cell::Value(code)) => target.set(row, 0, (code + 1) as f32),
        (TextEncoding::Embedding, Cell::Missing) => target.set(row, 0, 0.0),
        (TextEncoding::Woe { bins, .. }, Cell::Value(code)) => target.set(row, 0, woe_at(bins, Some(code))),
        (TextEncoding::Woe { bins, missing_bin, .. }, Cell::Missing) => target.set(row, 0, woe_at(bins, *missing_bin)),
    }
}
