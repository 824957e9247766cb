//! The recipe that `recipe init` writes can be trained as it is, for every algorithm.

use meuse_core::recipe::{Split, StarterOptions, parse, starter};

use crate::recipes::{profile, schema};

fn options(algorithm: Option<&str>) -> StarterOptions {
    StarterOptions {
        dataset: "credit:1".into(),
        target: "creditability".into(),
        algorithm: algorithm.map(str::to_owned),
        split_column: None,
        positive: None,
    }
}

#[test]
fn a_first_recipe_fits_its_data_for_every_algorithm() {
    for algorithm in [None, Some("lightgbm"), Some("scorecard"), Some("logistic_regression")] {
        let text = starter(&options(algorithm), &schema(), &profile()).expect("the data is fit for it");
        let parsed = parse(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        assert_eq!(parsed.recipe.positive.as_deref(), Some("bad"), "the rarer class is the positive one");
        parsed.check(&schema(), Some(&profile())).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    }
}

#[test]
fn a_number_with_many_values_is_a_regression() {
    let options = StarterOptions { target: "amount".into(), ..options(Some("linear_regression")) };
    let text = starter(&options, &schema(), &profile()).expect("a number can be predicted");
    parse(&text).expect("a recipe").check(&schema(), Some(&profile())).expect("it fits");
}

#[test]
fn a_split_column_without_validation_leaves_the_choice_to_cross_validation() {
    let mut schema = schema();
    let mut profile = profile();
    schema.columns[3].name = "split".into();
    profile.columns[3].name = "split".into();
    profile.columns[3].frequent[0].value = "train".into();
    profile.columns[3].frequent[1].value = "test".into();
    let options = StarterOptions { split_column: Some("split".into()), ..options(None) };
    let text = starter(&options, &schema, &profile).expect("the data is fit for it");
    let recipe = parse(&text).expect("a recipe").recipe;
    let Split::Column(split) = recipe.split else { panic!("the split is by column") };
    assert_eq!((split.training, split.validation, split.test), (vec!["train".into()], vec![], vec!["test".into()]));
}

#[test]
fn a_column_that_looks_like_a_split_is_no_feature() {
    let (mut schema, mut profile) = (schema(), profile());
    schema.columns[3].name = "part".into();
    profile.columns[3].name = "part".into();
    profile.columns[3].frequent[0].value = "train".into();
    profile.columns[3].frequent[1].value = "test".into();
    let text = starter(&options(None), &schema, &profile).expect("the data is fit for it");
    assert!(text.contains("# part: looks like a split; to use it: --split-column part"), "{text}");
    assert_eq!(parse(&text).expect("a recipe").recipe.drop, ["part"]);
}

#[test]
fn a_split_column_that_names_no_parts_is_refused_with_its_values() {
    let options = StarterOptions { split_column: Some("housing".into()), ..options(None) };
    let message = starter(&options, &schema(), &profile()).expect_err("no parts").to_string();
    assert!(message.contains("it holds `own`, `rent`"), "{message}");
}

#[test]
fn what_cannot_be_predicted_is_said_with_the_nearest_name() {
    let cases = [
        (StarterOptions { target: "creditabilty".into(), ..options(None) }, "did you mean `creditability`?"),
        (options(Some("lightgmb")), "did you mean `lightgbm`?"),
        (options(Some("linear_regression")), "does not fit the target"),
        (StarterOptions { positive: Some("baad".into()), ..options(None) }, "did you mean `bad`?"),
    ];
    for (options, expected) in cases {
        let message = starter(&options, &schema(), &profile()).expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
    }
}
