//! Batches that are divided among threads teach what whole ones do.

use meuse_core::recipe::network::{Graph, Loss, Network};
use meuse_core::table::Matrix;
use meuse_deep::{Error, Fit, checkpoint};

use crate::support::{Listener, fit, given, graph, network, rows};

const ROWS: usize = 100;
const SHAPE: [u32; 3] = [1, 12, 12];

/// A network whose batches of 32 are worth dividing, and what is to be learnt.
struct World {
    network: Network,
    graph: Graph,
    loss: Loss,
    x: Matrix,
    y: Vec<f32>,
}

impl World {
    fn new(loss: Loss, outputs: usize, more: &str, dropout: &str) -> Self {
        let network = network(&format!(
            r#"
            epochs = 2
            batch_size = 32
            optimizer = {{ name = "sgd", learning_rate = 0.05 }}
            {more}
            layers = [
                {{ kind = "conv2d", filters = 64, kernel = 3, padding = "same", activation = "relu" }},
                {{ kind = "max_pool2d" }},
                {dropout}
                {{ kind = "flatten" }},
                {{ kind = "dense", units = {outputs} }},
            ]"#
        ));
        let graph = graph(&network, &given(&SHAPE, None), outputs, loss);
        let x = rows(ROWS, 144);
        let y = (0..ROWS).map(|row| if loss == Loss::MeanSquaredError { x.row(row)[0] } else { (row % 5 % 3) as f32 });
        let y = y.map(|y| if loss == Loss::BinaryCrossEntropy { y.min(1.0) } else { y }).collect();
        Self { network, graph, loss, x, y }
    }

    /// Another network, which tells three classes of so many pictures of this side apart.
    fn of(toml: &str, count: usize, side: u32) -> Self {
        let (network, loss) = (network(toml), Loss::CrossEntropy);
        let graph = graph(&network, &given(&[1, side, side], None), 3, loss);
        let y = (0..count).map(|row| (row % 5 % 3) as f32).collect();
        Self { network, graph, loss, x: rows(count, (side * side) as usize), y }
    }

    fn weights(&self, threads: usize, mix_up: f64) -> Vec<f32> {
        let samples = (&self.x, self.y.as_slice());
        let change = |wanted: &mut Fit| (wanted.threads, wanted.mix_up) = (threads, mix_up);
        let fitted = fit(&self.network, &self.graph, self.loss, samples, change, &Listener::default());
        fitted.expect("a training").weights.values().into_iter().flat_map(|(_, _, values)| values).collect()
    }
}

#[test]
fn several_threads_learn_what_one_learns() {
    let cases = [
        (Loss::CrossEntropy, 3, "", 0.0),
        (Loss::CrossEntropy, 3, "class_weight = \"balanced\"\nlabel_smoothing = 0.1\nclip_norm = 0.5", 0.0),
        (Loss::CrossEntropy, 3, "class_weight = \"balanced\"", 0.4),
        (Loss::BinaryCrossEntropy, 1, "class_weight = \"balanced\"", 0.0),
        (Loss::MeanSquaredError, 1, "clip_norm = 0.5", 0.0),
    ];
    for (loss, outputs, more, mix_up) in cases {
        let world = World::new(loss, outputs, more, "");
        let alone = world.weights(1, mix_up);
        for threads in [2, 3] {
            let together = world.weights(threads, mix_up);
            let furthest = alone.iter().zip(&together).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(furthest < 1e-5, "{loss:?}, {more}, {threads} threads: {furthest}");
        }
    }
}

/// One thread's share of these pictures is two pieces, which are two threads' shares; each drops by a chance of its own.
#[test]
fn what_is_learnt_in_pieces_is_what_is_learnt_at_once() {
    let world = World::of(
        r#"
        epochs = 2
        batch_size = 24
        optimizer = { name = "sgd", learning_rate = 0.5 }
        class_weight = "balanced"
        layers = [
            { kind = "conv2d", filters = 64, kernel = 1, activation = "relu" },
            { kind = "global_average_pool" },
            { kind = "dropout", rate = 0.5 },
            { kind = "dense", units = 3 },
        ]"#,
        24,
        256,
    );
    let [pieces, once] = [1, 2].map(|threads| world.weights(threads, 0.0));
    let furthest = pieces.iter().zip(&once).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < 1e-5, "{furthest}");
}

#[test]
fn each_share_drops_by_a_chance_of_its_own_that_can_be_repeated() {
    let world = World::new(Loss::CrossEntropy, 3, "", r#"{ kind = "dropout", rate = 0.5 },"#);
    let bits = |threads| world.weights(threads, 0.0).into_iter().map(f32::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(2), bits(2));
    assert_ne!(bits(2), bits(1), "the batches were not divided");
}

#[test]
fn a_divided_training_that_is_interrupted_ends_in_the_same_weights() {
    let world = World::new(Loss::CrossEntropy, 3, "", r#"{ kind = "dropout", rate = 0.5 },"#);
    let whole = world.weights(2, 0.0);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(checkpoint::FILE);
    let train = |listener: &Listener| {
        let samples = (&world.x, world.y.as_slice());
        fit(
            &world.network,
            &world.graph,
            world.loss,
            samples,
            |wanted| {
                (wanted.threads, wanted.checkpoint_steps) = (2, 1);
                wanted.checkpoint = Some(&file);
            },
            listener,
        )
    };
    // Four steps an epoch.
    for stop_after in [3, 6] {
        let ended = train(&Listener { stop_after, ..Listener::default() });
        assert!(matches!(ended, Err(Error::Cancelled)), "it was to be cut off at step {stop_after}");
    }
    let listener = Listener::default();
    let resumed = train(&listener).expect("a training");
    assert!(listener.text().contains("goes on from the checkpoint of step 6"), "{}", listener.text());
    let resumed: Vec<f32> = resumed.weights.values().into_iter().flat_map(|(_, _, values)| values).collect();
    assert!(whole.iter().zip(&resumed).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn a_step_over_many_numbers_is_the_same_by_several_threads() {
    // More than half a million weights, so that threads divide the step itself.
    let world = World::of(
        r#"
        epochs = 2
        batch_size = 32
        optimizer = { name = "adam", learning_rate = 0.001 }
        layers = [
            { kind = "conv2d", filters = 64, kernel = 3, padding = "same", activation = "relu" },
            { kind = "max_pool2d" },
            { kind = "flatten" },
            { kind = "dense", units = 256, activation = "relu" },
            { kind = "dense", units = 3 },
        ]"#,
        ROWS,
        SHAPE[1],
    );
    let [alone, together] = [1, 2].map(|threads| world.weights(threads, 0.0));
    assert!(alone.len() > 1 << 19);
    // Adam's first steps are of the rate's size whatever the gradient's, so one that is nearly zero may turn round.
    let apart = alone.iter().zip(&together).filter(|(a, b)| (*a - *b).abs() > 1e-5).count();
    assert!(apart * 1000 < alone.len(), "{apart} of {} numbers are others", alone.len());
    assert_eq!(together, world.weights(2, 0.0));
}
