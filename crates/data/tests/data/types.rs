//! Which type a column of a CSV file gets, and which cells are missing.

use meuse_core::job::ImportOptions;
use meuse_core::schema::ColumnType::{self, Boolean, Date, Integer, Number, Text, Timestamp};
use meuse_core::table::{MISSING, Values};

use super::{import, import_with};

/// A column of these cells gets this type.
fn check(cells: &[&str], expected: ColumnType) {
    let rows: String = cells.iter().map(|cell| format!("\"{cell}\",x\n")).collect();
    let imported = import(format!("column,other\n{rows}"));
    assert_eq!(imported.types()[0], expected, "{cells:?}");
}

#[test]
fn a_column_gets_the_narrowest_type_that_fits_every_cell() {
    check(&["1", "-2", "", "+3", " 4 ", "9223372036854775807"], Integer);
    check(&["1", "2.5", "-.5", "1e-3", "3.", "0.25", "-0", "inf", "-Infinity"], Number);
    check(&["true", "False", "TRUE"], Boolean);
    check(&["2024-02-29", "1969-12-31"], Date);
    check(&["2024/2/9", "2024-2-10"], Date);
    check(&["2024-02-29 23:59:59", "2024-02-29T00:00:00.5", "2024-02-28"], Timestamp);
    check(&["yes", "no"], Text);
    check(&["", ""], Text);
}

#[test]
fn what_only_looks_like_a_number_stays_text() {
    check(&["00123", "10115"], Text);
    check(&["1", "2", "NA"], Text);
    check(&["1.5", "nan"], Text);
    check(&["1_000", "2_000"], Text);
    check(&["0x1A", "0x1B"], Text);
    check(&["1,5", "2,5"], Text);
    check(&["12345678901234567890", "12345678901234567891"], Text);
    check(&["007.5", "1.5"], Text);
}

#[test]
fn what_only_looks_like_a_date_stays_text() {
    check(&["2024-02-30", "2024-01-01"], Text);
    check(&["01/02/2024", "03/04/2024"], Text);
    check(&["epoch", "epoch"], Text);
}

#[test]
fn a_cell_at_the_end_of_a_long_file_decides() {
    let mut file = "a,b,c,d\n".to_owned();
    for row in 0..60_000 {
        file.push_str(&format!("{row},{row},true,\n"));
    }
    file.push_str("1.5,x,no,7\n");
    let imported = import(file);
    assert_eq!(imported.types(), [Number, Text, Text, Integer]);
    assert_eq!(imported.column("d").missing, 60_000);
}

#[test]
fn missing_is_the_empty_cell_and_what_is_named() {
    let file = "a,b\n1,x\n,\"\"\nNA,NA\n?,?\n";
    let plain = import(file);
    assert_eq!(plain.types(), [Text, Text]);
    assert_eq!((plain.column("a").missing, plain.column("b").missing), (1, 1));
    assert!(plain.warnings().contains("`a` holds `?` (1 cells), `NA` (1 cells)"), "{}", plain.warnings());

    let missing = vec!["NA".to_owned(), "?".to_owned()];
    let named = import_with(file, ImportOptions { missing, ..ImportOptions::default() });
    assert_eq!(named.types(), [Integer, Text]);
    assert_eq!((named.column("a").missing, named.column("b").missing), (3, 3));
}

#[test]
fn days_since_1970_are_what_a_model_sees_of_dates() {
    let file = "day,time,flag\n1970-01-02,1970-01-02 06:00:00,true\n,1970-01-02T08:00:00+02:00,false\n1969-12-31,,\n";
    let imported = import(file);
    assert_eq!(imported.types(), [Date, Timestamp, Boolean]);
    let table = imported.table();
    let numbers = |name: &str| match table.column(name) {
        Some(Values::Number(values)) => values.clone(),
        _ => panic!("{name} is a column of numbers"),
    };
    assert_eq!(numbers("time")[..2], [1.25, 1.25], "an offset is taken into account");
    assert_eq!((numbers("day")[0], numbers("day")[2]), (1.0, -1.0));
    assert!(numbers("day")[1].is_nan() && numbers("time")[2].is_nan() && numbers("flag")[2].is_nan());
    assert_eq!(numbers("flag")[..2], [1.0, 0.0]);
}

#[test]
fn dialects_are_recognised() {
    let cases: [(&str, [&str; 2]); 8] = [
        ("a;b\n1,5;x\n2,5;y\n", ["1,5", "x"]),
        ("a\tb\nx y\t1\nz w\t2\n", ["x y", "1"]),
        ("a|b\nx|1\ny|2\n", ["x", "1"]),
        ("a,b\r\nx,1\r\ny,2\r\n", ["x", "1"]),
        ("a,b\nx,1\r\ny,2\nz,3\r\n", ["x", "1"]),
        ("a,b\n\"x,\"\"y\"\"\nz\",1\nu,2\n", ["x,\"y\"\nz", "1"]),
        ("\n\na,b\nx,1\n", ["x", "1"]),
        ("a,b\nx,1,\ny,2,\n", ["x", "1"]),
    ];
    for (file, first) in cases {
        let imported = import(file);
        assert_eq!(imported.preview.columns, ["a", "b"], "{file:?}");
        assert_eq!(imported.cells()[0], first, "{file:?}");
    }
}

#[test]
fn a_single_column_of_sentences_is_one_column() {
    let imported = import("text\nno comma\none, comma\nnone\n");
    assert_eq!(imported.cells(), [["no comma"], ["one, comma"], ["none"]]);
}

#[test]
fn a_wide_table_is_read() {
    let names: Vec<String> = (0..400).map(|column| format!("n{column}")).collect();
    let rows: Vec<String> = (0..20).map(|row| vec![(row * 7).to_string(); 400].join(",")).collect();
    let imported = import(format!("{}\n{}\n", names.join(","), rows.join("\n")));
    assert_eq!(imported.profile.columns.len(), 400);
    assert!(imported.types().iter().all(|found| *found == Integer));
}

#[test]
fn a_named_delimiter_wins() {
    let options = |delimiter| ImportOptions { delimiter: Some(delimiter), ..ImportOptions::default() };
    assert_eq!(import_with("a,b:c\n1,2:3\n", options(':')).preview.columns, ["a,b", "c"]);
    assert_eq!(import_with("a，b\n1，ｂ\n", options('，')).cells(), [["1", "ｂ"]]);
}

#[test]
fn numbers_in_the_first_line_are_data() {
    let imported = import("1,2.5\n3,4.5\n");
    assert_eq!(imported.preview.columns, ["column_1", "column_2"]);
    assert_eq!(imported.profile.rows, 2);
    assert!(imported.warnings().contains("the first line holds numbers only"), "{}", imported.warnings());
}

#[test]
fn a_very_long_line_and_a_very_long_record_are_read() {
    let line = "x".repeat(5_000_000);
    let imported = import(format!("a,b\n{line},1\ny,2\n"));
    let record = "x\n".repeat(2_000_000);
    let of_lines = import(format!("a,b\n\"{record}\",1\ny,2\n"));
    for (imported, length) in [(imported, 5_000_000), (of_lines, 4_000_000)] {
        let Some(Values::Text { codes, dictionary }) = imported.table().column("a").cloned() else { panic!("text") };
        assert_eq!((codes[0], dictionary[0].len(), codes[1]), (0, length, 1));
        assert!(!codes.contains(&MISSING));
    }
}

#[test]
fn rows_keep_their_order() {
    let mut file = "number,text\n".to_owned();
    for row in 0..500_000_u32 {
        file.push_str(&format!("{row},t{}\n", row % 1000));
    }
    let imported = import(&file);
    let table = imported.table();
    let Some(Values::Number(numbers)) = table.column("number") else { panic!("numbers") };
    assert!(numbers.iter().enumerate().all(|(row, number)| *number == row as f64));
    let Some(Values::Text { codes, .. }) = table.column("text") else { panic!("texts") };
    assert!(codes.iter().enumerate().all(|(row, code)| *code as usize == row % 1000));
    let again = std::fs::read(import(&file).data()).expect("the Parquet file is there");
    assert!(again == std::fs::read(imported.data()).expect("the Parquet file is there"), "the bytes are the same");
}
