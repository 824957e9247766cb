//! Children that misbehave. Their jobs end with a reason, memory and disk stay bounded, nothing of theirs is left
//! running, nothing that they point to is touched, and what is deployed answers all the while.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::story::{self, ask, ended, get, predict, send};
use crate::support::{Server, checkout, until};

/// How much more memory the server may have taken at its peak, in MiB.
const MORE_MIB: u64 = 96;

/// A server whose children do what their upload says, with a model of a real one.
fn server() -> Server {
    let mut server = Server::new();
    server.expects_warnings = true;
    let real = Path::new(env!("CARGO_BIN_EXE_meuse")).with_file_name("meuse-job");
    let script = checkout().join("crates/meuse/tests/faults/children/misbehaves");
    let program =
        server.file("job", format!("#!/bin/sh\nexec sh '{}' \"$1\" '{}'\n", script.display(), real.display()));
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it may be run");
    server.environment.push(("MEUSE_JOB", program.into()));
    server.environment.push(("MEUSE_COMPUTE__MAX_MEMORY_MIB", "700".into()));
    server.restart();
    server.read_key();
    story::import(&server, "credit", 1);
    story::model(&server, "first");
    server
}

fn misbehave(server: &Server, how: &str) -> String {
    send(server, "strange", &format!("{how}\n1\n")).expect("the server lives")
}

/// The job as it has ended; what is deployed has answered meanwhile, and nothing of it is left.
fn outcome(server: &Server, how: &str) -> Value {
    let id = misbehave(server, how);
    let job = until("the job has ended", || {
        assert_eq!(predict(server, "first").0, 200, "{how}");
        let job = get(server, &format!("/api/v1/jobs/{id}"));
        ["succeeded", "failed", "cancelled"].contains(&job["state"].as_str()?).then_some(job)
    });
    until("its work folders are gone", || left_of(server, &id).is_none().then_some(()));
    job
}

fn left_of(server: &Server, job: &str) -> Option<String> {
    let folders = std::fs::read_dir(server.path("home/work")).expect("the work folder").flatten();
    folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).find(|name| name.contains(job))
}

fn fails(server: &Server, how: &str, attempts: u64, expected: &[&str]) {
    let job = outcome(server, how);
    assert_eq!((&job["state"], &job["attempts"]), (&json!("failed"), &json!(attempts)), "{how}: {job}");
    let failure = job["failure"].to_string();
    for part in expected {
        assert!(failure.contains(part), "{how}: `{part}` is not in {failure}");
    }
}

/// The most memory that a process has had so far, in MiB.
fn peak_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") / 1024
}

/// Whether a process with this argument runs that was started by a child of this server.
fn is_running(server: &Server, argument: &str) -> bool {
    let home = format!("HOME={}", server.path("home/work").display());
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    processes.into_iter().any(|entry| {
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let is_ours = read("environ").split(|byte| *byte == 0).any(|variable| variable.starts_with(home.as_bytes()));
        is_ours && read("cmdline").split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
    })
}

#[test]
fn a_child_that_floods_is_ended_and_the_server_does_not_grow() {
    let server = server();
    let before = peak_mib(&server);
    fails(&server, "prints", 1, &["printed more than 256 MiB"]);
    fails(&server, "tells", 1, &["told events of more than 256 MiB"]);
    fails(&server, "tells-one-endless-line", 1, &["told events of more than 256 MiB"]);
    let after = peak_mib(&server);
    assert!(after < before + MORE_MIB, "the server had {before} MiB and then {after} MiB");
    story::verify(&server);
}

#[test]
fn a_child_that_eats_memory_is_ended_with_the_limit_and_what_to_do() {
    let server = server();
    fails(&server, "eats", 1, &["more than the 700 MiB that one job may", "compute.max_memory_mib"]);
}

#[test]
fn a_child_that_does_not_end_when_asked_is_ended_and_so_is_what_it_started() {
    let server = server();
    let job = misbehave(&server, "ignores");
    until("it is ready", || {
        get(&server, &format!("/api/v1/jobs/{job}/events")).to_string().contains("ready").then_some(())
    });
    let asked = Instant::now();
    ask(&server, "POST", &format!("/api/v1/jobs/{job}/cancel"), Value::Null);
    assert_eq!(ended(&server, &job)["state"], "cancelled");
    assert!(asked.elapsed().as_secs() < 30, "{:?}", asked.elapsed());
    assert!(!is_running(&server, "98765") && !is_running(&server, "98766"));
    let job = outcome(&server, "breeds");
    assert_eq!(job["state"], "succeeded", "{job}");
    let gone = |argument: &str| (!is_running(&server, argument)).then_some(());
    until("what it started has ended with it, in its group or out of it", || gone("98765"));
    fails(&server, "breeds-and-dies", 2, &["SIGKILL"]);
    until("what the killed one started has ended too", || gone("98766"));
}

#[test]
fn what_is_no_event_is_passed_over_and_what_is_one_is_heard() {
    let server = server();
    let job = outcome(&server, "babbles");
    assert_eq!((&job["state"], &job["attempts"]), (&json!("succeeded"), &json!(1)), "{job}");
    let events = get(&server, &format!("/api/v1/jobs/{}/events", job["id"].as_str().expect("an id"))).to_string();
    assert!(events.contains("understood"), "{events}");
    fails(&server, "tears", 2, &["ended without saying that it was done"]);
    fails(&server, "pipes-its-events", 2, &["exit code 9"]);
}

#[test]
fn what_a_child_points_to_is_neither_read_nor_cut() {
    let server = server();
    for (how, output, reason) in [
        ("links-a-file", "schema.json", "a link stands in its place"),
        ("links-to-zero", "profile.json", "a link stands in its place"),
        ("links-the-data", "data.parquet", "a link stands in its place"),
        ("links-the-folder", "schema.json", "a link stands in its place"),
        ("pipes-a-file", "preview.json", "no plain file"),
        ("misses-a-file", "data.parquet", "No such file"),
        ("makes-a-folder", "data.parquet", "no plain file"),
    ] {
        fails(&server, how, 2, &[&format!("its output `{output}` cannot be used"), reason]);
    }
    // Larger than what a child may print, so it would be cut if the link were followed.
    let precious = server.file("home/precious", vec![7_u8; 2 << 20]);
    fails(&server, "prints-to-another-file", 2, &["exit code 9"]);
    assert_eq!(std::fs::metadata(precious).expect("it is there").len(), 2 << 20);
    story::verify(&server);
    let datasets = get(&server, "/api/v1/datasets").to_string();
    assert!(!datasets.contains("strange"), "nothing of theirs is registered: {datasets}");
}
