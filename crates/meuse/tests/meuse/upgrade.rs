//! A home that an earlier release made opens in this one: nothing is lost, and the models answer the very same numbers.

use serde_json::Value;

use crate::homes::{Release, records_of, run};
use crate::support::{Server, checkout};

/// Every record of the earlier release is there still, as it was.
fn nothing_is_lost(release: &Release, present: &Value) {
    for (table, rows) in release.records().as_object().expect("tables") {
        let now = present[table].as_array().unwrap_or_else(|| panic!("the table {table} is gone"));
        for row in rows.as_array().expect("rows") {
            let row = row.as_array().expect("cells");
            // A migration may have added columns, at the end; these two tables of one row each go on counting.
            let kept = now.iter().any(|now| now.as_array().is_some_and(|now| now.starts_with(row)));
            assert!(kept || ["audit_head", "access_lock"].contains(&table.as_str()), "{table}: {row:?} is gone");
        }
    }
}

/// The answers without what differs from call to call.
fn answers(server: &Server, expected: &Value) {
    let rows = format!("@{}", checkout().join("examples/credit/applicants.json").display());
    for (model, answer) in expected["answers"].as_object().expect("answers") {
        let now = server.json(&["predict", model, "--rows", &rows]);
        assert_eq!(now["version"], answer["version"], "{model}");
        assert_eq!(now["predictions"], answer["predictions"], "{model}");
    }
}

fn people_are_who_they_were(server: &Server, expected: &Value) {
    let key = |name: &str| expected[name].as_str().expect("a key");
    let whoami = |key: &str| server.command_as(key, &["--json", "whoami"]).output().expect("meuse runs");
    let ana: Value = serde_json::from_slice(&whoami(key("ana")).stdout).expect("JSON");
    assert_eq!((&ana["principal"], &ana["role"]), (&"ana".into(), &"scientist".into()));
    assert!(!whoami(key("ben")).status.success(), "a revoked key stays revoked");
    assert_eq!(server.json(&["keys", "list"])["items"], expected["keys"]["items"]);
}

/// A part of what was said is said still; new fields may have come.
fn says_still(now: &Value, before: &Value, place: &str) {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            for (name, value) in before {
                says_still(now.get(name).unwrap_or(&Value::Null), value, &format!("{place}.{name}"));
            }
        }
        (Value::Array(now), Value::Array(before)) => {
            assert!(now.len() >= before.len(), "{place}: {} instead of {}", now.len(), before.len());
            for (index, value) in before.iter().enumerate() {
                says_still(&now[index], value, &format!("{place}[{index}]"));
            }
        }
        _ => assert_eq!(now, before, "{place}"),
    }
}

#[test]
fn the_home_of_each_earlier_release_opens_and_answers_as_it_did() {
    for release in Release::all() {
        let (expected, scratch) = (release.expected(), release.unpack());
        let mut server = Server::open(scratch, expected["admin"].as_str().expect("a key"), None);
        answers(&server, &expected);
        people_are_who_they_were(&server, &expected);
        says_still(&server.json(&["data", "list"]), &expected["datasets"], "datasets");
        says_still(&server.json(&["models", "list"]), &expected["models"], "models");
        says_still(&server.json(&["models", "routes", "credit-scorecard"]), &expected["routes"], "routes");
        says_still(&server.json(&["data", "preview", "people"]), &expected["preview"], "preview");
        says_still(&server.json(&["audit", "list", "--limit", "1000"]), &expected["audit"], "audit");
        assert!(server.run(&["audit", "verify"]).contains("intact"));
        server.stop();
        let first = records_of(&server.path("home/meuse.db"));
        nothing_is_lost(&release, &first);
        migrated_once(&release, &first);
        // What is migrated stays so, and new work goes on where the old stopped.
        server.restart();
        server.import_credit();
        answers(&server, &expected);
        server.stop();
        migrated_once(&release, &records_of(&server.path("home/meuse.db")));
    }
}

/// The ledger holds what the earlier release did, and after it each step of ours once.
fn migrated_once(release: &Release, present: &Value) {
    let ledger = present["meuse_schema"].as_array().expect("a ledger");
    for (index, step) in ledger.iter().enumerate() {
        assert_eq!(step[0], index + 1, "{ledger:?}");
    }
    let before = release.records()["meuse_schema"].as_array().expect("a ledger").len();
    assert!(ledger[..before].iter().all(|step| step[1] == release.version()), "{ledger:?}");
    assert!(ledger[before..].iter().all(|step| step[1] == env!("CARGO_PKG_VERSION")), "{ledger:?}");
}

#[test]
fn a_backup_of_each_earlier_home_restores_and_answers_as_it_did() {
    for release in Release::all() {
        let (expected, scratch) = (release.expected(), release.unpack());
        let path = |name: &str| scratch.path().join(name).display().to_string();
        // Straight from the files, before any server of ours has touched them.
        run(scratch.path(), &["backup", &path("old.tar"), "--home", &path("home")]);
        std::fs::remove_dir_all(scratch.path().join("home")).expect("the old home goes");
        let said = run(scratch.path(), &["restore", &path("old.tar"), "--home", &path("home")]);
        assert!(said.contains("the audit trail is intact"), "{said}");
        let server = Server::open(scratch, expected["admin"].as_str().expect("a key"), None);
        answers(&server, &expected);
        people_are_who_they_were(&server, &expected);
        assert!(server.run(&["audit", "verify"]).contains("intact"));
        nothing_is_lost(&release, &records_of(&server.path("home/meuse.db")));
    }
}
