//! The types that the first rows of a plain file have, found without DuckDB: its query of a hundred regular expressions
//! takes longer than everything else that happens to a small file.
//!
//! A cell that is written in the usual way of a type has that type for DuckDB too. One that begins with anything but a
//! digit, a sign, a point or a space can only be a text, but for `true`, `false` and infinity. Whatever else there is
//! (`007`, ` 5`, `1,5`) is for DuckDB to judge, and so is then the whole sample.

use meuse_core::schema::ColumnType;

use super::super::source::Csv;
use super::super::types::SAMPLE;
use super::blocks::Blocks;
use super::cells::{self, Sink};
use super::columns;
use crate::Error;

/// The narrowest type that fits the first rows, per column; `None` where these are empty. Nothing at all when DuckDB
/// has to say.
pub(in super::super) fn sample(csv: &Csv, missing: &[String]) -> Result<Option<Vec<Option<ColumnType>>>, Error> {
    if !super::is_plain_dialect(csv) {
        return Ok(None);
    }
    let mut blocks = Blocks::open(&csv.path, csv.begins_at, csv.has_header)?;
    let Some(block) = blocks.next() else { return Ok(None) };
    let Some(block) = block? else { return Ok(None) };
    let Ok(text) = std::str::from_utf8(&block.bytes) else { return Ok(None) };
    let mut guesses = vec![Guess::default(); csv.names.len()];
    if cells::read(text, csv.dialect.delimiter as u8, missing, &mut guesses, SAMPLE).is_none() {
        return Ok(None);
    }
    Ok(guesses.into_iter().map(Guess::answer).collect::<Result<_, Unsure>>().ok())
}

/// What the cells of a column can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Guess {
    cells: usize,
    integers: usize,
    numbers: usize,
    booleans: usize,
    dates: usize,
    timestamps: usize,
    is_text: bool,
}

/// The type is DuckDB's to say.
#[derive(Debug, PartialEq, Eq)]
struct Unsure;

impl Guess {
    /// `None` for a column without a value.
    fn answer(self) -> Result<Option<ColumnType>, Unsure> {
        let counted = [
            (self.integers, ColumnType::Integer),
            (self.numbers, ColumnType::Number),
            (self.booleans, ColumnType::Boolean),
            (self.dates, ColumnType::Date),
            (self.timestamps, ColumnType::Timestamp),
        ];
        if self.is_text {
            return Ok(Some(ColumnType::Text));
        }
        if self.cells == 0 {
            return Ok(None);
        }
        counted.into_iter().find(|(count, _)| *count == self.cells).map(|(_, found)| Some(found)).ok_or(Unsure)
    }
}

impl Sink for Guess {
    fn push_missing(&mut self) {}

    fn push(&mut self, cell: &str) -> Option<()> {
        self.cells += 1;
        if self.is_text {
            return Some(());
        }
        let bytes = cell.as_bytes();
        if bytes.first().is_some_and(|first| begins_no_number(*first)) {
            if columns::boolean(bytes).is_some() {
                self.booleans += 1;
            } else {
                self.is_text = !["inf", "infinity"].iter().any(|word| cell.eq_ignore_ascii_case(word));
            }
        } else if columns::number(cell).is_some() {
            self.numbers += 1;
            self.integers += usize::from(columns::integer(bytes).is_some());
        } else if columns::timestamp(bytes).is_some() {
            self.timestamps += 1;
            self.dates += usize::from(columns::date(bytes).is_some());
        }
        Some(())
    }
}

fn begins_no_number(byte: u8) -> bool {
    !byte.is_ascii() || byte.is_ascii_graphic() && !byte.is_ascii_digit() && !b"+-.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use meuse_core::schema::ColumnType::{Boolean, Date, Integer, Number, Text, Timestamp};

    use super::*;

    fn guess(cells: &[&str]) -> Result<Option<ColumnType>, Unsure> {
        let mut guess = Guess::default();
        for cell in cells {
            guess.push(cell).expect("any cell is taken");
        }
        guess.answer()
    }

    #[test]
    fn the_narrowest_type_of_usual_cells_is_certain() {
        let cases: [(&[&str], ColumnType); 11] = [
            (&["1", "-20"], Integer),
            (&["1", "2.5", "1e9"], Number),
            (&["true", "FALSE"], Boolean),
            (&["2026-11-23"], Date),
            (&["2026-11-23", "2026-11-23 10:14:00"], Timestamp),
            (&["yes", "no"], Text),
            (&["1", "a1"], Text),
            (&["007", "x"], Text),
            (&["宁波", "é"], Text),
            (&["$5", "(5)"], Text),
            (&["true", "truth"], Text),
        ];
        for (cells, expected) in cases {
            assert_eq!(guess(cells), Ok(Some(expected)), "{cells:?}");
        }
        assert_eq!(guess(&[]), Ok(None));
    }

    #[test]
    fn what_is_not_certain_is_left_to_duckdb() {
        for cells in
            [&["007"][..], &[" 5"], &["1,5"], &["inf"], &["Infinity"], &["+1"], &["1", "2026-11-23"], &["\u{b}5"]]
        {
            assert_eq!(guess(cells), Err(Unsure), "{cells:?}");
        }
    }
}
