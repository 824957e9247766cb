//! SIGKILL at every failpoint. What is there afterwards is what a person could have seen: the change, or none of it;
//! a job that was taken goes on or is tried once more, and registers one version; nothing that a record names is lost,
//! what no record names is swept, and the trail is whole.

use std::collections::HashSet;
use std::path::Path;

use meuse_store::Digest;
use serde_json::{Value, json};

use crate::changes::CHANGES;
use crate::judging::{age, is_once, is_whole, jobs, versions};
use crate::networks;
use crate::restore;
use crate::story::{self, ask, call, get, send, table};
use crate::striking::{Left, after, arm, before, died, disarm, is_struck, script, strike_server, struck};
use crate::support::{Server, until};

use Left::{All, Nothing};

/// An import, from the first byte to the removal of its work folder: the server is killed.
const IMPORT: [(&str, Left); 31] = [
    ("upload.received", Nothing),
    ("blob.drafted@1", Nothing),
    ("blob.synced@1", Nothing),
    ("blob.renamed@1", Nothing),
    ("commit.before/dataset.import", Nothing),
    ("commit.after/dataset.import", All),
    ("head.drafted@1", All),
    ("head.renamed@1", All),
    ("attempt.claimed", All),
    ("attempt.folder", All),
    ("attempt.prepared", All),
    ("attempt.spawned", All),
    // The four files of a dataset version, and its events.
    ("blob.drafted@2", All),
    ("blob.synced@2", All),
    ("blob.renamed@2", All),
    ("blob.renamed@3", All),
    ("blob.renamed@4", All),
    ("blob.drafted@5", All),
    ("blob.renamed@5", All),
    ("finish.collected", All),
    ("blob.drafted@6", All),
    ("blob.synced@6", All),
    ("blob.renamed@6", All),
    ("finish.events", All),
    ("commit.before/dataset.register", All),
    ("commit.after/dataset.register", All),
    ("head.drafted@2", All),
    ("head.renamed@2", All),
    ("finish.told", All),
    ("finish.cleaned", All),
    ("commit.before/-", All),
];

/// A training: the server is killed.
const TRAIN: [(&str, Left); 17] = [
    ("commit.before/model.train", Nothing),
    ("commit.after/model.train", All),
    ("attempt.claimed", All),
    ("attempt.folder", All),
    ("attempt.prepared", All),
    ("attempt.spawned", All),
    // The five files of a bundle, and its events.
    ("blob.drafted@1", All),
    ("blob.renamed@1", All),
    ("blob.synced@3", All),
    ("blob.renamed@5", All),
    ("finish.collected", All),
    ("finish.events", All),
    ("commit.before/model.register", All),
    ("commit.after/model.register", All),
    ("head.renamed@2", All),
    ("finish.told", All),
    ("finish.cleaned", All),
];

/// Any job: its child is killed.
const CHILD: [&str; 10] = [
    "child.started",
    "child.ready",
    "child.event@1",
    "child.told@1",
    "child.event@3",
    "child.worked",
    "child.output@1",
    "child.output@3",
    "child.synced",
    "child.done",
];

/// The first start, with its migration, its secrets and its key.
const FIRST_START: [&str; 19] = [
    "file.drafted@1",
    "file.renamed@1",
    "secret.drafted",
    "secret.renamed",
    "name.drafted",
    "name.renamed",
    "migration.step@1",
    "migration.step@4",
    "commit.before/schema",
    "commit.after/schema",
    "head.drafted@1",
    "head.renamed@1",
    "file.drafted@2",
    "file.renamed@2",
    "commit.before/server.first_start",
    "commit.after/server.first_start",
    "head.drafted@2",
    "head.renamed@2",
    "file.drafted@3",
];

/// Jobs that end otherwise, and exports: see the tests below.
const OTHER: [&str; 14] = [
    "attempt.requeued",
    "child.failed",
    "commit.before/dataset.export",
    "commit.after/dataset.export",
    "commit.before/dataset.exported",
    "commit.after/dataset.exported",
    "commit.before/job.cancel",
    "commit.after/job.cancel",
    "commit.before/job.cancelled",
    "commit.after/job.cancelled",
    "commit.before/job.fail",
    "commit.after/job.fail",
    "sweep.blob",
    "sweep.draft",
];

/// Every point that this suite strikes.
pub(crate) fn points() -> HashSet<String> {
    let import = IMPORT.iter().map(|(point, _)| (*point).to_owned());
    let train = TRAIN.iter().map(|(point, _)| (*point).to_owned());
    let plain = [CHILD.as_slice(), &FIRST_START, &OTHER, &restore::POINTS, &networks::POINTS]
        .concat()
        .into_iter()
        .map(str::to_owned);
    let changes = CHANGES.iter().flat_map(|change| [before(change.action), after(change.action)]);
    import.chain(train).chain(plain).chain(changes).collect()
}

#[test]
fn a_server_that_is_killed_during_its_first_start_starts_again_and_hands_over_a_key() {
    for point in FIRST_START {
        let mut server = Server::new();
        arm(&mut server, point);
        // One that listens already is killed a moment later.
        let ended = match server.try_restart() {
            Err(ended) => ended,
            Ok(()) => died(&mut server),
        };
        is_struck(&server, point, ended);
        disarm(&mut server);
        server.restart();
        server.read_key();
        assert_eq!(get(&server, "/api/v1/me")["principal"], "admin", "{point}: the key in the file opens");
        story::verify(&server);
        story::import(&server, "credit", 1);
        is_whole(&mut server);
    }
}

#[test]
fn a_server_that_is_killed_during_an_import_goes_on_with_it() {
    let mut server = Server::start();
    for (number, (point, left)) in IMPORT.into_iter().enumerate() {
        strike_server(&mut server, point, |server| send(server, "credit", &table(number)));
        story::quiet(&server);
        let expected = if left == All { number + 1 } else { number };
        assert_eq!(versions(&server, "/api/v1/datasets/credit/versions").len(), expected, "{point}");
        if left == Nothing {
            story::import(&server, "credit", number);
        }
        is_once(&server, "/api/v1/datasets/credit/versions", number + 1, point);
    }
    is_whole(&mut server);
}

#[test]
fn a_server_that_is_killed_during_a_training_goes_on_with_it() {
    let mut server = Server::start();
    story::import(&server, "credit", 1);
    story::model(&server, "first");
    for (number, (point, left)) in TRAIN.into_iter().enumerate() {
        strike_server(&mut server, point, |server| story::train(server, "struck"));
        assert_eq!(story::predict(&server, "first").0, 200, "{point}: what was deployed answers");
        story::quiet(&server);
        if left == Nothing {
            let job = story::train(&server, "struck").expect("the server lives");
            assert_eq!(story::ended(&server, &job)["state"], "succeeded");
        }
        is_once(&server, "/api/v1/models/struck", number + 1, point);
    }
    is_whole(&mut server);
}

#[test]
fn a_child_that_is_killed_is_tried_once_more() {
    let mut server = Server::start();
    story::import(&server, "credit", 1000);
    for (number, point) in CHILD.into_iter().enumerate() {
        let strike = |server: &mut Server, ask: &dyn Fn(&Server) -> Option<String>| {
            server.stop();
            arm(server, point);
            server.restart();
            let job = ask(server).expect("the server lives");
            let job = story::ended(server, &job);
            assert!(struck(server).exists(), "{point} was never reached: {job}");
            assert_eq!(job["state"], "succeeded", "{point}: {job}");
            // A child that was done, whatever happened to it then, need not be tried again.
            let attempts = if point == "child.done" { 1..=2 } else { 2..=2 };
            assert!(attempts.contains(&job["attempts"].as_u64().expect("a number")), "{point}: {job}");
        };
        strike(&mut server, &|server| send(server, "credit", &table(number)));
        is_once(&server, "/api/v1/datasets/credit/versions", number + 2, point);
        if number % 3 == 0 {
            strike(&mut server, &|server| story::train(server, "struck"));
            is_once(&server, "/api/v1/models/struck", number / 3 + 1, point);
        }
    }
    is_whole(&mut server);
}

#[test]
fn jobs_that_end_otherwise_end_once() {
    let mut server = Server::start();
    story::import(&server, "credit", 1);
    let failing = |server: &Server| send(server, "bad", "a,b\n");
    for point in ["commit.before/job.fail", "commit.after/job.fail", "child.failed"] {
        let before = jobs(&server).len();
        if point == "child.failed" {
            server.stop();
            arm(&mut server, point);
            server.restart();
            failing(&server).expect("the server lives");
            story::quiet(&server);
            assert!(struck(&server).exists(), "{point} was never reached");
        } else {
            strike_server(&mut server, point, failing);
            story::quiet(&server);
        }
        let jobs = jobs(&server);
        assert_eq!((jobs.len(), &jobs[0]["state"]), (before + 1, &json!("failed")), "{point}: {}", jobs[0]);
        let events = get(&server, &format!("/api/v1/jobs/{}/events", jobs[0]["id"].as_str().expect("an id")));
        assert!(events.to_string().contains("failed"), "{point}: what it told is kept: {events}");
    }
    for action in ["dataset.export", "dataset.exported"] {
        for point in [before(action), after(action)] {
            let version = versions(&server, "/api/v1/datasets/credit/versions").len() + 1;
            story::import(&server, "credit", 100 + version);
            let export = "/api/v1/datasets/credit/export";
            strike_server(&mut server, &point, |server| call(server, "GET", export, b""));
            story::quiet(&server);
            let (status, text) = call(&server, "GET", export, b"").expect("the server lives");
            let expected = table(100 + version).lines().count();
            assert_eq!((status, text.as_str().map(|text| text.lines().count())), (200, Some(expected)), "{point}");
        }
    }
    is_whole(&mut server);
}

#[test]
fn a_job_that_is_asked_to_stop_stops_or_was_not_asked() {
    let mut server = Server::start();
    let waits = script(&server, "waits", "while :; do sleep 0.1; done");
    server.environment.push(("MEUSE_JOB", waits.into()));
    for action in ["job.cancel", "job.cancelled"] {
        for point in [before(action), after(action)] {
            server.stop();
            server.restart();
            let job = send(&server, "credit", &table(1)).expect("the server lives");
            until("it runs", || (get(&server, &format!("/api/v1/jobs/{job}"))["state"] == "running").then_some(()));
            let cancel = format!("/api/v1/jobs/{job}/cancel");
            strike_server(&mut server, &point, |server| call(server, "POST", &cancel, b""));
            if point == "commit.before/job.cancel" {
                let running = get(&server, &format!("/api/v1/jobs/{job}"));
                assert_eq!((&running["state"], &running["attempts"]), (&json!("running"), &json!(1)), "{point}");
                ask(&server, "POST", &cancel, Value::Null);
            }
            assert_eq!(story::ended(&server, &job)["state"], "cancelled", "{point}");
        }
    }
    server.stop();
    server.environment.retain(|(name, _)| *name != "MEUSE_JOB");
    server.restart();
    is_whole(&mut server);
}

#[test]
fn a_server_that_is_killed_when_it_has_put_a_job_back_tries_it_once_more() {
    let mut server = Server::start();
    let real = Path::new(env!("CARGO_BIN_EXE_meuse")).with_file_name("meuse-job");
    let body = format!("case $1 in *-1) kill -9 $$ ;; *) exec {} \"$1\" ;; esac", real.display());
    let dies_once = script(&server, "dies-once", &body);
    server.environment.push(("MEUSE_JOB", dies_once.into()));
    strike_server(&mut server, "attempt.requeued", |server| send(server, "credit", &table(1)));
    story::quiet(&server);
    assert_eq!(jobs(&server)[0]["attempts"], 2);
    is_once(&server, "/api/v1/datasets/credit/versions", 1, "attempt.requeued");
    is_whole(&mut server);
}

#[test]
fn a_sweep_that_is_killed_is_done_by_the_next_one() {
    let mut server = Server::start();
    story::import(&server, "credit", 1);
    for point in ["sweep.draft", "sweep.blob"] {
        server.stop();
        let blobs = server.path("home/blobs");
        let digest = Digest::of(point.as_bytes()).to_string();
        let shelf = blobs.join("sha256").join(&digest[..2]);
        std::fs::create_dir_all(&shelf).expect("a folder");
        std::fs::write(shelf.join(&digest), "of nobody").expect("written");
        std::fs::write(blobs.join("incoming/half"), "half").expect("written");
        age(&blobs);
        arm(&mut server, point);
        let ended = server.try_restart().err().unwrap_or_else(|| died(&mut server));
        is_struck(&server, point, ended);
        disarm(&mut server);
        server.restart();
        is_whole(&mut server);
    }
}
