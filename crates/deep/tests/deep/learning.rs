//! Networks that learn: each loss, each optimiser, and what stops them.

use std::collections::HashMap;

use meuse_core::recipe::network::{Head, Loss};
use meuse_core::table::Matrix;
use meuse_deep::{Samples, Scale, onnx, outputs, parity};
use meuse_engine::Session;

use crate::support::{Listener, by_rule, fit, given, graph, native_folder, network, rows};

/// Whether the sum of the first two of four numbers is above zero.
fn signs(x: &Matrix) -> Vec<f32> {
    (0..x.rows).map(|row| f32::from(x.row(row)[0] + x.row(row)[1] > 0.0)).collect()
}

#[test]
fn every_optimiser_and_loss_learns() {
    let optimizers = [
        r#"{ name = "sgd", learning_rate = 0.1 }"#,
        r#"{ name = "sgd", learning_rate = 0.05, momentum = 0.9 }"#,
        r#"{ name = "adam", learning_rate = 0.01 }"#,
        r#"{ name = "adamw", learning_rate = 0.01, weight_decay = 0.01 }"#,
        r#"{ name = "rmsprop", learning_rate = 0.01 }"#,
    ];
    let x = rows(200, 4);
    let y = signs(&x);
    for optimizer in optimizers {
        for (loss, units) in [(Loss::CrossEntropy, 2), (Loss::BinaryCrossEntropy, 1), (Loss::MeanSquaredError, 1)] {
            let toml = format!(
                "epochs = 20\nbatch_size = 10\noptimizer = {optimizer}\nlayers = [{{ kind = \"dense\", units = 8, \
                 activation = \"relu\" }}, {{ kind = \"dense\", units = {units} }}]"
            );
            let network = network(&toml);
            let graph = graph(&network, &given(&[4], None), units, loss);
            let fitted = fit(&network, &graph, loss, (&x, &y), |_| {}, &Listener::default()).expect("a training");
            let answers = outputs(&graph, &fitted.weights, &x, 1).expect("outputs");
            let right = answers.chunks(units).zip(&y).filter(|(row, y)| match graph.head {
                Head::Softmax => (row[1] > row[0]) == (**y > 0.5),
                Head::Sigmoid => (row[0] > 0.0) == (**y > 0.5),
                Head::Linear => (row[0] > 0.5) == (**y > 0.5),
            });
            let right = right.count();
            assert!(right >= 180, "{optimizer} {loss:?}: {right} of 200");
        }
    }
}

/// What `fixtures/make_optimizers.py` wrote.
#[derive(serde::Deserialize)]
struct Steps {
    settings: String,
    weight: Vec<f64>,
    bias: Vec<f64>,
}

#[test]
fn steps_of_every_optimiser_loss_and_schedule_are_pytorch_s() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/optimizers.json");
    let cases: Vec<Steps> = serde_json::from_str(&std::fs::read_to_string(path).expect("the fixture")).expect("cases");
    let x = Matrix { data: by_rule("rows", 30 * 4), rows: 30, width: 4, sparse: None };
    let y: Vec<f32> = (0..30).map(|row| if row % 5 < 3 { 0.0 } else { (1 + row % 2) as f32 }).collect();
    for case in cases {
        let network = network(&format!(
            "epochs = 7\nbatch_size = 30\n{}\nlayers = [{{ kind = \"dense\", units = 3, activation = \"softmax\" }}]",
            case.settings
        ));
        let graph = graph(&network, &given(&[4], None), 3, Loss::CrossEntropy);
        let start = HashMap::from([
            ("dense_1.weight".to_owned(), by_rule("weight", 12)),
            ("dense_1.bias".to_owned(), by_rule("bias", 3)),
        ]);
        let listener = Listener::default();
        let fitted =
            fit(&network, &graph, Loss::CrossEntropy, (&x, &y), |wanted| wanted.start = Some(&start), &listener);
        for (name, _, values) in fitted.expect("a training").weights.values() {
            let expected = if name == "dense_1.weight" { &case.weight } else { &case.bias };
            assert_eq!(values.len(), expected.len(), "{name}");
            for (value, expected) in values.iter().zip(expected) {
                let close = (f64::from(*value) - expected).abs() < 2e-6;
                assert!(close, "{}: {name} {value} instead of {expected}", case.settings);
            }
        }
    }
}

#[test]
fn a_step_of_adam_is_pytorch_s() {
    // torch.optim.Adam(lr=0.1) on w = 1 with the gradients 2(w − 3): w after three steps, computed by hand below.
    let network = network(
        r#"epochs = 3
        batch_size = 1
        optimizer = { name = "adam", learning_rate = 0.1 }
        layers = [{ kind = "dense", units = 1, bias = false, init = "ones" }]"#,
    );
    let graph = graph(&network, &given(&[1], None), 1, Loss::MeanSquaredError);
    let x = Matrix { data: vec![1.0], rows: 1, width: 1, sparse: None };
    let fitted = fit(&network, &graph, Loss::MeanSquaredError, (&x, &[3.0]), |_| {}, &Listener::default());
    let (mut w, mut mean, mut squares) = (1.0_f64, 0.0, 0.0);
    for step in 1..=3 {
        let gradient = 2.0 * (w - 3.0);
        mean = 0.9 * mean + 0.1 * gradient;
        squares = 0.999 * squares + 0.001 * gradient * gradient;
        let root = (squares / (1.0 - 0.999_f64.powi(step))).sqrt() + 1e-8;
        w -= 0.1 * mean / (1.0 - 0.9_f64.powi(step)) / root;
    }
    let learnt = f64::from(fitted.expect("a training").weights.values()[0].2[0]);
    assert!((learnt - w).abs() < 1e-6, "{learnt} instead of {w}");
}

#[test]
fn a_training_stops_when_the_validation_loss_rises_and_takes_the_best_weights() {
    let network = network(
        r#"epochs = 200
        batch_size = 8
        optimizer = { name = "adam", learning_rate = 0.05 }
        early_stopping = { patience = 3 }
        layers = [{ kind = "dense", units = 64, activation = "relu" }, { kind = "dense", units = 2 }]"#,
    );
    let graph = graph(&network, &given(&[4], None), 2, Loss::CrossEntropy);
    // Labels by chance: what is learnt of them helps on no other row.
    let (x, other) = (rows(40, 4), rows(80, 4));
    let y: Vec<f32> = (0..40).map(|row| (row * 7 % 3 % 2) as f32).collect();
    let other_y: Vec<f32> = (0..80).map(|row| (row * 5 % 3 % 2) as f32).collect();
    let listener = Listener::default();
    let fitted = fit(
        &network,
        &graph,
        Loss::CrossEntropy,
        (&x, &y),
        |wanted| wanted.validation = Some(Samples { rows: &other, targets: &other_y }),
        &listener,
    )
    .expect("a training");
    assert!(fitted.epochs < 100, "{} epochs", fitted.epochs);
    assert!(fitted.notes[0].contains("the validation loss was smallest in"), "{:?}", fitted.notes);
    assert!(listener.text().contains("validation accuracy 1: "), "{}", listener.text());
}

#[test]
fn a_picture_network_learns_and_answers_alike_in_onnx_runtime() {
    meuse_engine::init(&native_folder()).expect("ONNX Runtime is in the native folder");
    // A bright bar in one of three columns, in noise.
    let mut x = rows(240, 100);
    let y: Vec<f32> = (0..240).map(|row| (row % 3) as f32).collect();
    for (row, numbers) in x.data.chunks_exact_mut(100).enumerate() {
        (0..10).for_each(|line| numbers[line * 10 + 2 + 3 * (row % 3)] += 1.0);
    }
    let network = network(
        r#"epochs = 5
        batch_size = 16
        optimizer = { name = "adam", learning_rate = 0.01 }
        layers = [
            { kind = "conv2d", filters = 8, kernel = 3, activation = "relu" },
            { kind = "max_pool2d" },
            { kind = "flatten" },
            { kind = "dense", units = 3, activation = "softmax" },
        ]"#,
    );
    let graph = graph(&network, &given(&[1, 10, 10], None), 3, Loss::CrossEntropy);
    let fitted = fit(&network, &graph, Loss::CrossEntropy, (&x, &y), |_| {}, &Listener::default()).expect("a training");
    let own = outputs(&graph, &fitted.weights, &x, 2).expect("outputs");
    let session = Session::open(&onnx::emit(&graph, &fitted.weights, Scale::NONE), 1).expect("a session");
    parity::check(&session, &graph, &x, &own).expect("the same");
    let scores = session.scores(&x).expect("scores");
    let probabilities = scores.probability.expect("a softmax at the end");
    let right = probabilities.chunks_exact(3).zip(&y).filter(|(row, y)| row[**y as usize] > 0.5).count();
    assert!(right > 230, "{right} of 240");
    assert!(probabilities.chunks_exact(3).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
}

#[test]
fn a_rectifier_after_any_layer_learns_and_answers_alike_in_onnx_runtime() {
    meuse_engine::init(&native_folder()).expect("ONNX Runtime is in the native folder");
    let (x, y) = (rows(12, 32), (0..12).map(|row| (row % 3) as f32).collect::<Vec<f32>>());
    let conv = r#"{ name = "conv", kind = "conv2d", filters = 8, kernel = 3, padding = "same" }"#;
    let befores = [
        conv.to_owned(),
        conv.replace("padding", "activation = \"relu\", padding"),
        conv.replace("padding", "activation = \"sigmoid\", padding"),
        conv.replace("conv2d", "depthwise_conv2d").replace("filters = 8, ", ""),
        format!("{conv}, {{ kind = \"batch_norm\" }}"),
        format!("{conv}, {{ kind = \"add\", from = [\"conv\", \"conv\"] }}"),
        format!("{conv}, {{ kind = \"average_pool2d\", size = 1 }}"),
        format!("{conv}, {{ kind = \"dropout\", rate = 0.0 }}"),
    ];
    for before in befores {
        for function in ["relu", "relu6"] {
            // What comes before is read once more in the end, and must be what it was.
            for after in ["", r#", { kind = "add", from = ["rectified", "conv"] }"#] {
                let network = network(&format!(
                    "epochs = 2
                    batch_size = 6
                    layers = [
                        {before}, {{ name = \"rectified\", kind = \"activation\", function = \"{function}\" }}{after},
                        {{ kind = \"flatten\" }}, {{ kind = \"dense\", units = 3, activation = \"softmax\" }},
                    ]"
                ));
                let graph = graph(&network, &given(&[2, 4, 4], None), 3, Loss::CrossEntropy);
                let samples = (&x, y.as_slice());
                let fitted = fit(&network, &graph, Loss::CrossEntropy, samples, |_| {}, &Listener::default());
                let weights = fitted.expect("a training").weights;
                let own = outputs(&graph, &weights, &x, 1).expect("outputs");
                let session = Session::open(&onnx::emit(&graph, &weights, Scale::NONE), 1).expect("a session");
                parity::check(&session, &graph, &x, &own)
                    .unwrap_or_else(|error| panic!("{function} after {before}{after}: {error}"));
            }
        }
    }
}
