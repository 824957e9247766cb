//! The cells of one column of one block, typed as they come.
//!
//! Only the usual way of writing a value is read here: `-12`, `0.5`, `1e-3`, `true`, `2026-11-23`,
//! `2026-11-23 10:14:00.5`. Each such cell has the same value for DuckDB, whose rules [`super::super::types`] states.

use std::sync::Arc;

use duckdb::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use meuse_core::schema::ColumnType;

use super::cells::{Cells, Sink};

/// A column under construction.
pub(super) enum Column {
    Integer(Int64Builder),
    Number(Float64Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Text(StringBuilder),
}

impl Column {
    /// An empty column with room for about so many rows.
    pub(super) fn new(column_type: ColumnType, rows: usize) -> Self {
        match column_type {
            ColumnType::Integer => Self::Integer(Int64Builder::with_capacity(rows)),
            ColumnType::Number => Self::Number(Float64Builder::with_capacity(rows)),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            ColumnType::Date => Self::Date(Date32Builder::with_capacity(rows)),
            ColumnType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows)),
            ColumnType::Text | ColumnType::Image | ColumnType::Boxes => {
                Self::Text(StringBuilder::with_capacity(rows, 8 * rows))
            }
        }
    }

    pub(super) fn finish(self) -> ArrayRef {
        match self {
            Self::Integer(mut builder) => Arc::new(builder.finish()),
            Self::Number(mut builder) => Arc::new(builder.finish()),
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) => Arc::new(builder.finish()),
        }
    }
}

/// Appends what `read` makes of each cell, or a missing one.
macro_rules! append {
    ($cells:expr, $builder:expr, $read:expr) => {
        $cells.each(|cell| {
            match cell {
                Some(cell) => $builder.append_value($read(cell)?),
                None => $builder.append_null(),
            }
            Some(())
        })
    };
}

impl Sink for Column {
    fn push_missing(&mut self) {
        match self {
            Self::Integer(builder) => builder.append_null(),
            Self::Number(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
        }
    }

    /// `None` when it is not written in the usual way of the type.
    fn push(&mut self, cell: &str) -> Option<()> {
        let bytes = cell.as_bytes();
        match self {
            Self::Integer(builder) => builder.append_value(integer(bytes)?),
            Self::Number(builder) => builder.append_value(number(cell)?),
            Self::Boolean(builder) => builder.append_value(boolean(bytes)?),
            Self::Date(builder) => builder.append_value(date(bytes)?),
            Self::Timestamp(builder) => builder.append_value(timestamp(bytes)?),
            Self::Text(builder) => builder.append_value(cell),
        }
        Some(())
    }

    /// As one by one, but the type is looked at once.
    fn extend(&mut self, cells: &Cells) -> Option<()> {
        match self {
            Self::Integer(builder) => append!(cells, builder, |cell: &str| integer(cell.as_bytes())),
            Self::Number(builder) => append!(cells, builder, number),
            Self::Boolean(builder) => append!(cells, builder, |cell: &str| boolean(cell.as_bytes())),
            Self::Date(builder) => append!(cells, builder, |cell: &str| date(cell.as_bytes())),
            Self::Timestamp(builder) => append!(cells, builder, |cell: &str| timestamp(cell.as_bytes())),
            Self::Text(builder) => append!(cells, builder, Some),
        }
    }
}

/// The most digits that are added up without a look at the size of the sum.
const SAFE_DIGITS: usize = 18;

/// The number that digits write; `None` for anything but 1 to [`SAFE_DIGITS`] of them.
fn digits(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > SAFE_DIGITS {
        return None;
    }
    let mut sum = 0;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum = sum * 10 + i64::from(digit);
    }
    Some(sum)
}

/// Whether digits begin as a number does and as a post code need not: `0` alone, or no zero first.
fn no_leading_zero(digits: &[u8]) -> bool {
    digits.len() == 1 || digits.first() != Some(&b'0')
}

pub(super) fn integer(cell: &[u8]) -> Option<i64> {
    let (negative, of_digits) = signed(cell);
    let value = digits(of_digits).filter(|_| no_leading_zero(of_digits))?;
    Some(if negative { -value } else { value })
}

fn signed(cell: &[u8]) -> (bool, &[u8]) {
    match cell.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, cell),
    }
}

/// Powers of ten that a 64-bit float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
/// Up to here a 64-bit float holds every whole number.
const EXACT: i64 = 1 << 53;

pub(super) fn number(cell: &str) -> Option<f64> {
    let (negative, unsigned) = signed(cell.as_bytes());
    // Nearly every number is a few digits with or without a point: one look at each byte is enough.
    let (mut mantissa, mut point) = (0_i64, unsigned.len());
    for (at, byte) in unsigned.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 && at < SAFE_DIGITS {
            mantissa = mantissa * 10 + i64::from(digit);
        } else if *byte == b'.' && point == unsigned.len() && at + 1 < unsigned.len() {
            point = at;
        } else {
            return unusual_number(cell);
        }
    }
    if point == 0 || !no_leading_zero(&unsigned[..point]) || mantissa > EXACT {
        return unusual_number(cell);
    }
    let decimals = unsigned.len().saturating_sub(point + 1);
    // Both are exact, so the quotient is the nearest float to what is written.
    let value = mantissa as f64 / POWERS[decimals];
    Some(if negative { -value } else { value })
}

fn unusual_number(cell: &str) -> Option<f64> {
    let (negative, unsigned) = signed(cell.as_bytes());
    let point = unsigned.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(unsigned.len());
    let (whole, rest) = unsigned.split_at(point);
    if whole.is_empty() || !no_leading_zero(whole) {
        return None;
    }
    let fraction = match rest.split_first() {
        None => &[][..],
        Some((b'.', fraction)) if !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit) => fraction,
        _ => return number_with_exponent(cell, rest),
    };
    if whole.len() + fraction.len() > SAFE_DIGITS {
        // A long whole number is an identifier, which is for DuckDB's rules to say.
        return if fraction.is_empty() { None } else { ordinary(cell) };
    }
    let mantissa = fraction.iter().fold(digits(whole)?, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    // Both are exact, so the quotient is the nearest float to what is written.
    let value = if mantissa <= EXACT { mantissa as f64 / POWERS[fraction.len()] } else { return cell.parse().ok() };
    Some(if negative { -value } else { value })
}

/// `rest` follows the digits before the point: `e5`, `.25E-3`.
fn number_with_exponent(cell: &str, rest: &[u8]) -> Option<f64> {
    let rest = match rest.split_first()? {
        (b'.', after) => {
            let length = after.iter().position(|byte| !byte.is_ascii_digit())?;
            if length == 0 {
                return None;
            }
            &after[length..]
        }
        _ => rest,
    };
    let [b'e' | b'E', exponent @ ..] = rest else { return None };
    let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
    if exponent.is_empty() || !exponent.iter().all(u8::is_ascii_digit) {
        return None;
    }
    ordinary(cell)
}

/// The nearest float, unless that is infinite, zero or next to it, where readers of numbers differ.
fn ordinary(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|value: &f64| value.is_normal())
}

pub(super) fn boolean(cell: &[u8]) -> Option<bool> {
    if cell.eq_ignore_ascii_case(b"true") {
        return Some(true);
    }
    cell.eq_ignore_ascii_case(b"false").then_some(false)
}

const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Days since 1970 of `2026-11-23`.
pub(super) fn date(cell: &[u8]) -> Option<i32> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h] = cell else { return None };
    let (year, month, day) = (digits(&[a, b, c, d])?, digits(&[e, f])?, digits(&[g, h])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = *DAYS.get(usize::try_from(month).ok()?.checked_sub(1)?)? + i64::from(leap && month == 2);
    // Years of fewer than four digits are written in more than one way.
    if year < 1000 || day < 1 || day > length {
        return None;
    }
    // Years that begin in March, so that a leap day is the last: Howard Hinnant's `days_from_civil`.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    i32::try_from(days - 719_468).ok()
}

/// Microseconds since 1970 of `2026-11-23 10:14:00`, with `T` for the space or a fraction of up to six digits, or of a
/// date alone.
pub(super) fn timestamp(cell: &[u8]) -> Option<i64> {
    let (day, time) = cell.split_at_checked(10)?;
    let midnight = i64::from(date(day)?) * 86_400_000_000;
    if time.is_empty() {
        return Some(midnight);
    }
    let (&[b' ' | b'T', a, b, b':', c, d, b':', e, f], fraction) = time.split_first_chunk::<9>()? else { return None };
    let (hour, minute, second) = (digits(&[a, b])?, digits(&[c, d])?, digits(&[e, f])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction {
        [] => 0,
        [b'.', of_second @ ..] if of_second.len() <= 6 => digits(of_second)? * 10_i64.pow(6 - of_second.len() as u32),
        _ => return None,
    };
    Some(midnight + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_nearest_floats() {
        let cases = [
            "0",
            "-0",
            "1.5",
            "-12.25",
            "0.1",
            "123456789.123456789",
            "9007199254740993",
            "0.3333333333333333",
            "1e5",
            "-2.5E-3",
            "1.7976931348623157e308",
            "12345678901234567890.5",
            "999999999999999999",
        ];
        for text in cases {
            let expected: f64 = text.parse().expect("a number");
            assert_eq!(number(text).map(f64::to_bits), Some(expected.to_bits()), "{text}");
        }
        for text in [
            "",
            "-",
            "007",
            "01.5",
            ".5",
            "5.",
            "+1",
            " 1",
            "1 ",
            "1_0",
            "1e",
            "1e400",
            "1e-400",
            "inf",
            "nan",
            "0x1",
            "1234567890123456789",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_have_no_leading_zero_and_fit() {
        assert_eq!(integer(b"0"), Some(0));
        assert_eq!(integer(b"-120"), Some(-120));
        assert_eq!(integer(b"999999999999999999"), Some(999_999_999_999_999_999));
        for text in ["", "-", "007", "+1", "1.0", "1e3", " 1", "1000000000000000000", "--1", "12a"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn days_are_counted_from_1970() {
        let cases = [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2026-11-23", 20_780),
            ("9999-12-31", 2_932_896),
        ];
        for (text, days) in cases {
            assert_eq!(date(text.as_bytes()), Some(days), "{text}");
        }
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "0999-01-01",
            "2026-1-01",
            "2026/01/01",
        ] {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn instants_are_counted_in_microseconds() {
        let day = 20_780 * 86_400_000_000;
        assert_eq!(timestamp(b"2026-11-23"), Some(day));
        assert_eq!(timestamp(b"2026-11-23 00:00:01"), Some(day + 1_000_000));
        assert_eq!(timestamp(b"2026-11-23T23:59:59.5"), Some(day + 86_399_500_000));
        for text in [
            "2026-11-23 24:00:00",
            "2026-11-23 10:14",
            "2026-11-23 10:14:00Z",
            "2026-11-23 10:14:00.1234567",
            "2026-11-23 10:14:00.",
        ] {
            assert_eq!(timestamp(text.as_bytes()), None, "{text}");
        }
    }
}
