//! What a person should know about a column before using it.

use duckdb::Connection;
use meuse_core::profile::ColumnProfile;
use meuse_core::schema::ColumnType;

use crate::Error;
use crate::import::types::is_number;

/// Texts that often stand for a missing cell. `none` is not among them: it is a category as often.
const MARKS: [&str; 15] =
    ["NA", "N/A", "n/a", "na", "#N/A", "NULL", "null", "NaN", "nan", "None", "?", "-", "--", ".", "\\N"];
/// Numbers that often stand for a missing cell, when all others are not negative.
const NUMBER_MARKS: [f64; 4] = [-99.0, -999.0, -9999.0, -99_999.0];
/// Fewer rows can all differ by chance.
const ROWS_OF_IDENTIFIERS: u64 = 50;

/// Adds what can be said of a column of any type; whether there is more to look for.
pub(super) fn of_any(column: &ColumnProfile, rows: u64, warnings: &mut Vec<String>) -> bool {
    let name = &column.name;
    let present = rows - column.missing;
    if present == 0 {
        warnings.push(format!("`{name}` has no value in any row"));
        return false;
    }
    if column.distinct == 1 && rows > 1 {
        let value = column.frequent.first().map_or("", |most| most.value.as_str());
        let gaps = if column.missing > 0 { " where it is not missing" } else { "" };
        warnings.push(format!("`{name}` is `{}` in every row{gaps}", shortened(value)));
    }
    let discrete = matches!(column.column_type, ColumnType::Integer | ColumnType::Text);
    // Texts of many words differ because they say different things.
    if discrete && column.text.is_none() && column.distinct == present && present >= ROWS_OF_IDENTIFIERS {
        warnings
            .push(format!("`{name}` differs in every row: it looks like an identifier, which teaches a model nothing"));
    }
    true
}

/// Adds the warnings of a column of texts, which stands in `grouped`.
pub(super) fn of_texts(
    connection: &Connection,
    column: &ColumnProfile,
    present: u64,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    warnings.extend(marks(connection, &column.name)?);
    warnings.extend(numbers_as_text(connection, column, present)?);
    Ok(())
}

/// Adds the warnings of a column of numbers with so many infinite cells and these lowest finite ones.
pub(super) fn of_numbers(column: &ColumnProfile, infinite: u64, lowest: &[(f64, u64)], warnings: &mut Vec<String>) {
    let name = &column.name;
    let numbers = matches!(column.column_type, ColumnType::Integer | ColumnType::Number);
    if let [(mark, count), (next, _)] = lowest
        && numbers
        && NUMBER_MARKS.contains(mark)
        && *next >= 0.0
    {
        warnings.push(format!(
            "`{name}` holds {mark} ({count} cells); if it means a missing cell, import with `--missing {mark}`"
        ));
    }
    if infinite > 0 {
        warnings.push(format!("`{name}` holds {infinite} infinite values, which its numbers leave out"));
    }
}

fn marks(connection: &Connection, name: &str) -> Result<Option<String>, Error> {
    let list = MARKS.map(|mark| format!("'{mark}'")).join(", ");
    let sql = format!("SELECT v, n FROM grouped WHERE v IN ({list}) ORDER BY n DESC, v");
    let mut statement = connection.prepare(&sql)?;
    let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let found: Vec<(String, i64)> = found.collect::<Result<_, _>>()?;
    let Some((first, _)) = found.first() else { return Ok(None) };
    let listed: Vec<String> = found.iter().map(|(mark, count)| format!("`{mark}` ({count} cells)")).collect();
    Ok(Some(format!(
        "`{name}` holds {}, kept as text; if it means a missing cell, import with `--missing {first}`",
        listed.join(", ")
    )))
}

/// Text that is nearly all numbers, or numbers written in a way that is not read as such.
fn numbers_as_text(connection: &Connection, column: &ColumnProfile, present: u64) -> Result<Option<String>, Error> {
    const WRITTEN: &str = "[+-]?[0-9]{1,3}(,[0-9]{3})+(\\.[0-9]+)?|[+-]?[0-9]+,[0-9]+|[+-]?[0-9.]+ ?%";
    let starts_with_digit =
        |text: &str| text.trim_start_matches(['+', '-', ' ']).starts_with(|c: char| c.is_ascii_digit());
    let digits = column.frequent.iter().filter(|most| starts_with_digit(&most.value)).count();
    if digits * 2 < column.frequent.len() {
        return Ok(None);
    }
    let number = is_number("v");
    let sql = format!(
        "SELECT coalesce(sum(n) FILTER (WHERE {number}), 0)::BIGINT, \
         coalesce(sum(n) FILTER (WHERE regexp_full_match(v, '{WRITTEN}')), 0)::BIGINT, \
         arg_max(v, n) FILTER (WHERE NOT {number}) FROM grouped WHERE v IS NOT NULL"
    );
    let found = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (plain, written, other): (i64, i64, Option<String>) = found?;
    let name = &column.name;
    let most = |count: i64| count as f64 >= 0.9 * present as f64;
    Ok(match other {
        Some(other) if most(plain) => Some(format!(
            "`{name}` is text because {} of its {present} values are not numbers, as in `{}`",
            present - plain as u64,
            shortened(&other)
        )),
        Some(other) if most(written) => Some(format!(
            "`{name}` is text because its numbers are written as in `{}`; write them with a point and no other sign",
            shortened(&other)
        )),
        _ => None,
    })
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(std::iter::once('…')).collect()
}
