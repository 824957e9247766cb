//! The recipe that `recipe init` writes can be trained as it is, for every algorithm.

use meuse_core::profile::{Frequency, Profile};
use meuse_core::recipe::{Split, StarterOptions, parse, starter};
use meuse_core::schema::Schema;

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
    for algorithm in [None, Some("lightgbm"), Some("scorecard"), Some("logistic_regression"), Some("network")] {
        let text = starter(&options(algorithm), &schema(), &profile()).expect("the data is fit for it");
        let parsed = parse(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        assert_eq!(parsed.recipe.positive.as_deref(), Some("bad"), "the rarer class is the positive one");
        parsed.check(&schema(), Some(&profile())).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    }
}

/// The profile with `classes` values of the target, and its columns of texts, which the schema tells of too.
fn of_several(classes: u64, texts: bool) -> (Schema, Profile) {
    let (mut schema, mut profile) = (schema(), profile());
    let names: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
    profile.columns[4].distinct = classes;
    profile.columns[4].frequent = names.iter().map(|value| Frequency { value: value.clone(), count: 10 }).collect();
    schema.columns[4].categories = Some(names);
    if texts {
        let text = serde_json::json!({ "characters": [], "words": [], "frequent_words": [], "scripts": [], "duplicates": 3, "empty": 0 });
        profile.columns[3].text = Some(serde_json::from_value(text).expect("a profile of texts"));
        profile.columns[3].distinct = 97;
        schema.columns[3].categories = None;
    }
    (schema, profile)
}

#[test]
fn several_classes_are_for_a_network_which_reads_one_column_of_long_texts_where_there_is_any() {
    for (texts, expected) in [(false, "encode = \"embedding\""), (true, "keep = [\"housing\"]")] {
        let (schema, profile) = of_several(3, texts);
        let text = starter(&options(None), &schema, &profile).expect("the data is fit for it");
        assert!(text.contains(expected) && text.contains("units = 3, activation = \"softmax\""), "{text}");
        assert_eq!(text.contains("drop_duplicates = true         # 3 rows"), texts, "{text}");
        let parsed = parse(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        assert_eq!((parsed.recipe.task.word(), parsed.recipe.positive.as_deref()), ("multiclass", None));
        parsed.check(&schema, Some(&profile)).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        let positive = StarterOptions { positive: Some("class 1".into()), ..options(None) };
        let refused = starter(&positive, &schema, &profile).expect_err("no positive one").to_string();
        assert!(refused.contains("a task of several classes has no positive one"), "{refused}");
        let refused = starter(&options(Some("lightgbm")), &schema, &profile).expect_err("two classes").to_string();
        assert!(refused.contains("use `network`, which tells several classes apart"), "{refused}");
    }
    let (schema, profile) = of_several(1001, false);
    let refused = starter(&options(None), &schema, &profile).expect_err("too many").to_string();
    assert!(refused.contains("has 1001 texts: too many classes, and no number"), "{refused}");
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
