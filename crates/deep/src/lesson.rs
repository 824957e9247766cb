//! What one step learns from: the gradient of the loss of some rows. The rows of a batch are divided among threads where
//! that pays; their gradients add up in a fixed order, so that the same number of threads gives the same weights.

use std::cell::RefCell;
use std::ops::Range;

use meuse_core::recipe::network::{Graph, LayerKind, Learns, Loss, Node, Precision};
use meuse_prep::boxes::TrueBox;
use tch::{Device, Kind, Reduction, Tensor, no_grad};

use crate::detection;
use crate::forward::{Cut, Pass, Training, forward};
use crate::initialise::Chance;
use crate::lstm;
use crate::optimizer::joined;
use crate::stack::Stack;
use crate::weights::{Weights, numbers_of};

/// Numbers that the layers make of a batch, from which on it is worth the threads' meeting.
const WORTH_DIVIDING: usize = 1 << 18;

/// Numbers that layers which learn make of the rows that a thread learns from at once, at most.
const KEPT: usize = 1 << 26;

/// Everything but the rows: each computing thread has one.
pub(crate) struct Lesson<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) weights: Weights,
    pub(crate) loss: Loss,
    pub(crate) class_weights: Option<Tensor>,
    pub(crate) label_smoothing: f64,
    /// How exact products are.
    pub(crate) precision: Precision,
    /// Whether layers that are faster here than in libtorch are computed here.
    pub(crate) here: bool,
    /// The convolutions that the network begins with, where they are.
    pub(crate) stack: Option<Stack>,
}

/// The rows of a batch that one thread learns from.
pub(crate) struct Share {
    /// rows × width
    pub(crate) x: Tensor,
    /// What the rows are to be told, and what this counts in the loss of the batch: twice where rows are mixed.
    pub(crate) targets: Vec<(Vec<f32>, f64)>,
    /// The boxes of each row, for a detection.
    pub(crate) boxes: Vec<Vec<TrueBox>>,
    /// For dropout.
    pub(crate) chance: Chance,
}

impl Lesson<'_> {
    /// The part of the loss of shares that are learnt from one after the other, and its gradient; none of no share.
    pub(crate) fn learn_all(&mut self, shares: Vec<Share>) -> Option<(f64, Tensor)> {
        shares.into_iter().map(|share| self.learn(share)).reduce(|(value, mut sum), (more, gradient)| {
            let _ = no_grad(|| sum.g_add_(&gradient));
            (value + more, sum)
        })
    }

    /// The share's part of the loss, and its gradient by all that is trained.
    fn learn(&mut self, share: Share) -> (f64, Tensor) {
        let mut chance = share.chance;
        if self.weights.device() != Device::Cpu {
            tch::manual_seed(chance.seed());
        }
        let (precision, here) = (self.precision, self.here);
        let training = Training { chance: RefCell::new(chance), precision, cuts: RefCell::default() };
        let pass = Pass { training: Some(&training), here };
        let ahead = self.stack.as_mut().map(|stack| {
            let rows = numbers_of(&share.x);
            let answers =
                stack.forward(&rows, self.graph.width(), &self.weights, Some(&mut training.chance.borrow_mut()));
            (stack.nodes(), Tensor::from_slice(&answers).set_requires_grad(true), stack.shape_after())
        });
        let begun = ahead.as_ref().map(|(nodes, answers, shape)| (*nodes, pictures(answers, *shape)));
        let output = forward(self.graph, &self.weights, &share.x, pass, begun);
        let part = |(targets, counts): &(Vec<f32>, f64)| {
            loss(self.loss, &output, targets, self.class_weights.as_ref(), self.label_smoothing) * *counts
        };
        let loss = match self.loss {
            Loss::Boxes => detection::loss(self.graph, &output, &share.boxes),
            _ => share.targets.iter().map(part).reduce(|sum, part| sum + part).expect("a share has targets"),
        };
        let value = loss.double_value(&[]);
        let cuts = training.cuts.into_inner();
        let gradients = match ahead {
            None if cuts.is_empty() => Tensor::run_backward(&[&loss], &self.weights.trained(), false, false),
            ahead => self.gradients(&loss, ahead.map(|(_, answers, _)| answers), cuts),
        };
        (value, joined(&gradients))
    }

    /// The gradients of all that is trained, where libtorch does not know every layer: the first ones' by way of that of
    /// their answers, and those of cuts.
    fn gradients(&mut self, loss: &Tensor, answers: Option<Tensor>, cuts: Vec<Cut>) -> Vec<Tensor> {
        let names: Vec<&str> = self.weights.names_of_trained().collect();
        let trained = self.weights.trained();
        let mut sums = Sums::new(trained.iter().copied().chain(cuts.iter().map(|cut| &cut.output)).chain(&answers));
        sums.go_back(loss, !cuts.is_empty());
        let outputs = trained.len();
        for (number, cut) in cuts.into_iter().enumerate().rev() {
            let Some(gradient) = sums.found[outputs + number].take() else { continue };
            let learnt = cut.lstm.backward(&numbers_of(&gradient), cut.all, cut.input.requires_grad());
            for (gradients, direction) in learnt.parameters.into_iter().zip(lstm::DIRECTIONS) {
                for (gradient, part) in gradients.into_iter().zip(lstm::PARTS) {
                    let name = format!("{}.{part}{direction}", cut.layer);
                    if let Some(place) = names.iter().position(|one| **one == name) {
                        sums.add(place, Tensor::from_slice(&gradient).reshape(trained[place].size()));
                    }
                }
            }
            if let Some(of_input) = learnt.input {
                let of_input = Tensor::from_slice(&of_input).reshape(cut.input.size());
                sums.go_back(&(cut.input * of_input).sum(Kind::Float), true);
            }
        }
        let of_answers = answers.and_then(|_| sums.found.pop().flatten());
        let mut own = Vec::new();
        if let (Some(stack), Some(of_answers)) = (self.stack.as_mut(), of_answers) {
            own = stack.backward(numbers_of(&of_answers));
        }
        let one = |((name, tensor), sum): ((&&str, &&Tensor), Option<Tensor>)| {
            let of_stack = own.iter().find(|gradient| gradient.name == **name);
            of_stack
                .map(|gradient| Tensor::from_slice(&gradient.numbers))
                .or(sum)
                .unwrap_or_else(|| tensor.zeros_like())
        };
        names.iter().zip(&trained).zip(sums.found).map(one).collect()
    }
}

/// Gradients that add up over several ways back.
struct Sums {
    wanted: Vec<Tensor>,
    found: Vec<Option<Tensor>>,
}

impl Sums {
    fn new<'a>(wanted: impl Iterator<Item = &'a Tensor>) -> Self {
        let wanted: Vec<Tensor> = wanted.map(Tensor::shallow_clone).collect();
        let found = wanted.iter().map(|_| None).collect();
        Self { wanted, found }
    }

    /// Goes back from a number; what it does not come from stays as it is. What it comes from can be gone through again
    /// where it is `kept`.
    fn go_back(&mut self, number: &Tensor, kept: bool) {
        for (place, gradient) in Tensor::run_backward(&[number], &self.wanted, kept, false).into_iter().enumerate() {
            if gradient.defined() {
                self.add(place, gradient);
            }
        }
    }

    fn add(&mut self, place: usize, gradient: Tensor) {
        self.found[place] = Some(match self.found[place].take() {
            Some(sum) => no_grad(|| sum + gradient),
            None => gradient,
        });
    }
}

/// The answers of a stack (rows × height × width × channels) as libtorch takes pictures.
pub(crate) fn pictures(answers: &Tensor, [channels, height, width]: [usize; 3]) -> Tensor {
    let sides = [-1, height as i64, width as i64, channels as i64];
    answers.reshape(sides).permute([0, 3, 1, 2])
}

/// Among how many threads batches of so many rows are divided.
pub(crate) fn shares(graph: &Graph, loss: Loss, batch: usize, threads: usize) -> usize {
    if is_whole(graph, loss) || !is_much(graph, batch) { 1 } else { threads.clamp(1, batch.max(1)) }
}

/// Into how many pieces the share of one thread is divided, which it learns from one after the other: what layers make of a
/// piece is kept for the way back. Two pieces of 8 pictures instead of one of 16 take MobileNetV2 a quarter less memory and a
/// tenth more time.
pub(crate) fn pieces(graph: &Graph, loss: Loss, rows: usize) -> usize {
    if is_whole(graph, loss) {
        return 1;
    }
    let learning = graph.nodes.iter().filter(|node| node.learns != Learns::Nothing);
    numbers(learning).saturating_mul(rows).div_ceil(KEPT).clamp(1, rows.max(1))
}

/// Whether layers that are faster here than in libtorch are computed here, for batches of so many rows. That is done by
/// one thread, so it is for batches that are divided, or are so little that nobody would divide them.
pub(crate) fn computes_here(graph: &Graph, loss: Loss, batch: usize, threads: usize) -> bool {
    let alone = shares(graph, loss, batch, threads) == 1;
    !alone || threads == 1 || !is_much(graph, batch)
}

/// Whether so many rows are worth the threads' meeting.
pub(crate) fn is_much(graph: &Graph, rows: usize) -> bool {
    numbers(&graph.nodes).saturating_mul(rows) >= WORTH_DIVIDING
}

/// How many numbers these layers together make of a row.
fn numbers<'a>(layers: impl IntoIterator<Item = &'a Node>) -> usize {
    layers.into_iter().map(|layer| layer.shape.iter().product::<usize>()).sum()
}

/// Whether a batch cannot be divided. A batch norm that learns looks at its whole batch, and the loss of boxes counts those
/// of the whole batch.
fn is_whole(graph: &Graph, loss: Loss) -> bool {
    let looks = |kind: &LayerKind| matches!(kind, LayerKind::BatchNorm(_));
    loss == Loss::Boxes || graph.nodes.iter().any(|node| looks(&node.kind) && node.learns == Learns::All)
}

/// Consecutive rows for each of `count` threads, as even as can be; fewer than `count` when there are fewer rows.
pub(crate) fn divided(rows: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let count = count.clamp(1, rows.max(1));
    (0..count).map(move |share| share * rows / count..(share + 1) * rows / count)
}

/// What a mean over rows is divided by.
pub(crate) fn weight_of(kind: Loss, targets: &[f32], class_weights: Option<&[f32]>) -> f64 {
    match class_weights.filter(|_| kind == Loss::CrossEntropy) {
        Some(weights) => targets.iter().map(|target| f64::from(weights[*target as usize])).sum(),
        None => targets.len() as f64,
    }
}

/// The mean loss of rows.
pub(crate) fn loss(loss: Loss, output: &Tensor, targets: &[f32], weights: Option<&Tensor>, smoothing: f64) -> Tensor {
    let targets = Tensor::from_slice(targets).to_device(output.device());
    match loss {
        Loss::CrossEntropy => {
            let classes = targets.to_kind(Kind::Int64);
            output.cross_entropy_loss(&classes, weights, Reduction::Mean, -100, smoothing)
        }
        Loss::BinaryCrossEntropy => {
            let weight = weights.map(|weights| weights.index_select(0, &targets.to_kind(Kind::Int64)));
            let none: Option<Tensor> = None;
            output.squeeze_dim(1).binary_cross_entropy_with_logits(&targets, weight, none, Reduction::Mean)
        }
        // Boxes have a loss of their own, and no number to be compared with.
        Loss::MeanSquaredError | Loss::Boxes => output.squeeze_dim(1).mse_loss(&targets, Reduction::Mean),
    }
}
