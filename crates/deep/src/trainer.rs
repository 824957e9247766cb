//! The training itself: [`fit`]. Orders, dropout and beginnings follow from the seed and the step alone.
//!
//! It has one phase, or two: in the second a backbone is fine-tuned, on a graph of its own
//! ([`Graph::fine_tuned`]), with an optimiser that begins anew. A checkpoint says in which phase it was written.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use meuse_core::events::Level;
use meuse_core::recipe::ClassWeight;
use meuse_core::recipe::network::{Graph, Loss, Network, Precision};
use meuse_prep::boxes::TrueBox;
use meuse_prep::image::mix_up_weight;
use meuse_train::Watch;
use sha2::{Digest, Sha256};
use tch::{Device, Tensor};

use crate::checkpoint::{Checkpoint, State};
use crate::crew::{Crew, alone_meanwhile};
use crate::divergence::{Bound, has_diverged};
use crate::initialise::Chance;
use crate::lesson::{Lesson, Share, computes_here, divided, pieces, shares, weight_of};
use crate::loader::{Batch, Plan, Samples, for_each_batch};
use crate::optimizer::{Optimizer, Step};
use crate::stack::Stack;
use crate::weights::{Weights, numbers_of};
use crate::{Error, detection, evaluation};

/// The streams of dropout, one for each step, begin here; those of orders and parameters are below.
const STEP_STREAMS: u64 = 1 << 50;
/// From one share of a step's rows to the next.
const SHARE_STREAMS: u64 = 1 << 52;

/// Numbers that a step changes from which on the threads' meeting once more costs less than it gives.
const WORTH_MEETING: usize = 1 << 19;

/// What is trained on what.
#[derive(Clone, Copy)]
pub struct Fit<'a> {
    /// The recipe's network.
    pub network: &'a Network,
    /// Its shapes and parameters.
    pub graph: &'a Graph,
    /// What is made small.
    pub loss: Loss,
    /// All chance follows from it.
    pub seed: u64,
    /// What parameters begin with instead of chance, by name: pretrained weights.
    pub start: Option<&'a HashMap<String, Vec<f32>>>,
    /// The rows to learn from.
    pub training: Samples<'a>,
    /// The rows to stop by.
    pub validation: Option<Samples<'a>>,
    /// Threads that compute; as many, within bounds, make batches. The same number gives the same weights.
    pub threads: usize,
    /// What computes it. On a GPU `threads` only make batches, and the weights are not the same to the bit each time.
    pub device: Device,
    /// The parameter of the beta law by which rows of a batch and their classes are mixed (H. Zhang and others, mixup,
    /// 2018); 0: they are not. Only with [`Loss::CrossEntropy`].
    pub mix_up: f64,
    /// Where the training keeps how far it is, and goes on from.
    pub checkpoint: Option<&'a Path>,
    /// Steps from one checkpoint to the next, besides one after each epoch; 0: after each epoch only.
    pub checkpoint_steps: u64,
    /// Who is told what happens, and says when to stop.
    pub watch: &'a dyn Watch,
}

/// What a training gives.
pub struct Fitted {
    /// The weights.
    pub weights: Weights,
    /// What it says about itself.
    pub notes: Vec<String>,
    /// Epochs gone through.
    pub epochs: u64,
}

/// Trains, from the checkpoint when there is one of this training.
///
/// # Errors
/// [`Error::Input`] when the loss is no number any more; [`Error::Cancelled`]; the one of a row that cannot be read.
pub fn fit(fit: &Fit) -> Result<Fitted, Error> {
    let mut run = Run::start(fit)?;
    run.phase()?;
    if run.tuned.is_some() && run.state.tuned_since.is_none() {
        run.begin_fine_tuning()?;
        run.phase()?;
    }
    run.finish()
}

/// What a computing thread is asked to do.
enum Work {
    /// Learns from rows.
    Learn(Vec<Share>),
    /// Makes a step for some of the numbers.
    Make(Step, Range<usize>),
}

struct Run<'a> {
    fit: &'a Fit<'a>,
    /// The graph of fine-tuning, when there is to be any.
    tuned: Option<Graph>,
    weights: Weights,
    optimizer: Optimizer,
    class_weights: Option<Vec<f32>>,
    state: State,
    best: Option<crate::checkpoint::Values>,
    steps_per_epoch: u64,
    /// The step of the last checkpoint that was written.
    kept: Option<u64>,
    notes: Vec<String>,
}

impl<'a> Run<'a> {
    fn start(fit: &'a Fit<'a>) -> Result<Self, Error> {
        let count = fit.training.rows.count();
        if count == 0 || count != fit.training.targets.len() {
            return Err(Error::input("split", "the training part has no rows", "give it some"));
        }
        let none = HashMap::new();
        let weights = Weights::starting(fit.graph, fit.seed, fit.start.unwrap_or(&none))
            .map_err(|reason| Error::input("algorithm.layers", reason, "use weights of this very architecture"))?
            .moved(fit.graph, fit.device);
        let optimizer = Optimizer::new(fit.network.optimizer, &weights.flat());
        let mut run = Self {
            fit,
            tuned: fit.network.fine_tuning.map(|_| fit.graph.fine_tuned()),
            weights,
            optimizer,
            class_weights: class_weights(fit)?,
            state: State { fingerprint: fingerprint(fit), ..State::default() },
            best: None,
            steps_per_epoch: count.div_ceil(fit.network.batch_size.max(1) as usize) as u64,
            kept: None,
            notes: Vec::new(),
        };
        if let Some(path) = fit.checkpoint.filter(|path| path.exists()) {
            run.resume(path)?;
        }
        Ok(run)
    }

    /// A checkpoint that cannot be used costs the work that it held, not the job.
    fn resume(&mut self, path: &Path) -> Result<(), Error> {
        let states = self.fit.network.optimizer.states();
        let read = Checkpoint::read(path, &self.state.fingerprint, states).and_then(|checkpoint| {
            let values: HashMap<_, _> =
                checkpoint.weights.iter().map(|(name, _, values)| (name.clone(), values.clone())).collect();
            let weights = Weights::from_values(self.graph_of(&checkpoint.state), &values)
                .map_err(|reason| Error::Damaged { path: path.to_owned(), reason })?;
            let length = weights.flat().numel();
            if checkpoint.optimizer.iter().any(|state| state.len() != length) {
                let reason = "the optimiser's memory has another length".into();
                return Err(Error::Damaged { path: path.to_owned(), reason });
            }
            Ok((weights, checkpoint))
        });
        match read {
            Ok((weights, checkpoint)) => {
                self.weights = weights.moved(self.graph_of(&checkpoint.state), self.fit.device);
                self.state = checkpoint.state;
                let steps = self.state.step - self.state.tuned_since.unwrap_or(0).min(self.state.step);
                self.optimizer = Optimizer::resumed(self.rule(), steps, &checkpoint.optimizer, self.fit.device);
                self.best = checkpoint.best;
                self.kept = Some(self.state.step);
                let note = format!("goes on from the checkpoint of step {}", self.state.step);
                self.fit.watch.log(Level::Info, &note);
                Ok(())
            }
            Err(error @ (Error::Damaged { .. } | Error::Foreign { .. } | Error::File { .. })) => {
                let said = with_reason(&error);
                self.fit.watch.log(Level::Warning, &format!("{said}: the training starts from the beginning"));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The graph of the phase in which a state is.
    fn graph_of(&self, state: &State) -> &Graph {
        self.tuned.as_ref().filter(|_| state.tuned_since.is_some()).unwrap_or(self.fit.graph)
    }

    fn epoch(&self) -> u64 {
        self.state.step / self.steps_per_epoch
    }

    /// The epoch with which the present phase ends.
    fn last_epoch(&self) -> u64 {
        match (self.state.tuned_since, self.fit.network.fine_tuning) {
            (Some(since), Some(tuning)) => since / self.steps_per_epoch + u64::from(tuning.epochs),
            _ => u64::from(self.fit.network.epochs),
        }
    }

    /// How each step of the present phase changes the weights.
    fn rule(&self) -> meuse_core::recipe::network::Optimizer {
        let rule = self.fit.network.optimizer;
        match (self.state.tuned_since, self.fit.network.fine_tuning) {
            (Some(_), Some(tuning)) => rule.with_learning_rate(tuning.learning_rate),
            _ => rule,
        }
    }

    /// The learning rate of the next step; the schedule is that of the first phase.
    fn rate(&self) -> f64 {
        let network = self.fit.network;
        let factor = match self.state.tuned_since {
            Some(_) => 1.0,
            None => network.schedule.factor(self.state.step, self.steps_per_epoch, u64::from(network.epochs)),
        };
        self.rule().learning_rate() * factor
    }

    /// Trains to the end of the present phase.
    fn phase(&mut self) -> Result<(), Error> {
        while self.epoch() < self.last_epoch() && !self.stopped() {
            self.one_epoch()?;
        }
        Ok(())
    }

    /// From the best weights of the first phase to a training of all that is in a backbone. What early stopping has seen
    /// stays the measure.
    fn begin_fine_tuning(&mut self) -> Result<(), Error> {
        if let Some(best) = &self.best {
            self.weights.restore(best);
        }
        self.state.tuned_since = Some(self.state.step);
        self.state.waited = 0;
        let values = self.weights.values().into_iter().map(|(name, _, values)| (name, values)).collect();
        self.weights = Weights::from_values(self.graph_of(&self.state), &values)
            .map_err(|reason| Error::input("algorithm.layers", reason, "remove `fine_tuning`"))?
            .moved(self.graph_of(&self.state), self.fit.device);
        self.optimizer = Optimizer::new(self.rule(), &self.weights.flat());
        let note = format!("fine-tuning begins after epoch {}", self.epoch());
        self.fit.watch.log(Level::Info, &note);
        Ok(())
    }

    /// The failure of a loss that is no number any more, or of weights that are none.
    fn no_number(&self, step: u64, epoch: u64) -> Error {
        self.diverged(&format!("the loss is not a number at step {step} (epoch {epoch})"))
    }

    /// The failure of a training that diverged, `how` its loss tells.
    fn diverged(&self, how: &str) -> Error {
        let field = match self.state.tuned_since {
            Some(_) => "algorithm.fine_tuning.learning_rate",
            None => "algorithm.optimizer.learning_rate",
        };
        has_diverged(field, how, self.kept)
    }

    /// Stops a training whose loss grows far beyond that of an answer that knows nothing, and that of its own beginning,
    /// or ends there. What the validation part says of this epoch counts more; and where an epoch before was better and its
    /// weights are to be brought back, early stopping does it.
    fn stop_when_diverged(&mut self, epoch: u64, mean: f64, validation: Option<f64>) -> Result<(), Error> {
        let fit = self.fit;
        let before = self.state.loss_before.replace(mean);
        let bound = Bound::of(fit.loss, fit.graph.outputs(), fit.training.targets, self.state.first_loss);
        let Some(bound) = bound.filter(|bound| bound.is_hopeless(mean)) else { return Ok(()) };
        let over = epoch == self.last_epoch() || self.stopped() || before.is_some_and(|before| mean > before);
        let validated = validation.is_some_and(|loss| !bound.is_hopeless(loss));
        let saved = self.best.is_some() && self.state.best_loss.is_some_and(|best| !bound.is_hopeless(best));
        if !over || validated || saved {
            return Ok(());
        }
        Err(self.diverged(&bound.told(epoch, mean)))
    }

    fn stopped(&self) -> bool {
        let patience = self.fit.network.early_stopping.map(|rule| u64::from(rule.patience));
        patience.is_some_and(|patience| self.fit.validation.is_some() && self.state.waited >= patience)
    }

    fn one_epoch(&mut self) -> Result<(), Error> {
        let fit = self.fit;
        let epoch = self.epoch();
        let mut order: Vec<u32> = (0..fit.training.rows.count() as u32).collect();
        Chance::new(fit.seed, epoch).shuffle(&mut order);
        let batch = fit.network.batch_size.max(1) as usize;
        let done = (self.state.step % self.steps_per_epoch) as usize * batch;
        let plan = Plan { width: fit.graph.width(), batch, epoch: Some(epoch), threads: fit.threads };
        let graph = self.graph_of(&self.state).clone();
        let precision = fit.network.precision;
        let exact = fit.device == Device::Cpu && precision == Precision::Float32;
        let here = exact && computes_here(&graph, fit.loss, batch, fit.threads);
        let lesson = |weights| Lesson {
            graph: &graph,
            weights,
            loss: fit.loss,
            class_weights: self
                .class_weights
                .as_deref()
                .map(|weights| Tensor::from_slice(weights).to_device(fit.device)),
            label_smoothing: fit.network.label_smoothing,
            precision,
            here,
            stack: if here { Stack::of(&graph) } else { None },
        };
        let shares = if fit.device == Device::Cpu { shares(&graph, fit.loss, batch, fit.threads) } else { 1 };
        let pieces = |rows: usize| if fit.device == Device::Cpu { pieces(&graph, fit.loss, rows) } else { 1 };
        let mut lessons: Vec<Lesson> = (0..shares).map(|_| lesson(self.weights.twin())).collect();
        if let [lesson] = lessons.as_mut_slice() {
            for_each_batch(fit.training.rows, &order[done..], plan, |batch| {
                let learnt = lesson.learn_all(self.shares_of(&batch, pieces(batch.rows.len()))?);
                let step = self.step(&batch, learnt.into_iter().collect())?;
                step.make(0..step.count());
                self.stepped()
            })?;
            drop(lessons);
            return self.end_epoch(epoch + 1);
        }
        alone_meanwhile(|| {
            std::thread::scope(|scope| {
                let workers = lessons.into_iter().map(|mut lesson| {
                    move |work| match work {
                        Work::Learn(shares) => lesson.learn_all(shares),
                        Work::Make(step, range) => {
                            step.make(range);
                            None
                        }
                    }
                });
                let crew = Crew::start(scope, workers)?;
                for_each_batch(fit.training.rows, &order[done..], plan, |batch| {
                    let pieces = pieces(batch.rows.len().div_ceil(crew.count()));
                    let shares = self.shares_of(&batch, crew.count() * pieces)?;
                    let each = shares.len().div_ceil(crew.count());
                    let mut shares = shares.into_iter().peekable();
                    let mut asked = 0;
                    while shares.peek().is_some() {
                        crew.ask(asked, Work::Learn(shares.by_ref().take(each).collect()))?;
                        asked += 1;
                    }
                    let learnt = (0..asked).map(|member| crew.answer(member)).collect::<Result<Vec<_>, _>>()?;
                    let step = self.step(&batch, learnt.into_iter().flatten().collect())?;
                    let parts = divided(step.count(), if step.count() < WORTH_MEETING { 1 } else { crew.count() });
                    let made = parts.enumerate().map(|(member, part)| {
                        crew.ask(member, Work::Make(step.twin(), part))?;
                        Ok(member)
                    });
                    for member in made.collect::<Result<Vec<_>, Error>>()? {
                        crew.answer(member)?;
                    }
                    self.stepped()
                })
            })
        })?;
        self.end_epoch(epoch + 1)
    }

    /// The rows of a batch, divided among so many threads.
    fn shares_of(&self, batch: &Batch, count: usize) -> Result<Vec<Share>, Error> {
        let fit = self.fit;
        if fit.watch.cancelled() {
            return Err(Error::Cancelled);
        }
        let (rows, width, epoch) = (batch.rows.len(), fit.graph.width() as i64, self.epoch());
        let mut x = Tensor::from_slice(&batch.numbers).to_device(fit.device).reshape([rows as i64, width]);
        // Each row is mixed with the one before it; orders are chance already.
        let mixed = (fit.mix_up > 0.0 && fit.loss == Loss::CrossEntropy)
            .then(|| mix_up_weight(fit.mix_up, fit.seed, epoch, self.state.step));
        let targets: Vec<f32> = batch.rows.iter().map(|row| fit.training.targets[*row as usize]).collect();
        let mut wanted = vec![(targets.clone(), 1.0)];
        if let Some(share) = mixed {
            x = &x * share + x.roll([1], [0]) * (1.0 - share);
            let mut others = targets;
            others.rotate_right(1);
            wanted[0].1 = share;
            wanted.push((others, 1.0 - share));
        }
        let weight = |targets: &[f32]| weight_of(fit.loss, targets, self.class_weights.as_deref());
        let share = |(number, range): (usize, Range<usize>)| {
            let part = |(targets, counts): &(Vec<f32>, f64)| {
                let own = &targets[range.clone()];
                (own.to_vec(), counts * weight(own) / weight(targets))
            };
            let boxes = |row: &u32| fit.training.rows.boxes(*row, Some(epoch));
            let has_boxes = fit.loss == Loss::Boxes;
            Share {
                x: x.narrow(0, range.start as i64, range.len() as i64),
                targets: wanted.iter().map(part).collect(),
                boxes: batch.rows[range.clone()].iter().filter(|_| has_boxes).map(boxes).collect(),
                // Each share of each step has a stream of its own, so that no state of chance need be kept.
                chance: Chance::new(fit.seed, STEP_STREAMS + self.state.step + SHARE_STREAMS * number as u64),
            }
        };
        Ok(divided(rows, count).enumerate().map(share).collect())
    }

    /// The step along the sum of what the shares of a batch have learnt.
    fn step(&mut self, batch: &Batch, learnt: Vec<(f64, Tensor)>) -> Result<Step, Error> {
        let fit = self.fit;
        let epoch = self.epoch() + 1;
        let value: f64 = learnt.iter().map(|(value, _)| value).sum();
        if !value.is_finite() {
            return Err(self.no_number(self.state.step + 1, epoch));
        }
        let rate = self.rate();
        let gradients = learnt.into_iter().map(|(_, gradient)| gradient).collect();
        let step = self.optimizer.next(self.weights.flat(), gradients, rate, fit.network.clip_norm);
        self.state.first_loss.get_or_insert(value);
        self.state.loss_sum += value * batch.rows.len() as f64;
        self.state.loss_rows += batch.rows.len() as u64;
        Ok(step)
    }

    /// What follows a step that was made.
    fn stepped(&mut self) -> Result<(), Error> {
        let fit = self.fit;
        self.state.step += 1;
        let later = fit.network.fine_tuning.filter(|_| self.state.tuned_since.is_none());
        let total = self.steps_per_epoch * (self.last_epoch() + later.map_or(0, |tuning| u64::from(tuning.epochs)));
        fit.watch.progress("train", self.state.step, total);
        let between = fit.checkpoint_steps;
        if between > 0
            && self.state.step.is_multiple_of(between)
            && !self.state.step.is_multiple_of(self.steps_per_epoch)
        {
            self.keep()?;
        }
        Ok(())
    }

    fn end_epoch(&mut self, epoch: u64) -> Result<(), Error> {
        let fit = self.fit;
        let mean = self.state.loss_sum / self.state.loss_rows.max(1) as f64;
        (self.state.loss_sum, self.state.loss_rows) = (0.0, 0);
        fit.watch.metric("loss", "training", epoch, mean);
        let mut validation_loss = None;
        if let Some(validation) = fit.validation {
            let (value, accuracy) = self.measure(validation)?;
            if !value.is_finite() {
                return Err(self.no_number(self.state.step, epoch));
            }
            fit.watch.metric("loss", "validation", epoch, value);
            if let Some(accuracy) = accuracy {
                fit.watch.metric("accuracy", "validation", epoch, accuracy);
            }
            self.remember(epoch, value);
            validation_loss = Some(value);
        }
        self.stop_when_diverged(epoch, mean, validation_loss)?;
        self.keep()
    }

    /// The loss of rows that are not learnt from, and the share that is told rightly.
    fn measure(&self, samples: Samples) -> Result<(f64, Option<f64>), Error> {
        let fit = self.fit;
        if fit.loss != Loss::Boxes {
            let outputs = evaluation::outputs(fit.graph, &self.weights, samples.rows, fit.threads)?;
            let value = evaluation::mean_loss(fit.loss, &outputs, samples.targets);
            return Ok((value, evaluation::accuracy(fit.loss, &outputs, samples.targets)));
        }
        let (mut sum, mut count) = (0.0, 0);
        evaluation::for_each_output(fit.graph, &self.weights, samples.rows, fit.threads, |rows, output| {
            let truth: Vec<_> = rows.iter().map(|row| samples.rows.boxes(*row, None)).collect();
            sum += detection::loss(fit.graph, output, &truth).double_value(&[]) * rows.len() as f64;
            count += rows.len();
        })?;
        Ok((sum / f64::from(count.max(1) as u32), None))
    }

    /// Compares a validation loss with the best one.
    fn remember(&mut self, epoch: u64, loss: f64) {
        let Some(rule) = self.fit.network.early_stopping else { return };
        if self.state.best_loss.is_none_or(|best| loss < best - rule.min_delta) {
            self.state.best_loss = Some(loss);
            self.state.best_epoch = epoch;
            self.state.waited = 0;
            self.best = rule.restore_best.then(|| self.weights.values());
        } else {
            self.state.waited += 1;
        }
    }

    /// Writes a checkpoint, unless the weights are no numbers any more: then the last good one stays. One that cannot be
    /// written, as on a full disk, costs the work that it would have held when something else goes wrong, and nothing now.
    fn keep(&mut self) -> Result<(), Error> {
        let Some(path) = self.fit.checkpoint else { return Ok(()) };
        if !self.weights.are_finite() {
            return Err(self.no_number(self.state.step, self.epoch()));
        }
        let checkpoint = Checkpoint {
            state: self.state.clone(),
            weights: self.weights.values(),
            optimizer: self.optimizer.states().iter().map(numbers_of).collect(),
            best: self.best.clone(),
        };
        match checkpoint.write(path) {
            Ok(()) => self.kept = Some(self.state.step),
            Err(error) => {
                let last =
                    self.kept.map_or("there is none yet".to_owned(), |step| format!("the last is of step {step}"));
                let said = with_reason(&error);
                let note = format!("no checkpoint at step {}, {last}: {said}; the training goes on", self.state.step);
                self.fit.watch.log(Level::Warning, &note);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Fitted, Error> {
        let epochs = self.epoch();
        if let Some(since) = self.state.tuned_since {
            let first = since / self.steps_per_epoch;
            self.notes.push(format!("{} epochs of fine-tuning, after {first} epochs", epochs - first));
        }
        if self.stopped() && epochs < self.last_epoch() {
            let note =
                format!("stopped after epoch {epochs}: the validation loss was smallest in {}", self.state.best_epoch);
            self.notes.push(note);
        }
        if let Some(best) = self.best.take() {
            self.weights.restore(&best);
            self.notes.push(format!("the weights are those after epoch {}", self.state.best_epoch));
        }
        if !self.weights.are_finite() {
            return Err(self.no_number(self.state.step, epochs));
        }
        Ok(Fitted { weights: self.weights, notes: self.notes, epochs })
    }
}

/// rows / (classes · rows of the class), where the recipe wants every class to weigh the same.
fn class_weights(fit: &Fit) -> Result<Option<Vec<f32>>, Error> {
    if fit.network.class_weight == ClassWeight::None || matches!(fit.loss, Loss::MeanSquaredError | Loss::Boxes) {
        return Ok(None);
    }
    let classes = if fit.loss == Loss::CrossEntropy { fit.graph.outputs() } else { 2 };
    let mut counts = vec![0_usize; classes];
    for target in fit.training.targets {
        counts[(*target as usize).min(classes - 1)] += 1;
    }
    if let Some(empty) = counts.iter().position(|count| *count == 0) {
        let message = format!("class {empty} has no training row, so it cannot be weighed");
        return Err(Error::input("algorithm.class_weight", message, "give it rows, or use class_weight = \"none\""));
    }
    let rows = fit.training.targets.len() as f32;
    let weights: Vec<f32> = counts.iter().map(|count| rows / (classes as f32 * *count as f32)).collect();
    Ok(Some(weights))
}

/// What is trained on what, in 64 characters.
pub fn fingerprint(fit: &Fit) -> String {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(&(fit.network, fit.loss, fit.seed)).unwrap_or_default());
    for (name, values) in fit.start.into_iter().flatten().collect::<BTreeMap<_, _>>() {
        hash.update(name.as_bytes());
        hash.update(values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    }
    let parts = [Some(fit.training), fit.validation];
    for samples in parts.into_iter().flatten() {
        hash.update((samples.rows.count() as u64).to_le_bytes());
        for target in samples.targets {
            hash.update(target.to_le_bytes());
        }
        for edge in (0..samples.rows.count() as u32).flat_map(|row| samples.rows.boxes(row, None)).flat_map(of_box) {
            hash.update(edge.to_le_bytes());
        }
        // The first rows stand for all of them: a dataset version never changes.
        let mut numbers = vec![0.0; fit.graph.width()];
        for row in 0..samples.rows.count().min(4) as u32 {
            if samples.rows.fill(row, None, &mut numbers).is_ok() {
                for number in &numbers {
                    hash.update(number.to_le_bytes());
                }
            }
        }
    }
    hexadecimal(hash.finalize().as_slice())
}

/// What went wrong, and what the system said of it.
fn with_reason(error: &Error) -> String {
    match error {
        Error::File { source, .. } => format!("{error}: {source}"),
        other => other.to_string(),
    }
}

/// What tells a box from others.
fn of_box(one: TrueBox) -> [f64; 6] {
    let [left, top, right, bottom] = one.edges;
    [left, top, right, bottom, f64::from(one.class), f64::from(u8::from(one.crowd))]
}

/// Two digits for each byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
