//! Networks: child and server are killed at each place of a checkpoint and between them, disks refuse one, files are cut
//! short in between. Whatever happens, the job goes on from the last whole checkpoint, registers one version, and its
//! `model.onnx` is that of a training that nothing interrupted, byte for byte.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::judging::{is_empty, is_once, is_whole, versions};
use crate::story::{self, ask, ended, get};
use crate::striking::{arm, child_of, disarm, script, struck};
use crate::support::{Server, signal, until};

/// A checkpoint as it is written, and how often before the strike; with the step from which the next attempt goes on.
const CHECKPOINT: [(&str, Option<u64>); 9] = [
    ("checkpoint.begun@1", None),
    ("checkpoint.drafted@1", None),
    ("checkpoint.renamed@1", Some(7)),
    ("checkpoint.begun@2", Some(7)),
    ("checkpoint.drafted@2", Some(7)),
    ("checkpoint.renamed@2", Some(14)),
    ("checkpoint.begun@3", Some(14)),
    ("checkpoint.drafted@3", Some(14)),
    ("checkpoint.renamed@3", Some(21)),
];

/// The points of [`CHECKPOINT`].
pub(crate) const POINTS: [&str; 3] = ["checkpoint.begun", "checkpoint.drafted", "checkpoint.renamed"];

/// 84 rows to learn from: in batches of 12 an epoch has seven steps.
fn recipe(epochs: u32, batch_size: u32) -> String {
    format!(
        r#"dataset = "credit:1"
task = "binary"
target = "bad"
positive = "yes"

[split]
method = "stratified"
validation = 0.1
test = 0.2

[algorithm]
name = "network"
epochs = {epochs}
batch_size = {batch_size}
layers = [
    {{ kind = "dense", units = 8, activation = "relu" }},
    {{ kind = "dropout", rate = 0.2 }},
    {{ kind = "dense", units = 1, activation = "sigmoid" }},
]
"#
    )
}

pub(crate) fn short() -> String {
    recipe(3, 12)
}

/// 6,720 steps: long enough to be met at work.
pub(crate) fn long() -> String {
    recipe(80, 1)
}

pub(crate) fn train(server: &Server, model: &str, recipe: &str) -> String {
    let body = json!({ "recipe": recipe, "model": model });
    ask(server, "POST", "/api/v1/jobs/train", body)["id"].as_str().expect("an id").to_owned()
}

/// The SHA-256 of the file `model.onnx` of a version.
fn onnx(server: &Server, model: &str, version: usize) -> Value {
    get(server, &format!("/api/v1/models/{model}/versions/{version}"))["files"]["model.onnx"].clone()
}

/// What an uninterrupted training of this recipe makes.
fn whole(server: &Server, model: &str, recipe: &str) -> Value {
    let job = ended(server, &train(server, model, recipe));
    assert_eq!((&job["state"], &job["attempts"]), (&json!("succeeded"), &json!(1)), "{job}");
    let onnx = onnx(server, model, 1);
    assert!(onnx.is_string(), "{onnx}");
    onnx
}

fn events(server: &Server, job: &str) -> String {
    get(server, &format!("/api/v1/jobs/{job}/events")).as_str().expect("a line for each").to_owned()
}

fn has_checkpoint(folder: &Path) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().ends_with(".checkpoint.safetensors"))
}

/// The child of a job, once it has written a checkpoint under this work folder.
pub(crate) fn child_with_checkpoint(work: &Path, job: &str) -> u32 {
    until("there is a checkpoint", || has_checkpoint(&work.join(format!("{job}-1"))).then_some(()));
    child_of(job).expect("it is at work")
}

fn deep() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_meuse")).with_file_name("meuse-deep");
    assert!(program.exists(), "{} is missing: run `cargo build --workspace --bins` first", program.display());
    program
}

/// A server with data, whose networks are learnt by this script; it may call `$DEEP`.
pub(crate) fn server_with(body: &str) -> Server {
    let mut server = Server::start();
    server.stop();
    let text = format!("DEEP='{}'\nHERE='{}'\n{body}", deep().display(), server.scratch.path().display());
    let program = script(&server, "deep", &text);
    server.environment.push(("MEUSE_DEEP", program.into()));
    server.restart();
    story::import(&server, "credit", 1);
    server
}

#[test]
fn a_child_that_is_killed_anywhere_in_a_checkpoint_goes_on_to_the_same_network() {
    let mut server = Server::start();
    story::import(&server, "credit", 1);
    let expected = whole(&server, "whole", &short());
    for (number, (point, step)) in CHECKPOINT.into_iter().enumerate() {
        server.stop();
        arm(&mut server, point);
        server.restart();
        let job = train(&server, "struck", &short());
        let done = ended(&server, &job);
        assert!(struck(&server).exists(), "{point} was never reached: {done}");
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(2)), "{point}: {done}");
        is_once(&server, "/api/v1/models/struck", number + 1, point);
        let events = events(&server, &job);
        match step {
            Some(step) => {
                assert!(events.contains(&format!("goes on from the checkpoint of step {step}\"")), "{point}: {events}");
            }
            None => assert!(!events.contains("from the checkpoint"), "{point}: {events}"),
        }
        assert_eq!(onnx(&server, "struck", number + 1), expected, "{point}");
    }
    disarm(&mut server);
    is_whole(&mut server);
}

#[test]
fn a_child_that_dies_again_and_again_goes_on_as_long_as_it_comes_further() {
    // Each of three attempts dies after a checkpoint of its own; of the stuck job's, the second dies before it has one.
    let server = server_with(
        r#"case $(cat "$HERE/mode"),$1 in
            further,*-[123]) MEUSE_FAILPOINT=checkpoint.renamed@1=kill exec "$DEEP" "$1" ;;
            stuck,*-1) MEUSE_FAILPOINT=checkpoint.renamed@1=kill exec "$DEEP" "$1" ;;
            stuck,*) MEUSE_FAILPOINT=checkpoint.begun@1=kill exec "$DEEP" "$1" ;;
            *) exec "$DEEP" "$1" ;;
        esac"#,
    );
    server.file("mode", "whole");
    let expected = whole(&server, "whole", &short());

    server.file("mode", "further");
    let done = ended(&server, &train(&server, "struck", &short()));
    assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(4)), "{done}");
    assert_eq!(versions(&server, "/api/v1/models/struck"), [1]);
    assert_eq!(onnx(&server, "struck", 1), expected);

    server.file("mode", "stuck");
    let done = ended(&server, &train(&server, "stuck", &short()));
    assert_eq!((&done["state"], &done["attempts"]), (&json!("failed"), &json!(2)), "{done}");
}

#[test]
fn a_server_that_is_killed_beside_a_training_network_ends_it_as_if_nothing_had_been() {
    let mut server = Server::start();
    story::import(&server, "credit", 1);
    let expected = whole(&server, "whole", &long());
    for (number, dies) in [(1, false), (2, true)] {
        let job = train(&server, "struck", &long());
        // Not held still: the kernel ends stopped processes whose group is orphaned.
        let child = child_with_checkpoint(&server.path("home/work"), &job);
        server.kill();
        if dies {
            signal(child, Signal::KILL);
        }
        server.restart();
        let done = ended(&server, &job);
        let attempts = if dies { 2 } else { 1 };
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(attempts)), "{done}");
        is_once(&server, "/api/v1/models/struck", number, "a killed server");
        assert_eq!(events(&server, &job).contains("goes on from the checkpoint of step "), dies);
        assert_eq!(onnx(&server, "struck", number), expected, "the child dies too: {dies}");
    }
    is_whole(&mut server);
}

#[test]
fn a_checkpoint_that_is_cut_short_between_two_attempts_costs_its_work_and_not_the_job() {
    // The first attempt dies after its second checkpoint; the second finds it cut short.
    let server = server_with(
        r#"case $1 in
            *-1) MEUSE_FAILPOINT=checkpoint.renamed@2=kill exec "$DEEP" "$1" ;;
            *) for file in "${1%-2}"-1/*.checkpoint.safetensors; do truncate -s "$(cat "$HERE/length")" "$file"; done
               exec "$DEEP" "$1" ;;
        esac"#,
    );
    // In the length of the table, in the table, in the numbers, before the last byte.
    let mut made = Vec::new();
    for length in ["5", "90", "1000", "-1", "0"] {
        server.file("length", length);
        let job = train(&server, "struck", &short());
        let done = ended(&server, &job);
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(2)), "{length}: {done}");
        let events = events(&server, &job);
        assert!(events.contains("cut short") && events.contains("starts from the beginning"), "{length}: {events}");
        made.push(onnx(&server, "struck", made.len() + 1));
    }
    assert!(made.iter().all(|onnx| *onnx == made[0]), "{made:?}");
}

#[test]
fn a_disk_that_refuses_a_checkpoint_costs_the_checkpoint_and_not_the_training() {
    let mut server = Server::start();
    story::import(&server, "credit", 1);
    let expected = whole(&server, "whole", &short());
    for (number, (strike, kept)) in [
        ("checkpoint.begun@1=enospc", "there is none yet"),
        ("checkpoint.drafted@2=enospc", "the last is of step 7"),
        ("checkpoint.drafted@3=eio", "the last is of step 14"),
    ]
    .into_iter()
    .enumerate()
    {
        server.stop();
        disarm(&mut server);
        server.environment.push(("MEUSE_FAILPOINT", strike.into()));
        server.restart();
        let job = train(&server, "struck", &short());
        let done = ended(&server, &job);
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(1)), "{strike}: {done}");
        let events = events(&server, &job);
        assert!(events.contains("no checkpoint at step ") && events.contains(kept), "{strike}: {events}");
        assert_eq!(onnx(&server, "struck", number + 1), expected, "{strike}");
    }
}

#[test]
fn a_batch_for_which_no_memory_is_left_fails_at_once_and_says_what_needs_less() {
    // libtorch alone takes half of this address space; what is kept of 25 million weights does not fit in the rest.
    let server = server_with(r#"ulimit -v 950000; exec "$DEEP" "$1""#);
    whole(&server, "small", &short());
    let dense = "{ kind = \"dense\", units = 8, activation = \"relu\" },\n";
    let wide = recipe(1, 84).replace(dense, &dense.replace("units = 8", "units = 5000").repeat(2));
    let failed = ended(&server, &train(&server, "wide", &wide));
    let failure = &failed["failure"];
    assert_eq!((&failed["state"], &failed["attempts"]), (&json!("failed"), &json!(1)), "{failed}");
    assert_eq!(failure["field"], "algorithm.batch_size", "{failed}");
    let message = failure["message"].as_str().expect("a message");
    assert!(
        message.starts_with("no memory is left to compute a batch with: ") && message.contains("bytes"),
        "{message}"
    );
    assert!(message.len() < 200 && message.lines().count() == 1 && !message.contains("frame #"), "{message}");
    until("nothing is left of it", || is_empty(&server.path("home/work")).then_some(()));
}

#[test]
fn a_training_that_diverges_says_at_which_step_and_its_last_good_checkpoint_is_kept() {
    let server = Server::start();
    story::import(&server, "credit", 1);
    // A learning rate that rises step by step until it is too high.
    let text = recipe(200, 12)
        .replace("task = \"binary\"", "task = \"regression\"")
        .replace("target = \"bad\"\npositive = \"yes\"", "target = \"income\"")
        .replace("\"stratified\"", "\"random\"")
        .replace(", activation = \"sigmoid\"", "")
        .replace(", activation = \"relu\"", "");
    let rising = "\n[algorithm.optimizer]\nname = \"sgd\"\nlearning_rate = 100.0\n\n[algorithm.schedule]\nname = \"warm_up\"\nsteps = 10000\n";
    let job = train(&server, "never", &(text + rising));
    let failed = ended(&server, &job);
    let failure = &failed["failure"];
    assert_eq!((&failed["state"], &failed["attempts"]), (&json!("failed"), &json!(1)), "{failed}");
    assert_eq!(failure["field"], "algorithm.optimizer.learning_rate", "{failed}");
    let message = failure["message"].as_str().expect("a message");
    let number = |after: &str| -> u64 {
        let (_, rest) = message.split_once(after).unwrap_or_else(|| panic!("`{after}` is not in {message}"));
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).expect("a number")
    };
    let (diverged, kept) = (number("not a number at step "), number("the checkpoint of step "));
    assert!(kept > 0 && kept.is_multiple_of(7) && diverged > kept && diverged <= kept + 8, "{message}");
    let hint = failure["hint"].as_str().expect("a hint");
    assert!(hint.contains("lower the learning rate"), "{hint}");
    let (_, place) = hint.rsplit_once(": ").expect("the place of the checkpoint");
    let bytes = std::fs::read(place).unwrap_or_else(|error| panic!("{place}: {error}"));
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let table: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("the table of a safetensors file");
    assert!(table["__metadata__"]["state"].as_str().is_some_and(|state| state.contains(&format!("\"step\":{kept}"))));
    until("nothing else is left", || is_empty(&server.path("home/work")).then_some(()));
}
