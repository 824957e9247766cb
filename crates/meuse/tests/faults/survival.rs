//! What survives: a killed child, a killed server, a job that is asked to stop, a recipe that
//! cannot be trained.

use std::path::PathBuf;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use crate::striking::child_of;
use crate::support::{Server, signal, told, until};

/// A recipe that keeps a child busy for minutes.
const LONG: &str = r#"dataset = "credit"
task = "binary"
target = "creditability"
positive = "bad"

[split]
method = "stratified"

[algorithm]
name = "lightgbm"
capacity = "manual"
num_iterations = 100000
learning_rate = 0.0001
num_leaves = 63
min_data_in_leaf = 1
early_stopping_round = 0
"#;

/// A recipe that takes some seconds, long enough to be met at work on a machine that is busy.
const SHORT: &str = r#"dataset = "credit"
task = "binary"
target = "creditability"
positive = "bad"

[split]
method = "stratified"

[algorithm]
name = "lightgbm"
capacity = "manual"
num_iterations = 20000
learning_rate = 0.001
num_leaves = 4
early_stopping_round = 0
"#;

fn submit(server: &Server, recipe: &str) -> String {
    let path: PathBuf = server.file("job.toml", recipe);
    let job = server.json(&["train", path.to_str().expect("UTF-8"), "--model", "slow"]);
    job["id"].as_str().expect("an id").to_owned()
}

fn job(server: &Server, id: &str) -> Value {
    server.json(&["jobs", "show", id])
}

/// The child of a job, whatever it does.
fn working(id: &str) -> u32 {
    until("a child works", || child_of(id))
}

/// The child of a job, once it has told that it trains.
fn boosting(server: &Server, id: &str) -> u32 {
    until("the child trains", || {
        let progress = job(server, id)["progress"]["stage"].clone();
        let pid = child_of(id)?;
        progress.as_str().is_some_and(|stage| stage.contains("boost")).then_some(pid)
    })
}

#[test]
fn a_killed_child_is_retried_once_and_then_the_job_fails_with_the_reason() {
    let mut server = Server::start();
    server.expects_warnings = true;
    server.import_credit();
    let id = submit(&server, LONG);
    let first = boosting(&server, &id);
    signal(first, Signal::KILL);
    let second = until("another child works", || child_of(&id).filter(|pid| *pid != first));
    signal(second, Signal::KILL);
    let ended = until("the job has failed", || {
        let job = job(&server, &id);
        (job["state"] == "failed").then_some(job)
    });
    assert_eq!(ended["attempts"], 2);
    assert!(ended["failure"]["message"].as_str().is_some_and(|message| message.contains("SIGKILL")), "{ended}");
    assert_eq!(server.json(&["models", "list"])["items"], serde_json::json!([]), "nothing is registered");
}

#[test]
fn a_job_that_is_asked_to_stop_stops_at_once() {
    let server = Server::start();
    server.import_credit();
    let id = submit(&server, LONG);
    let child = boosting(&server, &id);
    let begin = Instant::now();
    server.run(&["jobs", "cancel", &id]);
    until("the job is cancelled", || (job(&server, &id)["state"] == "cancelled").then_some(()));
    // It would work for minutes.
    assert!(begin.elapsed().as_secs() < 20, "it took {:?}, two command lines included", begin.elapsed());
    assert_ne!(child_of(&id), Some(child), "the child is gone");
}

#[test]
fn a_killed_server_finds_its_living_child_again_and_registers_one_version() {
    let mut server = Server::start();
    server.import_credit();
    let id = submit(&server, SHORT);
    let child = working(&id);
    server.kill();
    server.restart();
    let ended = until("the job has ended", || {
        let job = job(&server, &id);
        ["succeeded", "failed"].contains(&job["state"].as_str()?).then_some(job)
    });
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(ended["attempts"], 1, "the child {child} was adopted, not started anew: {ended}");
    let model = server.json(&["models", "show", "slow"]);
    assert_eq!(model["versions"].as_array().map(Vec::len), Some(1));
    assert!(server.run(&["audit", "verify"]).contains("intact"));
}

#[test]
fn a_job_whose_child_died_with_the_server_is_retried_and_registers_one_version() {
    let mut server = Server::start();
    server.expects_warnings = true;
    server.import_credit();
    let id = submit(&server, SHORT);
    let child = working(&id);
    server.kill();
    signal(child, Signal::KILL);
    server.restart();
    let ended = until("the job has ended", || {
        let job = job(&server, &id);
        ["succeeded", "failed"].contains(&job["state"].as_str()?).then_some(job)
    });
    assert_eq!((&ended["state"], &ended["attempts"]), (&"succeeded".into(), &2.into()), "{ended}");
    let model = server.json(&["models", "show", "slow"]);
    assert_eq!(model["versions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_recipe_that_cannot_be_trained_is_refused_at_once_with_its_lines() {
    let server = Server::start();
    server.import_credit();
    let cases = [
        ("positive = \"bad\"", "positve = \"bad\"", "line 4: `positve`"),
        ("\"creditability\"", "\"creditabilty\"", "did you mean `creditability`?"),
        ("\"credit\"", "\"credit:9\"", "`credit` has no version 9"),
        ("\"credit\"", "\"nothing\"", "nothing"),
        ("\"creditability\"", "\"foreign_worker\"", "`foreign_worker` has no value `bad`"),
    ];
    for (from, to, expected) in cases {
        let path = server.file("wrong.toml", SHORT.replacen(from, to, 1));
        let path = path.to_str().expect("UTF-8");
        let message = server.fails(&["train", path, "--model", "wrong"]);
        assert!(message.contains(expected), "{to}: {message}");
        let checked = server.command(&["recipe", "check", path]).output().expect("meuse runs");
        let said = format!("{}{}", String::from_utf8_lossy(&checked.stdout), told(&checked));
        assert!(!checked.status.success() && said.contains(expected), "{to}: {said}");
    }
    assert!(server.json(&["jobs", "list"])["items"].as_array().is_some_and(|jobs| jobs.len() == 1), "the import only");
}

#[test]
fn a_split_that_leaves_a_class_out_fails_with_the_part_and_registers_nothing() {
    let server = Server::start();
    let row = |index: usize| {
        let (part, class) =
            if index.is_multiple_of(4) { ("test", "good") } else { ("train", ["good", "bad"][index % 2]) };
        format!("{},{part},{class}\n", index * 7 % 31)
    };
    let rows: String = (0..200).map(row).collect();
    let data = server.file("parts.csv", format!("amount,part,class\n{rows}"));
    server.run(&["data", "import", "parts", data.to_str().expect("UTF-8")]);
    let recipe = server.path("parts.toml");
    let recipe = recipe.to_str().expect("UTF-8");
    let init = ["recipe", "init", "--dataset", "parts", "--target", "class", "--split-column", "part", "--out", recipe];
    server.run(&init);
    let message = server.fails(&["train", recipe, "--model", "lopsided", "--follow"]);
    assert!(message.contains("test") && message.contains("bad"), "{message}");
    assert_eq!(server.json(&["models", "list"])["items"], serde_json::json!([]));
}
