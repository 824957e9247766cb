//! What `meuse_train` asks for when the algorithm of a recipe is a network. It splits, prepares, evaluates and checks;
//! here the rows are learnt: of tables, pictures and texts alike.

use std::path::Path;
use std::sync::Once;

use meuse_child::EventLog;
use meuse_core::bundle::{Explanation, Task};
use meuse_core::events::{EventKind, Level};
use meuse_core::job::StartingWords;
use meuse_core::recipe::network::{Graph, Network};
use meuse_core::table::Matrix;
use meuse_deep::{
    Device, Fit, LIBTORCH_VERSION, Samples, Scale, Weights, checkpoint, fingerprint, fit, onnx, outputs, pretrained,
    words,
};
use meuse_train::{Error, Learnt, Model, NetworkContext, NetworkLearner, NetworkModel, Watch};

/// A checkpoint after so many steps, besides the one after each epoch.
const STEPS: u64 = 2000;
/// Memory that must be left beside a training, in bytes.
const MARGIN: u64 = 64 << 20;

/// Learns networks, and keeps checkpoints in a folder.
pub(crate) struct Learner<'a> {
    pub(crate) folder: &'a Path,
    /// What computes.
    pub(crate) device: Device,
    /// Where files of pretrained weights are.
    pub(crate) pretrained: &'a Path,
    /// Word vectors that embeddings begin with.
    pub(crate) words: &'a [StartingWords],
}

impl NetworkLearner for Learner<'_> {
    fn learn(&self, network: &Network, context: &NetworkContext) -> Result<Learnt, Error> {
        // What reading and preparing took for a moment would lie beside the training.
        meuse_deep::give_back_memory();
        let loss = network.loss_of(context.task);
        let prepared = network.prepared(context.inputs);
        let network = prepared.as_ref();
        let graph = network.graph(context.inputs, context.outputs, loss).map_err(|problems| {
            let first = problems.into_iter().next().unwrap_or_else(nothing_said);
            Error::input(&format!("algorithm.{}", first.field), first.message, first.hint)
        })?;
        match self.device {
            Device::Cpu => enough_memory(network, &graph)?,
            gpu => enough_memory_of(gpu, network, &graph)?,
        }
        for line in graph.summary(network).lines() {
            context.watch.log(Level::Info, line);
        }
        // A network learns numbers of the size of 1 best: those of a regression are brought to it, and back.
        let scale = match context.task {
            Task::Binary | Task::Multiclass | Task::Detection | Task::Embedding => Scale::NONE,
            Task::Regression => Scale::of(context.training.y),
        };
        let targets = |y: &[f64]| -> Vec<f32> { y.iter().map(|value| scale.shrink(*value) as f32).collect() };
        let y = targets(context.training.y);
        let validation_y = context.validation.map(|sample| targets(sample.y));
        let mut start = pretrained::start(&graph, self.pretrained).map_err(of_deep)?;
        let begun = words::start(&graph, context.seed, context.fitted, self.words).map_err(of_deep)?;
        for warning in &begun.warnings {
            context.watch.log(Level::Warning, warning);
        }
        start.extend(begun.values);
        let mut wanted = Fit {
            network,
            graph: &graph,
            loss,
            seed: context.seed,
            start: Some(&start),
            training: Samples { rows: context.training.rows, targets: &y },
            validation: context
                .validation
                .zip(validation_y.as_ref())
                .map(|(sample, y)| Samples { rows: sample.rows, targets: y }),
            threads: context.threads,
            device: self.device,
            mix_up: context.mix_up,
            checkpoint: None,
            checkpoint_steps: STEPS,
            watch: context.watch,
        };
        // Another training of the same folder must not go on from this one, so the file is named by what is trained.
        let file = self.folder.join(format!("{}.{}", &fingerprint(&wanted)[..16], checkpoint::FILE));
        wanted.checkpoint = Some(&file);
        let fitted = fit(&wanted).map_err(of_deep)?;
        let place = if self.device == Device::Cpu { "" } else { ", computed on a GPU" };
        let notes = [begun.notes, vec![format!("{} epochs of training{place}", fitted.epochs)], fitted.notes].concat();
        let weights = fitted.weights;
        let model = LearntNetwork { graph, weights, scale, threads: context.threads, given_back: Once::new() };
        Ok(Learnt {
            model: Model::Network(Box::new(model)),
            notes,
            explanation: Explanation::default(),
            out_of_fold: None,
        })
    }

    fn software(&self) -> String {
        format!("libtorch {LIBTORCH_VERSION}")
    }
}

/// A learnt network with what brings its outputs to the size of the target.
struct LearntNetwork {
    graph: Graph,
    weights: Weights,
    scale: Scale,
    threads: usize,
    given_back: Once,
}

impl std::fmt::Debug for LearntNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LearntNetwork").field("layers", &self.graph.nodes.len()).finish_non_exhaustive()
    }
}

impl NetworkModel for LearntNetwork {
    fn raw_scores(&self, x: &Matrix) -> Result<Vec<f64>, Error> {
        // The training is over, and what it read of its rows is let go: once, since answering takes it again.
        self.given_back.call_once(meuse_deep::give_back_memory);
        let own = outputs(&self.graph, &self.weights, x, self.threads).map_err(of_deep)?;
        Ok(own.into_iter().map(|value| self.scale.grow(f64::from(value))).collect())
    }

    fn grid(&self) -> Option<[usize; 2]> {
        self.graph.grid().map(|[_, rows, columns]| [rows, columns])
    }

    fn to_onnx(&self) -> Result<Vec<u8>, Error> {
        Ok(onnx::emit(&self.graph, &self.weights, self.scale))
    }
}

fn nothing_said() -> meuse_core::recipe::Problem {
    let message = "the network cannot be built".to_owned();
    meuse_core::recipe::Problem { line: None, field: "layers".into(), message, hint: String::new() }
}

/// Refuses a training that would take more memory than there is, with both numbers.
fn enough_memory(network: &Network, graph: &Graph) -> Result<(), Error> {
    let needed = graph.estimated_memory(network);
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let free =
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map(|kibibytes| kibibytes << 10);
    let Some(free) = free.filter(|free| needed + MARGIN > *free) else { return Ok(()) };
    let message = format!("the training needs about {} MiB of memory, and {} MiB are free", needed >> 20, free >> 20);
    Err(Error::input("algorithm.batch_size", message, "use a smaller batch_size, fewer units, or another machine"))
}

/// The same for the memory of a GPU: what is needed is asked for once, and given back.
fn enough_memory_of(gpu: Device, network: &Network, graph: &Graph) -> Result<(), Error> {
    let needed = graph.estimated_memory(network);
    let Err(refused) = meuse_deep::gpu::try_memory(gpu, needed) else { return Ok(()) };
    let message = format!("the training needs about {} MiB of the GPU's memory: {refused}", needed >> 20);
    Err(Error::input("algorithm.batch_size", message, "use a smaller batch_size, fewer units, or device = \"cpu\""))
}

fn of_deep(error: meuse_deep::Error) -> Error {
    match error {
        meuse_deep::Error::Input(failure) => Error::Input(failure),
        meuse_deep::Error::Cancelled => Error::Cancelled,
        meuse_deep::Error::Parity(message) => Error::Parity(message),
        meuse_deep::Error::Engine(error) => Error::Engine(error),
        meuse_deep::Error::File { path, source, .. } => Error::Write { path, source },
        other => Error::input("", other.to_string(), "try again"),
    }
}

/// The event log as the rooms want a listener.
pub(crate) struct Told<'a>(pub(crate) &'a EventLog);

impl Watch for Told<'_> {
    fn progress(&self, stage: &str, done: u64, total: u64) {
        self.0.progress(stage, done, total);
    }

    fn metric(&self, name: &str, part: &str, step: u64, value: f64) {
        self.0.tell(EventKind::Metric { name: name.to_owned(), part: part.to_owned(), step, value });
    }

    fn log(&self, level: Level, message: &str) {
        self.0.tell(EventKind::Log { level, message: message.to_owned() });
    }

    /// A cancelled job is ended by a signal, not asked.
    fn cancelled(&self) -> bool {
        false
    }
}
