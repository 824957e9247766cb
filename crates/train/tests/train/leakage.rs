//! Nothing outside the training part reaches what is learnt.
//!
//! Every feature cell of every validation and test row is replaced by garbage; what was fitted and learnt must not
//! change by a byte.

use meuse_core::table::{MISSING, Table, Values};
use meuse_train::split::split;
use meuse_train::target::Target;

use crate::support::{Data, Dice, Files, data, spec, trained};

/// Numbers and texts, missing cells, a rare category; the target follows them.
fn mixed() -> Data {
    let mut dice = Dice(11);
    let rows = 600;
    let income: Vec<f64> =
        (0..rows).map(|_| if dice.uniform() < 0.1 { f64::NAN } else { 100.0 * dice.uniform() }).collect();
    let age: Vec<f64> = (0..rows).map(|_| (18.0 + 60.0 * dice.uniform()).floor()).collect();
    let housing: Vec<Option<&str>> =
        (0..rows).map(|_| dice.pick(&[Some("own"), Some("own"), Some("rent"), Some("free"), None])).collect();
    let risk = |row: usize| {
        let renting = if housing[row] == Some("rent") { 0.3 } else { 0.0 };
        0.15 + renting + if age[row] < 30.0 { 0.3 } else { 0.0 } + if income[row] > 70.0 { -0.1 } else { 0.1 }
    };
    let bad: Vec<bool> = (0..rows).map(|row| dice.uniform() < risk(row)).collect();
    let amount = (0..rows).map(|row| age[row] * 2.0 + dice.uniform() + if bad[row] { 10.0 } else { 0.0 });
    data(vec![
        ("income", Values::Number(income.clone())),
        ("age", Values::Number(age.clone())),
        ("housing", Values::text(housing.iter().copied())),
        ("amount", Values::Number(amount.collect())),
        ("outcome", Values::text(bad.iter().map(|bad| Some(if *bad { "bad" } else { "good" })))),
    ])
}

/// The table with other cells in the features of every row outside the training part, and with the dictionaries of
/// texts in another order.
fn with_garbage(recipe: &str, data: &Data) -> Data {
    let spec = spec(recipe, data);
    let target = Target::read(&spec.recipe, &data.schema, &data.table).expect("a good target");
    let parts = split(&spec.recipe, &data.schema, &data.table, &target).expect("a good split");
    let mut outside = vec![true; data.table.rows];
    parts.training.iter().for_each(|row| outside[*row as usize] = false);
    assert!(outside.iter().filter(|outside| **outside).count() > 200);
    let mut garbled = data.clone();
    let mut dice = Dice(5);
    for column in &mut garbled.table.columns {
        if column.name != spec.recipe.target && column.name != "outcome" {
            column.values = garble(&column.values, &outside, &mut dice);
        }
    }
    let same: Table = data.table.take(&parts.training);
    // By their words, since a missing number is not equal to itself.
    let (before, after) =
        (format!("{:?}", same.columns[0]), format!("{:?}", garbled.table.take(&parts.training).columns[0]));
    assert!(before == after, "training rows are as they were");
    garbled
}

fn garble(values: &Values, outside: &[bool], dice: &mut Dice) -> Values {
    match values {
        Values::Number(numbers) => {
            let cells = numbers.iter().zip(outside).map(|(number, outside)| match outside {
                true => dice.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, 1e300, 0.0, 12.5, -7.0]),
                false => *number,
            });
            Values::Number(cells.collect())
        }
        Values::Text { codes, dictionary } => {
            let cells = codes.iter().zip(outside).map(|(code, outside)| match (outside, *code) {
                (true, _) => dice.pick(&[None, Some("garbage"), Some("rent"), Some(""), Some("另一个")]),
                (false, MISSING) => None,
                (false, code) => Some(dictionary[code as usize].as_str()),
            });
            let cells: Vec<Option<&str>> = cells.collect();
            // Read from the end, so that the dictionary's order differs as well.
            let Values::Text { mut codes, dictionary } = Values::text(cells.into_iter().rev()) else {
                unreachable!("texts make a column of text")
            };
            codes.reverse();
            Values::Text { codes, dictionary }
        }
        Values::Pictures(pictures) => Values::Pictures(pictures.clone()),
    }
}

fn check(recipe: &str) -> (Files, Files) {
    let data = mixed();
    let (clean, garbled) = (trained(recipe, &data), trained(recipe, &with_garbage(recipe, &data)));
    assert!(clean.prep == garbled.prep, "prep.json changed\n{recipe}");
    assert_eq!(clean.manifest.inputs, garbled.manifest.inputs, "examples and allowed values are of training rows");
    assert_eq!(clean.manifest.left_out, garbled.manifest.left_out);
    (clean, garbled)
}

fn recipe(task: &str, split: &str, algorithm: &str, preprocessing: &str) -> String {
    let target = match task {
        "binary" => "target = \"outcome\"\npositive = \"bad\"\ndrop = [\"amount\"]",
        _ => "target = \"amount\"\ndrop = [\"outcome\"]",
    };
    format!(
        "dataset = \"small\"\ntask = \"{task}\"\n{target}\n[split]\nmethod = \"random\"\n{split}\n\
         {preprocessing}\n[algorithm]\n{algorithm}\n"
    )
}

const WITH_VALIDATION: &str = "validation = 0.2\ntest = 0.2";
const WITHOUT_VALIDATION: &str = "validation = 0.0\ntest = 0.4";

#[test]
fn garbage_outside_the_training_part_changes_no_byte() {
    let treatments = [
        "",
        "[preprocessing.numeric]\nimpute = \"mean\"\nencode = \"quantile_bins\"\n[preprocessing.text]\nimpute = \"most_frequent\"",
        "[preprocessing.numeric]\nencode = \"woe\"\n[preprocessing.text]\nencode = \"woe\"",
    ];
    let manual = "name = \"lightgbm\"\ncapacity = \"manual\"\nnum_iterations = 30\nearly_stopping_round = 0";
    for algorithm in ["name = \"logistic_regression\"", "name = \"scorecard\"", manual] {
        for treatment in treatments {
            if algorithm.contains("scorecard") && treatment.contains("quantile_bins") {
                continue;
            }
            for split in [WITH_VALIDATION, WITHOUT_VALIDATION] {
                let recipe = recipe("binary", split, algorithm, treatment);
                let (clean, garbled) = check(&recipe);
                assert!(clean.onnx == garbled.onnx, "model.onnx changed\n{recipe}");
                assert_eq!(clean.explanation, garbled.explanation, "{recipe}");
            }
        }
    }
}

#[test]
fn a_regression_learns_nothing_of_other_rows_either() {
    let manual = "name = \"lightgbm\"\ncapacity = \"manual\"\nnum_iterations = 30\nearly_stopping_round = 0";
    for algorithm in ["name = \"linear_regression\"", manual] {
        let (clean, garbled) = check(&recipe("regression", WITH_VALIDATION, algorithm, ""));
        assert!(clean.onnx == garbled.onnx, "model.onnx changed: {algorithm}");
    }
}

#[test]
fn capacity_is_chosen_inside_the_training_part() {
    let (clean, garbled) = check(&recipe("binary", WITHOUT_VALIDATION, "name = \"lightgbm\"", ""));
    assert!(clean.onnx == garbled.onnx, "model.onnx changed");
    assert_eq!(clean.evaluation.validation, garbled.evaluation.validation, "figures to choose by are of training rows");
}

#[test]
fn early_stopping_sees_the_validation_part_and_preprocessing_still_does_not() {
    let stopping = "name = \"lightgbm\"\ncapacity = \"manual\"\nnum_iterations = 200\nearly_stopping_round = 5";
    check(&recipe("binary", WITH_VALIDATION, stopping, ""));
}
