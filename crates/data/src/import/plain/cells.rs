//! Records divided into cells, as RFC 4180 has it and no other way.

use wide::u8x16;

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

    /// Takes several, one after the other.
    fn extend(&mut self, cells: &Cells) -> Option<()> {
        cells.each(|cell| {
            if let Some(cell) = cell {
                return self.push(cell);
            }
            self.push_missing();
            Some(())
        })
    }
}

/// Cells that are divided before they are given to their columns. Few enough that their text stays in a core's cache,
/// so many that a column has a while to do.
const AT_ONCE: usize = 1 << 15;

/// Pushes every cell of the first rows, `most` of them, into its column; `None` at the first thing that is not plain.
pub(super) fn read<S: Sink>(
    text: &str,
    delimiter: u8,
    missing: &[String],
    columns: &mut [S],
    most: usize,
) -> Option<Rows> {
    let width = columns.len();
    if width == 0 {
        return None;
    }
    let mut divider = Divider::new(text, delimiter, width);
    let mut rows = Rows::default();
    let mut spans = Vec::with_capacity(AT_ONCE + width);
    while rows.count < most {
        spans.clear();
        let wanted = (most - rows.count).min((AT_ONCE / width).max(1));
        let found = divider.divide(wanted, &mut spans)?;
        if found.count == 0 {
            break;
        }
        if rows.line_end.is_some() && found.line_end.is_some() && rows.line_end != found.line_end {
            return None;
        }
        rows.line_end = rows.line_end.or(found.line_end);
        rows.count += found.count;
        for (column, sink) in columns.iter_mut().enumerate() {
            sink.extend(&Cells { text, spans: &spans, column, width, missing })?;
        }
    }
    Some(rows)
}

/// The cells of a record's worth of text, or nothing when it is not plain. For a header.
pub(super) fn first_record(text: &str, delimiter: u8) -> Option<Vec<String>> {
    let mut divider = Divider::new(text, delimiter, 0);
    let mut spans = Vec::new();
    divider.record(&mut spans)?;
    let cells = Cells { text, spans: &spans, column: 0, width: 1, missing: &[] };
    let mut record = Vec::with_capacity(spans.len());
    cells.each(|cell| {
        record.push(cell.unwrap_or_default().to_owned());
        Some(())
    })?;
    Some(record)
}

/// Where a cell stands in the text, quotes around it left out.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    /// With [`DOUBLED`] in it when quotes are doubled inside.
    end: u32,
}

const DOUBLED: u32 = 1 << 31;

/// The cells of one column of a few rows.
pub(super) struct Cells<'a> {
    text: &'a str,
    spans: &'a [Span],
    column: usize,
    width: usize,
    missing: &'a [String],
}

impl Cells<'_> {
    /// Gives each cell, nothing for a missing one; ends early when `take` does.
    pub(super) fn each(&self, mut take: impl FnMut(Option<&str>) -> Option<()>) -> Option<()> {
        for span in self.spans[self.column..].iter().step_by(self.width) {
            let piece = self.text.get(span.start as usize..(span.end & !DOUBLED) as usize)?;
            if span.end & DOUBLED != 0 {
                take(self.present(&piece.replace("\"\"", "\"")))?;
            } else {
                take(self.present(piece))?;
            }
        }
        Some(())
    }

    fn present<'a>(&self, cell: &'a str) -> Option<&'a str> {
        (!cell.is_empty() && !self.missing.iter().any(|mark| mark == cell)).then_some(cell)
    }
}

/// Divides records into cells. The bytes at which something ends, or may, are found 64 at a time.
struct Divider<'a> {
    text: &'a [u8],
    delimiter: u8,
    /// Cells of a record; 0 when that is what is asked.
    width: usize,
    at: usize,
    special: Special<'a>,
}

impl<'a> Divider<'a> {
    fn new(text: &'a str, delimiter: u8, width: usize) -> Self {
        let text = text.as_bytes();
        Self { text, delimiter, width, at: 0, special: Special::new(text, delimiter) }
    }

    /// Divides up to `rows` records; fewer where the text ends.
    fn divide(&mut self, rows: usize, spans: &mut Vec<Span>) -> Option<Rows> {
        let mut found = Rows::default();
        while found.count < rows && self.at < self.text.len() {
            let line_end = self.record(spans)?;
            if line_end != LineEnd::EndOfText {
                if found.line_end.is_some_and(|known| known != line_end) {
                    return None;
                }
                found.line_end = Some(line_end);
            }
            found.count += 1;
        }
        Some(found)
    }

    /// Divides one record, which must have as many cells as the header.
    fn record(&mut self, spans: &mut Vec<Span>) -> Option<LineEnd> {
        let mut cells = 0;
        loop {
            let (span, ends_at) = if self.text.get(self.at) == Some(&b'"') { self.quoted()? } else { self.bare()? };
            cells += 1;
            // A blank line is one that DuckDB may skip.
            let is_blank = self.width == 1 && span.start == span.end;
            spans.push(span);
            let ended = match self.text.get(ends_at) {
                Some(byte) if *byte == self.delimiter => {
                    self.at = ends_at + 1;
                    continue;
                }
                Some(b'\n') => {
                    self.at = ends_at + 1;
                    LineEnd::Lf
                }
                Some(b'\r') if self.text.get(ends_at + 1) == Some(&b'\n') => {
                    self.special.next();
                    self.at = ends_at + 2;
                    LineEnd::CrLf
                }
                Some(_) => return None,
                None => {
                    self.at = ends_at;
                    LineEnd::EndOfText
                }
            };
            return (!is_blank && (cells == self.width || self.width == 0)).then_some(ended);
        }
    }

    /// A cell without quotes around it, and where what follows it stands.
    fn bare(&mut self) -> Option<(Span, usize)> {
        let end = self.special.next().unwrap_or(self.text.len());
        let span = Span { start: place(self.at)?, end: place(end)? };
        Some((span, end))
    }

    fn quoted(&mut self) -> Option<(Span, usize)> {
        self.special.next();
        let start = self.at + 1;
        let mut doubled = 0;
        loop {
            let end = self.special.next()?;
            if self.text[end] != b'"' {
                continue;
            }
            if self.text.get(end + 1) == Some(&b'"') {
                self.special.next();
                doubled = DOUBLED;
                continue;
            }
            // What follows, a delimiter or a line end, is the next special byte; anything else is refused by the caller.
            let ends_at = end + 1;
            if self.text.get(ends_at).is_some_and(|byte| *byte == self.delimiter || matches!(byte, b'\n' | b'\r')) {
                self.special.next();
            }
            return Some((Span { start: place(start)?, end: place(end)? | doubled }, ends_at));
        }
    }
}

/// `None` for a text that is longer than a block ever is.
fn place(at: usize) -> Option<u32> {
    u32::try_from(at).ok().filter(|at| *at < DOUBLED)
}

/// The places of delimiters, quotes and line ends, in ascending order.
struct Special<'a> {
    text: &'a [u8],
    /// Those of the window that were not given yet, a bit each.
    found: u64,
    window: usize,
    marks: [u8x16; 4],
}

/// Bytes that are looked at together.
const WINDOW: usize = 64;

impl<'a> Special<'a> {
    fn new(text: &'a [u8], delimiter: u8) -> Self {
        let marks = [delimiter, b'"', b'\n', b'\r'].map(u8x16::splat);
        let mut special = Self { text, found: 0, window: 0, marks };
        special.found = special.look();
        special
    }

    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            if self.text.len() <= self.window + WINDOW {
                return None;
            }
            self.window += WINDOW;
            self.found = self.look();
        }
        let at = self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(self.window + at)
    }

    fn look(&self) -> u64 {
        let rest = &self.text[self.window..];
        if let Some(window) = rest.first_chunk::<WINDOW>() {
            return self.marked(window);
        }
        let mut window = [0; WINDOW];
        window[..rest.len()].copy_from_slice(rest);
        // No mark is a zero, but for a delimiter that nobody has.
        self.marked(&window) & ((1 << rest.len()) - 1)
    }

    fn marked(&self, window: &[u8; WINDOW]) -> u64 {
        let mut found = 0;
        for (part, bytes) in window.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            let [a, b, c, d] = self.marks.map(|mark| bytes.simd_eq(mark));
            found |= u64::from((a | b | c | d).to_bitmask()) << (16 * part);
        }
        found
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
