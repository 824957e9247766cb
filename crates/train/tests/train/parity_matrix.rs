//! Every algorithm behind every preprocessing: whatever a recipe may say trains, and its ONNX model answers what the
//! trainer's own answers (the training itself fails otherwise).

use meuse_core::recipe;
use meuse_core::table::Values;

use crate::support::{Data, Dice, Silent, data, run, spec};

/// Missing cells, categories of a few and of one row, a constant and an all-missing column, and the number `odd`.
fn awkward(odd: f64) -> Data {
    let mut dice = Dice(23);
    let rows = 240;
    let number: Vec<f64> = (0..rows)
        .map(|row| match row {
            17 => odd,
            _ if dice.uniform() < 0.15 => f64::NAN,
            _ => 1000.0 * dice.uniform() - 300.0,
        })
        .collect();
    let flag: Vec<f64> = (0..rows).map(|_| dice.pick(&[0.0, 0.0, 1.0])).collect();
    let kind: Vec<Option<&str>> = (0..rows)
        .map(|row| if row == 30 { Some("once") } else { dice.pick(&[Some("红"), Some("blue"), Some("green"), None]) })
        .collect();
    let risk = |row: usize| 0.2 + 0.3 * flag[row] + if kind[row] == Some("blue") { 0.3 } else { 0.0 };
    let outcome: Vec<bool> = (0..rows).map(|row| dice.uniform() < risk(row)).collect();
    let amount = (0..rows).map(|row| 100.0 * risk(row) + dice.uniform());
    data(vec![
        ("number", Values::Number(number)),
        ("flag", Values::Number(flag.clone())),
        ("tiny", Values::Number((0..rows).map(|row| 1e-9 * row as f64).collect())),
        ("huge", Values::Number((0..rows).map(|row| 1e12 + 1e9 * ((row * 7) % 13) as f64).collect())),
        ("kind", Values::text(kind.iter().copied())),
        ("letter", Values::text((0..rows).map(|row| Some(["a", "b", "c", "d", "e", "f"][row * 5 % 6])))),
        ("constant", Values::Number(vec![3.0; rows])),
        ("always", Values::text(vec![Some("same"); rows])),
        ("nothing", Values::Number(vec![f64::NAN; rows])),
        ("silence", Values::text(vec![None; rows])),
        ("outcome", Values::text(outcome.iter().map(|bad| Some(if *bad { "yes" } else { "no" })))),
        ("amount", Values::Number(amount.collect())),
    ])
}

const TREES: &str =
    "name = \"lightgbm\"\ncapacity = \"manual\"\nnum_iterations = 12\nmin_data_in_leaf = 5\nnum_leaves = 6";
const NUMERIC_IMPUTE: [&str; 4] = ["keep", "mean", "median", "constant"];
const NUMERIC_ENCODE: [&str; 4] = ["none", "standardise", "quantile_bins", "woe"];
const TEXT_IMPUTE: [&str; 3] = ["keep", "most_frequent", "constant"];
const TEXT_ENCODE: [&str; 3] = ["one_hot", "ordinal", "woe"];

fn recipe(task: &str, algorithm: &str, numeric: (&str, &str), text: (&str, &str)) -> String {
    let target = match task {
        "binary" => "target = \"outcome\"\npositive = \"yes\"\ndrop = [\"amount\"]",
        _ => "target = \"amount\"\ndrop = [\"outcome\"]",
    };
    let filled =
        |impute: &str, fill: &str| if impute == "constant" { format!("\nfill = {fill}") } else { String::new() };
    format!(
        "dataset = \"small\"\ntask = \"{task}\"\n{target}\n[split]\nmethod = \"random\"\n\
         [preprocessing.numeric]\nimpute = \"{}\"\nencode = \"{}\"{}\n\
         [preprocessing.text]\nimpute = \"{}\"\nencode = \"{}\"{}\n\
         [algorithm]\n{algorithm}\n",
        numeric.0,
        numeric.1,
        filled(numeric.0, "-1.5"),
        text.0,
        text.1,
        filled(text.0, "\"blue\""),
    )
}

/// Trains every combination that a recipe may say; gives how many there were.
fn check(task: &str, algorithm: &str) -> usize {
    let mut trained = 0;
    for impute in NUMERIC_IMPUTE {
        for encode in NUMERIC_ENCODE {
            for text_encode in TEXT_ENCODE {
                // What stands in for a missing text has nothing to do with numbers, so it is not tried behind each rule.
                for text_impute in TEXT_IMPUTE {
                    let tried = impute == "constant" && ["none", "woe"].contains(&encode);
                    if text_impute != "keep" && !tried {
                        continue;
                    }
                    // A linear model refuses an infinite number that nothing binds to the training part's range.
                    let bare = algorithm.contains("regression") && encode == "none";
                    let data = awkward(if bare { 1e6 } else { f64::INFINITY });
                    let text = recipe(task, algorithm, (impute, encode), (text_impute, text_encode));
                    let spec = spec(&text, &data);
                    if recipe::check(&spec.recipe, &data.schema, None).is_err() {
                        continue;
                    }
                    let files = run(&text, &data, &Silent).unwrap_or_else(|error| panic!("{error}\n{text}"));
                    let left_out: Vec<&str> = files.manifest.left_out.iter().map(|left| left.column.as_str()).collect();
                    for column in ["constant", "always", "nothing", "silence"] {
                        assert!(left_out.contains(&column), "{column} is left out, and said: {left_out:?}\n{text}");
                    }
                    trained += 1;
                }
            }
        }
    }
    trained
}

#[test]
fn logistic_regression_behind_every_preprocessing() {
    assert_eq!(check("binary", "name = \"logistic_regression\""), 40);
}

#[test]
fn linear_regression_behind_every_preprocessing() {
    assert_eq!(check("regression", "name = \"linear_regression\"\nl1 = 0.5"), 14);
}

#[test]
fn scorecard_behind_every_preprocessing() {
    assert_eq!(check("binary", "name = \"scorecard\"\nmin_information_value = 0.0"), 6);
}

#[test]
fn lightgbm_behind_every_preprocessing() {
    assert_eq!(check("binary", TREES), 60);
}

#[test]
fn lightgbm_regression_behind_every_preprocessing() {
    assert_eq!(check("regression", TREES), 28);
}
