//! Every layer, with weights by chance: the same numbers from libtorch and from ONNX Runtime.

use meuse_core::recipe::network::Loss;
use meuse_deep::{Scale, Weights, onnx, outputs, parity};
use meuse_engine::Session;

use crate::support::{given, graph, native_folder, network, numbers, rows};

/// A layer, the input's shape, and how many ids it has.
const LAYERS: &[(&str, &[u32], Option<u32>)] = &[
    (r#"kind = "dense", units = 5, activation = "relu""#, &[6], None),
    (r#"kind = "dense", bias = false, units = 5, activation = "tanh""#, &[6], None),
    (r#"kind = "dense", units = 5, activation = "softmax""#, &[4, 6], None),
    (r#"kind = "conv1d", filters = 5, kernel = 3, stride = 2, padding = "same""#, &[8, 6], None),
    (r#"kind = "conv2d", filters = 5, kernel = 3, activation = "relu6""#, &[3, 7, 8], None),
    (r#"kind = "conv2d", filters = 6, kernel = [3, 2], stride = 2, groups = 3, padding = "same""#, &[3, 7, 8], None),
    (r#"kind = "conv2d", filters = 5, kernel = 3, stride = 2, bias = false, padding = "half""#, &[3, 7, 8], None),
    (r#"kind = "depthwise_conv2d", kernel = 3, multiplier = 2, padding = "same""#, &[3, 7, 8], None),
    (r#"kind = "max_pool1d", size = 2"#, &[8, 6], None),
    (r#"kind = "average_pool1d", size = 3, stride = 2"#, &[8, 6], None),
    (r#"kind = "max_pool2d", size = 3, stride = 2, padding = "same""#, &[3, 8, 8], None),
    (r#"kind = "average_pool2d", size = 3, stride = 2, padding = "same""#, &[3, 8, 8], None),
    (r#"kind = "average_pool2d", size = 2, padding = "valid""#, &[3, 8, 8], None),
    (r#"kind = "global_average_pool""#, &[3, 7, 8], None),
    (r#"kind = "global_average_pool""#, &[8, 6], None),
    (r#"kind = "global_max_pool""#, &[3, 7, 8], None),
    (r#"kind = "global_max_pool""#, &[8, 6], None),
    (r#"kind = "batch_norm""#, &[3, 7, 8], None),
    (r#"kind = "batch_norm""#, &[8, 6], None),
    (r#"kind = "batch_norm""#, &[6], None),
    (r#"kind = "layer_norm""#, &[8, 6], None),
    (r#"kind = "dropout", rate = 0.5"#, &[6], None),
    (r#"kind = "embedding", size = 5, init = "standard_normal""#, &[7], Some(20)),
    (r#"kind = "position_embedding""#, &[8, 6], None),
    (r#"kind = "lstm", units = 5"#, &[8, 6], None),
    (r#"kind = "lstm", units = 5, bidirectional = true"#, &[8, 6], None),
    (r#"kind = "lstm", units = 5, bidirectional = true, return_sequences = true"#, &[8, 6], None),
    (r#"kind = "gru", units = 5"#, &[8, 6], None),
    (r#"kind = "gru", units = 5, bidirectional = true, return_sequences = true"#, &[8, 6], None),
    (r#"kind = "attention", heads = 3"#, &[8, 6], None),
    (r#"kind = "transformer_encoder", heads = 2, feed_forward = 9, dropout = 0.1, activation = "gelu""#, &[8, 6], None),
    (r#"kind = "flatten""#, &[3, 7, 8], None),
    (r#"kind = "activation", function = "leaky_relu""#, &[6], None),
    (r#"kind = "activation", function = "elu""#, &[6], None),
    (r#"kind = "activation", function = "gelu""#, &[6], None),
    (r#"kind = "activation", function = "silu""#, &[6], None),
    (r#"kind = "activation", function = "sigmoid""#, &[6], None),
];

#[test]
fn every_layer_answers_in_onnx_runtime_as_in_libtorch() {
    meuse_engine::init(&native_folder()).expect("ONNX Runtime is in the native folder");
    meuse_deep::set_threads(1);
    let mut largest = 0.0_f64;
    for (layer, shape, ids) in LAYERS {
        for initialization in ["keras", "pytorch"] {
            let toml = format!(
                "initialization = \"{initialization}\"\nlayers = [{{ {layer} }}, {{ kind = \"flatten\" }}, {{ kind = \
                 \"dense\", units = 3 }}]"
            );
            let network = network(&toml);
            let graph = graph(&network, &given(shape, *ids), 3, Loss::CrossEntropy);
            let mut x = rows(5, graph.width());
            if let Some(ids) = ids {
                x.data
                    .iter_mut()
                    .for_each(|number| *number = (f32::midpoint(*number, 1.0) * (*ids - 1) as f32).floor());
            }
            let weights = by_chance(&graph);
            let expected = outputs(&graph, &weights, &x, 1).expect("outputs");
            assert!(expected.iter().any(|value| value.abs() > 1e-3), "{layer}: a test of zeros tests nothing");
            let session = Session::open(&onnx::emit(&graph, &weights, Scale::NONE), 1)
                .unwrap_or_else(|error| panic!("{layer}: {error}"));
            let report =
                parity::check(&session, &graph, &x, &expected).unwrap_or_else(|error| panic!("{layer}: {error}"));
            assert_eq!(report.rows, 5);
            largest = largest.max(report.largest_difference);
        }
    }
    assert!(largest < 1e-4, "{largest}");
}

#[test]
fn a_graph_of_several_inputs_and_a_residual_answers_alike() {
    meuse_engine::init(&native_folder()).expect("ONNX Runtime is in the native folder");
    let network = network(
        r#"
        inputs = [{ name = "picture", shape = [2, 6, 6] }, { name = "city", shape = [1], ids = 9 }, { name = "age", shape = [3] }]
        layers = [
            { kind = "conv2d", filters = 4, kernel = 3, padding = "same", name = "a", from = ["picture"] },
            { kind = "conv2d", filters = 4, kernel = 3, padding = "same", name = "b" },
            { kind = "add", from = ["a", "b"], name = "sum" },
            { kind = "concatenate", from = ["sum", "a"] },
            { kind = "global_average_pool", name = "seen" },
            { kind = "embedding", size = 3, from = ["city"] },
            { kind = "flatten", name = "where" },
            { kind = "concatenate", from = ["seen", "where", "age"] },
            { kind = "dense", units = 1, activation = "sigmoid" },
        ]
        "#,
    );
    let graph = graph(&network, &[], 1, Loss::BinaryCrossEntropy);
    assert_eq!(graph.width(), 76);
    let mut x = rows(6, 76);
    for row in 0..6 {
        x.data[row * 76 + 72] = row as f32;
    }
    let weights = by_chance(&graph);
    let expected = outputs(&graph, &weights, &x, 2).expect("outputs");
    let session = Session::open(&onnx::emit(&graph, &weights, Scale::NONE), 1).expect("a session");
    parity::check(&session, &graph, &x, &expected).expect("the same");
    let scores = session.scores(&x).expect("scores");
    let probability = scores.probability.expect("a sigmoid at the end");
    for (probability, raw) in probability.iter().zip(&expected) {
        assert!((probability - 1.0 / (1.0 + (-raw).exp())).abs() < 1e-5);
    }
}

#[test]
fn a_difference_is_found() {
    meuse_engine::init(&native_folder()).expect("ONNX Runtime is in the native folder");
    let network = network("layers = [{ kind = \"dense\", units = 2 }]");
    let graph = graph(&network, &given(&[3], None), 2, Loss::CrossEntropy);
    let weights = by_chance(&graph);
    let x = rows(4, 3);
    let mut expected = outputs(&graph, &weights, &x, 1).expect("outputs");
    expected[5] += 0.01;
    let session = Session::open(&onnx::emit(&graph, &weights, Scale::NONE), 1).expect("a session");
    let error = parity::check(&session, &graph, &x, &expected).expect_err("a difference").to_string();
    assert!(error.starts_with("parity check: row 2, output 1: ONNX Runtime says "), "{error}");
}

/// Weights that no beginning has, biases and running means included.
fn by_chance(graph: &meuse_core::recipe::network::Graph) -> Weights {
    let values = graph.parameters().enumerate().map(|(number, one)| {
        let mut values = numbers(one.count() + number).split_off(number);
        if one.name.ends_with("running_var") {
            for value in &mut values {
                *value = value.abs() + 0.5;
            }
        }
        (one.name.clone(), values)
    });
    Weights::from_values(graph, &values.collect()).expect("the graph's own names")
}
