//! Parquet as a source.

use duckdb::Connection;
use meuse_core::job::ImportOptions;
use meuse_core::schema::ColumnType::{Boolean, Date, Integer, Number, Text, Timestamp};

use super::{import, import_with, refused};

/// A Parquet file of what a query gives.
fn parquet(select: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder is made");
    let file = folder.path().join("made.parquet");
    let connection = Connection::open_in_memory().expect("DuckDB opens");
    let sql = format!("SET TimeZone = 'UTC'; COPY ({select}) TO '{}' (FORMAT parquet)", file.display());
    connection.execute_batch(&sql).expect("the query runs");
    std::fs::read(file).expect("the file is there")
}

#[test]
fn every_flat_type_finds_its_place() {
    let imported = import(parquet(
        "SELECT 1::TINYINT AS tiny, 2::UINTEGER AS unsigned, 3::UBIGINT AS large, 1.5::FLOAT AS single, \
         2.25::DECIMAL(10, 2) AS money, 7::DECIMAL(10, 0) AS whole, true AS flag, 'x' AS word, \
         TIME '10:00:00' AS clock, DATE '2024-02-29' AS day, TIMESTAMP '2024-02-29 12:00:00' AS moment, \
         TIMESTAMPTZ '2024-02-29 12:00:00+02' AS zoned, TIMESTAMP_NS '2024-02-29 12:00:00' AS fine",
    ));
    let expected =
        [Integer, Integer, Number, Number, Number, Integer, Boolean, Text, Text, Date, Timestamp, Timestamp, Timestamp];
    assert_eq!(imported.types(), expected);
    let cells = imported.cells().remove(0);
    assert_eq!(cells[..8], ["1", "2", "3.0", "1.5", "2.25", "7", "true", "x"]);
    assert_eq!(cells[8..12], ["10:00:00", "2024-02-29", "2024-02-29 12:00:00", "2024-02-29 10:00:00"]);
}

#[test]
fn what_no_cell_can_hold_is_named() {
    for (select, type_name) in [
        ("SELECT 1 AS a, [1, 2] AS list", "INTEGER[]"),
        ("SELECT 1 AS a, {'x': 1} AS struct", "STRUCT(x INTEGER)"),
        ("SELECT 1 AS a, MAP {'x': 1} AS map", "MAP(VARCHAR, INTEGER)"),
        ("SELECT 1 AS a, 'x'::BLOB AS blob", "BLOB"),
    ] {
        let failure = refused(parquet(select));
        assert!(failure.message.contains(&format!("is of type {type_name}")), "{failure}");
        assert_eq!(failure.field, select.rsplit(' ').next().expect("a name ends the query"));
    }
}

#[test]
fn missing_is_null_nan_and_the_empty_text() {
    let file = parquet("SELECT * FROM (VALUES (1.5, ''), ('nan'::DOUBLE, 'x'), (NULL, NULL), (-999, 'NA')) AS t(a, b)");
    let plain = import(&file);
    assert_eq!((plain.column("a").missing, plain.column("b").missing), (2, 2));
    let missing = vec!["NA".to_owned(), "-999".to_owned()];
    let named = import_with(&file, ImportOptions { missing, ..ImportOptions::default() });
    assert_eq!((named.column("a").missing, named.column("b").missing), (3, 3));
}

#[test]
fn columns_without_rows_are_refused() {
    let failure = refused(parquet("SELECT 1 AS a WHERE false"));
    assert!(failure.message.contains("no rows"), "{failure}");
}

#[test]
fn a_version_can_be_imported_from_its_own_parquet() {
    let first = import("a,b,c\n1,x,2024-01-01\n,,\n2.5,y,\n");
    let second = import(std::fs::read(first.data()).expect("the Parquet file is there"));
    assert_eq!((first.schema.clone(), first.preview.clone()), (second.schema.clone(), second.preview.clone()));
    assert_eq!(first.profile, second.profile);
}
