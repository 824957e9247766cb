//! Every parser of this crate that takes what others wrote: damaged texts are refused or read, and never a panic; what
//! is read can be written and read again.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use meuse_core::events::Event;
use meuse_core::job::{ImportOptions, JobSpec};
use meuse_core::names::{AliasName, DatasetName, DatasetRef, ModelName, ModelRef, PrincipalName, ProjectName};
use meuse_core::profile::Profile;
use meuse_core::recipe;
use meuse_core::schema::Schema;
use meuse_core::time::{Micros, days_since_epoch};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::mutate::fuzz;

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const RECIPE: &str = include_str!("../../../../examples/credit/scorecard.toml");

fn recipes() -> Vec<Vec<u8>> {
    let json = r#"{"dataset":"credit:1","task":"binary","target":"late","positive":"yes","split":{"method":"stratified",
        "test":0.2,"seed":7},"algorithm":{"name":"lightgbm","capacity":"manual","num_leaves":31,"learning_rate":0.05}}"#;
    texts(&[RECIPE, json])
}

#[test]
fn a_damaged_recipe_is_refused_with_lines_or_read() {
    fuzz("recipe", 4000, &recipes(), |input| {
        let text = String::from_utf8_lossy(input);
        match recipe::parse(&text) {
            Ok(parsed) => {
                let written = serde_json::to_string(&parsed.recipe).expect("a recipe is JSON");
                let again = recipe::parse(&written).unwrap_or_else(|problems| panic!("{problems}\n{written}"));
                assert_eq!(again.recipe, parsed.recipe);
            }
            Err(problems) => {
                assert!(!problems.0.is_empty(), "a refusal names a problem");
                assert!(problems.0.len() <= 101, "{} problems", problems.0.len());
                let lines = text.lines().count().max(1);
                assert!(
                    problems.0.iter().all(|problem| problem.line.is_none_or(|line| (1..=lines + 1).contains(&line)))
                );
            }
        }
    });
}

fn reads_back<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(name) = text.parse::<T>() {
        assert!(name.to_string().parse::<T>().is_ok_and(|again| again == name), "{name:?}");
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:@".contains(c);
        assert!(name.to_string().chars().all(is_plain), "{name:?} could be a path or a command");
        assert!(!name.to_string().contains('/'), "{name:?}");
    }
}

#[test]
fn a_damaged_name_is_refused_or_names_what_it_says() {
    let good = texts(&["credit", "credit:3", "credit@champion", "a.b-c_d", "x:4294967295"]);
    fuzz("names", 20_000, &good, |input| {
        let text = String::from_utf8_lossy(input);
        reads_back::<DatasetRef>(&text);
        reads_back::<ModelRef>(&text);
        reads_back::<DatasetName>(&text);
        reads_back::<ModelName>(&text);
        reads_back::<AliasName>(&text);
        reads_back::<ProjectName>(&text);
        reads_back::<PrincipalName>(&text);
    });
}

#[test]
fn a_damaged_time_is_refused_or_is_one() {
    let good = texts(&["2026-11-23T10:00:00Z", "1970-01-01", "2026-11-23 10:00:00.123456", "-009999-01-01T00:00:00Z"]);
    fuzz("times", 20_000, &good, |input| {
        let text = String::from_utf8_lossy(input);
        let _ = days_since_epoch(&text);
        if let Ok(time) = text.parse::<Micros>() {
            assert_eq!(time.to_string().parse().ok(), Some(time), "{text}");
        }
    });
}

/// JSON that is read as this, if it is, is written and read again as the same.
fn document<T: DeserializeOwned + Serialize + PartialEq + Debug>(parser: &str, usual: usize, good: &[&str]) {
    for text in good {
        serde_json::from_str::<T>(text).unwrap_or_else(|error| panic!("{parser}: {error}: {text}"));
    }
    fuzz(parser, usual, &texts(good), |input| {
        if let Ok(read) = serde_json::from_slice::<T>(input) {
            let written = serde_json::to_string(&read).expect("it can be written");
            let again: T = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
            assert_eq!(again, read);
        }
    });
}

#[test]
fn damaged_documents_of_jobs_and_children_are_refused_or_read() {
    let event =
        r#"{"at":"2026-11-23T10:00:00Z","type":"metric","name":"loss","part":"validation","step":3,"value":0.25}"#;
    let failed = r#"{"at":"2026-11-23T10:00:00Z","type":"failed","field":"line 7","message":"m","hint":"h"}"#;
    let progress = r#"{"at":"2026-11-23T10:00:00Z","type":"progress","stage":"fit","done":1,"total":2}"#;
    document::<Event>("event", 6000, &[event, failed, progress]);
    let import = r#"{"kind":"import","source":"s.csv","options":{"delimiter":";","encoding":"gb18030","missing":["NA"]},"limits":{"threads":1,"memory_mib":64}}"#;
    let export = r#"{"kind":"export","data":"d.parquet","limits":{"threads":1,"memory_mib":64}}"#;
    document::<JobSpec>("job", 6000, &[import, export]);
    document::<ImportOptions>("import-options", 4000, &[r#"{"format":"csv","delimiter":",","missing":["","NA"]}"#]);
}

#[test]
fn damaged_documents_of_data_are_refused_or_read() {
    let text = |value: Result<String, serde_json::Error>| value.expect("JSON");
    document::<Schema>("schema", 4000, &[&text(serde_json::to_string(&crate::recipes::schema()))]);
    document::<Profile>("profile", 2000, &[&text(serde_json::to_string(&crate::recipes::profile()))]);
}
