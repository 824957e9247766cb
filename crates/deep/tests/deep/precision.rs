//! Mixed precision: bfloat16 is used where it may be, learns as float32 does within its rounding, and what comes out is a
//! network of 32-bit floats. It is for GPUs; the arithmetic is the same on a processor, which these tests run on.

use meuse_core::recipe::network::{Loss, NetworkInput};
use meuse_core::table::Matrix;
use meuse_deep::{Device, Fitted, Scale, Weights, onnx, outputs, parity};
use meuse_engine::Session;

use crate::support::{Listener, fit, given, graph, native_folder, network, rows};

/// Networks of every kind of layer that computes a product, or stands behind one.
fn networks() -> Vec<(&'static str, Vec<NetworkInput>)> {
    let dense = r#"layers = [{ kind = "dense", units = 16, activation = "tanh" }, { kind = "batch_norm" },
        { kind = "dropout", rate = 0.2 }, { kind = "dense", units = 3 }]"#;
    let pictures = r#"layers = [
        { kind = "conv2d", filters = 6, kernel = 3, padding = "same", activation = "relu" },
        { kind = "max_pool2d", size = 3, stride = 2, padding = "same" }, { kind = "batch_norm" }, { kind = "depthwise_conv2d", kernel = 3 },
        { kind = "average_pool2d", size = 2, padding = "same" }, { kind = "flatten" }, { kind = "dense", units = 3 }]"#;
    let steps = r#"layers = [{ kind = "embedding", size = 8 }, { kind = "position_embedding" },
        { kind = "transformer_encoder", heads = 2, feed_forward = 16, dropout = 0.1 },
        { kind = "conv1d", filters = 8, kernel = 3, padding = "same", activation = "relu" },
        { kind = "attention", heads = 2 }, { kind = "lstm", units = 8 }, { kind = "dense", units = 3 }]"#;
    vec![(dense, given(&[12], None)), (pictures, given(&[1, 8, 8], None)), (steps, given(&[6], Some(10)))]
}

/// Rows for a network, and a class of each that can be learnt.
fn samples(given: &[NetworkInput]) -> (Matrix, Vec<f32>) {
    let mut x = rows(96, given[0].shape.iter().map(|side| *side as usize).product());
    if let Some(ids) = given[0].ids {
        x.data.iter_mut().for_each(|value| *value = (value.abs() * 1000.0).floor() % ids as f32);
    }
    let y = (0..96).map(|row| f32::from(x.row(row)[0] > x.row(row)[1]) * 2.0).collect();
    (x, y)
}

/// The losses of the epochs, and what was learnt.
fn learnt(
    layers: &str,
    given: &[NetworkInput],
    (precision, device): (&str, Device),
    (x, y): (&Matrix, &[f32]),
) -> (Vec<f64>, Fitted) {
    let toml = format!(
        "epochs = 20\nbatch_size = 16\nprecision = \"{precision}\"\noptimizer = {{ name = \"adam\", learning_rate = \
         0.01 }}\n{layers}"
    );
    let (network, listener) = (network(&toml), Listener::default());
    let graph = graph(&network, given, 3, Loss::CrossEntropy);
    let fitted =
        fit(&network, &graph, Loss::CrossEntropy, (x, y), |fit| fit.device = device, &listener).expect("a training");
    let losses = listener.text().lines().filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    (losses, fitted)
}

#[test]
fn mixed_precision_learns_as_float32_does_and_gives_a_network_of_32_bit_floats() {
    meuse_engine::init(&native_folder()).expect("ONNX Runtime is in the native folder");
    for (layers, given) in networks() {
        let (x, y) = samples(&given);
        let (exact, whole) = learnt(layers, &given, ("float32", Device::Cpu), (&x, &y));
        let (mixed, short) = learnt(layers, &given, ("mixed", Device::Cpu), (&x, &y));
        assert_eq!([exact.len(), mixed.len()], [20, 20], "{layers}");
        assert!(mixed[19] < 0.9 * mixed[0], "{layers}: {mixed:?}");
        // Eight bits of each factor: near, and not the same.
        assert!((mixed[0] - exact[0]).abs() < 0.02 * exact[0], "{layers}: {} and {}", mixed[0], exact[0]);
        assert!((mixed[19] - exact[19]).abs() < 0.15 * exact[0], "{layers}: {} and {}", mixed[19], exact[19]);
        assert!(short.weights.values() != whole.weights.values(), "{layers}: it was not used");

        // What it answers is computed in 32-bit floats, here and in ONNX Runtime.
        let network = network(layers);
        let graph = graph(&network, &given, 3, Loss::CrossEntropy);
        let expected = outputs(&graph, &short.weights, &x, 1).expect("outputs");
        let session = Session::open(&onnx::emit(&graph, &short.weights, Scale::NONE), 1).expect("a session");
        parity::check(&session, &graph, &x, &expected).expect("ONNX Runtime answers the same");
    }
}

#[test]
fn without_a_gpu_it_is_said_why_none_is_used() {
    // A machine with one has the test below: cargo test --workspace --test deep -- --ignored
    if let Err(reason) = meuse_deep::gpu::count() {
        assert!(reason.contains("libtorch_cuda.so") || reason.contains("CUDA finds no GPU"), "{reason}");
        assert!(meuse_deep::gpu::try_memory(Device::Cuda(0), 1).is_err());
    }
    // Weights that are where they are to be stay what they are.
    let (layers, given) = networks().remove(0);
    let network = network(layers);
    let graph = graph(&network, &given, 3, Loss::CrossEntropy);
    let weights = Weights::new(&graph, 1);
    let values = weights.values();
    assert_eq!(weights.moved(&graph, Device::Cpu).values(), values);
}

#[test]
#[ignore = "needs an NVIDIA GPU, and scripts/setup --gpu"]
fn a_gpu_learns_what_the_processor_learns() {
    assert!(meuse_deep::gpu::count().expect("a GPU") > 0);
    let gpu = Device::Cuda(0);
    meuse_deep::gpu::try_memory(gpu, 1 << 20).expect("a mebibyte");
    let refused = meuse_deep::gpu::try_memory(gpu, 1 << 50).expect_err("a pebibyte");
    assert!(refused.contains("out of memory"), "{refused}");
    for (layers, given) in networks() {
        // Dropout is another chance there.
        let layers = layers.replace("rate = 0.2", "rate = 0.0").replace("dropout = 0.1", "dropout = 0.0");
        let (x, y) = samples(&given);
        let (here, _) = learnt(&layers, &given, ("float32", Device::Cpu), (&x, &y));
        for precision in ["float32", "mixed"] {
            let (there, fitted) = learnt(&layers, &given, (precision, gpu), (&x, &y));
            assert!((there[0] - here[0]).abs() < 0.02 * here[0], "{layers}: {} and {}", there[0], here[0]);
            assert!((there[19] - here[19]).abs() < 0.15 * here[0], "{layers}: {} and {}", there[19], here[19]);
            assert_eq!(fitted.weights.device(), gpu);
            // The same weights answer the same in both places.
            let network = network(&layers);
            let graph = graph(&network, &given, 3, Loss::CrossEntropy);
            let answers = outputs(&graph, &fitted.weights, &x, 1).expect("outputs");
            let moved = fitted.weights.moved(&graph, Device::Cpu);
            let others = outputs(&graph, &moved, &x, 1).expect("outputs");
            for (one, other) in answers.iter().zip(&others) {
                assert!((one - other).abs() < 1e-3 * other.abs().max(1.0), "{layers}: {one} and {other}");
            }
        }
    }
}
