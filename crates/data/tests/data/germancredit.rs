//! The data set of the demo.

use std::path::Path;

use meuse_core::schema::ColumnType;
use meuse_core::table::Values;

use super::import;

#[test]
fn the_german_credit_data_is_read_whole() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/credit/germancredit.csv");
    let imported = import(std::fs::read(file).expect("the example is there"));
    assert_eq!((imported.profile.rows, imported.schema.columns.len()), (1000, 21));
    let integers = imported.types().iter().filter(|found| **found == ColumnType::Integer).count();
    let texts = imported.types().iter().filter(|found| **found == ColumnType::Text).count();
    assert_eq!((integers, texts), (7, 14), "seven columns of whole numbers, fourteen of categories");
    assert!(imported.profile.columns.iter().all(|column| column.missing == 0));

    let creditability = imported.schema.column("creditability").expect("the target is there");
    assert_eq!(creditability.categories, Some(vec!["bad".to_owned(), "good".to_owned()]));
    assert_eq!(imported.column("creditability").frequent[0].count, 700);
    let purpose = imported.schema.column("purpose").expect("the purpose is there");
    assert_eq!(purpose.categories.as_ref().map(Vec::len), Some(10));

    let amount = imported.column("credit_amount").numeric.as_ref().expect("the amount is a number");
    // numpy on the same column.
    assert_eq!((amount.min, amount.max), (250.0, 18_424.0));
    assert!((amount.mean - 3271.258).abs() < 1e-9);
    assert!((amount.standard_deviation - 2_822.736_875_960_441).abs() < 1e-9);
    let quantiles: Vec<f64> = amount.quantiles.iter().map(|quantile| quantile.value).collect();
    assert_eq!(quantiles[2..5], [1365.5, 2319.5, 3972.25]);
    assert_eq!(imported.warnings(), "", "this file gives no reason for a warning");

    let table = imported.table();
    assert_eq!((table.rows, table.columns.len()), (1000, 21));
    let Some(Values::Number(ages)) = table.column("age_in_years") else { panic!("ages are numbers") };
    assert_eq!(ages[..3], [67.0, 22.0, 49.0]);
}
