//! What holds for any table: columns equal rows, JSON is faithful, rows that were not given do not matter.

use meuse_core::recipe::{NumericEncode, NumericImpute, Plan, TextEncode, TextImpute};
use meuse_core::table::{Column, Table, Values};
use meuse_prep::{Fitted, fit};
use proptest::prelude::*;

use crate::support::{numeric, plan, text};

/// One column of numbers and one of texts, under every treatment.
fn every_treatment() -> Plan {
    let mut columns = Vec::new();
    for encode in [NumericEncode::None, NumericEncode::Standardise, NumericEncode::QuantileBins, NumericEncode::Woe] {
        for impute in [NumericImpute::Keep, NumericImpute::Mean, NumericImpute::Median, NumericImpute::Constant] {
            columns.push(numeric("number", impute, encode));
        }
    }
    for encode in [TextEncode::OneHot, TextEncode::Ordinal, TextEncode::Woe] {
        for impute in [TextImpute::Keep, TextImpute::MostFrequent, TextImpute::Constant] {
            columns.push(text("text", impute, encode));
        }
    }
    plan(columns)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (-50_i32..50).prop_map(|number| f64::from(number) / 4.0),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(1e300), Just(-1e300), Just(-0.0)],
    ]
}

fn word() -> impl Strategy<Value = Option<String>> {
    prop_oneof![4 => "[a-e]".prop_map(Some), 1 => Just(None), 1 => "\\PC{0,6}".prop_map(Some)]
}

fn rows(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<(f64, Option<String>, bool)>> {
    proptest::collection::vec((number(), word(), any::<bool>()), count)
}

fn table(rows: &[(f64, Option<String>, bool)]) -> Table {
    let numbers = rows.iter().map(|row| row.0).collect();
    let texts = Values::text(rows.iter().map(|row| row.1.as_deref()));
    Table::new(vec![
        Column { name: "number".into(), values: Values::Number(numbers) },
        Column { name: "text".into(), values: texts },
    ])
}

fn fitted(rows: &[(f64, Option<String>, bool)]) -> Option<Fitted> {
    let positive: Vec<bool> = rows.iter().map(|row| row.2).collect();
    fit(&every_treatment(), &table(rows), Some(&positive)).ok()
}

/// Bits, so that NaN equals itself.
fn bits(fitted: &Fitted, table: &Table) -> Vec<u32> {
    fitted.transform(table).expect("nothing is refused").matrix.data.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #[test]
    fn columns_and_single_rows_give_the_same(training in rows(2..60), served in rows(1..40)) {
        let Some(fitted) = fitted(&training) else { return Ok(()) };
        let served = table(&served);
        let whole = fitted.transform(&served).expect("nothing is refused");
        let mut cells: Vec<u32> = Vec::new();
        let mut notes = Vec::new();
        let mut bins = Vec::new();
        for row in 0..served.rows {
            let one = fitted.transform(&served.take(&[row as u32])).expect("nothing is refused");
            cells.extend(one.matrix.data.iter().map(|value| value.to_bits()));
            notes.extend(one.notes.into_iter().map(|note| (row, note.note)));
            bins.extend(fitted.bins(&served.take(&[row as u32])));
        }
        prop_assert_eq!(bits(&fitted, &served), cells);
        let mut of_whole: Vec<_> = whole.notes.into_iter().map(|note| (note.row, note.note)).collect();
        of_whole.sort_by_key(|(row, _)| *row);
        prop_assert_eq!(of_whole, notes);
        prop_assert_eq!(fitted.bins(&served), bins);
        prop_assert_eq!(fitted.matrix(&served).expect("nothing is refused").width, fitted.features().len());
    }

    #[test]
    fn prep_json_reads_back_as_it_was_written(training in rows(2..60), served in rows(1..40)) {
        let Some(fitted) = fitted(&training) else { return Ok(()) };
        let json = serde_json::to_string(&fitted).expect("serialises");
        let back: Fitted = serde_json::from_str(&json).expect("reads back");
        prop_assert_eq!(bits(&fitted, &table(&served)), bits(&back, &table(&served)));
        prop_assert_eq!(serde_json::to_string(&back).expect("serialises"), json);
    }

    #[test]
    fn rows_that_were_not_given_change_no_byte(training in rows(2..40), others in rows(1..40), more in rows(1..40)) {
        let count = training.len();
        let chosen: Vec<u32> = (0..count as u32).collect();
        let positive: Vec<bool> = training.iter().map(|row| row.2).collect();
        let json = |others: &[(f64, Option<String>, bool)]| {
            // The other rows come first, so that they shape the dictionary of texts.
            let all: Vec<_> = others.iter().chain(&training).cloned().collect();
            let rows: Vec<u32> = chosen.iter().map(|row| row + others.len() as u32).collect();
            let fitted = fit(&every_treatment(), &table(&all).take(&rows), Some(&positive));
            fitted.map(|fitted| serde_json::to_string(&fitted).expect("serialises")).map_err(|error| error.to_string())
        };
        prop_assert_eq!(json(&others), json(&more));
    }

    #[test]
    fn a_served_cell_is_missing_only_where_the_recipe_keeps_it(training in rows(2..60), served in rows(1..40)) {
        let Some(fitted) = fitted(&training) else { return Ok(()) };
        let matrix = fitted.matrix(&table(&served)).expect("nothing is refused");
        for (index, feature) in fitted.features().iter().enumerate() {
            let may_be_missing = !matches!(feature.kind, meuse_prep::FeatureKind::Indicator | meuse_prep::FeatureKind::Woe);
            let any_missing = (0..matrix.rows).any(|row| matrix.row(row)[index].is_nan());
            prop_assert!(may_be_missing || !any_missing, "{}", feature.name);
        }
    }
}
