//! Records divided into cells, as RFC 4180 has it and no other way.

use std::borrow::Cow;

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    Lf,
    CrLf,
    /// The last line of a file may lack its end.
    EndOfText,
}

/// What a block turned out to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) count: usize,
    /// Nothing where no line ends.
    pub(super) line_end: Option<LineEnd>,
}

/// What takes the cells of a column.
pub(super) trait Sink {
    /// Takes a missing cell.
    fn push_missing(&mut self);
    /// Takes a cell that is not missing; `None` when it is not plain.
    fn push(&mut self, cell: &str) -> Option<()>;
}

/// Pushes every cell of the first rows, `most` of them, into its column; `None` at the first thing that is not plain.
pub(super) fn read<S: Sink>(
    text: &str,
    delimiter: u8,
    missing: &[String],
    columns: &mut [S],
    most: usize,
) -> Option<Rows> {
    let mut lexer = Lexer::new(text, delimiter);
    let mut rows = Rows::default();
    let (last, others) = columns.split_last_mut()?;
    while lexer.at < text.len() && rows.count < most {
        for column in others.iter_mut() {
            push(column, &lexer.cell()?, missing)?;
            lexer.delimiter()?;
        }
        let cell = lexer.cell()?;
        // A blank line is one that DuckDB may skip.
        if others.is_empty() && cell.is_empty() {
            return None;
        }
        push(last, &cell, missing)?;
        let line_end = lexer.line_end()?;
        if line_end != LineEnd::EndOfText {
            if rows.line_end.is_some_and(|known| known != line_end) {
                return None;
            }
            rows.line_end = Some(line_end);
        }
        rows.count += 1;
    }
    Some(rows)
}

fn push(column: &mut impl Sink, cell: &str, missing: &[String]) -> Option<()> {
    if cell.is_empty() || missing.iter().any(|mark| mark == cell) {
        column.push_missing();
        return Some(());
    }
    column.push(cell)
}

struct Lexer<'a> {
    text: &'a str,
    delimiter: u8,
    /// Whether a byte ends a cell that is not in quotes, or may not stand in one.
    special: [bool; 256],
    at: usize,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str, delimiter: u8) -> Self {
        let mut special = [false; 256];
        for byte in [delimiter, b'"', b'\n', b'\r'] {
            special[usize::from(byte)] = true;
        }
        Self { text, delimiter, special, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next cell; what follows it is for the caller to check.
    fn cell(&mut self) -> Option<Cow<'a, str>> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|byte| self.special[usize::from(*byte)]).unwrap_or(rest.len());
        let cell = self.text.get(self.at..self.at + length)?;
        self.at += length;
        Some(Cow::Borrowed(cell))
    }

    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let mut whole: Option<String> = None;
        loop {
            // Stands on the opening quote, or on the second of two: what follows is text up to the next quote.
            let from = self.at + 1;
            let length = self.text.as_bytes().get(from..)?.iter().position(|byte| *byte == b'"')?;
            let piece = self.text.get(from..from + length)?;
            self.at = from + length + 1;
            if self.peek() != Some(b'"') {
                return Some(match whole {
                    None => Cow::Borrowed(piece),
                    Some(whole) => Cow::Owned(whole + piece),
                });
            }
            let whole = whole.get_or_insert_default();
            whole.push_str(piece);
            whole.push('"');
        }
    }

    fn delimiter(&mut self) -> Option<()> {
        let found = self.peek()? == self.delimiter;
        self.at += 1;
        found.then_some(())
    }

    /// The end of the record.
    fn line_end(&mut self) -> Option<LineEnd> {
        let (length, kind) = match self.peek() {
            None => (0, LineEnd::EndOfText),
            Some(b'\n') => (1, LineEnd::Lf),
            Some(b'\r') if self.text.as_bytes().get(self.at + 1) == Some(&b'\n') => (2, LineEnd::CrLf),
            Some(_) => return None,
        };
        self.at += length;
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use meuse_core::schema::ColumnType;

    use super::super::columns::Column;
    use super::*;

    fn rows(text: &str, width: usize) -> Option<Rows> {
        let mut columns: Vec<Column> = (0..width).map(|_| Column::new(ColumnType::Text, 4)).collect();
        read(text, b',', &["NA".to_owned()], &mut columns, usize::MAX)
    }

    #[test]
    fn what_is_plain_is_read() {
        let lf = Some(LineEnd::Lf);
        let cases = [
            ("a,b\nc,d\n", 2, Rows { count: 2, line_end: lf }),
            ("a,b\nc,d", 2, Rows { count: 2, line_end: lf }),
            ("a,b", 2, Rows { count: 1, line_end: None }),
            ("a,b\r\nc,\r\n", 2, Rows { count: 2, line_end: Some(LineEnd::CrLf) }),
            ("\"a,\"\"\n\",b\n", 2, Rows { count: 1, line_end: lf }),
            ("\"\",NA\n", 2, Rows { count: 1, line_end: lf }),
            ("", 2, Rows::default()),
        ];
        for (text, width, expected) in cases {
            assert_eq!(rows(text, width), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_is_left_to_duckdb() {
        let cases = [
            "a,b,c\n",
            "a\n",
            "a,b\n\nc,d\n",
            "a,\"b\" \n",
            "a,b\"\n",
            "a, \"b\"\n",
            "a,\"b\n",
            "a,b\nc,d\r\n",
            "a,b\rc,d\n",
        ];
        for text in cases {
            assert_eq!(rows(text, 2), None, "{text:?}");
        }
        assert_eq!(rows("a\n\nb\n", 1), None, "a blank line in a file of one column");
    }
}
