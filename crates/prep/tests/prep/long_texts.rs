//! Long texts become what scikit-learn, Keras and jieba make of them, in columns and in single rows.

use std::path::Path;

use meuse_core::api::NoteKind;
use meuse_core::recipe::{PlannedColumn, Tfidf, Tokens, Treatment};
use meuse_core::schema::ColumnType;
use meuse_core::table::{Column, Table, Values};
use meuse_prep::text::{FittedTfidf, Scratch, Side, WordIndex, pad, tokens};
use meuse_prep::{Error, Fitted, fit};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::support::plan;

#[derive(Deserialize)]
struct Fixture {
    english: Texts,
    chinese: Texts,
    tfidf: Vec<Weighed>,
    keras: Vec<Numbered>,
    words: Vec<Vec<String>>,
}

#[derive(Deserialize)]
struct Texts {
    learnt: Vec<String>,
    others: Vec<String>,
}

#[derive(Deserialize)]
struct Weighed {
    name: String,
    language: String,
    settings: Tfidf,
    terms: Vec<String>,
    /// Indices and weights of each of the other texts.
    rows: Vec<(Vec<u32>, Vec<f64>)>,
}

#[derive(Deserialize)]
struct Numbered {
    size: Option<u32>,
    words: Vec<String>,
    sequences: Vec<Vec<u32>>,
    padded: std::collections::BTreeMap<String, Vec<Vec<u32>>>,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/text.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("committed")).expect("written by its script")
}

fn column(cells: &[Option<&str>]) -> Table {
    Table::new(vec![Column { name: "text".into(), values: Values::text(cells.iter().copied()) }])
}

fn planned(refuse_missing: bool, tfidf: Tfidf) -> PlannedColumn {
    let treatment = Treatment::LongText { refuse_missing, tfidf };
    PlannedColumn { name: "text".into(), column_type: ColumnType::Text, treatment }
}

fn fitted(cells: &[Option<&str>], tfidf: Tfidf) -> Result<Fitted, Error> {
    fit(&plan(vec![planned(false, tfidf)]), &column(cells), None)
}

#[test]
fn weights_are_scikit_learns() {
    let Fixture { english, chinese, tfidf, .. } = fixture();
    for case in tfidf {
        let texts = if case.language == "english" { &english } else { &chinese };
        let name = format!("{} ({})", case.name, case.language);
        let fitted = FittedTfidf::fit(&case.settings, texts.learnt.iter().map(String::as_str)).expect("it has terms");
        assert!(fitted.terms().terms().eq(case.terms.iter().map(String::as_str)), "{name}: other terms");
        let mut scratch = Scratch::default();
        for (text, (terms, weights)) in texts.others.iter().zip(&case.rows) {
            let found = fitted.weights(text, &mut scratch);
            assert!(found.iter().map(|(term, _)| term).eq(terms), "{name}: {text:?} has other terms");
            for ((_, weight), expected) in found.iter().zip(weights) {
                assert!((weight - expected).abs() <= 1e-12, "{name}: {text:?}: {weight} is not {expected}");
            }
        }
    }
}

#[test]
fn ids_and_padding_are_keras_s() {
    let Fixture { english, keras, .. } = fixture();
    for case in keras {
        let index = WordIndex::fit(Tokens::KerasWords, case.size, english.learnt.iter().map(String::as_str));
        assert!(index.words().eq(case.words.iter().map(String::as_str)), "{:?}", case.size);
        let back: WordIndex =
            serde_json::from_str(&serde_json::to_string(&index).expect("serialises")).expect("reads back");
        for (row, (text, ids)) in english.others.iter().zip(&case.sequences).enumerate() {
            assert_eq!(&back.ids(text), ids, "{text:?}");
            for (sides, padded) in &case.padded {
                let side = |word: &str| if word == "pre" { Side::Front } else { Side::Back };
                let (padding, truncating) = sides.split_once(' ').expect("two words");
                assert_eq!(pad(ids, 12, side(padding), side(truncating)), padded[row], "{sides}: {text:?}");
            }
        }
    }
}

#[test]
fn chinese_words_are_jieba_s() {
    let Fixture { chinese, words, .. } = fixture();
    for (text, expected) in chinese.learnt.iter().chain(&chinese.others).zip(words) {
        let mut found = Vec::new();
        tokens(text, Tokens::Jieba, &mut |word| found.push(&text[word]));
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn a_served_text_says_when_it_is_missing_or_unknown() {
    let fitted = fitted(&[Some("good film"), Some("bad film"), None], Tfidf::default()).expect("three terms");
    assert_eq!((fitted.width(), fitted.terms(), fitted.features().len()), (0, 3, 0));
    let given = column(&[Some("a film"), None, Some("xyzzy"), Some("")]);
    let answer = fitted.transform(&given).expect("nothing is refused");
    let sparse = answer.matrix.sparse.expect("it has terms");
    assert_eq!((sparse.starts, sparse.columns, sparse.values), (vec![0, 1, 1, 1, 1], vec![1], vec![1.0]));
    let notes: Vec<_> = answer.notes.iter().map(|note| (note.row, note.note.kind)).collect();
    assert_eq!(notes, [(1, NoteKind::Missing), (2, NoteKind::UnknownText), (3, NoteKind::UnknownText)]);
    let input = &fitted.inputs(&given)[0];
    assert_eq!((&input.example, input.required, &input.allowed), (&json!("a film"), false, &None));

    let strict = fit(&plan(vec![planned(true, Tfidf::default())]), &column(&[Some("good film")]), None).expect("fits");
    let refused = strict.transform(&given).expect_err("a text is missing").to_string();
    assert!(refused.contains("rows[1].text") && strict.inputs(&given)[0].required, "{refused}");
}

#[test]
fn without_terms_there_is_nothing_to_learn_and_the_field_is_named() {
    let cases = [
        (
            vec![Some("a . !"), None],
            Tfidf::default(),
            "tfidf.tokens`: no text of the training part holds a token of `words`",
        ),
        (
            vec![Some("one"), Some("two")],
            Tfidf { min_df: 5, ..Tfidf::default() },
            "tfidf.min_df`: no term is in 5 of the 2",
        ),
        (vec![Some("one"), Some("one")], Tfidf { max_df: 0.5, ..Tfidf::default() }, "tfidf.max_df`: "),
    ];
    for (cells, tfidf, expected) in cases {
        let error = fitted(&cells, tfidf).expect_err("no term is left").to_string();
        assert!(error.contains("`preprocessing.columns.text.") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_text_of_ten_megabytes_is_an_ordinary_one() {
    for tokens in [Tokens::Words, Tokens::KerasWords, Tokens::Characters, Tokens::Jieba] {
        let rule = Tfidf { tokens, max_ngram: 2, ..Tfidf::default() };
        let fitted = fitted(&[Some("good film 电影好看"), Some("bad film\0 \u{feff}")], rule).expect("it has terms");
        let long = "good film 好看 \0".repeat(10 * 1024 * 1024 / 18);
        let matrix = fitted.matrix(&column(&[Some(&long)])).expect("nothing is refused");
        let sparse = matrix.sparse.expect("it has terms");
        assert!(!sparse.columns.is_empty() && sparse.columns.len() <= fitted.terms());
        assert!(sparse.values.iter().all(|value| value.is_finite()));
    }
}

fn any_rule() -> impl Strategy<Value = Tfidf> {
    let tokens =
        prop_oneof![Just(Tokens::Words), Just(Tokens::KerasWords), Just(Tokens::Characters), Just(Tokens::Jieba)];
    (tokens, 1_u32..3, 0_u32..2, any::<bool>(), any::<bool>()).prop_map(|(tokens, min, more, sublinear, nfkc)| Tfidf {
        tokens,
        min_ngram: min,
        max_ngram: min + more,
        sublinear_tf: sublinear,
        normalise: if nfkc { meuse_core::recipe::Normalise::Nfkc } else { meuse_core::recipe::Normalise::None },
        ..Tfidf::default()
    })
}

fn any_text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![1 => Just(None), 4 => "[ab中文 \0.]{0,12}".prop_map(Some), 2 => "\\PC{0,20}".prop_map(Some)]
}

proptest! {
    #[test]
    fn columns_single_rows_and_json_give_the_same(
        rule in any_rule(),
        learnt in proptest::collection::vec(any_text(), 2..20),
        served in proptest::collection::vec(any_text(), 1..10),
    ) {
        let learnt: Vec<Option<&str>> = learnt.iter().map(Option::as_deref).collect();
        let Ok(fitted) = fitted(&learnt, rule) else { return Ok(()) };
        let back: Fitted = serde_json::from_str(&serde_json::to_string(&fitted).expect("serialises")).expect("reads");
        prop_assert_eq!(&back, &fitted);
        let served = column(&served.iter().map(Option::as_deref).collect::<Vec<_>>());
        let whole = fitted.matrix(&served).expect("nothing is refused");
        let mut below = fitted.matrix(&served.take(&[])).expect("no rows");
        for row in 0..served.rows {
            below.append(&back.matrix(&served.take(&[row as u32])).expect("nothing is refused"));
        }
        prop_assert_eq!(whole, below);
    }
}
