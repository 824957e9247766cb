//! Every failpoint of the source is in a table of this suite, and so is struck: see `kill.rs`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::kill;
use crate::support::checkout;

/// The crates whose durable steps have failpoints.
const CRATES: [&str; 6] = ["store", "app", "meuse", "job", "deep", "child"];
/// What the audit trail calls a change; a commit of each is struck before and after.
const ROOMS: [&str; 8] = ["server", "project", "role", "principal", "key", "session", "dataset", "model"];
/// Actions whose names are put together in the source.
const PUT_TOGETHER: [&str; 3] = ["model.deploy", "model.rollback", "model.undeploy"];
/// Actions that a commit never begins with: they stand behind another one of the same transaction.
const NEVER_FIRST: [&str; 0] = [];

#[test]
fn every_failpoint_of_the_source_is_struck() {
    let source = source();
    let named = ["reach(\"", "reach_for(\"", "pass(\""].into_iter().flat_map(|call| literals(&source, call));
    let named: BTreeSet<&str> = named.collect();
    let struck = kill::points();
    let struck: BTreeSet<&str> = struck.iter().map(|point| point.split(['/', '@']).next().unwrap_or(point)).collect();
    let never: Vec<_> = named.difference(&struck).collect();
    assert!(never.is_empty(), "strike at these in crates/meuse/tests/faults: {never:?}");
    let gone: Vec<_> = struck.difference(&named).collect();
    assert!(gone.is_empty(), "these are struck and nowhere in the source: {gone:?}");
}

#[test]
fn every_kind_of_commit_is_struck_before_and_after() {
    let source = source();
    let is_action = |text: &&str| {
        let room = text.split_once('.').map(|(room, what)| (room, !what.is_empty() && what.chars().all(is_of_a_word)));
        room.is_some_and(|(room, is_word)| is_word && (ROOMS.contains(&room) || room == "job"))
    };
    let is_file =
        |text: &&str| ["json", "csv", "parquet", "toml", "db"].contains(&text.rsplit('.').next().unwrap_or(text));
    let actions: BTreeSet<&str> =
        literals(&source, "\"").filter(is_action).filter(|text| !is_file(text)).chain(PUT_TOGETHER).collect();
    let struck = kill::points();
    for action in actions.into_iter().filter(|action| !NEVER_FIRST.contains(action)) {
        for side in ["before", "after"] {
            let point = format!("commit.{side}/{action}");
            assert!(struck.contains(&point), "strike at {point} in crates/meuse/tests/faults");
        }
    }
}

fn is_of_a_word(character: char) -> bool {
    character.is_ascii_lowercase() || character == '_'
}

/// The code of the crates without their unit tests.
fn source() -> String {
    let mut source = String::new();
    for name in CRATES {
        read(&checkout().join("crates").join(name).join("src"), &mut source);
    }
    source
}

fn read(folder: &Path, source: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder of the checkout") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, source);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            source.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
}

/// The texts that follow `before` up to the next quotation mark.
fn literals<'a>(source: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    source.match_indices(before).filter_map(move |(at, _)| source[at + before.len()..].split('"').next())
}
