//! A backup is taken while everything goes on, and what is restored from it is what there was at that instant.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::archives::{Contents, blobs_of, listed};
use crate::homes::{Release, fails, records_of, run};
use crate::support::{Server, checkout, germancredit, meuse, told, until};

/// A server on a home that has everything in it.
fn server() -> (Server, Value) {
    let release = Release::first();
    let expected = release.expected();
    let server = Server::open(release.unpack(), expected["admin"].as_str().expect("a key"), None);
    (server, expected)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn rows() -> String {
    format!("@{}", checkout().join("examples/credit/applicants.json").display())
}

/// A recipe that keeps a child busy for minutes.
fn long_recipe(server: &Server) -> std::path::PathBuf {
    let recipe = "dataset = \"credit:1\"\ntask = \"binary\"\ntarget = \"creditability\"\npositive = \"bad\"\n\
        [split]\nmethod = \"stratified\"\n[algorithm]\nname = \"lightgbm\"\ncapacity = \"manual\"\n\
        num_iterations = 100000\nlearning_rate = 0.0001\nnum_leaves = 63\nmin_data_in_leaf = 1\n\
        early_stopping_round = 0\n";
    server.file("long.toml", recipe)
}

/// Calls, imports and new keys, again and again until told to stop.
struct Business<'a> {
    server: &'a Server,
    over: AtomicBool,
    done: AtomicUsize,
}

impl Business<'_> {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn predict(&self) {
        let row = std::fs::read_to_string(checkout().join("examples/credit/applicants.json")).expect("the rows");
        let body = format!("{{\"rows\": {row}}}");
        while self.goes_on() {
            let path = "/api/v1/models/credit-scorecard/predict";
            let (status, answer) = self.server.http("POST", path, Some(&self.server.key), body.as_bytes());
            assert_eq!(status, 200, "{answer}");
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn import_and_make_keys(&self) {
        for number in 0.. {
            if !self.goes_on() {
                return;
            }
            let csv = format!("a,b\n{number},1\n2,3\n");
            let path = "/api/v1/datasets/busy/versions?file=busy.csv";
            let (status, answer) = self.server.http("POST", path, Some(&self.server.key), csv.as_bytes());
            assert!(status == 202 || status == 200, "{answer}");
            let (status, answer) = self.server.http("POST", "/api/v1/keys", Some(&self.server.key), b"{}");
            assert!(status < 300, "{answer}");
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_backup_that_is_taken_while_everything_goes_on_restores_every_record_and_blob() {
    let (server, expected) = server();
    let job = server.json(&["train", text(&long_recipe(&server)), "--model", "slow"]);
    let id = job["id"].as_str().expect("an id").to_owned();
    until("it runs", || (server.json(&["jobs", "show", &id])["state"] == "running").then_some(()));
    let file = server.path("meuse.tar");
    let business = Business { server: &server, over: AtomicBool::new(false), done: AtomicUsize::new(0) };
    let taken = std::thread::scope(|scope| {
        scope.spawn(|| business.predict());
        scope.spawn(|| business.import_and_make_keys());
        let done = || business.done.load(Ordering::Relaxed);
        until("business goes on", || (done() > 20).then_some(()));
        let before = done();
        let taken = server.json(&["backup", text(&file)]);
        until("business has gone on", || (done() > before + 20).then_some(()));
        business.over.store(true, Ordering::Relaxed);
        taken
    });
    server.run(&["jobs", "cancel", &id]);
    assert!(server.run(&["audit", "verify"]).contains("intact"));

    let contents = Contents::read(&file);
    assert_eq!(taken["blobs"], contents.blobs.len());
    let records: usize = contents.tables.values().map(Vec::len).sum();
    assert_eq!(taken["records"], records);
    let mode = file.metadata().expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    it_is_of_one_instant(&contents);

    let home = server.path("restored/home");
    let restored = run(server.scratch.path(), &["--json", "restore", text(&file), "--home", text(&home)]);
    let restored: Value = serde_json::from_str(&restored).expect("JSON");
    assert_eq!(restored["audit"]["intact"], true);
    assert!(restored["requeued"].as_u64().is_some_and(|jobs| jobs >= 1), "{restored}");
    assert_eq!(listed(&server.path("restored")), [Path::new("home")], "nothing is left beside it");
    every_record_is_there(&contents, &records_of(&home.join("meuse.db")));
    assert_eq!(blobs_of(&home), contents.blobs);
    let ours = blobs_of(&server.path("home"));
    assert!(contents.blobs.iter().all(|(digest, content)| ours.get(digest) == Some(content)));

    let scratch = tempfile::tempdir().expect("a temporary folder");
    std::fs::rename(&home, scratch.path().join("home")).expect("a home can be moved");
    it_works(&Server::open(scratch, &server.key, None), &expected, &id);
}

/// What other records name is there, and the audit trail ends where the manifest says.
fn it_is_of_one_instant(contents: &Contents) {
    let column = |table: &str, name: &str| {
        let tables = contents.manifest["tables"].as_array().expect("tables");
        let table = tables.iter().find(|entry| entry["table"]["name"] == table).expect("the table");
        let columns = table["table"]["columns"].as_array().expect("columns");
        columns.iter().position(|column| column["name"] == name).expect("the column")
    };
    let trail = &contents.tables["audit_entry"];
    let last = trail.last().expect("entries");
    assert_eq!(last[0], contents.manifest["audit_seq"]);
    assert_eq!(trail.len() as u64, last[0].as_u64().expect("a number"), "no entry is missing");
    let (action, subject) = (column("audit_entry", "action"), column("audit_entry", "subject"));
    let backups = trail.iter().filter(|entry| entry[action] == "server.backup").count();
    assert_eq!(backups, 1, "it tells of itself");
    let told = |what: &str| {
        let entries = trail.iter().filter(|entry| entry[action] == what);
        entries.filter(|entry| entry[subject].as_str().is_some_and(|subject| subject.starts_with("busy"))).count()
    };
    let versions = contents.tables["dataset_version"].len() - 3;
    assert_eq!(told("dataset.register"), versions, "each version came with its entry, and the other way round");
    let keys = trail.iter().filter(|entry| entry[action] == "key.create").count();
    assert_eq!(keys + 1, contents.tables["api_key"].len());
}

/// The restored database, read by SQLite itself, holds what the backup holds; but jobs that ran are queued again, and
/// the trail has one entry more.
fn every_record_is_there(contents: &Contents, restored: &Value) {
    for (table, rows) in &contents.tables {
        let restored = restored[table].as_array().unwrap_or_else(|| panic!("{table} is not there"));
        let entries = usize::from(table == "audit_entry");
        assert_eq!(restored.len(), rows.len() + entries, "{table}");
        if ["audit_head", "job"].contains(&table.as_str()) {
            continue;
        }
        for row in rows {
            let as_sqlite = row.as_array().expect("a row").iter().map(|cell| match cell {
                Value::Bool(flag) => json!(i32::from(*flag)),
                other => other.clone(),
            });
            let as_sqlite = Value::Array(as_sqlite.collect());
            assert!(restored.contains(&as_sqlite), "{table}: {as_sqlite}");
        }
    }
    for job in &contents.tables["job"] {
        let found = restored["job"].as_array().expect("jobs").iter().find(|found| found[0] == job[0]);
        let found = found.unwrap_or_else(|| panic!("{job} is gone"));
        let ran = job[6] == "running";
        assert_eq!(found[6], if ran { json!("queued") } else { job[6].clone() });
        assert_eq!(found[8], json!(job[8].as_i64().expect("attempts") - i64::from(ran)));
        assert_eq!(found[5], job[5]);
    }
}

fn it_works(server: &Server, expected: &Value, running: &str) {
    for (model, answer) in expected["answers"].as_object().expect("answers") {
        let now = server.json(&["predict", model, "--rows", &rows()]);
        assert_eq!(now["predictions"], answer["predictions"], "{model}");
    }
    let ana = server.command_as(expected["ana"].as_str().expect("a key"), &["whoami"]).output().expect("meuse runs");
    assert!(ana.status.success(), "{}", told(&ana));
    until("the job that ran runs again", || {
        (server.json(&["jobs", "show", running])["state"] == "running").then_some(())
    });
    server.run(&["jobs", "cancel", running]);
    server.run(&["data", "import", "credit", text(&germancredit())]);
    assert!(server.run(&["audit", "verify"]).contains("intact"));
    let said = server.run(&["--json", "audit", "list", "--limit", "1000"]);
    assert!(said.contains("server.backup") && said.contains("server.restore"), "{said}");
}

/// The contents of a backup of a home that no server runs on, without what each restore adds to its trail.
fn taken_apart(scratch: &Path, name: &str, home: &Path, database: Option<&str>) -> Contents {
    let file = scratch.join(name);
    let mut arguments = vec!["backup", text(&file), "--home", text(home)];
    arguments.extend(database.iter().flat_map(|url| ["--database", url]));
    run(scratch, &arguments);
    let mut contents = Contents::read(&file);
    contents.tables.remove("audit_head");
    contents.tables.get_mut("audit_entry").expect("the trail").retain(|entry| entry[4] != "server.restore");
    contents
}

#[test]
fn a_home_moves_from_sqlite_to_postgres_and_back_with_every_record_and_blob() {
    let release = Release::first();
    let (scratch, expected) = (release.unpack(), release.expected());
    let path = |name: &str| scratch.path().join(name);
    let url = crate::postgres::new_database();
    let first = taken_apart(scratch.path(), "first.tar", &path("home"), None);
    run(scratch.path(), &["restore", text(&path("first.tar")), "--home", text(&path("pg")), "--database", &url]);
    assert!(!path("pg/meuse.db").exists(), "the records are in Postgres");
    let second = taken_apart(scratch.path(), "second.tar", &path("pg"), Some(&url));
    run(scratch.path(), &["restore", text(&path("second.tar")), "--home", text(&path("back"))]);
    let third = taken_apart(scratch.path(), "third.tar", &path("back"), None);
    for (place, contents) in [("Postgres", &second), ("SQLite again", &third)] {
        for (table, rows) in &first.tables {
            // The first backup is of an earlier schema, whose tables may have gained columns.
            let kept = |row: &Value| {
                let row = row.as_array().expect("a row");
                contents.tables[table].iter().any(|now| now.as_array().is_some_and(|now| now.starts_with(row)))
            };
            assert!(rows.iter().all(kept), "{place}: {table}");
        }
        assert_eq!(contents.blobs, first.blobs, "{place}");
    }
    assert_eq!(second.tables, third.tables);

    // A server works on either, with the keys of old.
    let key = expected["admin"].as_str().expect("a key");
    for (home, database) in [("pg", Some(url.as_str())), ("back", None)] {
        let moved = tempfile::tempdir().expect("a temporary folder");
        std::fs::rename(path(home), moved.path().join("home")).expect("a home can be moved");
        let server = Server::open(moved, key, database);
        let answer = server.json(&["predict", "credit-trees", "--rows", &rows()]);
        assert_eq!(answer["predictions"], expected["answers"]["credit-trees"]["predictions"]);
        assert!(server.run(&["audit", "verify"]).contains("intact"));
        // And from Postgres a backup is taken over the wire as from SQLite.
        let file = server.path("again.tar");
        server.run(&["backup", text(&file)]);
        run(server.scratch.path(), &["restore", text(&file), "--dry-run"]);
    }
}

#[test]
fn only_whoever_operates_the_server_takes_a_backup() {
    let (server, expected) = server();
    let file = server.path("meuse.tar");
    let take = |command: &mut std::process::Command| {
        let output = command.output().expect("meuse runs");
        assert!(!output.status.success());
        assert_eq!(listed_backups(&server), Vec::<std::path::PathBuf>::new(), "nothing is left");
        told(&output)
    };
    let arguments = ["backup", text(&file)];
    let ana = expected["ana"].as_str().expect("a key");
    let said = take(&mut server.command_as(ana, &arguments));
    assert!(said.contains("may not take backups"), "{said}");
    let said = take(server.command(&arguments).args(["--project", "retail"]));
    assert!(said.contains("the project that the server began with"), "{said}");
    let (status, _) = server.http("POST", "/api/v1/backup", None, b"");
    assert_eq!(status, 401);
    assert!(!server.json(&["audit", "list", "--limit", "1000"]).to_string().contains("server.backup"));
}

fn listed_backups(server: &Server) -> Vec<std::path::PathBuf> {
    let mut found = listed(server.scratch.path());
    found.retain(|path| path.to_string_lossy().contains(".tar"));
    found
}

#[test]
fn nothing_is_written_over() {
    let (server, _) = server();
    let file = server.file("meuse.tar", "precious");
    let said = server.fails(&["backup", text(&file)]);
    assert!(said.contains("is there already") && said.contains("--force"), "{said}");
    assert_eq!(std::fs::read(&file).expect("the file"), b"precious");
    server.run(&["backup", text(&file), "--force"]);
    assert!(server.run(&["restore", text(&file), "--dry-run"]).starts_with("whole: "));
    let said = server.fails(&["backup", text(server.scratch.path())]);
    assert!(said.contains("is a folder"), "{said}");
    let said = server.fails(&["backup", text(&server.path("no/such/folder.tar"))]);
    assert!(said.contains("cannot write"), "{said}");

    let home = server.path("home");
    let before = listed(&home);
    let said = fails(server.scratch.path(), &["restore", text(&file), "--home", text(&home)]);
    assert!(said.contains("is not empty"), "{said}");
    assert_eq!(listed(&home), before);
    server.run(&["whoami"]);
    let url = crate::postgres::new_database();
    let other = server.path("other");
    let into = ["restore", text(&file), "--home", text(&other), "--database", &url];
    run(server.scratch.path(), &into);
    let third = server.path("third");
    let again = ["restore", text(&file), "--home", text(&third), "--database", &url];
    let said = fails(server.scratch.path(), &again);
    assert!(said.contains("is not empty"), "{said}");
    assert!(!third.exists() && other.join("secret").exists());
    // A folder that is there and empty is a home to be.
    let empty = server.path("empty");
    std::fs::create_dir(&empty).expect("a folder");
    run(server.scratch.path(), &["restore", text(&file), "--home", text(&empty)]);
    assert!(empty.join("secret").exists());
}

#[test]
fn a_backup_goes_through_pipes() {
    let (server, _) = server();
    let mut take = server.command(&["backup", "-"]);
    let mut take = take.stdout(Stdio::piped()).spawn().expect("meuse runs");
    let stream = take.stdout.take().expect("it is piped");
    let mut restore = meuse(server.scratch.path());
    let restore = restore.args(["--json", "restore", "-", "--home"]).arg(server.path("copy")).stdin(stream);
    let restored = restore.output().expect("meuse runs");
    assert!(restored.status.success(), "{}", told(&restored));
    assert!(take.wait().expect("it ends").success());
    assert_eq!(blobs_of(&server.path("copy")).len() as u64, document(&restored.stdout)["blobs"]);
}

fn document(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn one_backup_is_taken_at_a_time_and_a_reader_that_goes_away_ends_his() {
    use std::io::{Read as _, Write as _};
    let (mut server, _) = server();
    server.expects_warnings = true;
    // More than fits between server and client, so that the first one is not over before it is read.
    let rows: Vec<String> = (0..400_000_u64).map(|row| format!("{row},{}", row * 7919 % 1_000_003)).collect();
    let big = server.file("big.csv", format!("a,b\n{}\n", rows.join("\n")));
    server.run(&["data", "import", "big", text(&big)]);
    server.run(&["data", "export", "big", "--out", text(&server.path("out.csv"))]);
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    let head = format!(
        "POST /api/v1/backup HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\r\n",
        server.key
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let file = server.path("meuse.tar");
    let said = server.fails(&["backup", text(&file)]);
    assert!(said.contains("another backup is being taken"), "{said}");
    drop(stream);
    until("the next one may begin", || server.command(&["backup", text(&file)]).status().ok()?.success().then_some(()));
    assert!(server.log().contains("a backup was not handed out whole"));
}

/// A home that is no home, a file that is no backup.
#[test]
fn what_is_missing_is_named() {
    let scratch = TempDir::new().expect("a temporary folder");
    let path = |name: &str| scratch.path().join(name).display().to_string();
    let said = fails(scratch.path(), &["backup", &path("b.tar"), "--home", &path("none")]);
    assert!(said.contains("none/meuse.db is not there") && said.contains("--database"), "{said}");
    let said = fails(scratch.path(), &["restore", &path("b.tar"), "--home", &path("home")]);
    assert!(said.contains("b.tar"), "{said}");
    let said = fails(scratch.path(), &["restore", &path("b.tar")]);
    assert!(said.contains("--home"), "{said}");
    assert_eq!(listed(scratch.path()), Vec::<std::path::PathBuf>::new());
}
