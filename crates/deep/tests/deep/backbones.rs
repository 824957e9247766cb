//! Published backbones answer what PyTorch answers, in libtorch and in ONNX Runtime, and are trained as the recipe says.
//!
//! `fixtures/make_backbones.py` and `fixtures/make_tuned.py` wrote what is expected; `scripts/setup --tests` fetches the published weights.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use meuse_core::recipe::network::{Graph, Loss, Network};
use meuse_core::table::Matrix;
use meuse_deep::tensors_file::{self, Contents, Named};
use meuse_deep::{Error, Fitted, Samples, Scale, Weights, checkpoint, onnx, outputs, parity, pretrained};
use meuse_engine::Session;
use serde::Deserialize;

use crate::support::{Listener, by_rule, expectations, fit, given, graph, native_folder, network, rows};

/// What PyTorch says of one backbone with certain weights and pictures.
#[derive(Deserialize)]
struct Case {
    architecture: String,
    /// The published file; absent for weights by rule.
    weights: Option<String>,
    input: [usize; 4],
    output: [usize; 4],
    /// Every so many numbers of the output one is expected.
    step: usize,
    expected: Vec<f32>,
}

#[derive(Deserialize)]
struct Expectations {
    names: HashMap<String, HashMap<String, Vec<usize>>>,
    cases: Vec<Case>,
}

/// Where the published weights are.
fn published_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vendor/pretrained/lib")
}

/// The backbone alone, as a network whose answer is its last feature map.
fn feature_maps(architecture: &str, weights: &str, picture: [usize; 2]) -> Graph {
    let layers = format!(
        "layers = [{{ kind = \"backbone\", name = \"eye\", architecture = \"{architecture}\", weights = \"{weights}\" \
         }}, {{ kind = \"flatten\" }}]"
    );
    let channels = if architecture == "resnet50" { 2048 } else { 1280 };
    let [height, width] = picture;
    let count = channels * height.div_ceil(32) * width.div_ceil(32);
    graph(&network(&layers), &given(&[3, height as u32, width as u32], None), count, Loss::MeanSquaredError)
}

/// Weights by rule, as a safetensors file under the published names.
fn write_by_rule(names: &HashMap<String, Vec<usize>>, path: &Path) {
    let tensor = |(name, shape): (&String, &Vec<usize>)| {
        let inputs: usize = shape.iter().skip(1).product();
        let (offset, size) = match name {
            _ if shape.len() > 1 => (0.0, (6.0 / inputs as f64).sqrt()),
            name if name.ends_with("running_var") => (1.0, 0.5),
            name if name.ends_with("weight") => (0.8, 0.3),
            _ => (0.0, 0.2),
        };
        let numbers = by_rule(name, shape.iter().product());
        let values = numbers.iter().map(|number| (f64::from(*number) * size + offset) as f32).collect();
        Named { name: name.clone(), shape: shape.clone(), values }
    };
    let tensors = names.iter().map(tensor).collect();
    tensors_file::write(path, &Contents { tensors, ..Contents::default() }).expect("written");
}

#[test]
fn every_backbone_answers_what_pytorch_and_onnx_runtime_answer() {
    meuse_engine::init(&native_folder()).expect("ONNX Runtime is in the native folder");
    meuse_deep::set_threads(1);
    let own = tempfile::tempdir().expect("a folder");
    let exported = std::env::var_os("MEUSE_EXPORTED_WEIGHTS").map(PathBuf::from);
    let expectations: Expectations = expectations();
    for (architecture, names) in &expectations.names {
        write_by_rule(names, &own.path().join(format!("{architecture}.safetensors")));
    }
    let mut seen = 0;
    for case in &expectations.cases {
        let kind = if exported.is_some() { "pth" } else { "safetensors" };
        let by_rule = format!("{}.{kind}", case.architecture);
        let (file, from) = match &case.weights {
            Some(file) => (file, published_folder()),
            None => (&by_rule, exported.clone().unwrap_or_else(|| own.path().to_owned())),
        };
        let [count, channels, height, width] = case.input;
        let about = format!("{} of {file}, {height} × {width}", case.architecture);
        let graph = feature_maps(&case.architecture, file, [height, width]);
        assert_eq!(graph.outputs(), case.output.iter().skip(1).product::<usize>(), "{about}");
        let start = pretrained::start(&graph, &from)
            .unwrap_or_else(|error| panic!("{about}: {error} (scripts/setup --tests fetches the published weights)"));
        assert_eq!(start.len(), expectations.names[&case.architecture].len(), "{about}: every tensor has its place");
        let weights = Weights::starting(&graph, 1, &start).expect("weights");
        let data = by_rule_picture(count * channels * height * width);
        let x = Matrix { data, rows: count, width: channels * height * width, sparse: None };
        let own = outputs(&graph, &weights, &x, 1).expect("outputs");
        // Sums are in another order than PyTorch's, with the channels last, and once more where a frozen batch norm lies
        // in the convolution before it.
        let tuned = graph.fine_tuned();
        let whole = Weights::starting(&tuned, 1, &start).expect("weights");
        let tuned = outputs(&tuned, &whole, &x, 1).expect("outputs");
        let [frozen, tuned] = [&own, &tuned].map(|answers| largest_difference(answers, case));
        assert!(tuned.max(frozen) < 3e-4, "{about}: {tuned}, and frozen {frozen}");
        let session = Session::open(&onnx::emit(&graph, &weights, Scale::NONE), 1)
            .unwrap_or_else(|error| panic!("{about}: {error}"));
        let report = parity::check(&session, &graph, &x, &own).unwrap_or_else(|error| panic!("{about}: {error}"));
        eprintln!("{about}: PyTorch {tuned:.1e}, frozen {frozen:.1e}, ONNX Runtime {:.1e}", report.largest_difference);
        seen += 1;
    }
    assert_eq!(seen, 7);
}

/// From what PyTorch answers, |a − b| / max(1, |b|).
fn largest_difference(answers: &[f32], case: &Case) -> f32 {
    let picked: Vec<f32> = answers.iter().step_by(case.step).copied().collect();
    assert_eq!(picked.len(), case.expected.len());
    let differences =
        picked.iter().zip(&case.expected).map(|(own, expected)| (own - expected) / expected.abs().max(1.0));
    differences.fold(0.0, |largest, difference| largest.max(difference.abs()))
}

fn by_rule_picture(count: usize) -> Vec<f32> {
    by_rule("input", count).into_iter().map(|number| number * 2.0).collect()
}

/// A small picture's way through MobileNetV2, of which the recipe says what is trained.
struct World {
    network: Network,
    graph: Graph,
    start: HashMap<String, Vec<f32>>,
    training: (Matrix, Vec<f32>),
    validation: (Matrix, Vec<f32>),
}

impl World {
    fn new(backbone: &str, more: &str) -> Self {
        let layers = format!(
            "{more}
            batch_size = 4
            layers = [
                {{ kind = \"backbone\", name = \"eye\", architecture = \"mobilenet_v2\", weights = \"mobilenet_v2-b0353104.pth\", \
             {backbone} }},
                {{ kind = \"global_average_pool\" }},
                {{ kind = \"batch_norm\", name = \"own_norm\" }},
                {{ kind = \"dropout\", rate = 0.2 }},
                {{ kind = \"dense\", units = 3 }},
            ]"
        );
        let network = network(&layers);
        let graph = graph(&network, &given(&[3, 16, 16], None), 3, Loss::CrossEntropy);
        let start = pretrained::start(&graph, &published_folder()).expect("scripts/setup --tests has fetched them");
        let classes = |count: usize| (0..count).map(|row| (row % 3) as f32).collect();
        let (training, validation) = ((rows(10, 768), classes(10)), (rows(6, 768), classes(6)));
        Self { network, graph, start, training, validation }
    }

    fn train(&self, listener: &Listener, checkpoint: Option<&Path>) -> Result<Fitted, Error> {
        let samples = (&self.training.0, self.training.1.as_slice());
        fit(
            &self.network,
            &self.graph,
            Loss::CrossEntropy,
            samples,
            |wanted| {
                wanted.start = Some(&self.start);
                wanted.validation = Some(Samples { rows: &self.validation.0, targets: &self.validation.1 });
                wanted.checkpoint = checkpoint;
                wanted.checkpoint_steps = 1;
            },
            listener,
        )
    }

    /// The parameters whose numbers are not those that they began with.
    fn changed(&self, fitted: &Fitted) -> Vec<String> {
        let began = Weights::starting(&self.graph, 42, &self.start).expect("weights").values();
        let ended = fitted.weights.values();
        let changed = began.iter().zip(&ended).filter(|(one, other)| one.2 != other.2);
        changed.map(|(one, _)| one.0.clone()).collect()
    }
}

#[test]
fn a_frozen_backbone_keeps_every_number_and_its_statistics() {
    let world = World::new("", "epochs = 2");
    let fitted = world.train(&Listener::default(), None).expect("a training");
    let changed = world.changed(&fitted);
    assert!(changed.iter().all(|name| !name.starts_with("eye.")), "{changed:?}");
    assert!(changed.contains(&"dense_1.weight".to_owned()) && changed.contains(&"own_norm.running_mean".to_owned()));
}

#[test]
fn the_last_blocks_are_trained_with_the_statistics_of_their_batches() {
    let world = World::new("trainable = 2", "epochs = 1");
    let fitted = world.train(&Listener::default(), None).expect("a training");
    let changed = world.changed(&fitted);
    let blocks: Vec<&String> = changed.iter().filter(|name| name.starts_with("eye.")).collect();
    assert!(blocks.iter().all(|name| name.starts_with("eye.features.17.") || name.starts_with("eye.features.18.")));
    for name in ["eye.features.17.conv.0.0.weight", "eye.features.18.1.bias", "eye.features.18.1.running_var"] {
        assert!(changed.contains(&name.to_owned()), "{name}");
    }
}

#[test]
fn fine_tuning_trains_all_weights_and_keeps_the_statistics() {
    let world = World::new("", "epochs = 1\nfine_tuning = { epochs = 2, learning_rate = 1e-4 }");
    let listener = Listener::default();
    let fitted = world.train(&listener, None).expect("a training");
    assert!(listener.text().contains("fine-tuning begins after epoch 1"), "{}", listener.text());
    assert_eq!((fitted.epochs, fitted.notes.join("")), (3, "2 epochs of fine-tuning, after 1 epochs".to_owned()));
    let changed = world.changed(&fitted);
    assert!(changed.contains(&"eye.features.0.0.weight".to_owned()));
    assert!(changed.contains(&"eye.features.18.1.weight".to_owned()));
    assert!(!changed.iter().any(|name| name.starts_with("eye.") && name.contains(".running_")), "{changed:?}");
    assert!(changed.contains(&"own_norm.running_mean".to_owned()));
}

/// What PyTorch changes of a parameter.
#[derive(Deserialize)]
struct Change {
    largest: f32,
    /// Every so many changes one is here.
    every: usize,
    changes: Vec<f32>,
}

#[derive(Deserialize)]
struct Tuned {
    rate: f64,
    fine_rate: f64,
    changes: HashMap<String, Change>,
}

/// A step of the head alone, then one of everything: of the first, PyTorch is told by what the second begins with.
#[test]
fn a_step_of_fine_tuning_is_pytorchs() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tuned.json"));
    let expected: Tuned = serde_json::from_str(&text.expect("the fixture")).expect("what the script writes");
    let tuning = format!("fine_tuning = {{ epochs = 1, learning_rate = {} }}", expected.fine_rate);
    let [before, after] = ["", &tuning].map(|tuning| {
        let network = network(&format!(
            "epochs = 1
            batch_size = 4
            optimizer = {{ name = \"sgd\", learning_rate = {}, momentum = 0.0 }}
            {tuning}
            layers = [
                {{ kind = \"backbone\", name = \"eye\", architecture = \"mobilenet_v2\", weights = \"mobilenet_v2-b0353104.pth\" }},
                {{ kind = \"global_average_pool\" }},
                {{ kind = \"dense\", name = \"head\", units = 3 }},
            ]",
            expected.rate
        ));
        let graph = graph(&network, &given(&[3, 32, 32], None), 3, Loss::CrossEntropy);
        let mut start = pretrained::start(&graph, &published_folder()).expect("scripts/setup --tests has fetched them");
        let head = by_rule("head", 3 * 1280).into_iter().map(|number| number * 0.05).collect();
        start.extend([("head.weight".to_owned(), head), ("head.bias".to_owned(), vec![0.0; 3])]);
        let data = by_rule_picture(4 * 3 * 32 * 32);
        let pictures = Matrix { data, rows: 4, width: 3 * 32 * 32, sparse: None };
        let samples = (&pictures, [0.0, 1.0, 2.0, 0.0].as_slice());
        let listener = Listener::default();
        let fitted =
            fit(&network, &graph, Loss::CrossEntropy, samples, |wanted| wanted.start = Some(&start), &listener);
        fitted.expect("one step of each phase").weights.values()
    });
    let mut changed: HashMap<&str, Vec<f32>> = HashMap::new();
    for ((name, _, before), (_, _, after)) in before.iter().zip(&after) {
        let change = after.iter().zip(before).map(|(after, before)| after - before).collect();
        changed.insert(name.strip_prefix("eye.").unwrap_or(name), change);
    }
    let mut worst = (0.0, "");
    for (name, expected) in &expected.changes {
        let own = &changed[name.as_str()];
        let picked: Vec<f32> = own.iter().step_by(expected.every).copied().collect();
        assert_eq!(picked.len(), expected.changes.len(), "{name}");
        for (own, wanted) in picked.iter().zip(&expected.changes) {
            let off = (own - wanted).abs() / expected.largest;
            if off > worst.0 {
                worst = (off, name);
            }
        }
    }
    eprintln!("{} parameters, off by {:.1e} of the largest change in `{}`", expected.changes.len(), worst.0, worst.1);
    assert!(worst.0 < 1e-4, "{worst:?}");
}

#[test]
fn fine_tuning_in_mixed_precision_goes_where_it_goes_in_full() {
    let [full, mixed] = ["float32", "mixed"].map(|precision| {
        let tuning = "epochs = 1\nfine_tuning = { epochs = 3, learning_rate = 1e-4 }";
        let world = World::new("", &format!("precision = \"{precision}\"\n{tuning}"));
        let listener = Listener::default();
        let fitted = world.train(&listener, None).expect("a training");
        let loss = |line: &str| line.strip_prefix("training loss 4: ")?.parse::<f64>().ok();
        (bits(&fitted), listener.text().lines().find_map(loss).expect("the loss of the last epoch"))
    });
    assert_ne!(full.0, mixed.0, "it is used");
    assert!((full.1 - mixed.1).abs() < 0.1 * full.1, "{} and {}", full.1, mixed.1);
}

fn bits(fitted: &Fitted) -> Vec<(String, Vec<u32>)> {
    let of = |(name, _, values): (String, Vec<usize>, Vec<f32>)| (name, values.iter().map(|v| v.to_bits()).collect());
    fitted.weights.values().into_iter().map(of).collect()
}

#[test]
fn an_interrupted_fine_tuning_ends_in_the_same_weights() {
    let world = World::new(
        "trainable = 1",
        "epochs = 2\nearly_stopping = { patience = 5 }\nfine_tuning = { epochs = 2, learning_rate = 1e-4 }",
    );
    let whole = world.train(&Listener::default(), None).expect("a training");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(checkpoint::FILE);
    // Three steps an epoch: in the first phase, where it ends, and in the middle of the second.
    for stop_after in [2, 6, 8] {
        let listener = Listener { stop_after, ..Listener::default() };
        let ended = world.train(&listener, Some(&file));
        assert!(matches!(ended, Err(Error::Cancelled)), "it was to be cut off at step {stop_after}");
    }
    let listener = Listener::default();
    let resumed = world.train(&listener, Some(&file)).expect("a training");
    assert!(listener.text().contains("goes on from the checkpoint of step 8"), "{}", listener.text());
    assert_eq!(bits(&resumed), bits(&whole));
    assert_eq!((resumed.notes, resumed.epochs), (whole.notes, whole.epochs));
}

#[test]
fn other_pretrained_weights_are_another_training() {
    let mut world = World::new("", "epochs = 1");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(checkpoint::FILE);
    world.train(&Listener { stop_after: 1, ..Listener::default() }, Some(&file)).err().expect("it is cut off");
    world.start.get_mut("eye.features.0.1.bias").expect("a bias")[3] += 1.0;
    let listener = Listener::default();
    world.train(&listener, Some(&file)).expect("a training");
    assert!(listener.text().contains("a checkpoint of another training"), "{}", listener.text());
}
