//! The numbers of a profile agree with the same numbers computed another way.

use meuse_core::profile::{Frequency, NumericProfile};

use super::{Imported, import};

/// A column of floats with ties, missing cells and a heavy tail, from a small generator of our own.
fn floats(rows: usize) -> Vec<Option<f64>> {
    let mut state = 42_u64;
    let cells = (0..rows).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (state >> 11) as f64 / (1_u64 << 53) as f64;
        (share > 0.05).then(|| if share > 0.5 { (share * 100.0).round() } else { 0.01 / share.powi(3) - 3.0 })
    });
    cells.collect()
}

fn imported(cells: &[Option<f64>]) -> Imported {
    let rows = cells.iter().map(|cell| format!("{},x\n", cell.map_or(String::new(), |value| value.to_string())));
    import(format!("value,other\n{}", rows.collect::<String>()))
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
}

fn compare(found: &NumericProfile, sorted: &[f64]) {
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
    assert_eq!((found.min, found.max), (sorted[0], sorted[sorted.len() - 1]));
    near(found.mean, mean);
    near(found.standard_deviation, (squares / (count - 1.0)).sqrt());
    for quantile in &found.quantiles {
        let place = (count - 1.0) * quantile.q;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        near(quantile.value, below + (above - below) * place.fract());
    }
    let histogram = &found.histogram;
    assert_eq!(histogram.edges.len(), histogram.counts.len() + 1);
    for (bin, count) in histogram.counts.iter().enumerate() {
        let (low, high) = (histogram.edges[bin], histogram.edges[bin + 1]);
        let last = bin + 1 == histogram.counts.len();
        let inside = sorted.iter().filter(|value| **value >= low && (**value < high || (last && **value == high)));
        assert_eq!(inside.count() as u64, *count, "bin {bin}");
    }
}

#[test]
fn moments_quantiles_and_histogram_are_exact() {
    // The second column is large enough to be divided before its quantiles are sought.
    for rows in [1_000, 120_000] {
        let cells = floats(rows);
        let mut sorted: Vec<f64> = cells.iter().flatten().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let imported = imported(&cells);
        let column = imported.column("value");
        assert_eq!(column.missing as usize, rows - sorted.len());
        compare(column.numeric.as_ref().expect("the column has numbers"), &sorted);
        assert_eq!(column.numeric.as_ref().expect("the column has numbers").histogram.counts.len(), 20);
        sorted.dedup();
        assert_eq!(column.distinct as usize, sorted.len());
    }
}

#[test]
fn a_single_value_and_a_constant_have_numbers_too() {
    let imported = import("one,same\n7,3\n,3\n,3\n");
    let one = imported.column("one").numeric.clone().expect("one value is enough");
    assert_eq!((one.mean, one.standard_deviation), (7.0, 0.0));
    assert!(one.quantiles.iter().all(|quantile| quantile.value == 7.0));
    let same = imported.column("same").numeric.clone().expect("a constant has numbers");
    assert_eq!((same.histogram.edges, same.histogram.counts), (vec![3.0, 3.0], vec![3]));
}

#[test]
fn few_whole_numbers_have_a_bin_each() {
    let imported = import("grade,x\n1,a\n2,a\n2,a\n3,a\n5,a\n");
    let histogram = imported.column("grade").numeric.clone().expect("grades are numbers").histogram;
    assert_eq!((histogram.edges, histogram.counts), (vec![1.0, 2.0, 3.0, 4.0, 5.0], vec![1, 2, 1, 1]));
}

#[test]
fn floats_at_the_edge_of_their_range_do_not_overflow() {
    let imported = import("value,x\n1.5e308,a\n-1.5e308,a\n1e-300,b\ninf,b\n");
    let column = imported.column("value");
    let numeric = column.numeric.as_ref().expect("finite values are there");
    assert_eq!((numeric.min, numeric.max), (-1.5e308, 1.5e308));
    near(numeric.mean / 1e300, 0.0);
    assert!(numeric.standard_deviation.is_finite() && numeric.histogram.edges.iter().all(|edge| edge.is_finite()));
    assert_eq!(numeric.histogram.counts.iter().sum::<u64>(), 3);
    assert!(imported.warnings().contains("`value` holds 1 infinite values"), "{}", imported.warnings());
}

#[test]
fn the_most_frequent_come_first_and_ties_ascend() {
    let file: String = (0..30).map(|row| format!("{},{}\n", row % 10, 29 - row)).collect();
    let imported = import(format!("tied,single\n{file}7,100\n"));
    let frequent = |name: &str| imported.column(name).frequent.clone();
    let first = |value: &str, count| Frequency { value: value.to_owned(), count };
    assert_eq!(frequent("tied")[..3], [first("7", 4), first("0", 3), first("1", 3)]);
    assert_eq!((frequent("single").len(), &frequent("single")[2]), (20, &first("2", 1)));
}

#[test]
fn dates_and_texts_have_a_range() {
    let imported = import("day,word\n2024-03-01,pear\n2023-12-31,apple\n");
    let range = |name: &str| imported.column(name).range.clone();
    assert_eq!(range("day"), Some(["2023-12-31".to_owned(), "2024-03-01".to_owned()]));
    assert_eq!(range("word"), Some(["apple".to_owned(), "pear".to_owned()]));
    assert_eq!(imported.column("day").numeric.as_ref().map(|numeric| numeric.max), Some(19_783.0));
    assert!(imported.column("word").numeric.is_none());
}

#[test]
fn a_person_is_told_what_stands_out() {
    let rows: String = (0..100)
        .map(|row| {
            let odd = if row == 50 { "unknown".to_owned() } else { (row * 3 % 40).to_string() };
            let mark = if row % 10 == 0 { -999 } else { row % 7 };
            format!("C{row},{odd},,x,{mark},\"{},5\"\n", row % 9)
        })
        .collect();
    let imported = import(format!("client,income,nothing,same,grade,comma\n{rows}"));
    let expected = [
        "`client` differs in every row",
        "`income` is text because 1 of its 100 values are not numbers, as in `unknown`",
        "`nothing` has no value in any row",
        "`same` is `x` in every row",
        "`grade` holds -999 (10 cells)",
        "`comma` is text because its numbers are written as in `",
    ];
    for (warning, start) in imported.profile.warnings.iter().zip(expected) {
        assert!(warning.starts_with(start), "{warning}");
    }
    assert_eq!(imported.profile.warnings.len(), expected.len(), "{}", imported.warnings());
}
