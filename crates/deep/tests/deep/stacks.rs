//! Convolutions that are computed here teach and answer what libtorch's do. A network that begins with a pooling of one
//! place, which changes nothing, is left to libtorch.

use meuse_core::recipe::network::Loss;
use meuse_deep::{Error, Fitted, outputs};

use crate::support::{Listener, fit, given, graph, network, rows};

/// Batches of sixteen, and one of five.
const ROWS: usize = 21;

struct Case {
    shape: [u32; 3],
    layers: &'static str,
}

const CASES: &[Case] = &[
    // As in the recipes for digits, and for icons; the first is work enough for several threads.
    Case {
        shape: [1, 28, 28],
        layers: r#"{ kind = "conv2d", filters = 32, kernel = 3, activation = "relu" }, { kind = "max_pool2d" },
            { kind = "conv2d", filters = 20, kernel = 3, activation = "relu" }, { kind = "max_pool2d" },"#,
    },
    Case {
        shape: [3, 12, 12],
        layers: r#"{ kind = "conv2d", filters = 8, kernel = 3, padding = "same", activation = "relu" },
            { kind = "conv2d", filters = 16, kernel = 3, activation = "relu" }, { kind = "max_pool2d" },
            { kind = "conv2d", filters = 24, kernel = 3, padding = "same", activation = "relu" },
            { kind = "conv2d", filters = 17, kernel = 3 }, { kind = "max_pool2d" },
            { kind = "activation", function = "relu" },"#,
    },
    // Windows and pools that are not square, what does not fit into pools, no bias, no rectifier.
    Case {
        shape: [2, 11, 9],
        layers: r#"{ kind = "conv2d", filters = 40, kernel = [2, 5], padding = "same", bias = false },
            { kind = "max_pool2d", size = [3, 2] },
            { kind = "conv2d", filters = 33, kernel = [1, 2], activation = "relu" },
            { kind = "max_pool2d", size = [1, 3] },"#,
    },
    // Windows of one place and of all; a column that is as narrow as its window; names that begin alike.
    Case {
        shape: [5, 6, 6],
        layers: r#"{ kind = "conv2d", filters = 9, kernel = 1 }, { kind = "activation", function = "relu" },
            { kind = "conv2d", filters = 11, kernel = 6, activation = "relu" },"#,
    },
    Case {
        shape: [1, 30, 4],
        layers: r#"{ name = "block", kind = "conv2d", filters = 8, kernel = [5, 4], activation = "relu" },
            { name = "block.flat", kind = "flatten" }, { name = "block.out", kind = "dense", units = 7 },"#,
    },
    // A picture that is too large for one list of gradients.
    Case {
        shape: [8, 40, 120],
        layers: r#"{ kind = "conv2d", filters = 8, kernel = 5, activation = "relu" },
            { kind = "conv2d", filters = 10, kernel = 3, activation = "relu" },
            { kind = "max_pool2d", size = [9, 20] },"#,
    },
    // Where it ends: at a stride, at a pooling that overlaps, at another function, at nothing to leave out.
    Case {
        shape: [1, 13, 13],
        layers: r#"{ kind = "conv2d", filters = 9, kernel = 3, activation = "relu" },
            { kind = "max_pool2d", size = 3, stride = 2 },
            { kind = "conv2d", filters = 4, kernel = 3, stride = 2, activation = "relu" },"#,
    },
    Case {
        shape: [1, 9, 9],
        layers: r#"{ kind = "conv2d", filters = 9, kernel = 3, activation = "relu" },
            { kind = "conv2d", filters = 9, kernel = 3, activation = "gelu" }, { kind = "max_pool2d" },"#,
    },
    Case {
        shape: [1, 9, 9],
        layers: r#"{ kind = "conv2d", filters = 9, kernel = 3, activation = "relu" },
            { kind = "conv2d", filters = 9, kernel = 3 },"#,
    },
];

/// The weights of a training, and what they answer, or why it ended.
fn trained(case: &Case, first: &str, more: &str, rate: f64, threads: usize) -> (Vec<f32>, Result<Vec<f32>, Error>) {
    let [channels, height, width] = case.shape.map(|side| side as usize);
    let network = network(&format!(
        "epochs = 3\nbatch_size = 16\noptimizer = {{ name = \"sgd\", learning_rate = {rate:e} }}\n{more}\nlayers = [{first} {} \
         {{ kind = \"flatten\" }}, {{ kind = \"dense\", units = 3 }}]",
        case.layers
    ));
    let graph = graph(&network, &given(&case.shape, None), 3, Loss::CrossEntropy);
    let x = rows(ROWS, channels * height * width);
    let y: Vec<f32> = (0..ROWS).map(|row| (row % 5 % 3) as f32).collect();
    let fitted =
        fit(&network, &graph, Loss::CrossEntropy, (&x, &y), |wanted| wanted.threads = threads, &Listener::default());
    match fitted {
        Ok(Fitted { weights, .. }) => {
            let all = weights.values().into_iter().flat_map(|(_, _, values)| values).collect();
            (all, outputs(&graph, &weights, &x, threads))
        }
        Err(error) => (Vec::new(), Err(error)),
    }
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

const NOTHING: &str = "{ kind = \"average_pool2d\", size = 1 },";

#[test]
fn convolutions_computed_here_teach_what_libtorchs_do() {
    for case in CASES {
        for (more, threads) in [("", 1), ("clip_norm = 0.5\nclass_weight = \"balanced\"", 2)] {
            let (own, answers) = trained(case, "", more, 0.05, threads);
            let (theirs, expected) = trained(case, NOTHING, more, 0.05, threads);
            let (answers, expected) = (answers.expect("answers"), expected.expect("answers"));
            assert_eq!((own.len(), answers.len()), (theirs.len(), expected.len()));
            let moved = furthest(&own, &trained(case, "", more, 1e-9, threads).0);
            let apart = [furthest(&own, &theirs), furthest(&answers, &expected)];
            assert!(moved > 1e-3, "{}: nothing was learnt ({moved})", case.layers);
            assert!(apart[0] < 2e-5 && apart[1] < 1e-4, "{}: {apart:?} after a way of {moved}", case.layers);
        }
    }
}

#[test]
fn what_is_dropped_teaches_nothing() {
    // To one place each, so that chance comes to the same values here and there.
    let dropping = Case {
        shape: [1, 10, 10],
        layers: r#"{ kind = "conv2d", filters = 24, kernel = 9, activation = "relu" }, { kind = "max_pool2d" },
            { kind = "dropout", rate = 0.4 }, { kind = "conv2d", filters = 16, kernel = 1, activation = "relu" },
            { kind = "dropout", rate = 0.2 },"#,
    };
    let [(own, _), (again, _), (theirs, _), (whole, _)] = [("", 0.05), ("", 0.05), (NOTHING, 0.05), ("", 1e-9)]
        .map(|(first, rate)| trained(&dropping, first, "", rate, 1));
    assert!(own.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()));
    let (apart, moved) = (furthest(&own, &theirs), furthest(&own, &whole));
    assert!(apart < 2e-5 && moved > 1e-2, "{apart} apart after a way of {moved}");
}

#[test]
fn numbers_that_are_none_are_passed_on_and_end_the_training() {
    let case = &CASES[0];
    let (_, ended) = trained(case, "", "", 1e30, 1);
    let message = ended.expect_err("it diverges").to_string();
    assert!(message.contains("the loss is not a number at step"), "{message}");
}
