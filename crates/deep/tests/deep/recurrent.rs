//! The gradients of recurrent layers, which are our own: a step of descent is PyTorch's, and mixed with libtorch's layers
//! they add up.

use std::collections::HashMap;

use meuse_core::recipe::network::Loss;
use meuse_core::table::Matrix;
use serde::Deserialize;

use crate::support::{Listener, fit, given, graph, network};

#[derive(Deserialize)]
struct Document {
    cases: HashMap<String, Case>,
}

/// One step, as tests/fixtures/make_recurrent.py writes it.
#[derive(Deserialize)]
struct Case {
    x: Vec<f32>,
    y: Vec<f32>,
    rate: f64,
    loss: f64,
    before: HashMap<String, Vec<f32>>,
    after: HashMap<String, Vec<f32>>,
}

#[test]
fn a_step_of_recurrent_networks_is_pytorch_s() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/recurrent.json"));
    let document: Document = serde_json::from_str(&text.expect("the fixture")).expect("what the script writes");
    let stacked = r#"layers = [
        { name = "lstm_1", kind = "lstm", units = 4, bidirectional = true, return_sequences = true },
        { name = "lstm_2", kind = "lstm", units = 3 }, { name = "dense", kind = "dense", units = 1 }]"#;
    let beside = r#"layers = [{ name = "embedding", kind = "embedding", size = 4 },
        { name = "lstm", kind = "lstm", units = 3, bidirectional = true },
        { name = "mean", kind = "global_average_pool", from = ["embedding"] },
        { name = "both", kind = "concatenate", from = ["lstm", "mean"] },
        { name = "dense", kind = "dense", units = 1 }]"#;
    for (name, layers, given) in [("stacked", stacked, given(&[6, 3], None)), ("beside", beside, given(&[6], Some(7)))]
    {
        let case = &document.cases[name];
        let rows = case.y.len();
        let toml = format!(
            "epochs = 1\ninitialization = \"pytorch\"\nbatch_size = {rows}\noptimizer = {{ name = \"sgd\", learning_rate = {} }}\n{layers}",
            case.rate
        );
        let (network, listener) = (network(&toml), Listener::default());
        let graph = graph(&network, &given, 1, Loss::MeanSquaredError);
        let x = Matrix { data: case.x.clone(), rows, width: case.x.len() / rows, sparse: None };
        let (y, start) = (case.y.as_slice(), &case.before);
        let loss = Loss::MeanSquaredError;
        let fitted = fit(&network, &graph, loss, (&x, y), |wanted| wanted.start = Some(start), &listener);
        let fitted = fitted.expect("a training");
        let said = listener.text();
        let loss: f64 = said.rsplit(' ').next().and_then(|loss| loss.parse().ok()).expect("a loss");
        assert!((loss - case.loss).abs() < 1e-5 * case.loss.max(1.0), "{name}: {loss} instead of {}", case.loss);
        let values = fitted.weights.values();
        assert_eq!(values.len(), case.after.len(), "{name}");
        for (parameter, _, values) in values {
            let (before, after) = (&case.before[&parameter], &case.after[&parameter]);
            assert_ne!(before, after, "{name}: {parameter} does not learn");
            for (place, (value, wanted)) in values.iter().zip(after).enumerate() {
                assert!((value - wanted).abs() < 2e-6, "{name}: {parameter}[{place}] is {value} instead of {wanted}");
            }
        }
    }
}
