//! What is exported and imported again has the same cells.

use super::import;

#[test]
fn a_version_survives_export_and_import() {
    let file = "whole,number,flag,text,day,time\n\
        1,0.1,true,\"a,b\",2024-02-29,2024-02-29 12:00:00.123456\n\
        -9223372036854775808,1e300,false,\"he said \"\"no\"\"\",1969-12-31,1969-12-31 23:59:59\n\
        ,,,,,\n\
        3,-0.30000000000000004,true,\" two\nlines \",0001-01-01,2024-01-01\n\
        4,inf,,007,,\n";
    let first = import(file);
    let exported = first.csv();
    assert!(!exported.contains(&b'\r') && exported.starts_with(b"whole,number,"));
    let second = import(&exported);
    assert_eq!(first.schema, second.schema);
    assert_eq!(first.preview, second.preview);
    assert_eq!(exported, second.csv());
}

#[test]
fn missing_cells_of_a_single_column_survive() {
    let first = import("a\n1\n\n3\n\n");
    assert_eq!((first.profile.rows, first.column("a").missing), (4, 2));
    assert_eq!(first.preview, import(first.csv()).preview);
}

#[test]
fn names_need_no_letters() {
    let first = import("\"a \"\"b\"\"\",\"c,d\",\"select\",\"e\nf\",年龄\n1,2,3,4,5\n");
    assert_eq!(first.preview.columns, ["a \"b\"", "c,d", "select", "e\nf", "年龄"]);
    assert_eq!(first.preview, import(first.csv()).preview);
}
