//! A network on a table, from a recipe to an answered call, with the real `meuse-deep`; and what is said without it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Server, checkout, native, signal, until};

/// The shipped recipe with an input for each category; as it is shipped, `sequences.rs` walks it.
fn recipe() -> String {
    let text = std::fs::read_to_string(checkout().join("examples/credit/network.toml")).expect("the example");
    text.replace("encode = \"embedding\"", "encode = \"one_hot\"")
}

#[test]
fn a_network_is_checked_trained_deployed_and_answers() {
    let deep = Path::new(env!("CARGO_BIN_EXE_meuse")).with_file_name("meuse-deep");
    assert!(deep.exists(), "{} is missing: run `cargo build --workspace --bins` first", deep.display());
    let server = Server::start();
    server.import_credit();
    let path = server.file("network.toml", recipe());
    let path = path.to_str().expect("UTF-8");
    let table = server.run(&["recipe", "check", path]);
    assert!(table.contains("dense_1") && table.contains("trained parameters; training takes about"), "{table}");
    the_layer_that_does_not_fit_is_named(&server);

    server.run(&["train", path, "--model", "net", "--follow"]);
    let version = server.json(&["models", "show", "net:1"]);
    let auc = version["evaluation"]["metrics"]["roc_auc"]["value"].as_f64().expect("a test AUC");
    assert!((0.7..0.9).contains(&auc), "{auc}");
    let software = version["manifest"]["lineage"]["software"].as_array().expect("a list");
    assert!(software.contains(&json!("libtorch 2.13.0")), "{software:?}");
    let notes = version["manifest"]["notes"].to_string();
    assert!(notes.contains("epochs of training") && notes.contains("answers as its trainer does"), "{notes}");

    server.run(&["models", "deploy", "net:1", "--reason", "it is there"]);
    let rows = std::fs::read_to_string(checkout().join("examples/credit/applicants.json")).expect("the example");
    let answer = server.json(&["predict", "net", "--rows", &rows]);
    for prediction in answer["predictions"].as_array().expect("a list") {
        let probability = prediction["probability"].as_f64().expect("a probability");
        assert_eq!(prediction["label"], if probability >= 0.5 { "bad" } else { "good" });
    }
    the_same_recipe_makes_the_same_network(&server, path);
    a_regression_answers_in_its_own_size(&server);
    a_training_that_diverges_says_at_which_step(&server);
}

fn the_layer_that_does_not_fit_is_named(server: &Server) {
    let layers = r#"layers = [{ kind = "conv2d", filters = 8, kernel = 3 }, "#;
    let wrong = server.file("wrong.toml", recipe().replace("layers = [", layers));
    let said = server.command(&["recipe", "check", wrong.to_str().expect("UTF-8")]).output().expect("meuse runs");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        said.contains("`algorithm.layers[0]`: `conv2d_1` (conv2d) got ") && said.contains("wants a picture"),
        "{said}"
    );
    let wrong = server.file("wrong.toml", recipe().replace("rate = 0.3", "rat = 0.3"));
    let said = server.command(&["recipe", "check", wrong.to_str().expect("UTF-8")]).output().expect("meuse runs");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("algorithm.layers[1].rat") && said.contains("did you mean `rate`"), "{said}");
}

fn the_same_recipe_makes_the_same_network(server: &Server, path: &str) {
    server.run(&["train", path, "--model", "net", "--follow"]);
    let of = |version: &str| server.json(&["models", "show", version])["evaluation"]["metrics"].clone();
    assert_eq!(of("net:1"), of("net:2"));
}

fn a_regression_answers_in_its_own_size(server: &Server) {
    let text = recipe()
        .replace("task = \"binary\"", "task = \"regression\"")
        .replace("target = \"creditability\"", "target = \"credit_amount\"")
        .replace("positive = \"bad\"\n", "")
        .replace("metric = \"roc_auc\"", "metric = \"rmse\"")
        .replace("method = \"stratified\"", "method = \"random\"")
        .replace(", activation = \"sigmoid\"", "");
    let path = server.file("amount.toml", text);
    server.run(&["train", path.to_str().expect("UTF-8"), "--model", "amount", "--follow"]);
    let version = server.json(&["models", "show", "amount:1"]);
    let r2 = version["evaluation"]["metrics"]["r2"]["value"].as_f64().expect("an R²");
    assert!((0.2..0.9).contains(&r2), "{r2}");
}

fn a_training_that_diverges_says_at_which_step(server: &Server) {
    let text = recipe().replace("learning_rate = 0.003", "learning_rate = 100.0").replace("adamw", "sgd");
    let text = text.replace("weight_decay = 0.01\n", "").replace("batch_size = 32", "batch_size = 1");
    let text = text
        .replace(", activation = \"relu\"", "")
        .replace("units = 32 }", "units = 32 }, { kind = \"dense\", units = 32 }");
    let path = server.file("diverges.toml", text);
    let said = server.fails(&["train", path.to_str().expect("UTF-8"), "--model", "never", "--follow"]);
    assert!(said.contains("the loss is not a number at step ") && said.contains("lower the learning rate"), "{said}");
}

/// The folder of the only job that runs, once it holds a checkpoint.
fn folder_with_checkpoint(server: &Server) -> PathBuf {
    until("there is a checkpoint", || {
        let work = std::fs::read_dir(server.path("home/work")).ok()?.filter_map(Result::ok);
        let mut folders = work.map(|entry| entry.path());
        folders.find(|folder| {
            let names = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
            names.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().ends_with(".checkpoint.safetensors"))
        })
    })
}

/// The process that works in a folder.
fn process_in(folder: &Path) -> u32 {
    let folder = folder.canonicalize().expect("the folder is there");
    let processes = std::fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
    let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let works = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|place| place == folder);
    numbers.find(works).expect("a child works there")
}

#[test]
fn a_child_that_is_killed_goes_on_from_its_checkpoint_to_the_same_network() {
    let server = Server::start();
    server.import_credit();
    // Long enough to be struck: one row a step, and nothing that stops it early.
    let text = recipe().replace("batch_size = 32", "batch_size = 2").replace("epochs = 60", "epochs = 12");
    let text = text.replace("[algorithm.early_stopping]\npatience = 10\n", "");
    let path = server.file("network.toml", text);
    let path = path.to_str().expect("UTF-8");
    let mut struck = server.command(&["train", path, "--model", "struck", "--follow"]);
    let mut struck = struck.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("meuse runs");
    let folder = folder_with_checkpoint(&server);
    signal(process_in(&folder), rustix::process::Signal::KILL);
    assert!(struck.wait().expect("it ends").success(), "{}", server.log());
    server.run(&["train", path, "--model", "whole", "--follow"]);
    let of = |model: &str| server.json(&["models", "show", model]);
    let (struck, whole) = (of("struck:1"), of("whole:1"));
    assert_eq!(struck["evaluation"], whole["evaluation"]);
    let jobs = server.json(&["jobs", "list"]);
    let jobs = jobs["items"].as_array().expect("a list");
    let job = jobs.iter().find(|job| job["attempts"] == 2).unwrap_or_else(|| panic!("one was tried twice: {jobs:?}"));
    let id = job["id"].as_str().expect("an id");
    let (_, events) = server.http("GET", &format!("/api/v1/jobs/{id}/events"), Some(&server.key), b"");
    assert!(events.contains("goes on from the checkpoint of step "), "{events}");
}

#[test]
fn without_meuse_deep_the_job_says_how_to_come_by_it() {
    let mut server = Server::new();
    server.environment = vec![("MEUSE_DEEP", "/nowhere/meuse-deep".into())];
    server.restart();
    server.read_key();
    server.import_credit();
    let path = server.file("network.toml", recipe());
    let said = server.fails(&["train", path.to_str().expect("UTF-8"), "--model", "net", "--follow"]);
    assert!(said.contains("networks are learnt by `meuse-deep`: run scripts/setup --deep"), "{said}");
    let models: Value = server.json(&["models", "list"]);
    assert_eq!(models["items"], json!([]));
}

/// A folder of native libraries with all but libtorch's.
fn without_libtorch(server: &Server) -> PathBuf {
    let folder = server.path("native");
    std::fs::create_dir(&folder).expect("a folder");
    for entry in std::fs::read_dir(native()).expect("scripts/setup has filled it").flatten() {
        let name = entry.file_name();
        if !["libtorch", "libc10"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            std::os::unix::fs::symlink(entry.path(), folder.join(name)).expect("a link");
        }
    }
    folder
}

#[test]
fn a_libtorch_that_is_missing_or_is_another_one_is_told_with_what_to_do() {
    let mut server = Server::new();
    let folder = without_libtorch(&server);
    server.environment = vec![("MEUSE_NATIVE_DIR", folder.clone().into())];
    server.restart();
    server.read_key();
    server.import_credit();
    let path = server.file("network.toml", recipe());
    let path = path.to_str().expect("UTF-8");
    let told = |reason: &str| {
        let said = server.fails(&["train", path, "--model", "net", "--follow"]);
        assert!(said.contains("`meuse-deep` cannot begin: ") && said.contains(reason), "{said}");
        assert!(said.contains("run scripts/setup --deep"), "{said}");
        let mut doctor = server.command(&["--json", "doctor"]);
        let doctor = doctor.env("MEUSE_NATIVE_DIR", &folder).output().expect("meuse runs");
        let report: Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
        let findings = report["findings"].as_array().expect("findings");
        let lost: Vec<&Value> = findings.iter().filter(|finding| finding["ok"] == false).collect();
        assert_eq!((lost.len(), &lost[0]["name"]), (1, &json!("meuse-deep")), "{report}");
        assert!(lost[0]["remedy"].as_str().is_some_and(|remedy| remedy.contains("scripts/setup --deep")), "{report}");
    };
    told("cannot open shared object file");
    // Libraries of these names that hold none of the functions that ours calls, as another version does not.
    let source = server.file("stub.c", "int stub(void) { return 0; }\n");
    for name in ["libtorch.so", "libtorch_cpu.so", "libc10.so"] {
        let mut compiler = std::process::Command::new("gcc");
        compiler.args(["-shared", "-fPIC", &format!("-Wl,-soname,{name}"), "-o"]).arg(folder.join(name)).arg(&source);
        assert!(compiler.status().expect("gcc, which scripts/setup installs").success());
    }
    told("undefined symbol");
    assert_eq!(server.json(&["models", "list"])["items"], json!([]));
}

#[test]
fn a_gpu_that_is_not_there_is_refused_where_it_is_asked_for_and_warned_of_where_it_is_not() {
    let gpu = recipe().replace("[algorithm]\n", "[algorithm]\ndevice = \"gpu\"\n");
    // Where this machine has GPUs, neither server is to see them.
    let mut server = Server::new();
    server.environment.push(("CUDA_VISIBLE_DEVICES", "-1".into()));
    server.restart();
    server.read_key();
    server.import_credit();
    let path = server.file("gpu.toml", &gpu);
    let said = server.fails(&["train", path.to_str().expect("UTF-8"), "--model", "net", "--follow"]);
    assert!(said.contains("this server computes on no GPU") && said.contains("scripts/setup --gpu"), "{said}");
    drop(server);

    // A server that was told of a GPU which is not there, or not any more.
    let mut server = Server::new();
    server.environment.push(("CUDA_VISIBLE_DEVICES", "-1".into()));
    server.environment.push(("MEUSE_COMPUTE__GPUS", "1".into()));
    server.restart();
    server.read_key();
    server.import_credit();
    let path = server.file("gpu.toml", &gpu);
    let said = server.fails(&["train", path.to_str().expect("UTF-8"), "--model", "net", "--follow"]);
    assert!(said.contains("GPU 0 cannot be used: ") && said.contains("algorithm.device"), "{said}");
    let path = server.file("auto.toml", recipe());
    let said = server.command(&["train", path.to_str().expect("UTF-8"), "--model", "net", "--follow"]).output();
    let said = String::from_utf8_lossy(&said.expect("meuse runs").stderr).into_owned();
    assert!(said.contains("GPU 0 cannot be used: ") && said.contains("; the processor computes"), "{said}");
    let version = server.json(&["models", "show", "net:1"]);
    let auc = version["evaluation"]["metrics"]["roc_auc"]["value"].as_f64().expect("a test AUC");
    assert!(auc > 0.7, "{auc}");
}
