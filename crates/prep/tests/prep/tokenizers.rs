//! Published tokenizers give the ids that Hugging Face's Python package gives, and files that are none give a reason.

use std::path::Path;

use meuse_core::recipe::{PlannedColumn, Sequence, Treatment};
use meuse_core::schema::ColumnType;
use meuse_core::table::{Column, Table, Values};
use meuse_prep::text::{Side, Tokenizer};
use meuse_prep::{Error, Fitted, Tokenizers, fit_on};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::mutate::fuzz;
use crate::support::plan;

#[derive(Deserialize)]
struct Fixture {
    texts: Vec<String>,
    long: Long,
    tokenizers: Vec<Made>,
}

#[derive(Deserialize)]
struct Long {
    text: String,
    times: usize,
}

#[derive(Deserialize)]
struct Made {
    name: String,
    /// None of the one that tests do not bring along.
    json: Value,
    size: u32,
    ids: Vec<Ids>,
}

#[derive(Deserialize)]
struct Ids {
    length: u32,
    side: Side,
    texts: Vec<Vec<u32>>,
    long: LongIds,
}

#[derive(Deserialize)]
struct LongIds {
    count: usize,
    first: Vec<u32>,
    last: Vec<u32>,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("committed")).expect("written by its script")
}

fn json_of(made: &Made) -> String {
    if !made.json.is_null() {
        return made.json.to_string();
    }
    let path = format!("../../vendor/pretrained/lib/{}/tokenizer.json", made.name);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}: scripts/setup --tests", path.display()))
}

fn one(name: &str) -> String {
    json_of(fixture().tokenizers.iter().find(|made| made.name == name).expect("it is there"))
}

#[test]
fn ids_are_those_of_hugging_face_s_package() {
    let Fixture { texts, long, tokenizers } = fixture();
    let long = long.text.repeat(long.times);
    for made in &tokenizers {
        let json = json_of(made);
        for expected in &made.ids {
            let tokenizer = Tokenizer::new(json.clone(), expected.length, expected.side).expect("it is one");
            let of = |text: &str| tokenizer.ids(text).expect("read");
            for (text, ids) in texts.iter().zip(&expected.texts) {
                assert_eq!(&of(text), ids, "{} of {text:?}, {} {:?}", made.name, expected.length, expected.side);
            }
            let ids = of(&long);
            assert_eq!((ids.len(), &ids[..ids.len().min(40)]), (expected.long.count, &expected.long.first[..]));
            assert_eq!(ids[ids.len().saturating_sub(40)..], expected.long.last);
            let has_padding = ["[PAD]", "<pad>"].iter().any(|token| json.contains(token));
            assert_eq!(tokenizer.size(), made.size + u32::from(!has_padding), "{}", made.name);
            assert!(tokenizer.padding() < tokenizer.size());
        }
    }
}

#[test]
fn texts_longer_than_anything_sensible_are_read_as_far_as_is_needed() {
    let json = one("word_piece");
    let text = "good 好".repeat(3 << 20);
    for side in [Side::Front, Side::Back] {
        let ids = Tokenizer::new(json.clone(), 16, side).expect("it is one").ids(&text).expect("read");
        assert_eq!(ids.len(), 16);
    }
}

fn table(cells: &[Option<&str>]) -> Table {
    Table::new(vec![Column { name: "text".into(), values: Values::text(cells.iter().copied()) }])
}

fn fitted(name: &str, vocabulary: u32, padding: Side) -> Result<Fitted, Error> {
    let sequence = Sequence { tokenizer: Some("own".into()), vocabulary, length: 8, padding, ..Sequence::default() };
    let tokenizer = Tokenizer::new(one(name), 8, sequence.truncating).expect("it is one");
    let tokenizers = Tokenizers::from([("text".to_owned(), tokenizer)]);
    let treatment = Treatment::Sequence { refuse_missing: false, sequence, min_count: 1 };
    let column = PlannedColumn { name: "text".into(), column_type: ColumnType::Text, treatment };
    fit_on(&plan(vec![column]), &table(&[Some("a film")]), &[0], None, &tokenizers, 1)
}

#[test]
fn a_network_reads_the_ids_of_a_tokenizer_filled_up_with_its_own_padding() {
    for (name, padding) in [("word_piece", 0.0), ("unigram", 1.0), ("byte_level_bpe", 700.0)] {
        let ready = fitted(name, 10_000, Side::Back).expect("fitted");
        let written = serde_json::to_vec(&ready).expect("written");
        let read: Fitted = serde_json::from_slice(&written).expect("read");
        assert_eq!(read, ready);
        let matrix = read.matrix(&table(&[Some("a film"), None])).expect("made");
        let tokenizer = Tokenizer::new(one(name), 8, Side::Back).expect("it is one");
        let ids = tokenizer.ids("a film").expect("read");
        let row: Vec<u32> = matrix.row(0)[..ids.len()].iter().map(|id| *id as u32).collect();
        assert_eq!(row, ids, "{name}");
        assert!(matrix.row(0)[ids.len()..].iter().all(|id| *id == padding), "{name}: {:?}", matrix.row(0));
        let empty = tokenizer.ids("").expect("read").len();
        assert!(matrix.row(1)[empty..].iter().all(|id| *id == padding), "{name}: a missing text is an empty one");
        let front = fitted(name, 10_000, Side::Front).expect("fitted").matrix(&table(&[Some("a film")])).expect("made");
        assert_eq!(front.row(0)[8 - ids.len()..], matrix.row(0)[..ids.len()]);
        assert_eq!(read.network_inputs()[0].ids, Some(tokenizer.size()));
    }
}

#[test]
fn a_vocabulary_without_room_for_all_ids_is_told_how_many_there_are() {
    let Err(Error::NoTerms { field, hint, .. }) = fitted("byte_level_bpe", 700, Side::Back) else {
        panic!("too small")
    };
    assert_eq!(
        (field.as_str(), hint.as_str()),
        ("preprocessing.columns.text.sequence.vocabulary", "write vocabulary = 701")
    );
}

#[test]
fn what_is_no_tokenizer_is_refused_with_a_reason() {
    let good = one("word_piece");
    let check = |json: String, part: &str| {
        let error = Tokenizer::new(json, 16, Side::Back).expect_err(part);
        assert!(error.contains(part), "{error}");
    };
    check(String::new(), "EOF");
    check(good[..good.floor_char_boundary(good.len() / 2)].to_owned(), "");
    check("[".repeat(100_000), "");
    check(json!({"version": "1.0", "model": {"type": "Magic"}}).to_string(), "");
    check(good.replacen("\"[CLS]\":2", "\"[CLS]\":-2", 1), "");
    check(good.replacen("\"[CLS]\":2", "\"[CLS]\":4000000000", 1), "10000000");
    let long = format!("\"{}\":2", "good".repeat(2000));
    check(good.replacen("\"[CLS]\":2", &long, 1), "a text of 8000 bytes");
    check(" ".repeat((64 << 20) + 1), "64 are the most");
    let mut hostile: Value = serde_json::from_str(&good).expect("JSON");
    hostile["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0});
    check(hostile.to_string(), "gave up on it: chunk size must be non-zero");
    hostile["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"});
    check(hostile.to_string(), "gave up on it: Precompiled");
    let two = Tokenizer::new(good, 2, Side::Back).expect_err("no room");
    assert!(two.contains("2 special tokens") && two.contains("length = 2"), "{two}");
}

#[test]
fn damaged_files_never_end_in_a_panic() {
    // What the library itself panics at is caught, and would fill the test's output.
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let good: Vec<Vec<u8>> =
        ["word_piece", "split_byte_level_bpe", "unigram"].map(|name| one(name).into_bytes()).into();
    fuzz("tokenizer", 200, &good, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(tokenizer) = Tokenizer::new(text, 16, Side::Back) else { return };
        if let Ok(ids) = tokenizer.ids("It's a wonderful film, 很好看。 👍🏽") {
            assert!(ids.len() <= 16, "{ids:?}");
        }
    });
    std::panic::set_hook(silent);
}
