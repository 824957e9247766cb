//! A training that is cut off and goes on ends in the same weights, bit for bit, as one that was not.

use meuse_core::recipe::network::{Graph, Loss, Network, NetworkInput};
use meuse_core::table::Matrix;
use meuse_deep::{Error, Fitted, Rows, Samples, checkpoint};

use crate::support::{Listener, fit, given, graph, network, rows};

/// Everything that holds a state: dropout, running means, momentum, early stopping, shuffled batches of unequal size.
const LAYERS: &str = r#"
    batch_size = 7
    epochs = 4
    clip_norm = 0.5
    schedule = { name = "cosine", warm_up_steps = 3 }
    layers = [
        { kind = "conv2d", filters = 4, kernel = 3 },
        { kind = "batch_norm" },
        { kind = "activation", function = "relu" },
        { kind = "dropout", rate = 0.3 },
        { kind = "flatten" },
        { kind = "dense", units = 8, activation = "tanh" },
        { kind = "dense", units = 3 },
    ]
"#;

/// Words whose vectors are learnt, read by recurrent layers.
const WORDS: &str = r#"
    batch_size = 7
    epochs = 4
    layers = [
        { kind = "embedding", size = 5 },
        { kind = "lstm", units = 6, return_sequences = true, bidirectional = true },
        { kind = "gru", units = 4 },
        { kind = "dropout", rate = 0.3 },
        { kind = "dense", units = 3 },
    ]
"#;

struct World {
    network: Network,
    graph: Graph,
    training: (Augmented, Vec<f32>),
    validation: (Matrix, Vec<f32>),
    mix_up: f64,
}

/// Rows that each epoch shows otherwise, as augmentation and the dropping of tokens do.
struct Augmented(Matrix);

impl Rows for Augmented {
    fn count(&self) -> usize {
        self.0.rows
    }

    fn fill(&self, row: u32, epoch: Option<u64>, numbers: &mut [f32]) -> Result<(), Error> {
        self.0.fill(row, epoch, numbers)?;
        let place = epoch.map_or(0, |epoch| epoch as usize + row as usize) % numbers.len();
        numbers[place] = 0.0;
        Ok(())
    }
}

impl World {
    fn new(more: &str) -> Self {
        Self::of(&format!("{more}\n{LAYERS}"), &given(&[1, 6, 6], None), rows)
    }

    fn of(toml: &str, given: &[NetworkInput], rows: impl Fn(usize, usize) -> Matrix) -> Self {
        let network = network(toml);
        let graph = graph(&network, given, 3, Loss::CrossEntropy);
        let classes = |count: usize| (0..count).map(|row| (row % 3) as f32).collect();
        let width = graph.width();
        let (training, validation) = ((Augmented(rows(40, width)), classes(40)), (rows(9, width), classes(9)));
        Self { network, graph, training, validation, mix_up: 0.0 }
    }

    fn train(&self, listener: &Listener, checkpoint: Option<&std::path::Path>) -> Result<Fitted, Error> {
        let samples = (&self.training.0.0, self.training.1.as_slice());
        fit(
            &self.network,
            &self.graph,
            Loss::CrossEntropy,
            samples,
            |wanted| {
                wanted.training = Samples { rows: &self.training.0, targets: &self.training.1 };
                wanted.mix_up = self.mix_up;
                wanted.validation = Some(Samples { rows: &self.validation.0, targets: &self.validation.1 });
                wanted.checkpoint = checkpoint;
                wanted.checkpoint_steps = 1;
                wanted.threads = 2;
            },
            listener,
        )
    }
}

fn bits(fitted: &Fitted) -> Vec<(String, Vec<u32>)> {
    let of = |(name, _, values): (String, Vec<usize>, Vec<f32>)| (name, values.iter().map(|v| v.to_bits()).collect());
    fitted.weights.values().into_iter().map(of).collect()
}

#[test]
fn an_interrupted_training_ends_in_the_same_weights() {
    let optimizers = [
        r#"optimizer = { name = "adam", weight_decay = 0.01 }"#,
        r#"optimizer = { name = "adamw", weight_decay = 0.01 }"#,
        r#"optimizer = { name = "sgd", momentum = 0.9, nesterov = true }"#,
        r#"optimizer = { name = "rmsprop", momentum = 0.5 }"#,
    ];
    for optimizer in optimizers {
        ends_alike(&World::new(&format!("{optimizer}\nearly_stopping = {{ patience = 3 }}")), optimizer);
    }
    ends_alike(&World { mix_up: 0.4, ..World::new("") }, "mix-up");
    let words = |count: usize, width: usize| {
        let mut words = rows(count, width);
        words.data.iter_mut().for_each(|number| *number = (number.abs() * 20.0).floor());
        words
    };
    ends_alike(&World::of(WORDS, &given(&[8], Some(20)), words), "words");
}

/// Cuts a training off three times, and compares its end with that of an uninterrupted one.
fn ends_alike(world: &World, what: &str) {
    let whole = world.train(&Listener::default(), None).expect("a training");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(checkpoint::FILE);
    // Six steps an epoch: in the middle of the first, at the end of the second, and in the last one.
    for stop_after in [2, 12, 20] {
        let listener = Listener { stop_after, ..Listener::default() };
        let ended = world.train(&listener, Some(&file));
        assert!(matches!(ended, Err(Error::Cancelled)), "it was to be cut off at step {stop_after}: {what}");
    }
    let listener = Listener::default();
    let resumed = world.train(&listener, Some(&file)).expect("a training");
    assert!(listener.text().contains("goes on from the checkpoint of step 20"), "{what}: {}", listener.text());
    assert_eq!(bits(&resumed), bits(&whole), "{what}");
    assert_eq!(resumed.notes, whole.notes);
    assert_eq!(resumed.epochs, whole.epochs);
}

#[test]
fn a_checkpoint_that_is_cut_short_or_of_another_training_starts_anew() {
    let world = World::new("");
    let whole = world.train(&Listener::default(), None).expect("a training");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(checkpoint::FILE);
    let listener = Listener { stop_after: 3, ..Listener::default() };
    assert!(world.train(&listener, Some(&file)).is_err());
    let good = std::fs::read(&file).expect("a checkpoint");
    for length in [0, 7, 100, good.len() / 2, good.len() - 1] {
        std::fs::write(&file, &good[..length]).expect("written");
        let listener = Listener::default();
        let fitted = world.train(&listener, Some(&file)).expect("a training");
        let said = listener.text();
        assert!(said.contains("cut short") && said.contains("starts from the beginning"), "{length}: {said}");
        assert_eq!(bits(&fitted), bits(&whole));
    }
    std::fs::write(&file, &good).expect("written");
    let other = World::new("label_smoothing = 0.1");
    let listener = Listener::default();
    other.train(&listener, Some(&file)).expect("a training");
    assert!(listener.text().contains("a checkpoint of another training"), "{}", listener.text());
}

#[test]
fn the_seed_is_all_there_is_to_chance() {
    let world = World::new("");
    let one = world.train(&Listener::default(), None).expect("a training");
    let two = world.train(&Listener::default(), None).expect("a training");
    assert_eq!(bits(&one), bits(&two));
}

#[test]
fn a_checkpoint_that_cannot_be_written_costs_nothing_now_and_the_last_one_stays() {
    let world = World::new("");
    let whole = world.train(&Listener::default(), None).expect("a training");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(checkpoint::FILE);
    let listener = Listener { stop_after: 6, ..Listener::default() };
    assert!(world.train(&listener, Some(&file)).is_err());
    let good = std::fs::read(&file).expect("a checkpoint");
    // Where the draft of the next one would be, something else stands.
    std::fs::create_dir(file.with_extension("new")).expect("a folder");
    let listener = Listener::default();
    let fitted = world.train(&listener, Some(&file)).expect("a training");
    let said = listener.text();
    assert!(said.contains("goes on from the checkpoint of step 6"), "{said}");
    assert!(said.contains("no checkpoint at step 12, the last is of step 6: cannot write "), "{said}");
    assert!(said.contains("the training goes on"), "{said}");
    assert_eq!(std::fs::read(&file).expect("it is there"), good);
    assert_eq!(bits(&fitted), bits(&whole));
}
