//! From the layers of a recipe to a graph whose shapes and parameters are all known: [`Network::graph`].

use std::collections::HashMap;

use super::backbone::{Learns, Placed};
use super::detection;
use super::layer::{Activation, Embedding, LayerKind};
use super::parameters::{self, Parameter};
use super::shape::{self, Given, Wanted, shown};
use super::{Layer, Loss, Network, NetworkInput};
use crate::recipe::Problem;
use crate::suggest;

/// The most numbers that one value of a network holds for one row, and that one parameter holds.
const MOST_NUMBERS: usize = 1 << 31;

/// A network whose shapes and parameters are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// What it reads: each takes `width` numbers of a row, one after the other.
    pub inputs: Vec<Input>,
    /// Its layers, each after those that it reads. The last one's output is the network's.
    pub nodes: Vec<Node>,
    /// What makes probabilities of the network's output, which training and serving apply after it.
    pub head: Head,
    /// The backbones among the layers.
    pub backbones: Vec<Placed>,
}

/// One input of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its shape without the batch.
    pub shape: Vec<usize>,
    /// For ids: how many there are.
    pub ids: Option<u32>,
    /// Where it begins in a row of numbers.
    pub offset: usize,
}

impl Input {
    /// How many numbers of a row it takes.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }
}

/// One layer of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it does. A softmax or sigmoid at the very end is the [`Head`] instead.
    pub kind: LayerKind,
    /// The values that it reads: inputs are counted first, then nodes.
    pub from: Vec<usize>,
    /// The shape that it makes.
    pub shape: Vec<usize>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// What training changes of it.
    pub learns: Learns,
}

/// What makes probabilities of the last layer's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Nothing: the output is a number.
    Linear,
    /// One probability.
    Sigmoid,
    /// Shares that sum to 1.
    Softmax,
}

impl Graph {
    /// How many numbers a row has.
    pub fn width(&self) -> usize {
        self.inputs.iter().map(Input::width).sum()
    }

    /// Of a detection: the channels, rows and columns of its grid of cells.
    pub fn grid(&self) -> Option<[usize; 3]> {
        let last = self.nodes.last().filter(|node| node.name == detection::FLAT)?;
        self.shape(*last.from.first()?).try_into().ok()
    }

    /// How many numbers come out for a row.
    pub fn outputs(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.shape.iter().product())
    }

    /// The shape of a value: inputs are counted first, then nodes.
    pub fn shape(&self, value: usize) -> &[usize] {
        match value.checked_sub(self.inputs.len()) {
            None => &self.inputs[value].shape,
            Some(node) => &self.nodes[node].shape,
        }
    }

    /// All parameters, in the order of the layers.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.nodes.iter().flat_map(|node| &node.parameters)
    }
}

impl Network {
    /// Infers every shape and parameter.
    ///
    /// `given` are the inputs as preprocessing makes them; those that the recipe names go before them. `outputs` is how
    /// many numbers must come out: the number of classes, or 1. For [`Loss::Boxes`] the layers end in a feature map, and
    /// the head for so many classes is added.
    ///
    /// # Errors
    /// All problems at once. Each names its layer, the shape that it got and what it wants; the field is relative to the
    /// algorithm, as in `layers[2]`.
    pub fn graph(&self, given: &[NetworkInput], outputs: usize, loss: Loss) -> Result<Graph, Vec<Problem>> {
        let inputs = if self.inputs.is_empty() { given } else { &self.inputs };
        let mut builder = Builder::new(self);
        builder.inputs(inputs);
        for (index, layer) in self.layers.iter().enumerate() {
            builder.layer(index, layer);
        }
        if loss == Loss::Boxes {
            // What does not fit is among the problems.
            let _ = builder.detector(outputs);
        } else {
            builder.end(outputs, loss);
        }
        builder.fine_tuning();
        if builder.problems.is_empty() { Ok(builder.graph) } else { Err(builder.problems) }
    }
}

pub(super) struct Builder<'a> {
    network: &'a Network,
    pub(super) graph: Graph,
    /// Each value by name; a layer whose shape could not be inferred has a name and no value.
    pub(super) values: HashMap<String, Option<usize>>,
    /// For each node the layer of the recipe: its number and name.
    layers: Vec<(usize, String)>,
    kinds: HashMap<&'static str, usize>,
    last: Option<usize>,
    broken: bool,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn new(network: &'a Network) -> Self {
        let graph = Graph { inputs: Vec::new(), nodes: Vec::new(), head: Head::Linear, backbones: Vec::new() };
        Self {
            network,
            graph,
            values: HashMap::new(),
            layers: Vec::new(),
            kinds: HashMap::new(),
            last: None,
            broken: false,
            problems: Vec::new(),
        }
    }

    pub(super) fn report(&mut self, field: String, message: String, hint: impl Into<String>) {
        self.problems.push(Problem { line: None, field, message, hint: hint.into() });
    }

    fn inputs(&mut self, inputs: &[NetworkInput]) {
        let mut offset = 0;
        for (index, input) in inputs.iter().enumerate() {
            let field = format!("inputs[{index}]");
            let shape: Vec<usize> = input.shape.iter().map(|side| *side as usize).collect();
            let width = product(&shape);
            let sides = if input.ids.is_some() { 1..=1 } else { 1..=3 };
            if !sides.contains(&shape.len()) || width.is_none_or(|width| width == 0) {
                let wants = if input.ids.is_some() { "[steps]" } else { "one to three sides of at least 1" };
                let message = format!("the input `{}` has the shape [{}]", input.name, shown(&shape));
                self.report(field, message, format!("write {wants}"));
                self.broken = true;
                continue;
            }
            if self.values.insert(input.name.clone(), Some(index)).is_some() {
                let message = format!("two inputs are called `{}`", input.name);
                self.report(field, message, "give each a name of its own");
            }
            self.graph.inputs.push(Input { name: input.name.clone(), shape, ids: input.ids, offset });
            offset += width.unwrap_or(0);
        }
        if inputs.is_empty() {
            self.report("inputs".into(), "the network has no input".into(), "add [[algorithm.inputs]]");
            self.broken = true;
        }
        self.last = Some(0);
    }

    fn layer(&mut self, index: usize, layer: &Layer) {
        let field = format!("layers[{index}]");
        let word = layer.kind.word();
        let number = self.kinds.entry(word).and_modify(|count| *count += 1).or_insert(1);
        let name = layer.name.clone().unwrap_or_else(|| format!("{word}_{number}"));
        self.free(&field, &name);
        let value = if self.broken { None } else { self.place(&field, &name, layer) };
        self.layers.resize(self.graph.nodes.len(), (index, name.clone()));
        self.values.insert(name, value);
        // One layer that does not fit makes those after it guesses: they are not told.
        self.broken |= value.is_none();
        self.last = value;
    }

    /// Reports a name that another value has.
    pub(super) fn free(&mut self, field: &str, name: &str) {
        if self.values.contains_key(name) {
            let message = format!("the name `{name}` is taken");
            self.report(format!("{field}.name"), message, "give each layer a name of its own");
        }
    }

    fn place(&mut self, field: &str, name: &str, layer: &Layer) -> Option<usize> {
        let from = self.sources(field, layer)?;
        self.node(field, name, &layer.kind, from)
    }

    /// Adds a layer, or the layers of a backbone, that reads these values.
    pub(super) fn node(&mut self, field: &str, name: &str, kind: &LayerKind, from: Vec<usize>) -> Option<usize> {
        let inputs = self.graph.inputs.len();
        let given: Vec<Given> = from
            .iter()
            .map(|value| Given {
                shape: self.graph.shape(*value),
                ids: self.graph.inputs.get(*value).is_some_and(|input| input.ids.is_some()),
            })
            .collect();
        let merges = matches!(kind, LayerKind::Add | LayerKind::Concatenate);
        let made = if merges { shape::merged(kind, &given) } else { shape::after(kind, &given[0]) };
        let got = given.iter().map(got).collect::<Vec<_>>().join(" and ");
        let input = given[0].shape.to_vec();
        let ids = self.graph.inputs.get(from[0]).and_then(|input| input.ids);
        let made = made.and_then(|shape| small_enough(shape, kind));
        match made {
            Ok(shape) => {
                if let LayerKind::Backbone(backbone) = kind {
                    return self.backbone(field, name, backbone, from[0]);
                }
                if let LayerKind::Embedding(embedding) = kind {
                    self.vocabulary(field, name, embedding.vocabulary, ids);
                }
                let mut parameters = parameters::of(name, kind, &input, ids, self.network.initialization);
                let mut learns = Learns::All;
                if let LayerKind::Embedding(embedding) = kind
                    && self.is_fixed(field, name, embedding, from[0])
                {
                    learns = Learns::Nothing;
                    for parameter in &mut parameters {
                        parameter.trained = false;
                    }
                }
                if parameters.iter().any(|parameter| product(&parameter.shape).is_none()) {
                    let message = format!("`{name}` ({}) would have too many parameters", kind.word());
                    self.report(field.to_owned(), message, "pool or flatten less, or use fewer units");
                    return None;
                }
                let (name, kind) = (name.to_owned(), kind.clone());
                self.graph.nodes.push(Node { name, kind, from, shape, parameters, learns });
                Some(inputs + self.graph.nodes.len() - 1)
            }
            Err(Wanted { wants, hint }) => {
                let message = format!("`{name}` ({}) got {got} and wants {wants}", kind.word());
                self.report(field.to_owned(), message, hint);
                None
            }
        }
    }

    fn vocabulary(&mut self, field: &str, name: &str, written: Option<u32>, given: Option<u32>) {
        if let (Some(written), Some(given)) = (written, given)
            && written < given
        {
            let message = format!("`{name}` (embedding) has {written} vectors, and its input has {given} ids");
            self.report(format!("{field}.vocabulary"), message, "leave `vocabulary` out, or make it as large");
        }
    }

    /// Whether training leaves the vectors of an embedding alone. What it cannot begin with is told.
    fn is_fixed(&mut self, field: &str, name: &str, embedding: &Embedding, from: usize) -> bool {
        let words = self.graph.inputs.get(from).is_some_and(|input| input.ids.is_some() && input.shape != [1]);
        if embedding.weights.is_some() && !words {
            let message = format!("`{name}` (embedding) reads no words that could have vectors");
            let hint = "name the model in the embedding of a column with encode = \"sequence\"";
            self.report(format!("{field}.weights"), message, hint);
        }
        if !embedding.trainable && embedding.weights.is_none() {
            let message = format!("`{name}` (embedding) is frozen without weights, so it would answer noise");
            self.report(format!("{field}.trainable"), message, "name a model in `weights`, or remove it");
        }
        !embedding.trainable
    }

    /// The values that a layer reads.
    fn sources(&mut self, field: &str, layer: &Layer) -> Option<Vec<usize>> {
        if layer.from.is_empty() {
            return self.last.map(|last| vec![last]);
        }
        let mut from = Vec::new();
        for (index, name) in layer.from.iter().enumerate() {
            let Some(value) = self.values.get(name) else {
                let hint = suggest::hint(name, self.values.keys().map(String::as_str));
                let message = format!("no input and no layer before this one is called `{name}`");
                self.report(format!("{field}.from[{index}]"), message, hint);
                return None;
            };
            from.push((*value)?);
        }
        if from.len() > 1 && !matches!(layer.kind, LayerKind::Add | LayerKind::Concatenate) {
            let message = format!("a `{}` layer reads one layer, and {} are named", layer.kind.word(), from.len());
            self.report(format!("{field}.from"), message, "merge them first with `add` or `concatenate`");
            return None;
        }
        Some(from)
    }

    /// What the layers of the recipe end in, when they fit so far; reports what nobody reads.
    pub(super) fn finished(&mut self) -> Option<usize> {
        if self.network.layers.is_empty() {
            let hint = "add [[algorithm.layers]]";
            self.report("layers".into(), "the network has no layers".into(), hint);
        }
        if self.broken || !self.problems.is_empty() {
            return None;
        }
        self.unused();
        self.last.filter(|_| self.problems.is_empty())
    }

    /// The field of the last layer of the recipe.
    pub(super) fn last_field(&self) -> String {
        format!("layers[{}]", self.network.layers.len().saturating_sub(1))
    }

    /// Checks what comes out, and takes a softmax or sigmoid at the end apart.
    fn end(&mut self, outputs: usize, loss: Loss) {
        if self.network.layers.is_empty() {
            let hint = "add [[algorithm.layers]]; the last one is a dense layer";
            self.report("layers".into(), "the network has no layers".into(), hint);
        }
        if self.broken || !self.problems.is_empty() {
            return;
        }
        self.unused();
        let field = format!("layers[{}]", self.network.layers.len() - 1);
        let wanted = match loss {
            Loss::CrossEntropy => Head::Softmax,
            Loss::BinaryCrossEntropy => Head::Sigmoid,
            Loss::MeanSquaredError | Loss::Boxes => Head::Linear,
        };
        let Some(node) = self.graph.nodes.last_mut() else { return };
        let (name, shape) = (node.name.clone(), node.shape.clone());
        let word = node.kind.word();
        if shape != [outputs] {
            let message =
                format!("the last layer `{name}` ({word}) makes {}, and {outputs} must come out", shown(&shape));
            self.report(field, message, format!("end with a dense layer of units = {outputs}"));
            return;
        }
        let end = match node.kind.activation() {
            Activation::Softmax => Head::Softmax,
            Activation::Sigmoid => Head::Sigmoid,
            _ => wanted,
        };
        if end != wanted {
            let message = format!("the last layer `{name}` does not end as the loss needs it");
            let hint = match wanted {
                Head::Softmax => "activation = \"softmax\" goes with cross_entropy",
                Head::Sigmoid => "activation = \"sigmoid\" goes with binary_cross_entropy",
                Head::Linear => "activation = \"linear\" goes with mean_squared_error",
            };
            self.report(field, message, hint);
            return;
        }
        if matches!(node.kind.activation(), Activation::Softmax | Activation::Sigmoid) {
            match &mut node.kind {
                LayerKind::Dense(dense) => dense.activation = Activation::Linear,
                LayerKind::Activation(layer) => layer.function = Activation::Linear,
                _ => {}
            }
        }
        self.graph.head = wanted;
    }

    /// Without a backbone there is nothing to fine-tune.
    fn fine_tuning(&mut self) {
        if self.network.fine_tuning.is_some() && self.graph.backbones.is_empty() && !self.broken {
            let message = "there is no backbone to fine-tune".to_owned();
            self.report("fine_tuning".into(), message, "remove it, or add a layer of kind = \"backbone\"");
        }
    }

    /// A layer that nobody reads is a mistake in `from`.
    fn unused(&mut self) {
        let (inputs, nodes) = (self.graph.inputs.len(), self.graph.nodes.len());
        let read = |value: usize| self.graph.nodes.iter().any(|node| node.from.contains(&value));
        let unread: Vec<usize> = (0..inputs + nodes - 1).filter(|value| !read(*value)).collect();
        for value in unread {
            let (field, name) = match value.checked_sub(inputs) {
                None => (format!("inputs[{value}]"), self.graph.inputs[value].name.clone()),
                Some(node) => (format!("layers[{}]", self.layers[node].0), self.layers[node].1.clone()),
            };
            self.report(field, format!("nothing reads `{name}`"), "name it in `from` of a later layer, or remove it");
        }
    }
}

fn got(given: &Given) -> String {
    format!("{}{}", shown(given.shape), if given.ids { " ids" } else { "" })
}

fn product(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side))?;
    (product <= MOST_NUMBERS).then_some(product)
}

fn small_enough(shape: Vec<usize>, kind: &LayerKind) -> Result<Vec<usize>, Wanted> {
    if product(&shape).is_some() {
        return Ok(shape);
    }
    let wants = format!("to make {}, which is too much", shown(&shape));
    Err(Wanted { wants, hint: format!("make the `{}` layer smaller", kind.word()) })
}
