//! SIGKILL at every failpoint. What is there afterwards is what a person could have seen: the change, or none of it;
//! a job that was taken goes on or is tried once more, and registers one version; nothing that a record names is lost,
//! what no record names is swept, and the trail is whole.

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, SystemTime};

use meuse_store::{DatabaseAddress, Digest, Secret, Store, StoreConfig};
use serde_json::{Value, json};

use crate::restore;
use crate::story::{self, ask, call, get, send, table};
use crate::support::{Server, until};

/// What is left of what was asked for when the server dies at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Nothing: whoever asked got no answer, and asks again.
    Nothing,
    /// All of it: it goes on by itself.
    All,
}
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

/// One change that a person asks for and sees.
struct Change {
    action: &'static str,
    ask: fn(&Server) -> Option<(u16, Value)>,
    is_seen: fn(&Server) -> bool,
}

const CHANGES: [Change; 14] = [
    Change {
        action: "project.create",
        ask: |server| call(server, "POST", "/api/v1/projects", br#"{"name":"another"}"#),
        is_seen: |server| names(server, "/api/v1/projects").contains(&"another".to_owned()),
    },
    Change {
        action: "role.set",
        ask: |server| call(server, "POST", "/api/v1/principals", br#"{"name":"ana","role":"viewer"}"#),
        is_seen: |server| names(server, "/api/v1/principals").contains(&"ana".to_owned()),
    },
    Change {
        action: "role.remove",
        ask: |server| call(server, "DELETE", "/api/v1/principals/ana", b""),
        is_seen: |server| !names(server, "/api/v1/principals").contains(&"ana".to_owned()),
    },
    Change {
        action: "key.create",
        ask: |server| call(server, "POST", "/api/v1/keys", br#"{"note":"struck"}"#),
        is_seen: |server| struck_key(server).is_some(),
    },
    Change {
        action: "key.revoke",
        ask: |server| {
            let id = struck_key(server)?["id"].as_str()?.to_owned();
            call(server, "DELETE", &format!("/api/v1/keys/{id}"), b"")
        },
        is_seen: |server| struck_key(server).is_some_and(|key| key["revoked_at"].is_string()),
    },
    Change {
        action: "session.create",
        ask: |server| story::sign_in(server).map(|_| (200, Value::Null)),
        is_seen: |server| noted(server, "session.create"),
    },
    Change {
        action: "session.delete",
        ask: |server| {
            let session = story::sign_in(server)?;
            story::call_with(server, "DELETE", "/api/v1/session", b"", &session)
        },
        is_seen: |server| noted(server, "session.delete"),
    },
    Change {
        action: "model.deploy",
        ask: |server| call(server, "POST", "/api/v1/models/trees/deploy", br#"{"version":2,"reason":"struck"}"#),
        is_seen: |server| last_route(server)["version"] == 2,
    },
    Change {
        action: "model.rollback",
        ask: |server| call(server, "POST", "/api/v1/models/trees/rollback", br#"{"reason":"struck"}"#),
        is_seen: |server| last_route(server)["action"] == "rollback" && last_route(server)["version"] == 1,
    },
    Change {
        action: "model.alias",
        ask: |server| call(server, "PUT", "/api/v1/models/trees/aliases/champion", br#"{"version":2}"#),
        is_seen: |server| get(server, "/api/v1/models/trees").to_string().contains("champion"),
    },
    Change {
        action: "model.unalias",
        ask: |server| call(server, "DELETE", "/api/v1/models/trees/aliases/champion", b""),
        is_seen: |server| !get(server, "/api/v1/models/trees").to_string().contains("champion"),
    },
    Change {
        action: "model.delete",
        ask: |server| call(server, "DELETE", "/api/v1/models/trees/versions/2", b""),
        is_seen: |server| versions(server, "/api/v1/models/trees") == [1],
    },
    Change {
        action: "server.backup",
        ask: |server| call(server, "POST", "/api/v1/backup", b""),
        is_seen: |server| noted(server, "server.backup"),
    },
    // The last one: nothing answers afterwards.
    Change {
        action: "model.undeploy",
        ask: |server| call(server, "POST", "/api/v1/models/trees/undeploy", br#"{"reason":"struck"}"#),
        is_seen: |server| last_route(server)["action"] == "undeploy",
    },
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
    let plain = [CHILD.as_slice(), &FIRST_START, &OTHER, &restore::POINTS].concat().into_iter().map(str::to_owned);
    let changes = CHANGES.iter().flat_map(|change| [before(change.action), after(change.action)]);
    import.chain(train).chain(plain).chain(changes).collect()
}

fn before(action: &str) -> String {
    format!("commit.before/{action}")
}

fn after(action: &str) -> String {
    format!("commit.after/{action}")
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
fn a_change_is_made_or_not_made() {
    let mut server = Server::start();
    story::import(&server, "credit", 1);
    story::model(&server, "trees");
    let second = story::train(&server, "trees").expect("the server lives");
    assert_eq!(story::ended(&server, &second)["state"], "succeeded");
    for change in CHANGES {
        for (point, left) in [(before(change.action), Nothing), (after(change.action), All)] {
            strike_server(&mut server, &point, change.ask);
            assert_eq!((change.is_seen)(&server), left == All, "{point}");
            let answers = story::predict(&server, "trees").0 == 200;
            assert_eq!(answers, point != "commit.after/model.undeploy", "{point}");
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

// ------------------------------------------------------------------------------------------------ striking

fn struck(server: &Server) -> PathBuf {
    server.path("struck")
}

/// Has the next start struck at this point.
fn arm(server: &mut Server, point: &str) {
    disarm(server);
    server.environment.push(("MEUSE_FAILPOINT", format!("{point}=kill").into()));
    server.environment.push(("MEUSE_FAILPOINT_STRUCK", struck(server).into()));
}

fn disarm(server: &mut Server) {
    let _ = std::fs::remove_file(struck(server));
    server.environment.retain(|(name, _)| !name.starts_with("MEUSE_FAILPOINT"));
}

fn died(server: &mut Server) -> ExitStatus {
    until("the server is killed", || server.ended())
}

fn is_struck(server: &Server, point: &str, ended: ExitStatus) {
    assert_eq!(ended.signal(), Some(9), "{point}: {ended}\n{}", server.log());
    assert!(struck(server).exists(), "{point}: it was killed there");
}

/// Starts the server anew, has it killed at the point while it does what it is asked, and starts it again.
fn strike_server<T>(server: &mut Server, point: &str, ask: impl FnOnce(&Server) -> Option<T>) {
    server.stop();
    arm(server, point);
    match server.try_restart() {
        Ok(()) => {
            ask(server);
            let ended = died(server);
            is_struck(server, point, ended);
        }
        Err(ended) => is_struck(server, point, ended),
    }
    disarm(server);
    server.restart();
    story::verify(server);
}

// ------------------------------------------------------------------------------------------------- judging

fn names(server: &Server, path: &str) -> Vec<String> {
    let items = get(server, path);
    let items = items["items"].as_array().expect("a list");
    items.iter().filter_map(|item| Some(item["name"].as_str()?.to_owned())).collect()
}

fn struck_key(server: &Server) -> Option<Value> {
    let keys = get(server, "/api/v1/keys");
    keys["items"].as_array()?.iter().find(|key| key["note"] == "struck").cloned()
}

fn noted(server: &Server, action: &str) -> bool {
    get(server, "/api/v1/audit?limit=1000").to_string().contains(&format!("\"{action}\""))
}

fn last_route(server: &Server) -> Value {
    let routes = get(server, "/api/v1/models/trees/routes");
    routes["items"].as_array().and_then(|routes| routes.last().cloned()).unwrap_or_default()
}

fn jobs(server: &Server) -> Vec<Value> {
    get(server, "/api/v1/jobs")["items"].as_array().expect("a list").clone()
}

/// The numbers of the versions, ascending; none when there is nothing of that name.
fn versions(server: &Server, path: &str) -> Vec<u64> {
    let (status, answer) = call(server, "GET", path, b"").expect("the server lives");
    if status == 404 {
        return Vec::new();
    }
    let list = if answer["items"].is_array() { &answer["items"] } else { &answer["versions"] };
    let mut numbers: Vec<u64> = list
        .as_array()
        .unwrap_or_else(|| panic!("{path}: no versions in {answer}"))
        .iter()
        .filter_map(|version| version["version"].as_u64())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// There are versions 1 to `count`, the last job has ended well in at most two attempts, and has left no folder.
fn is_once(server: &Server, path: &str, count: usize, point: &str) {
    assert_eq!(versions(server, path), (1..=count as u64).collect::<Vec<_>>(), "{point}");
    let last = &jobs(server)[0];
    assert_eq!(last["state"], "succeeded", "{point}: {last}");
    assert!(last["attempts"].as_u64().is_some_and(|attempts| attempts <= 2), "{point}: {last}");
    until("the work folder is empty", || is_empty(&server.path("home/work")).then_some(()));
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("a folder").next().is_none()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Two days go by for everything in a folder.
fn age(folder: &Path) {
    for path in files(folder) {
        let file = std::fs::File::options().append(true).open(&path).expect("a file of ours");
        file.set_modified(SystemTime::now() - Duration::from_hours(48)).expect("its time is set");
    }
}

/// Two days later: every blob that a record names is there and whole, no other is, and no draft; the trail is whole.
fn is_whole(server: &mut Server) {
    story::quiet(server);
    server.stop();
    let blobs = server.path("home/blobs");
    age(&blobs);
    server.restart();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let store = runtime.block_on(Store::open(StoreConfig {
        database: DatabaseAddress::Sqlite(server.path("home/meuse.db")),
        blobs: blobs.clone(),
        audit_head: server.path("home/audit.head"),
        secret: Secret::read(&server.path("home/secret")).expect("the secret"),
    }));
    let store = store.expect("the store opens beside its server");
    let named = runtime.block_on(meuse_store::records::references::blobs(&store.db)).expect("they are read");
    let mut named: Vec<Digest> = named.into_iter().collect();
    named.sort_unstable();
    until("the blobs are swept", || {
        let mut present: Vec<Digest> = files(&blobs.join("sha256"))
            .iter()
            .map(|path| path.file_name().and_then(|name| name.to_str()?.parse().ok()).expect("a digest"))
            .collect();
        present.sort_unstable();
        (present == named && is_empty(&blobs.join("incoming"))).then_some(())
    });
    for digest in &named {
        runtime.block_on(store.blobs.read(digest)).expect("a blob that a record names is whole");
    }
    runtime.block_on(store.close());
    story::verify(server);
    assert!(is_empty(&server.path("home/work")));
}

/// A program that runs instead of `meuse-job`.
fn script(server: &Server, name: &str, body: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let heartbeat = r#"( while [ -d "$1" ]; do printf '{"at":"2026-11-23T10:00:00Z","type":"heartbeat"}\n' >>"$1/events.jsonl"; sleep 0.2; done ) &"#;
    let beats = if name == "waits" { heartbeat } else { "" };
    let path = server.file(name, format!("#!/bin/sh\n{beats}\n{body}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
    path
}
