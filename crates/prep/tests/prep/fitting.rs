//! What each step does to values.

use meuse_core::recipe::{NumericEncode, NumericImpute, TextEncode, TextImpute, Treatment, Unknown};
use meuse_core::schema::ColumnType;
use meuse_core::table::{Table, Values};
use meuse_prep::{Error, FeatureKind, Fitted, fit};

use crate::support::{NAN, fit_one, matrix, numbers, numeric, plan, text, texts};

fn names(fitted: &Fitted) -> Vec<String> {
    fitted.features().into_iter().map(|feature| feature.name).collect()
}

#[test]
fn a_stand_in_is_fitted_on_the_training_numbers() {
    let cells = [1.0, 2.0, NAN, 9.0];
    for (impute, expected) in [(NumericImpute::Mean, 4.0), (NumericImpute::Median, 2.0), (NumericImpute::Constant, 0.0)]
    {
        let fitted = fit_one(numeric("x", impute, NumericEncode::None), numbers("x", &cells), None).expect("fits");
        assert_eq!(matrix(&fitted, numbers("x", &[NAN, 5.0])), [[expected], [5.0]], "{impute:?}");
    }
    let fitted =
        fit_one(numeric("x", NumericImpute::Keep, NumericEncode::None), numbers("x", &cells), None).expect("fits");
    assert!(matrix(&fitted, numbers("x", &[NAN]))[0][0].is_nan());
}

#[test]
fn standardising_uses_the_population_deviation_and_bounds_infinities() {
    let planned = numeric("x", NumericImpute::Median, NumericEncode::Standardise);
    let fitted = fit_one(planned, numbers("x", &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), None).expect("fits");
    let served = numbers("x", &[5.0, 7.0, NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300]);
    assert_eq!(matrix(&fitted, served), [[0.0], [1.0], [-0.25], [2.0], [-1.5], [1e18]]);
}

#[test]
fn standardising_survives_the_largest_and_smallest_numbers() {
    for scale in [1e-300, 1e-8, 1.0, 1e8, 1e300] {
        let planned = numeric("x", NumericImpute::Median, NumericEncode::Standardise);
        let cells: Vec<f64> = [-1.0, 1.0, -1.0, 1.0].iter().map(|cell| cell * scale).collect();
        let fitted = fit_one(planned, numbers("x", &cells), None).expect("fits");
        assert_eq!(matrix(&fitted, numbers("x", &cells)), [[-1.0], [1.0], [-1.0], [1.0]], "{scale}");
    }
}

#[test]
fn quantile_bins_hold_their_lower_edge_and_missing_has_an_indicator() {
    let cells: Vec<f64> = (0..=100).map(f64::from).chain([NAN]).collect();
    let planned = numeric("x", NumericImpute::Keep, NumericEncode::QuantileBins);
    let fitted = fit_one(planned, numbers("x", &cells), None).expect("fits");
    assert_eq!(names(&fitted), ["x=(−∞, 25)", "x=[25, 50)", "x=[50, 75)", "x=[75, ∞)", "x=missing"]);
    let rows = matrix(&fitted, numbers("x", &[-1e9, 25.0, f64::INFINITY, NAN]));
    assert_eq!(rows, [[1., 0., 0., 0., 0.], [0., 1., 0., 0., 0.], [0., 0., 0., 1., 0.], [0., 0., 0., 0., 1.]]);
}

#[test]
fn quantile_edges_that_coincide_are_one() {
    let planned = numeric("x", NumericImpute::Keep, NumericEncode::QuantileBins);
    let fitted = fit_one(planned, numbers("x", &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0]), None).expect("fits");
    assert_eq!(names(&fitted), ["x=(−∞, 1)", "x=[1, ∞)"]);
}

#[test]
fn one_hot_and_ordinal_know_the_categories_of_the_training_rows() {
    let cells = texts("x", &["b", "a", "", "b"]);
    let fitted = fit_one(text("x", TextImpute::Keep, TextEncode::OneHot), cells.clone(), None).expect("fits");
    assert_eq!(names(&fitted), ["x=a", "x=b"]);
    let served = texts("x", &["a", "b", "", "c"]);
    assert_eq!(matrix(&fitted, served.clone()), [[1., 0.], [0., 1.], [0., 0.], [0., 0.]]);

    let fitted = fit_one(text("x", TextImpute::MostFrequent, TextEncode::OneHot), cells.clone(), None).expect("fits");
    assert_eq!(matrix(&fitted, served.clone()), [[1., 0.], [0., 1.], [0., 1.], [0., 1.]]);

    let fitted = fit_one(text("x", TextImpute::Constant, TextEncode::OneHot), cells.clone(), None).expect("fits");
    assert_eq!(names(&fitted), ["x=a", "x=b", "x=none"]);

    let fitted = fit_one(text("x", TextImpute::Keep, TextEncode::Ordinal), cells, None).expect("fits");
    assert_eq!(fitted.features()[0].kind, FeatureKind::Category { count: 2 });
    let rows = matrix(&fitted, served);
    assert_eq!(rows[..2], [[0.0], [1.0]]);
    assert!(rows[2][0].is_nan() && rows[3][0].is_nan());
}

#[test]
fn an_order_that_the_recipe_gives_is_kept() {
    let mut planned = text("x", TextImpute::Keep, TextEncode::Ordinal);
    if let Treatment::Text { order, .. } = &mut planned.treatment {
        *order = Some(["low", "high", "highest"].map(str::to_owned).to_vec());
    }
    let fitted = fit_one(planned, texts("x", &["high", "low"]), None).expect("fits");
    assert_eq!(matrix(&fitted, texts("x", &["highest", "low", "high"])), [[2.0], [0.0], [1.0]]);
}

#[test]
fn numbers_can_be_categories() {
    let mut planned = text("x", TextImpute::Keep, TextEncode::OneHot);
    planned.column_type = ColumnType::Integer;
    let fitted = fit_one(planned, numbers("x", &[10.0, 2.0, 10.0, NAN]), None).expect("fits");
    assert_eq!(names(&fitted), ["x=2", "x=10"]);
    let rows = matrix(&fitted, numbers("x", &[2.0, 10.0, 3.0, NAN, f64::INFINITY]));
    assert_eq!(rows, [[1., 0.], [0., 1.], [0., 0.], [0., 0.], [0., 0.]]);
}

#[test]
fn weight_of_evidence_is_the_log_of_the_shares_and_zero_counts_as_nine_tenths() {
    let mut planned = numeric("x", NumericImpute::Keep, NumericEncode::Woe);
    if let Treatment::Numeric { breaks, .. } = &mut planned.treatment {
        *breaks = Some(vec![2.0, 3.0]);
    }
    let cells = [1.0, 1.0, 2.0, 2.0, 2.0, 3.0, NAN];
    let positive = [true, false, true, false, false, false, true];
    let fitted = fit_one(planned, numbers("x", &cells), Some(&positive)).expect("fits");
    // Positives 1, 1, 0, 1 and negatives 1, 2, 1, 0 in the bins; 0 counts as 0.9.
    let (bins, _) = fitted.columns[0].woe().expect("is woe");
    let expected =
        [(1.0, 1.0), (1.0, 2.0), (0.9, 1.0), (1.0, 0.9)].map(|(p, n): (f64, f64)| ((p / 3.9) / (n / 4.9)).ln());
    for (bin, expected) in bins.iter().zip(expected) {
        assert!((bin.woe - expected).abs() < 1e-15, "{bin:?}");
    }
    let labels: Vec<&str> = bins.iter().map(|bin| bin.label.as_str()).collect();
    assert_eq!(labels, ["(−∞, 2)", "[2, 3)", "[3, ∞)", "missing"]);
    assert_eq!(fitted.bins(&Table::new(vec![numbers("x", &[NAN, -5.0, 3.0])])), [3, 0, 2]);
}

#[test]
fn bins_are_found_where_the_risk_changes() {
    let cells: Vec<f64> = (0..1000).map(f64::from).collect();
    let positive: Vec<bool> = (0..1000).map(|i| if i < 400 { i % 10 == 0 } else { i % 2 == 0 }).collect();
    let planned = numeric("x", NumericImpute::Keep, NumericEncode::Woe);
    let fitted = fit_one(planned, numbers("x", &cells), Some(&positive)).expect("fits");
    let labels: Vec<&str> = fitted.columns[0].woe().expect("is woe").0.iter().map(|bin| bin.label.as_str()).collect();
    assert_eq!(labels, ["(−∞, 400)", "[400, ∞)"]);
}

#[test]
fn categories_of_like_risk_share_a_bin() {
    let cells: Vec<&str> = (0..400).map(|i| ["a", "b", "c", "d"][i % 4]).collect();
    let positive: Vec<bool> = (0..400).map(|i| if i % 4 < 2 { i / 4 % 10 == 0 } else { i / 4 % 2 == 0 }).collect();
    let fitted =
        fit_one(text("x", TextImpute::Keep, TextEncode::Woe), texts("x", &cells), Some(&positive)).expect("fits");
    let labels: Vec<&str> = fitted.columns[0].woe().expect("is woe").0.iter().map(|bin| bin.label.as_str()).collect();
    assert_eq!(labels, ["a, b", "c, d"]);
}

#[test]
fn missing_without_a_bin_is_neutral_and_said() {
    let cells: Vec<&str> = (0..40).map(|i| ["a", "b"][i % 2]).collect();
    let positive: Vec<bool> = (0..40).map(|i| i % 2 == 0 || i % 3 == 0).collect();
    let fitted =
        fit_one(text("x", TextImpute::Keep, TextEncode::Woe), texts("x", &cells), Some(&positive)).expect("fits");
    let transformed = fitted.transform(&Table::new(vec![texts("x", &["", "z"])])).expect("fits");
    assert_eq!(transformed.matrix.data, [0.0, 0.0]);
    let said: Vec<&str> = transformed.notes.iter().map(|note| note.note.message.as_str()).collect();
    let neutral = "it is neutral (weight of evidence 0), since the training part had none missing";
    assert_eq!(
        said,
        [format!("missing: {neutral}"), format!("\"z\" was not seen in training and counts as missing: {neutral}")]
    );
}

#[test]
fn a_column_that_tells_nothing_is_left_out_and_why_is_said() {
    let columns = vec![
        numeric("empty", NumericImpute::Keep, NumericEncode::None),
        numeric("constant", NumericImpute::Keep, NumericEncode::None),
        numeric("filled", NumericImpute::Median, NumericEncode::Standardise),
        text("word", TextImpute::Keep, TextEncode::OneHot),
        numeric("kept", NumericImpute::Keep, NumericEncode::None),
    ];
    let table = Table::new(vec![
        numbers("empty", &[NAN, NAN]),
        numbers("constant", &[3.0, 3.0]),
        numbers("filled", &[3.0, NAN]),
        texts("word", &["a", "a"]),
        numbers("kept", &[3.0, NAN]),
    ]);
    let fitted = fit(&plan(columns), &table, None).expect("one column is left");
    let reasons: Vec<(&str, &str)> =
        fitted.left_out.iter().map(|left| (left.column.as_str(), left.reason.as_str())).collect();
    let one = "has one value only in the training part";
    let expected = [("empty", "has no values in the training part"), ("constant", one), ("filled", one), ("word", one)];
    assert_eq!(reasons, expected);
    assert_eq!(names(&fitted), ["kept"]);
}

#[test]
fn what_cannot_be_fitted_says_so() {
    let refuse = numeric("x", NumericImpute::Refuse, NumericEncode::None);
    let error = fit_one(refuse, numbers("x", &[1.0, NAN]), None).expect_err("a cell is missing");
    assert!(error.to_string().starts_with("rows[1].x: the value is missing"), "{error}");

    let error = fit_one(numeric("x", NumericImpute::Keep, NumericEncode::None), texts("x", &["a"]), None);
    assert!(matches!(error, Err(Error::WrongType { .. })));
    let woe = || numeric("x", NumericImpute::Keep, NumericEncode::Woe);
    let error = fit_one(woe(), numbers("x", &[1.0, 2.0]), Some(&[true, true]));
    assert_eq!(error, Err(Error::OneClass("x".to_owned())));
    assert_eq!(fit_one(woe(), numbers("y", &[1.0]), None), Err(Error::MissingColumn("x".to_owned())));
    assert_eq!(fit_one(woe(), numbers("x", &[]), None), Err(Error::NoRows));
    assert!(matches!(fit_one(woe(), numbers("x", &[1.0, 1.0]), None), Err(Error::NothingLeft(_))));
}

#[test]
fn an_unknown_category_can_be_refused() {
    let mut planned = text("x", TextImpute::Keep, TextEncode::OneHot);
    if let Treatment::Text { unknown, .. } = &mut planned.treatment {
        *unknown = Unknown::Refuse;
    }
    let fitted = fit_one(planned, texts("x", &["own", "rent"]), None).expect("fits");
    let error = fitted.transform(&Table::new(vec![texts("x", &["own", "castle"])])).expect_err("castle is unknown");
    let expected =
        "rows[1].x: \"castle\" was not seen in training, and the recipe refuses such values (known: `own`, `rent`)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_identifier_is_no_category() {
    let mut planned = text("id", TextImpute::Keep, TextEncode::OneHot);
    planned.column_type = ColumnType::Integer;
    let ids: Vec<f64> = (0..5000).map(f64::from).collect();
    let error = fit_one(planned, numbers("id", &ids), None).expect_err("too many");
    assert_eq!(error, Error::TooManyCategories { column: "id".to_owned(), count: 5000 });
}

#[test]
fn texts_that_only_other_rows_hold_are_not_known() {
    let Values::Text { dictionary, .. } = texts("x", &["a", "b", "c"]).values else { unreachable!() };
    let column =
        meuse_core::table::Column { name: "x".into(), values: Values::Text { codes: vec![0, 1, 0], dictionary } };
    let fitted = fit_one(text("x", TextImpute::Keep, TextEncode::OneHot), column, None).expect("fits");
    assert_eq!(names(&fitted), ["x=a", "x=b"]);
}
