//! The fast road of plain files and DuckDB's own come to the same table.

use std::fmt::Write as _;

use super::import;

/// More than a block of the fast road, so that the seam between two is crossed.
const ROWS: u64 = 190_000;

fn row(out: &mut String, index: u64) {
    // A multiplicative sequence is chance enough, and the same everywhere.
    let chance = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let pick = |bits: u32, among: u64| (chance >> bits) % among;
    let missing = |bits: u32| pick(bits, 9) == 0;
    let integer = if missing(3) { String::new() } else { ((chance >> 20) as i64 - (1 << 43)).to_string() };
    let number = match pick(7, 6) {
        0 => String::new(),
        1 => format!("{}.{:02}", pick(9, 100_000), pick(29, 100)),
        2 => format!("-{}.{}", pick(9, 10), chance),
        3 => format!("{}e-{}", pick(9, 9) + 1, pick(30, 40)),
        4 => pick(9, 1_000).to_string(),
        _ => format!("0.{:016}", pick(5, 10_000_000_000_000_000)),
    };
    let flag = ["true", "false", "", "TRUE"][pick(40, 4) as usize];
    let day = if missing(11) {
        String::new()
    } else {
        format!("{}-{:02}-{:02}", 1200 + pick(13, 2000), pick(23, 12) + 1, pick(31, 28) + 1)
    };
    let time = match pick(17, 3) {
        0 => "NA".to_owned(),
        1 => {
            format!("2026-11-{:02} {:02}:00:{:02}.{}", pick(21, 30) + 1, pick(33, 24), pick(41, 60), pick(25, 999_999))
        }
        _ => format!("19{}-02-28T23:59:59", pick(27, 80) + 10),
    };
    let text =
        ["plain", "\"a, b\"", "\"two\nlines\"", "\"said \"\"no\"\"\"", "", "\"\"", "宁波 é", " spaces ", "NA", "007"];
    let _ = writeln!(out, "{integer},{number},{flag},{day},{time},{}", text[pick(44, 10) as usize]);
}

#[test]
fn the_fast_road_and_duckdbs_come_to_the_same_table() {
    let mut plain = "integer,number,flag,day,time,text\n".to_owned();
    for index in 0..ROWS {
        row(&mut plain, index);
    }
    plain.push_str("1,0.5,true,2026-11-23,NA,last\n");
    // One delimiter too many is forgiven by DuckDB and is not plain.
    let unusual = format!("{},\n", plain.trim_end());
    let options = || meuse_core::job::ImportOptions { missing: vec!["NA".into()], ..Default::default() };
    let [fast, duckdb] = [plain, unusual].map(|text| super::import_with(text, options()));
    assert_eq!(fast.schema, duckdb.schema);
    assert_eq!(fast.profile, duckdb.profile);
    assert_eq!(fast.preview, duckdb.preview);
    // Missing numbers are NaN, which equals nothing.
    assert_eq!(format!("{:?}", fast.table().columns), format!("{:?}", duckdb.table().columns));
    assert_eq!(fast.csv(), duckdb.csv());
    assert_eq!(fast.profile.rows, ROWS + 1);
    assert!(is_by_us(&fast) && !is_by_us(&duckdb), "each went its own road");
}

/// The writer's name stands in the last bytes of a Parquet file.
fn is_by_us(imported: &super::Imported) -> bool {
    let bytes = std::fs::read(imported.data()).expect("the file is there");
    let end = &bytes[bytes.len().saturating_sub(200)..];
    end.windows(5).any(|window| window == b"meuse")
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let mut text = "integer,number,flag,day,time,text\n".to_owned();
    for index in 0..ROWS {
        row(&mut text, index);
    }
    let [first, second] =
        [&text, &text].map(|text| std::fs::read(import(text.clone()).data()).expect("the file is there"));
    assert_eq!(first, second);
}

#[test]
fn where_a_file_can_be_read_in_one_way_only_duckdb_is_not_asked() {
    let by_us = ["a,b\n1,x\n2,y\n", "\u{feff}a;b\r\n1;x, y\r\n2;z\r\n", "a\tb\n1\t\"x\ny\"\n", "a|b|c\n1|2|\"3|4\"\n"];
    for text in by_us {
        assert!(is_by_us(&import(text)), "{text:?}");
    }
}

#[test]
fn where_several_readings_are_possible_duckdb_says_which() {
    let names = |text: &str| import(text).schema.names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names("1,2\n3,4\n"), ["column_1", "column_2"], "a first line of numbers is data");
    assert_eq!(names("a\n1\n2\n"), ["a"]);
    let quoted = import("a,b\n'x, y',1\n'z, z',2\n");
    assert_eq!(quoted.cells(), [["x, y", "1"], ["z, z", "2"]], "apostrophes around cells are quotes");
}

#[test]
fn an_upload_may_begin_behind_a_header() {
    let files = ["a,b\n1,x\n2,y\n", "a\n1\n2\n", "{\"a\": 1, \"b\": \"x\"}\n{\"a\": 2}\n"];
    for text in files {
        let [plain, behind] = ["", "16 bytes of ours"].map(|header| super::import_behind(header, text));
        assert_eq!(plain.schema, behind.schema, "{text:?}");
        assert_eq!(plain.profile, behind.profile, "{text:?}");
        assert_eq!(plain.csv(), behind.csv(), "{text:?}");
    }
}
