//! What is promised of the engine: right scores from any number of callers at once, and a sentence where a file, a
//! model or a matrix is not what it should be.
//!
//! `fixtures/linear.onnx` is −2 · a + 0.5 · b + 1; a test of crate `train` compares it with what its writer writes.

use std::path::{Path, PathBuf};

use meuse_core::native;
use meuse_core::table::Matrix;
use meuse_engine::{Error, Session, init, library_version};

const LINEAR: &[u8] = include_bytes!("../fixtures/linear.onnx");

fn folder() -> PathBuf {
    std::env::var_os(native::VARIABLE).map(PathBuf::from).expect("MEUSE_NATIVE_DIR is set by .cargo/config.toml")
}

fn open(threads: usize) -> Session {
    init(&folder()).expect("ONNX Runtime is in the native folder");
    Session::open(LINEAR, threads).expect("the fixture opens")
}

fn matrix(data: &[f32], width: usize) -> Matrix {
    Matrix { data: data.to_vec(), rows: data.len() / width, width, sparse: None }
}

#[test]
fn a_model_scores_every_row() {
    let scores = open(1).scores(&matrix(&[0.0, 0.0, 1.0, 4.0, -0.5, 2.0], 2)).expect("scores");
    assert_eq!(scores.raw, [1.0, 1.0, 3.0]);
    let probability = scores.probability.expect("the fixture is binary");
    assert!((probability[0] - 0.731_058_6).abs() < 1e-6, "{probability:?}");
}

#[test]
fn missing_and_infinite_values_pass_through() {
    let scores = open(1).scores(&matrix(&[f32::NAN, 0.0, 0.0, f32::INFINITY], 2)).expect("scores");
    assert!(scores.raw[0].is_nan());
    assert_eq!(scores.raw[1], f32::INFINITY);
}

#[test]
fn no_rows_have_no_scores() {
    let scores = open(1).scores(&matrix(&[], 2)).expect("no scores");
    assert_eq!((scores.raw, scores.probability), (vec![], Some(vec![])));
}

#[test]
fn many_callers_share_one_session() {
    for threads in [1, 4] {
        let session = open(threads);
        std::thread::scope(|scope| {
            for caller in 0..8_u16 {
                let session = &session;
                scope.spawn(move || {
                    for round in 0..300_u16 {
                        let rows = usize::from(round % 7 + 1) * if round % 50 == 0 { 100 } else { 1 };
                        let data: Vec<f32> = (0..rows * 2).map(|cell| f32::from(caller) + cell as f32).collect();
                        let scores = session.scores(&matrix(&data, 2)).expect("scores");
                        for (pair, score) in data.chunks(2).zip(scores.raw) {
                            assert_eq!(score, -2.0 * pair[0] + 0.5 * pair[1] + 1.0);
                        }
                    }
                });
            }
        });
    }
}

#[test]
fn a_matrix_of_another_width_is_refused() {
    let session = open(1);
    assert_eq!(session.width(), 2);
    let error = session.scores(&matrix(&[1.0, 2.0, 3.0], 3)).expect_err("three features are too many");
    assert_eq!(error.to_string(), "the model takes 2 features and was given 3");
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    init(&folder()).expect("ONNX Runtime is in the native folder");
    for bytes in [b"".as_slice(), b"not a model", &LINEAR[..LINEAR.len() / 2], &[0xff; 64]] {
        let error = Session::open(bytes, 1).expect_err("no model");
        assert!(matches!(error, Error::Unreadable(_)), "{error}");
        assert!(error.to_string().starts_with("the file is not a model that ONNX Runtime can open: "), "{error}");
    }
}

#[test]
fn a_model_with_other_names_is_not_one_of_a_bundle() {
    init(&folder()).expect("ONNX Runtime is in the native folder");
    // Names of the same length, so that the lengths inside the file still hold.
    let renamed = |from: &str, to: &str| -> Vec<u8> {
        let mut bytes = LINEAR.to_vec();
        let places: Vec<usize> =
            (0..bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(from.as_bytes())).collect();
        for at in places {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
        bytes
    };
    let error = Session::open(&renamed("features", "Features"), 1).expect_err("another input");
    assert_eq!(error.to_string(), "the model is not one of a bundle: its input is `Features` instead of `features`");
    let error = Session::open(&renamed("raw_score", "Raw_score"), 1).expect_err("another output");
    assert_eq!(error.to_string(), "the model is not one of a bundle: it has no output `raw_score`");
}

#[test]
fn the_library_tells_its_version() {
    assert_eq!(library_version(&folder()).expect("a version"), native::ONNX_RUNTIME_VERSION);
}

#[test]
fn a_missing_or_foreign_library_is_one_sentence() {
    let empty = tempfile::tempdir().expect("a folder");
    let error = library_version(empty.path()).expect_err("the folder is empty").to_string();
    assert!(error.starts_with("cannot load ONNX Runtime from ") && error.contains("scripts/setup"), "{error}");
    let path = empty.path().join(native::ONNX_RUNTIME);
    std::fs::write(&path, [0x2a; 4096]).expect("a file");
    let error = library_version(empty.path()).expect_err("the file is no library").to_string();
    assert!(error.contains("invalid ELF header") && !error.contains('\n'), "{error}");
    std::fs::remove_file(&path).expect("removed");
    let other = std::path::absolute(folder().join(native::LIGHTGBM)).expect("a path");
    std::os::unix::fs::symlink(other, &path).expect("a link");
    let error = library_version(empty.path()).expect_err("the file is another library").to_string();
    assert!(error.contains("it is not ONNX Runtime"), "{error}");
}

#[test]
fn without_the_library_a_session_is_refused_and_nothing_panics() {
    // A process of its own, in which nothing has been loaded: this test binary, running one test that does the asking.
    if std::env::var_os("MEUSE_TEST_UNLOADED").is_some() {
        assert!(matches!(Session::open(LINEAR, 1), Err(Error::NotLoaded)));
        assert!(matches!(init(Path::new("/nowhere")), Err(Error::LibraryMissing { .. })));
        init(&folder()).expect("a failed attempt spoils nothing");
        return;
    }
    let test = "without_the_library_a_session_is_refused_and_nothing_panics";
    let output = std::process::Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", test])
        .env("MEUSE_TEST_UNLOADED", "1")
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
