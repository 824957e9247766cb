//! Files of published weights: every way in which PyTorch writes tensors is read, and nothing in a file is believed.

use std::collections::HashMap;
use std::path::Path;

use meuse_core::recipe::network::Loss;
use meuse_deep::Error;
use meuse_deep::pretrained::{self, Tensors};
use meuse_deep::tensors_file::{self, Contents, Named};
use serde::Deserialize;

use crate::mutate::fuzz;
use crate::support::{expectations, given, graph, network};

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Expectations {
    tiny: HashMap<String, Tensor>,
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn every_way_in_which_pytorch_writes_tensors_is_read() {
    let expectations: Expectations = expectations();
    for file in ["tiny.pth", "tiny_legacy.pth"] {
        let tensors = Tensors::read(fixture(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(tensors.names().count(), expectations.tiny.len() + 1, "{file}");
        for (name, tensor) in &expectations.tiny {
            let values = tensors.values(name, &tensor.shape).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(bits(&values), bits(&tensor.values), "{file}: {name}");
        }
        let counter = tensors.values("counter", &[]).expect_err("it is no float");
        assert_eq!(counter, "its tensor `counter` holds whole numbers of 8 bytes, and floats are wanted");
    }
    let tensors = Tensors::read(fixture("tiny_checkpoint.pth")).expect("a training script's file");
    assert_eq!(tensors.names().collect::<Vec<_>>(), ["whole"]);
}

/// Another text of the same length in the place of each one.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from} stands in it");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

#[test]
fn what_a_pickle_would_call_is_refused_by_its_name() {
    for file in ["tiny.pth", "tiny_legacy.pth"] {
        let evil = format!("{:#<31}", "posix\nsystem\n");
        let evil = replaced(&fixture(file), "torch._utils\n_rebuild_tensor_v2", &evil);
        let said = Tensors::read(evil).expect_err("it is refused");
        assert!(
            said.contains("`posix.system`, which no tensor needs: it is refused, and nothing was called"),
            "{said}"
        );
        let evil = replaced(&fixture(file), "DoubleStorage", "DoubleSturage");
        let said = Tensors::read(evil).expect_err("it is refused");
        assert!(said.contains("`torch.DoubleSturage`"), "{said}");
    }
}

#[test]
fn a_file_that_is_cut_short_says_so() {
    for file in ["tiny.pth", "tiny_legacy.pth", "tiny_checkpoint.pth"] {
        let good = fixture(file);
        for length in 0..good.len() {
            assert!(Tensors::read(good[..length].to_vec()).is_err(), "{file}: {length} of {} bytes", good.len());
        }
    }
    let said = |file: &str, keep: usize| Tensors::read(fixture(file)[..keep].to_vec()).expect_err("it is cut short");
    assert!(said("tiny_legacy.pth", 300).contains("cut short"));
    assert!(said("tiny.pth", 300).contains("cut short"));
    assert_eq!(said("tiny.pth", 3), "it is neither a safetensors file nor one that torch.save wrote");
}

#[test]
fn damaged_files_are_read_or_refused_and_nothing_else() {
    let names = ["tiny.pth", "tiny_legacy.pth", "tiny_checkpoint.pth"];
    let mut good: Vec<Vec<u8>> = names.iter().map(|name| fixture(name)).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.safetensors");
    let tensors = vec![Named { name: "a".into(), shape: vec![2, 3], values: vec![1.0; 6] }];
    tensors_file::write(&file, &Contents { tensors, ..Contents::default() }).expect("written");
    good.push(std::fs::read(&file).expect("read"));
    let read = |bytes: &[u8]| {
        let Ok(tensors) = Tensors::read(bytes.to_vec()) else { return };
        for name in tensors.names() {
            let shape = tensors.shape(name).expect("it has one");
            if let Ok(values) = tensors.values(name, shape) {
                assert!(values.len() <= bytes.len(), "no file makes more numbers than it has bytes");
            }
        }
    };
    for bytes in &good {
        for at in 0..bytes.len() {
            for bit in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= bit;
                read(&bytes);
            }
        }
    }
    fuzz("pretrained", 20_000, &good, read);
}

/// What is said of a file as a backbone's weights.
fn said(bytes: &[u8], more: &str) -> (String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.pth"), bytes).expect("written");
    let layers = format!(
        "layers = [{{ kind = \"backbone\", architecture = \"resnet50\", weights = \"a.pth\"{more} }}, {{ kind = \
         \"global_average_pool\" }}, {{ kind = \"dense\", units = 3 }}]"
    );
    let graph = graph(&network(&layers), &given(&[3, 32, 32], None), 3, Loss::CrossEntropy);
    match pretrained::start(&graph, folder.path()) {
        Err(Error::Input(failure)) => (failure.field, failure.message),
        other => panic!("it is refused: {other:?}"),
    }
}

fn safetensors(name: &str, shape: &[usize]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.safetensors");
    let values = vec![f32::NAN; shape.iter().product()];
    let tensors = vec![Named { name: name.into(), shape: shape.to_vec(), values }];
    tensors_file::write(&file, &Contents { tensors, ..Contents::default() }).expect("written");
    std::fs::read(&file).expect("read")
}

#[test]
fn weights_that_do_not_fit_the_backbone_are_named() {
    let cases = [
        (fixture("tiny.pth"), "`a.pth`: it has no tensor `conv1.weight`"),
        (safetensors("conv1.weight", &[64, 3, 3, 3]), "`conv1.weight` has the shape [64, 3, 3, 3], and [64, 3, 7, 7]"),
        (safetensors("conv1.weight", &[64, 3, 7, 7]), "its tensor `conv1.weight` holds numbers that are not finite"),
        (b"<html>".to_vec(), "`a.pth`: it is neither a safetensors file nor one that torch.save wrote"),
    ];
    for (bytes, expected) in cases {
        let (field, message) = said(&bytes, "");
        assert_eq!(field, "algorithm.layers[0].weights");
        assert!(message.contains(expected), "{message}");
    }
    let hash = "0".repeat(64);
    let (field, message) = said(b"abc", &format!(", sha256 = \"{hash}\""));
    assert_eq!(field, "algorithm.layers[0].sha256");
    assert!(message.contains("its SHA-256 is ba7816bf"), "{message}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let layers = "layers = [{ kind = \"backbone\", architecture = \"resnet50\", weights = \"b.pth\" }, { kind = \
                  \"global_average_pool\" }, { kind = \"dense\", units = 3 }]";
    let graph = graph(&network(layers), &given(&[3, 32, 32], None), 3, Loss::CrossEntropy);
    let folder = tempfile::tempdir().expect("a folder");
    let Err(Error::Input(failure)) = pretrained::start(&graph, folder.path()) else { panic!("it is missing") };
    assert_eq!(failure.message, "there is no file `b.pth`");
    assert!(failure.hint.contains("folder of pretrained weights"), "{}", failure.hint);
}
