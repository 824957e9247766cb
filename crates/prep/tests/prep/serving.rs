//! From a caller's JSON rows to a matrix: the signature and its errors.

use meuse_core::recipe::{NumericEncode, NumericImpute, PlannedColumn, TextEncode, TextImpute};
use meuse_core::schema::ColumnType;
use meuse_core::table::Table;
use meuse_prep::{Fitted, fit, points, rows};
use serde_json::{Map, Value, json};

use crate::support::{numbers, numeric, plan, text, texts};

fn typed(mut planned: PlannedColumn, column_type: ColumnType) -> PlannedColumn {
    planned.column_type = column_type;
    planned
}

/// Age (a number, refused when missing), member since (a date), student (true or false), housing (a text).
fn model() -> (Fitted, Table) {
    let columns = vec![
        numeric("age", NumericImpute::Refuse, NumericEncode::None),
        typed(numeric("since", NumericImpute::Median, NumericEncode::None), ColumnType::Date),
        typed(numeric("student", NumericImpute::Keep, NumericEncode::None), ColumnType::Boolean),
        text("housing", TextImpute::Keep, TextEncode::OneHot),
    ];
    let table = Table::new(vec![
        numbers("age", &[20.0, 30.0, 47.5]),
        numbers("since", &[0.0, 20_000.0, 10_000.0]),
        numbers("student", &[0.0, 0.0, 1.0]),
        texts("housing", &["rent", "own", "own"]),
    ]);
    (fit(&plan(columns), &table, None).expect("fits"), table)
}

fn row(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn good() -> Map<String, Value> {
    row(json!({"age": 35, "since": "1970-01-03", "student": true, "housing": "own"}))
}

#[test]
fn the_signature_tells_what_a_caller_gives() {
    let (fitted, table) = model();
    let inputs = fitted.inputs(&table);
    let examples: Vec<&Value> = inputs.iter().map(|input| &input.example).collect();
    assert_eq!(examples, [&json!(30.0), &json!("1997-05-19"), &json!(false), &json!("own")]);
    assert_eq!(inputs[3].allowed, Some(vec!["own".to_owned(), "rent".to_owned()]));
    assert!(inputs[0].required && !inputs[1].required);
    assert_eq!(inputs[1].missing, "the median 10000 stands in");
    assert_eq!(inputs[3].unknown, "counts as missing");
}

#[test]
fn its_own_examples_are_a_good_row() {
    let (fitted, table) = model();
    let inputs = fitted.inputs(&table);
    let example = inputs.iter().map(|input| (input.name.clone(), input.example.clone())).collect();
    let table = rows::table(&inputs, &[], &[example]).expect("examples are valid");
    assert!(fitted.transform(&table).expect("and known").notes.is_empty());
}

#[test]
fn rows_become_numbers_in_the_order_of_the_signature() {
    let (fitted, table) = model();
    let table = rows::table(&fitted.inputs(&table), &[], &[good()]).expect("valid");
    let transformed = fitted.transform(&table).expect("known");
    assert_eq!(transformed.matrix.data, [35.0, 2.0, 1.0, 1.0, 0.0]);
    assert!(transformed.notes.is_empty());
}

#[test]
fn a_null_follows_the_rule_and_the_answer_says_so() {
    let (fitted, table) = model();
    let asked = row(json!({"age": 35, "since": null, "student": true, "housing": "castle"}));
    let table = rows::table(&fitted.inputs(&table), &[], &[good(), asked]).expect("valid");
    let notes = fitted.transform(&table).expect("known").notes;
    let said: Vec<(usize, &str, &str)> =
        notes.iter().map(|note| (note.row, note.note.field.as_str(), note.note.message.as_str())).collect();
    let castle = "\"castle\" was not seen in training and counts as missing: no category is set";
    assert_eq!(said, [(1, "since", "missing: the median 10000 stands in"), (1, "housing", castle)]);
}

#[test]
fn what_is_wrong_with_a_row_is_named() {
    let (fitted, table) = model();
    let inputs = fitted.inputs(&table);
    let cases = [
        ("age", Some(json!("abc")), r#"rows[1].age: "abc" is not a number"#, "write a number, or null"),
        ("age", Some(json!("35")), r#"rows[1].age: "35" is not a number"#, "write it without quotes"),
        ("age", Some(json!([1])), "rows[1].age: a list is not a number", "write a number"),
        ("age", Some(json!(true)), "rows[1].age: true is not a number", "write a number"),
        ("age", Some(json!(null)), "rows[1].age: is null, and the recipe refuses rows without it", "give a value"),
        ("age", None, "rows[1].age: missing column", "give it, with null"),
        ("student", Some(json!(1)), "rows[1].student: 1 is not true or false", "write true or false"),
        ("since", Some(json!("yesterday")), r#"rows[1].since: "yesterday" is not a date"#, "write it as"),
        ("housing", Some(json!(7)), "rows[1].housing: 7 is not a text", r#"write it in quotes: "7""#),
        (
            "houssing",
            Some(json!("own")),
            "rows[1].houssing: the model has no such input",
            "remove it, or did you mean `housing`?",
        ),
    ];
    for (field, value, expected, hint) in cases {
        let mut bad = good();
        match value {
            Some(value) => bad.insert(field.to_owned(), value),
            None => bad.remove(field),
        };
        let error = rows::table(&inputs, &[], &[good(), bad]).expect_err(expected);
        assert_eq!(error.to_string(), expected);
        assert!(error.hint.starts_with(hint), "{}", error.hint);
    }
}

#[test]
fn columns_of_the_dataset_that_the_model_does_not_use_may_be_given() {
    let (fitted, table) = model();
    let mut row = good();
    row.insert("dropped".into(), json!("anything"));
    let inputs = fitted.inputs(&table);
    let plain = rows::table(&inputs, &[], &[good()]).expect("valid");
    assert_eq!(rows::table(&inputs, &["dropped".to_owned()], &[row.clone()]).expect("valid"), plain);
    assert!(rows::table(&inputs, &[], &[row]).is_err(), "a column that nobody knows is refused");
}

#[test]
fn a_slip_in_a_column_name_is_recognised() {
    let (fitted, table) = model();
    let mut bad = good();
    let value = bad.remove("housing").expect("is there");
    bad.insert("housng".to_owned(), value);
    let error = rows::table(&fitted.inputs(&table), &[], &[bad]).expect_err("a column is absent");
    assert_eq!(error.hint, "rename `housng`, which is not an input");
}

#[test]
fn a_long_value_is_shown_in_part() {
    let (fitted, table) = model();
    let mut bad = good();
    bad.insert("age".to_owned(), json!("x".repeat(10_000)));
    let error = rows::table(&fitted.inputs(&table), &[], &[bad]).expect_err("not a number");
    assert!(error.reason.chars().count() < 100, "{}", error.reason);
}

#[test]
fn columns_may_come_in_any_order_with_others_between() {
    let (fitted, table) = model();
    let mut turned = table.clone();
    turned.columns.reverse();
    turned.columns.insert(1, numbers("other", &[0.0, 0.0, 0.0]));
    assert_eq!(fitted.transform(&turned), fitted.transform(&table));
}

#[test]
fn a_table_without_a_column_or_with_another_type_is_refused() {
    let (fitted, table) = model();
    let mut short = table.clone();
    short.columns.remove(0);
    assert!(fitted.transform(&short).expect_err("age is absent").to_string().contains("`age` is missing"));
    let mut wrong = table;
    wrong.columns[0] = texts("age", &["a", "b", "c"]);
    assert!(fitted.transform(&wrong).expect_err("age holds texts").to_string().contains("`age` holds texts"));
}

#[test]
fn a_score_is_base_points_and_the_points_of_the_bins() {
    let cells: Vec<&str> = (0..40).map(|i| ["a", "b"][i % 2]).collect();
    let positive: Vec<bool> = (0..40).map(|i| i % 2 == 0 || i % 3 == 0).collect();
    let columns = vec![text("x", TextImpute::Keep, TextEncode::Woe)];
    let fitted = fit(&plan(columns), &Table::new(vec![texts("x", &cells)]), Some(&positive)).expect("fits");
    let (bins, information_value) = fitted.columns[0].woe().expect("is woe");
    let bins = bins.iter().zip([7, -3]).map(|(bin, points)| meuse_core::bundle::ScorecardBin {
        label: bin.label.clone(),
        count: bin.count,
        positives: bin.positives,
        woe: bin.woe,
        points,
    });
    let card = meuse_core::bundle::Scorecard {
        base_score: 600.0,
        base_odds: 1.0 / 19.0,
        points_to_double_odds: 50.0,
        base_points: 500,
        columns: vec![meuse_core::bundle::ScorecardColumn {
            column: "x".into(),
            coefficient: 1.0,
            information_value,
            bins: bins.collect(),
        }],
    };
    // The bins are ordered by risk, so `b` comes first; a missing cell is neutral.
    let asked = Table::new(vec![texts("x", &["a", "b", ""])]);
    assert_eq!(points(&fitted, &card, &asked), [497, 507, 500]);
}
