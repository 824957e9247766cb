//! What goes wrong is said, with the step and what to do, and keeps what was good.

use meuse_core::recipe::network::Loss;
use meuse_core::table::Matrix;
use meuse_deep::{Error, Rows, Samples, checkpoint, tensors_file};

use crate::support::{Listener, fit, given, graph, network, rows};

#[test]
fn a_loss_that_is_no_number_stops_at_its_step_and_keeps_the_last_good_checkpoint() {
    let network = network(
        r#"batch_size = 4
        epochs = 50
        optimizer = { name = "sgd", learning_rate = 90.0 }
        layers = [{ kind = "dense", units = 8 }, { kind = "dense", units = 8 }, { kind = "dense", units = 1 }]"#,
    );
    let graph = graph(&network, &given(&[3], None), 1, Loss::MeanSquaredError);
    let (x, y) = (rows(20, 3), vec![1.0; 20]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(checkpoint::FILE);
    let listener = Listener::default();
    let change = |wanted: &mut meuse_deep::Fit| wanted.checkpoint_steps = 1;
    let ended = fit(
        &network,
        &graph,
        Loss::MeanSquaredError,
        (&x, &y),
        |wanted| {
            change(wanted);
            wanted.checkpoint = Some(&file);
        },
        &listener,
    );
    let Err(Error::Input(failure)) = ended else { panic!("it diverges") };
    assert_eq!(failure.field, "algorithm.optimizer.learning_rate");
    assert!(failure.message.contains("the loss is not a number at step ") && failure.message.contains(" is kept"));
    assert!(failure.hint.contains("clip_norm"), "{failure}");
    let kept = tensors_file::read(&file).expect("a whole checkpoint");
    assert!(kept.tensors.iter().flat_map(|tensor| &tensor.values).all(|value| value.is_finite()));
    assert!(!kept.tensors.is_empty());
}

/// How a training of three classes ends with these settings, inputs being so many times larger than they should be.
fn three_classes(settings: &str, activation: &str, size: f32) -> Result<meuse_deep::Fitted, Error> {
    let network = network(&format!(
        r#"batch_size = 8
        epochs = 6
        {settings}
        layers = [{{ kind = "dense", units = 16, activation = "{activation}" }}, {{ kind = "dense", units = 3, activation = "softmax" }}]"#
    ));
    let graph = graph(&network, &given(&[4], None), 3, Loss::CrossEntropy);
    let mut x = rows(48, 4);
    x.data.iter_mut().for_each(|value| *value *= size);
    let y: Vec<f32> = (0..48).map(|row| (row % 3) as f32).collect();
    fit(&network, &graph, Loss::CrossEntropy, (&x, &y), |_| {}, &Listener::default())
}

#[test]
fn a_loss_that_grows_and_stays_a_number_is_a_training_that_diverged_too() {
    let settings = r#"optimizer = { name = "sgd", learning_rate = 100.0 }"#;
    let Err(Error::Input(failure)) = three_classes(settings, "tanh", 1.0) else { panic!("it diverges") };
    assert_eq!(failure.field, "algorithm.optimizer.learning_rate");
    assert!(failure.message.contains("the mean loss of epoch ") && failure.message.contains("diverged"), "{failure}");
    assert!(failure.message.contains("an answer that knows nothing has 1.099"), "{failure}");
}

#[test]
fn a_loss_that_begins_high_and_falls_has_not_diverged() {
    let settings = r#"optimizer = { name = "adam", learning_rate = 0.001 }"#;
    three_classes(settings, "relu", 1000.0).expect("it learns");
}

/// Rows of which one cannot be read.
struct Torn(Matrix);

impl Rows for Torn {
    fn count(&self) -> usize {
        self.0.rows
    }

    fn fill(&self, row: u32, epoch: Option<u64>, numbers: &mut [f32]) -> Result<(), Error> {
        if row == 13 {
            return Err(Error::input("", "the picture `cats/13.png` cannot be read", "remove it"));
        }
        self.0.fill(row, epoch, numbers)
    }
}

#[test]
fn a_row_that_cannot_be_read_in_the_middle_of_an_epoch_is_named() {
    let network = network("layers = [{ kind = \"dense\", units = 2 }]");
    let graph = graph(&network, &given(&[3], None), 2, Loss::CrossEntropy);
    let (x, y) = (Torn(rows(40, 3)), vec![0.0; 40]);
    let listener = Listener::default();
    let plain = rows(40, 3);
    let ended = fit(
        &network,
        &graph,
        Loss::CrossEntropy,
        (&plain, &y),
        |wanted| {
            wanted.training = Samples { rows: &x, targets: &y };
            wanted.threads = 2;
        },
        &listener,
    );
    let Err(Error::Input(failure)) = ended else { panic!("it cannot be read") };
    assert!(failure.message.contains("cats/13.png"), "{failure}");
}

#[test]
fn a_last_batch_of_one_row_has_no_variance_and_does_no_harm() {
    let network =
        network("batch_size = 4\nepochs = 2\nlayers = [{ kind = \"batch_norm\" }, { kind = \"dense\", units = 2 }]");
    let graph = graph(&network, &given(&[3], None), 2, Loss::CrossEntropy);
    let (x, y) = (rows(9, 3), vec![1.0; 9]);
    let fitted = fit(&network, &graph, Loss::CrossEntropy, (&x, &y), |_| {}, &Listener::default()).expect("a training");
    assert!(fitted.weights.values().iter().flat_map(|one| &one.2).all(|number| number.is_finite()));
}

#[test]
fn a_class_without_a_row_cannot_be_weighed() {
    let network = network("class_weight = \"balanced\"\nlayers = [{ kind = \"dense\", units = 3 }]");
    let graph = graph(&network, &given(&[3], None), 3, Loss::CrossEntropy);
    let (x, y) = (rows(4, 3), vec![0.0, 1.0, 0.0, 1.0]);
    let ended = fit(&network, &graph, Loss::CrossEntropy, (&x, &y), |_| {}, &Listener::default());
    let Err(Error::Input(failure)) = ended else { panic!("class 2 is empty") };
    assert!(failure.message.contains("class 2 has no training row"), "{failure}");
}

#[test]
fn a_file_of_tensors_is_believed_in_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.safetensors");
    let said = |table: &str, numbers: usize| {
        let mut bytes = (table.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(table.as_bytes());
        bytes.resize(bytes.len() + numbers, 0);
        std::fs::write(&file, bytes).expect("written");
        tensors_file::read(&file).map(|_| ()).map_err(|error| error.to_string())
    };
    let one = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    assert_eq!(said(one, 8), Ok(()));
    let cases = [
        (one, 4, "cut short"),
        (one, 12, "it holds 12 bytes of numbers and its table names 8"),
        ("{", 0, "its table is no JSON"),
        (r#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#, 8, "`a` is F64 and not F32"),
        (r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "which is not its shape"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, "beyond the end"),
        (r#"{"a":{"dtype":"F32","shape":[18446744073709551615,4],"data_offsets":[0,8]}}"#, 8, "which is not its shape"),
    ];
    for (table, numbers, expected) in cases {
        let error = said(table, numbers).expect_err(table);
        assert!(error.contains(expected), "{table}: {error}");
    }
}
