//! UTF-8 and GB18030, named or detected; anything else is refused with the place.

use encoding_rs::GB18030;
use meuse_core::job::{Encoding, ImportOptions};

use super::{import, import_with, refused, refused_with};

const CHINESE: &str = "姓名,城市,金额\n张三,北京,100\n李四,上海,200\n王五,\"广州,天河\",300\n";

fn named(encoding: Encoding) -> ImportOptions {
    ImportOptions { encoding: Some(encoding), ..ImportOptions::default() }
}

fn gb18030(text: &str) -> Vec<u8> {
    GB18030.encode(text).0.into_owned()
}

#[test]
fn the_same_table_comes_out_of_every_encoding() {
    let with_mark = ["\u{FEFF}", CHINESE].concat();
    let files = [CHINESE.as_bytes().to_vec(), with_mark.into_bytes(), gb18030(CHINESE)];
    for file in files {
        let imported = import(&file);
        assert_eq!(imported.preview.columns, ["姓名", "城市", "金额"]);
        assert_eq!(imported.cells()[2], ["王五", "广州,天河", "300"]);
    }
    assert_eq!(import_with(gb18030(CHINESE), named(Encoding::Gb18030)).cells()[0], ["张三", "北京", "100"]);
}

#[test]
fn characters_that_only_gb18030_has_are_read() {
    let text = "字,数\n㐀,1\n𠀀,2\n";
    assert_eq!(import_with(gb18030(text), named(Encoding::Gb18030)).cells(), [["㐀", "1"], ["𠀀", "2"]]);
}

#[test]
fn a_long_file_is_transcoded_across_chunks() {
    let mut text = "名,值\n".to_owned();
    for row in 0..200_000 {
        text.push_str(&format!("第{row}行,{row}\n"));
    }
    let imported = import(gb18030(&text));
    assert_eq!(imported.profile.rows, 200_000);
    assert_eq!(imported.column("名").distinct, 200_000);
}

#[test]
fn a_wrong_encoding_is_named_with_line_and_remedy() {
    let failure = refused_with(gb18030(CHINESE), named(Encoding::Utf8));
    assert_eq!(failure.field, "line 1");
    assert!(failure.message.contains("offset 0 is not UTF-8"), "{failure}");
    assert!(failure.hint.contains("--encoding gb18030"), "{failure}");

    let failure = refused(b"name,city\nAndr\xE9,Orl\xE9ans\n".as_slice());
    assert_eq!(failure.field, "line 2");
    assert!(failure.message.contains("offset 14 is not UTF-8; it looks like windows-1252"), "{failure}");

    let failure = refused_with(b"a,b\nx,\x81\n".as_slice(), named(Encoding::Gb18030));
    assert_eq!(failure.field, "line 2");
    assert!(failure.message.contains("not GB18030"), "{failure}");
}

#[test]
fn a_character_cut_at_the_end_of_the_file_is_refused() {
    let whole = "a,b\nx,中".as_bytes();
    let failure = refused_with(&whole[..whole.len() - 1], named(Encoding::Utf8));
    assert!(failure.message.contains("offset 6 is not UTF-8"), "{failure}");
    // Of its one or two bytes alone no encoding can be guessed, least of all one in which the whole file reads as others.
    let whole = "标签,名\n小猫,一二\n小狗,三四\n小猫".as_bytes();
    for cut in [1, 2] {
        let failure = refused(&whole[..whole.len() - cut]);
        assert!(failure.message.contains("is not UTF-8; the file ends in the middle of a character"), "{failure}");
    }
}
