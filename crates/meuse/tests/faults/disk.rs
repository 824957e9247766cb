//! A disk that is really full: a small file system of the server's own, in a mount namespace that ends with it. Blobs,
//! database and work folder, each in turn: what cannot be done is refused with the place and what to do, what is
//! deployed answers, and all goes on when there is room again, without a restart.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::process::{Signal, getuid};
use serde_json::{Value, json};

use crate::networks;
use crate::story::{self, ask, call, ended, get, predict, send, table};
use crate::striking::child_of;
use crate::support::{Server, signal, until};

/// A recipe that keeps a child busy for some seconds.
const LONGER: &str = r#"dataset = "credit"
task = "binary"
target = "bad"
positive = "yes"

[split]
method = "stratified"

[algorithm]
name = "lightgbm"
capacity = "manual"
num_iterations = 40000
learning_rate = 0.001
num_leaves = 4
early_stopping_round = 0
"#;

/// A server one of whose folders is a small disk of its own, with a model that is deployed.
struct Cramped {
    server: Server,
    disk: PathBuf,
    filler: PathBuf,
}

impl Cramped {
    /// `prepare` is what a shell does once the disk is there.
    fn start(place: &str, mebibytes: u32, prepare: &str) -> Self {
        let mut server = Server::new();
        server.expects_warnings = true;
        let disk = server.path(place);
        std::fs::create_dir_all(&disk).expect("a folder");
        let script =
            format!("set -e; mount -t tmpfs -o size={mebibytes}m,mode=700 meuse-faults \"$0\"; {prepare} exec \"$@\"");
        // Without root, a user namespace allows what root may.
        let namespaces: &[&str] =
            if getuid().is_root() { &["--mount"] } else { &["--user", "--map-root-user", "--mount"] };
        server.started_by.push("unshare".into());
        server.started_by.extend(namespaces.iter().map(Into::into));
        server.started_by.extend(["sh", "-c", script.as_str()].map(Into::into));
        server.started_by.push(disk.clone().into());
        if let Err(ended) = server.try_restart() {
            panic!(
                "no small disk can be mounted ({ended}): this test needs root, or user namespaces without root \
                 (`unshare --user --map-root-user --mount true` must work)\n{}",
                server.log()
            );
        }
        // The namespace's files, seen from outside.
        let inside = PathBuf::from(format!("/proc/{}/root", server.pid()));
        let seen = |path: &Path| inside.join(path.strip_prefix("/").expect("an absolute path"));
        let disk = seen(&disk);
        assert!(
            std::fs::read_to_string(format!("/proc/{}/mounts", server.pid())).expect("Linux").contains("meuse-faults"),
            "the disk is there"
        );
        server.read_key();
        story::import(&server, "credit", 1);
        story::model(&server, "first");
        Self { server, filler: disk.join("filler"), disk }
    }

    /// Takes all room there is.
    fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(&self.filler).expect("the filler");
        for size in [64 << 10, 4 << 10, 1] {
            let bytes = vec![7; size];
            while filler.write_all(&bytes).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(&self.filler).expect("the filler is there");
    }

    /// What is deployed answers.
    fn serves(&self) {
        let (status, answer) = predict(&self.server, "first");
        assert_eq!(status, 200, "{answer}");
    }

    /// Begins a training and holds its child still as soon as it is there: it has written nothing of what it makes.
    fn train_and_hold(&self) -> (String, u32) {
        let body = json!({ "recipe": LONGER, "model": "later" });
        let job = ask(&self.server, "POST", "/api/v1/jobs/train", body)["id"].as_str().expect("an id").to_owned();
        let child = until("its child is there", || child_of(&job));
        signal(child, Signal::STOP);
        (job, child)
    }
}

/// The call was refused, by a sentence that names the place and what to do.
fn refuses(place: &str, answer: Option<(u16, Value)>) {
    let (status, answer) = answer.expect("the server lives");
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    assert_eq!(status, 503, "{answer}");
    assert!(message.contains(place) && message.contains("is full: make room there"), "{answer}");
}

fn upload(server: &Server, number: usize) -> Option<(u16, Value)> {
    call(server, "POST", "/api/v1/datasets/credit/versions?file=table.csv", table(number).as_bytes())
}

#[test]
fn a_full_disk_of_blobs_is_named_and_work_that_is_done_waits_for_room() {
    let cramped = Cramped::start("home/blobs", 4, "");
    let server = &cramped.server;
    cramped.fill();
    refuses("home/blobs", upload(server, 2));
    cramped.serves();
    let job = story::train(server, "later").expect("the server lives");
    let waits = until("the job waits for room", || {
        let job = get(server, &format!("/api/v1/jobs/{job}"));
        job["progress"]["stage"].as_str().is_some_and(|stage| stage.contains("is full")).then_some(job)
    });
    assert_eq!(waits["state"], "running", "{waits}");
    cramped.serves();
    cramped.make_room();
    let done = ended(server, &job);
    assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(1)), "{done}");
    story::import(server, "credit", 2);
    story::verify(server);
    story::quiet(server);
    let incoming = std::fs::read_dir(cramped.disk.join("incoming")).expect("the drafts").count();
    assert_eq!(incoming, 0, "no draft is left");
}

#[test]
fn a_full_disk_of_the_database_is_named_and_what_runs_ends_when_there_is_room() {
    let prepare = r#"mkdir "$0/blobs" "$0/work"; mkdir -p "$0.out/blobs" "$0.out/work";
        mount --bind "$0.out/blobs" "$0/blobs"; mount --bind "$0.out/work" "$0/work";"#;
    let cramped = Cramped::start("home", 8, prepare);
    let server = &cramped.server;
    let (job, child) = cramped.train_and_hold();
    cramped.fill();
    // What SQLite has set aside already may take some more.
    let key = || call(server, "POST", "/api/v1/keys", br#"{"note":"more"}"#);
    let refused = (0..20_000).find_map(|_| key().filter(|(status, _)| *status != 201 && *status != 200));
    refuses("the database", refused);
    refuses("the database", upload(server, 2));
    cramped.serves();
    signal(child, Signal::CONT);
    until("the child is done", || child_of(&job).is_none().then_some(()));
    cramped.serves();
    cramped.make_room();
    let done = ended(server, &job);
    assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(1)), "{done}");
    assert_eq!(key().map(|(status, _)| status / 100), Some(2));
    story::import(server, "credit", 2);
    story::verify(server);
}

#[test]
fn a_full_work_folder_is_named_and_the_next_job_finds_room() {
    let cramped = Cramped::start("home/work", 4, "");
    let server = &cramped.server;
    let (job, child) = cramped.train_and_hold();
    cramped.fill();
    refuses("home/work", upload(server, 2));
    signal(child, Signal::CONT);
    let failed = ended(server, &job);
    let message = failed["failure"]["message"].as_str().unwrap_or_default();
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(message.contains("home/work") && message.contains("is full: make room there"), "{failed}");
    cramped.fill();
    let job = story::train(server, "later").expect("the server lives");
    let failed = ended(server, &job);
    let message = failed["failure"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("home/work") && message.contains("is full: make room there"), "{failed}");
    cramped.serves();
    cramped.make_room();
    story::import(server, "credit", 2);
    let job = story::train(server, "later").expect("the server lives");
    assert_eq!(ended(server, &job)["state"], "succeeded");
    story::verify(server);
    until("nothing is left", || {
        std::fs::read_dir(&cramped.disk).expect("the work folder").next().is_none().then_some(())
    });
    assert!(send(server, "credit", &table(3)).is_some());
    story::quiet(server);
}

#[test]
fn a_network_whose_work_folder_is_full_ends_with_the_place_and_the_next_one_is_learnt() {
    let cramped = Cramped::start("home/work", 4, "");
    let server = &cramped.server;
    let job = networks::train(server, "later", &networks::long());
    let child = networks::child_with_checkpoint(&cramped.disk, &job);
    signal(child, Signal::STOP);
    cramped.fill();
    signal(child, Signal::CONT);
    let failed = ended(server, &job);
    let message = failed["failure"]["message"].as_str().unwrap_or_default();
    assert_eq!((&failed["state"], &failed["attempts"]), (&json!("failed"), &json!(1)), "{failed}");
    assert!(message.contains("home/work") && message.contains("is full: make room there"), "{failed}");
    cramped.serves();
    cramped.make_room();
    let job = networks::train(server, "later", &networks::short());
    assert_eq!(ended(server, &job)["state"], "succeeded");
    story::verify(server);
}
