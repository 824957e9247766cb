//! Every bad file gets one sentence that names the place and the remedy.

use meuse_core::job::{FileFormat, ImportOptions};

use super::{import, refused, refused_with};

/// The refusal of `source` names the place and says the words.
fn check(source: &[u8], place: &str, words: &str) {
    let failure = refused(source);
    assert_eq!(failure.field, place, "{failure}");
    assert!(failure.message.contains(words), "{failure}");
    assert!(!failure.hint.is_empty(), "a remedy is named: {failure}");
}

#[test]
fn an_empty_file() {
    check(b"", "", "the file is empty");
    check(b"\n\n", "", "the file is empty");
    check(b"\xEF\xBB\xBF", "", "the file is empty");
}

#[test]
fn a_header_without_rows() {
    check(b"a,b\n", "line 1", "a header and no rows");
    check(b"a,b", "line 1", "a header and no rows");
}

#[test]
fn a_ragged_row_is_named_by_its_line() {
    check(b"a,b,c\n1,2,3\n4,5\n6,7,8\n", "line 3", "2 cells where the header has 3");
    check(b"a,b,c\n1,2,3\n4,5,6,7\n", "line 3", "4 cells where the header has 3");
    check(b"a;b\n1;2\n3\n", "line 3", "1 cell where the header has 2");
}

#[test]
fn a_ragged_row_after_cells_of_several_lines_is_named_by_its_line_in_the_file() {
    check(b"a,b\n\"x\ny\nz\",1\n2\n", "line 5", "1 cell where the header has 2");
}

#[test]
fn a_ragged_row_far_from_the_beginning_is_found() {
    let mut file = b"a,b\n".to_vec();
    file.extend(b"1,2\n".repeat(300_000));
    file.extend(b"7\n");
    check(&file, "line 300002", "1 cell where the header has 2");
}

#[test]
fn names_that_are_double_empty_or_differ_only_in_case() {
    check(b"age,job,age\n1,x,2\n", "header", "columns 1 and 3 are both named `age`");
    check(b"age,,job\n1,x,2\n", "header", "column 2 has no name");
    check(b"Age,age\n1,2\n", "header", "`Age` and `age`, differ only in case");
}

#[test]
fn a_nul_byte() {
    check(b"a,b\n1,2\n3,\x004\n", "line 3", "a NUL byte at offset 10");
}

#[test]
fn quotes_that_do_not_close_or_stand_astray() {
    check(b"a,b\nx,1\n\"y,2\nz,3\n", "line 3", "the quote \" that opens here never closes");
    check(b"a,b\nx,1\n\"y\"z,2\n", "line 3", "a closing quote \" is followed by more text");
}

#[test]
fn files_that_are_not_text_are_called_by_their_name() {
    check(b"PK\x03\x04\x14\x00", "", "the archive is damaged or cut short");
    check(b"\x1F\x8B\x08\x00", "byte 0", "gzip");
    check(b"\xFF\xFEa\x00,\x00b\x00", "byte 0", "UTF-16");
}

#[test]
fn an_excel_workbook_is_called_one() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["[Content_Types].xml", "xl/workbook.xml"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        std::io::Write::write_all(&mut zip, b"<xml/>").expect("its bytes");
    }
    let bytes = zip.finish().expect("a zip").into_inner();
    check(&bytes, "", "an Excel workbook");
}

#[test]
fn a_parquet_cut_short() {
    let whole = std::fs::read(import("a,b\n1,x\n2,y\n").data()).expect("the Parquet file is there");
    for length in [4, 20, whole.len() / 2, whole.len() - 1] {
        check(&whole[..length], "", "the Parquet file is damaged or cut short");
    }
}

#[test]
fn a_text_that_is_called_parquet() {
    let options = ImportOptions { format: Some(FileFormat::Parquet), ..ImportOptions::default() };
    let failure = refused_with("a,b\n1,2\n", options);
    assert!(failure.message.contains("the Parquet file is damaged"), "{failure}");
}

#[test]
fn a_file_cannot_make_duckdb_read_another() {
    let imported = import("a,b\n/etc/passwd,read_text('/etc/passwd')\n");
    assert_eq!(imported.cells(), [["/etc/passwd", "read_text('/etc/passwd')"]]);
}
