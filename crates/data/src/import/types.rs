//! Which type a column of texts has: the narrowest that fits every cell of the file, not of a sample.
//!
//! A number is written in digits: `007` is a text (a post code, an account), and so are `nan`, `1,5`, `12%`, and whole
//! numbers beyond 64 bits, which are identifiers and would lose digits. `inf` and `-inf` are numbers. A boolean is
//! `true` or `false`. A date is year first; with a time of day, and perhaps an offset from UTC, it is a timestamp.

use duckdb::Connection;
use meuse_core::schema::ColumnType;

use crate::Error;

/// The types that a text can turn out to be, narrowest first.
const CANDIDATES: [ColumnType; 5] =
    [ColumnType::Integer, ColumnType::Number, ColumnType::Boolean, ColumnType::Date, ColumnType::Timestamp];

/// Rows that are looked at to find each column's first candidate.
pub(super) const SAMPLE: usize = 10_000;

/// DuckDB's time to plan a query grows with the square of the number of its aggregates.
const TESTS_AT_ONCE: usize = 300;

/// What is tried after a type does not fit.
fn next(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::Integer => ColumnType::Number,
        ColumnType::Date => ColumnType::Timestamp,
        _ => ColumnType::Text,
    }
}

/// The narrowest type that fits the first rows, per column `c0`, `c1`, … of `reader`; `None` where these are empty.
pub(super) fn sample(connection: &Connection, reader: &str, width: usize) -> Result<Vec<Option<ColumnType>>, Error> {
    connection
        .execute_batch(&format!("CREATE OR REPLACE TEMP TABLE sampled AS SELECT * FROM {reader} LIMIT {SAMPLE}"))?;
    let all: Vec<usize> = (0..width).collect();
    let types = narrowest(connection, "sampled", &all)?;
    connection.execute_batch("DROP TABLE sampled")?;
    Ok(types)
}

/// The type of each column, of which the first rows are known. Reads the whole file; a column that turns out to be
/// wider there costs one more reading. A column without any value is text.
pub(super) fn infer(
    connection: &Connection,
    reader: &str,
    mut sampled: Vec<Option<ColumnType>>,
) -> Result<Vec<ColumnType>, Error> {
    let empty: Vec<usize> = (0..sampled.len()).filter(|column| sampled[*column].is_none()).collect();
    for (column, found) in empty.iter().zip(narrowest(connection, reader, &empty)?) {
        sampled[*column] = found;
    }
    let mut types: Vec<ColumnType> = sampled.into_iter().map(|found| found.unwrap_or(ColumnType::Text)).collect();
    let mut open: Vec<usize> = (0..types.len()).collect();
    loop {
        open.retain(|column| types[*column] != ColumnType::Text);
        let tests = open.iter().map(|column| misfits(*column, types[*column])).collect();
        let misfits = count(connection, reader, tests)?;
        open = open.into_iter().zip(misfits).filter(|(_, misfits)| *misfits > 0).map(|(column, _)| column).collect();
        if open.is_empty() {
            return Ok(types);
        }
        for column in &open {
            types[*column] = next(types[*column]);
        }
    }
}

/// The narrowest type of each of these columns; `None` for a column without a value.
fn narrowest(connection: &Connection, from: &str, columns: &[usize]) -> Result<Vec<Option<ColumnType>>, Error> {
    let tests = columns.iter().flat_map(|column| {
        let misfits = CANDIDATES.map(|candidate| misfits(*column, candidate));
        std::iter::once(format!("count(c{column})")).chain(misfits)
    });
    let counts = count(connection, from, tests.collect())?;
    let types = counts.chunks(1 + CANDIDATES.len()).map(|counts| {
        let fits = CANDIDATES.into_iter().zip(&counts[1..]).find(|(_, misfits)| **misfits == 0);
        (counts[0] > 0).then(|| fits.map_or(ColumnType::Text, |(candidate, _)| candidate))
    });
    Ok(types.collect())
}

fn count(connection: &Connection, from: &str, tests: Vec<String>) -> Result<Vec<i64>, Error> {
    let mut counts = Vec::with_capacity(tests.len());
    for tests in tests.chunks(TESTS_AT_ONCE) {
        let sql = format!("SELECT {} FROM {from}", tests.join(", "));
        let row = connection
            .query_row(&sql, [], |row| (0..tests.len()).map(|index| row.get(index)).collect::<Result<Vec<i64>, _>>());
        counts.extend(row?);
    }
    Ok(counts)
}

fn misfits(column: usize, column_type: ColumnType) -> String {
    let cell = format!("c{column}");
    let fits = fits(&cell, &attempt(&cell, column_type), column_type);
    format!("count(*) FILTER (WHERE {cell} IS NOT NULL AND NOT coalesce({fits}, false))")
}

/// The cell as a value of the type, NULL where that cannot be; it is more lenient than [`fits`].
pub(super) fn attempt(cell: &str, column_type: ColumnType) -> String {
    let name = match column_type {
        ColumnType::Integer => "BIGINT",
        ColumnType::Number => "DOUBLE",
        ColumnType::Boolean => "BOOLEAN",
        ColumnType::Date => "DATE",
        ColumnType::Timestamp => "TIMESTAMP",
        ColumnType::Text | ColumnType::Image | ColumnType::Boxes => return cell.to_owned(),
    };
    format!("TRY_CAST({cell} AS {name})")
}

/// What [`checked`] says of a cell that does not fit.
pub(super) const MISFIT: &str = "meuse: this cell does not fit its column";

/// The value of a cell that has been attempted, or the error [`MISFIT`].
pub(super) fn checked(cell: &str, value: &str, column_type: ColumnType) -> String {
    if column_type == ColumnType::Text {
        return cell.to_owned();
    }
    let (fits, value) = (fits(cell, value, column_type), finished(cell, value, column_type));
    format!("CASE WHEN {cell} IS NULL OR {fits} THEN {value} ELSE error('{MISFIT}') END")
}

/// The value of a cell that fits and has been attempted: timestamps still ignore an offset then.
fn finished(cell: &str, value: &str, column_type: ColumnType) -> String {
    if column_type != ColumnType::Timestamp {
        return value.to_owned();
    }
    format!(
        "CASE WHEN regexp_matches({cell}, '[+-][0-9]{{2}}(:?[0-9]{{2}})?$') \
         THEN CAST({cell} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE {value} END"
    )
}

/// The condition that the text `v` is a number.
pub(crate) fn is_number(cell: &str) -> String {
    fits(cell, &attempt(cell, ColumnType::Number), ColumnType::Number)
}

/// The condition that the text `cell`, of which `value` is the attempt, is of this type. The tests before an `OR` are
/// quick and settle nearly all cells; DuckDB runs the regular expressions on what is left.
fn fits(cell: &str, value: &str, column_type: ColumnType) -> String {
    const INTEGER: &str = r"\s*[+-]?(0|[1-9][0-9]*)\s*";
    // At most 18 digits without a point: longer whole numbers are identifiers, which a float would damage.
    const NUMBER: &str = concat!(
        r"\s*[+-]?((0|[1-9][0-9]{0,17})|((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?",
        r"|(0|[1-9][0-9]*)[eE][+-]?[0-9]+)\s*"
    );
    const INFINITY: &str = r"(?i)[+-]?inf(inity)?";
    const DATE: &str = "[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}";
    const TIME: &str = r"([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?";
    match column_type {
        ColumnType::Integer => {
            format!("({value}::VARCHAR = {cell} OR ({value} IS NOT NULL AND regexp_full_match({cell}, '{INTEGER}')))")
        }
        ColumnType::Number => format!(
            "((isfinite({value}) AND \
               ((length({cell}) <= 18 AND NOT contains({cell}, '_') AND \
                 ({cell} BETWEEN '1' AND '9:' OR {cell} BETWEEN '0.' AND '0/' OR {cell} BETWEEN '-1' AND '-9:')) \
                OR regexp_full_match({cell}, '{NUMBER}'))) \
              OR regexp_full_match({cell}, '{INFINITY}'))"
        ),
        ColumnType::Boolean => format!("lower({cell}) IN ('true', 'false')"),
        ColumnType::Date => format!(
            "(({value}::VARCHAR = {cell} AND length({cell}) = 10) OR \
             ({value} IS NOT NULL AND regexp_full_match({cell}, '{DATE}')))"
        ),
        ColumnType::Timestamp => format!(
            "(({value}::VARCHAR = {cell} AND {cell} BETWEEN '0' AND '9:') OR \
             (TRY_CAST({cell} AS TIMESTAMPTZ) IS NOT NULL AND regexp_full_match({cell}, '{DATE}{TIME}')))"
        ),
        ColumnType::Text | ColumnType::Image | ColumnType::Boxes => "true".to_owned(),
    }
}
