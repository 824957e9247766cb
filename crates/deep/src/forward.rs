//! What a network answers, layer by layer, in libtorch.

use std::cell::RefCell;

use meuse_core::recipe::network::{Activation, Graph, LayerKind, Learns, Node, Padding, Precision, Recurrent, Window};
use tch::{Device, Kind, Tensor};

use crate::folded::channels_last;
use crate::initialise::Chance;
use crate::lstm::{DIRECTIONS, Lstm, PARTS, Sides};
use crate::weights::{Weights, numbers_of};

/// How rows go through a network.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    /// In training.
    pub(crate) training: Option<&'a Training>,
    /// Whether this thread computes alone, so that layers which are faster here than in libtorch are computed here.
    pub(crate) here: bool,
}

/// What training has beside the rows.
pub(crate) struct Training {
    /// For dropout: chance of our own, since libtorch's belongs to the whole process. A GPU has its own all the same, which
    /// is sown from this one before each step.
    pub(crate) chance: RefCell<Chance>,
    /// How exact products are.
    pub(crate) precision: Precision,
    /// The layers whose gradients are not libtorch's business, in the order of the forward pass.
    pub(crate) cuts: RefCell<Vec<Cut>>,
}

/// A layer that libtorch knows nothing of: for it the gradient ends at what came out, and begins anew at what went in.
pub(crate) struct Cut {
    /// Its name.
    pub(crate) layer: String,
    /// What went in.
    pub(crate) input: Tensor,
    /// What came out, whose gradient can be asked for.
    pub(crate) output: Tensor,
    /// Whether the states of all steps came out.
    pub(crate) all: bool,
    /// What it keeps for its own way back.
    pub(crate) lstm: Lstm,
}

/// The network's output for a batch of rows (rows × width), before its head. Where the first layers have been computed,
/// `ahead` says how many, and what the last of them answers.
pub(crate) fn forward(
    graph: &Graph,
    weights: &Weights,
    rows: &Tensor,
    pass: Pass,
    ahead: Option<(usize, Tensor)>,
) -> Tensor {
    let batch = rows.size()[0];
    let mut values: Vec<Option<Tensor>> = Vec::with_capacity(graph.inputs.len() + graph.nodes.len());
    let last_use = last_uses(graph);
    let done = ahead.as_ref().map_or(0, |(nodes, _)| *nodes);
    for (number, input) in graph.inputs.iter().enumerate() {
        // What only those layers read is not needed any more.
        if last_use[number] < done {
            values.push(None);
            continue;
        }
        let part = rows.narrow(1, input.offset as i64, input.width() as i64);
        let mut value = part.reshape(sides(batch, &input.shape));
        if input.shape.len() == 3 {
            value = channels_last(&value);
        }
        values.push(Some(if input.ids.is_some() { value.to_kind(Kind::Int64) } else { value }));
    }
    if let Some((nodes, value)) = ahead {
        values.resize_with(graph.inputs.len() + nodes - 1, || None);
        values.push(Some(value));
    }
    for (index, node) in graph.nodes.iter().enumerate().skip(done) {
        let from: Vec<&Tensor> = node.from.iter().filter_map(|value| values[*value].as_ref()).collect();
        let over = graph.writes_over(index);
        let activation = last_function(graph, index);
        let shape = graph.shape(node.from[0]);
        let Pass { training, here } = pass;
        let value = Layer { node, weights, shape, training, here, over, activation }.apply(&from);
        // What nobody reads any more is let go, so that answering needs no more memory than two layers do.
        for read in &node.from {
            if last_use[*read] == index {
                values[*read] = None;
            }
        }
        values.push(Some(value));
    }
    values.pop().flatten().expect("a graph has at least one layer").to_kind(Kind::Float)
}

/// For each value the last layer that reads it.
fn last_uses(graph: &Graph) -> Vec<usize> {
    let mut last = vec![usize::MAX; graph.inputs.len() + graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        for value in &node.from {
            last[*value] = index;
        }
    }
    last
}

/// What a layer does to each value in the end: its own function, unless the layer after it takes that over.
fn last_function(graph: &Graph, index: usize) -> Activation {
    let node = &graph.nodes[index];
    let before = node.from[0].checked_sub(graph.inputs.len());
    if is_pooled_first(graph, index) {
        Activation::Linear
    } else if before.is_some_and(|before| is_pooled_first(graph, before)) {
        Activation::Relu
    } else {
        node.kind.activation()
    }
}

/// Whether a layer's rectifier can wait for the pooling that alone reads it, which leaves it a quarter of the work. The
/// largest of rectified values is the rectified largest, and the gradient goes the same way, bit for bit.
fn is_pooled_first(graph: &Graph, index: usize) -> bool {
    let (node, value) = (&graph.nodes[index], graph.inputs.len() + index);
    let is_pool = |reader: &Node| reader.from.contains(&value) && matches!(reader.kind, LayerKind::MaxPool2d(_));
    matches!(node.kind, LayerKind::Conv2d(_) | LayerKind::DepthwiseConv2d(_))
        && node.kind.activation() == Activation::Relu
        && graph.readers(value) == 1
        && graph.nodes.iter().any(is_pool)
}

fn sides(batch: i64, shape: &[usize]) -> Vec<i64> {
    std::iter::once(batch).chain(shape.iter().map(|side| *side as i64)).collect()
}

struct Layer<'a> {
    node: &'a Node,
    weights: &'a Weights,
    /// The shape that it reads.
    shape: &'a [usize],
    training: Option<&'a Training>,
    /// See [`Pass::here`].
    here: bool,
    /// Whether it writes over what it reads.
    over: bool,
    /// What it does to each value in the end.
    activation: Activation,
}

impl Layer<'_> {
    fn own(&self, name: &str) -> &Tensor {
        self.weights.of(&self.node.name, name)
    }

    fn maybe(&self, name: &str) -> Option<&Tensor> {
        self.weights.maybe(&self.node.name, name)
    }

    fn apply(&self, from: &[&Tensor]) -> Tensor {
        let input = from[0];
        let value = match &self.node.kind {
            LayerKind::Dense(_) => self.linear(input, "weight", "bias"),
            LayerKind::Conv1d(conv) => {
                let (steps, kernel, stride) = (self.shape[0], conv.kernel as usize, conv.stride as usize);
                let padded = pad(&input.transpose(1, 2), &[window(steps, kernel, stride, conv.padding)]);
                let (weight, bias) = (self.short(self.own("weight")), self.maybe("bias").map(|bias| self.short(bias)));
                self.short(&padded).conv1d(&weight, bias, stride as i64, 0, 1, 1).transpose(1, 2)
            }
            LayerKind::Conv2d(conv) => {
                self.conv2d(input, conv.kernel.sides(), conv.stride.sides(), conv.padding, i64::from(conv.groups))
            }
            LayerKind::DepthwiseConv2d(conv) => {
                self.conv2d(input, conv.kernel.sides(), conv.stride.sides(), conv.padding, self.shape[0] as i64)
            }
            LayerKind::MaxPool1d(pool) => {
                let (size, stride) = (i64::from(pool.size), i64::from(pool.stride.unwrap_or(pool.size)));
                input.transpose(1, 2).max_pool1d(size, stride, 0, 1, false).transpose(1, 2)
            }
            LayerKind::AveragePool1d(pool) => {
                let (size, stride) = (i64::from(pool.size), i64::from(pool.stride.unwrap_or(pool.size)));
                input.transpose(1, 2).avg_pool1d(size, stride, 0, false, true).transpose(1, 2)
            }
            LayerKind::MaxPool2d(pool) => {
                let stride = pool.stride.unwrap_or(pool.size).sides();
                self.max_pool2d(input, pool.size.sides(), stride, pool.padding)
            }
            LayerKind::AveragePool2d(pool) => {
                let stride = pool.stride.unwrap_or(pool.size).sides();
                self.average_pool2d(input, pool.size.sides(), stride, pool.padding)
            }
            LayerKind::GlobalAveragePool => input.mean_dim(self.places(), false, Kind::Float),
            LayerKind::GlobalMaxPool => input.amax(self.places(), false),
            LayerKind::BatchNorm(norm) => self.batch_norm(input, norm.momentum, norm.epsilon),
            LayerKind::LayerNorm(norm) => self.layer_norm(input, "", norm.epsilon),
            LayerKind::Dropout(dropout) => self.dropout(input.shallow_clone(), dropout.rate),
            LayerKind::Embedding(_) => Tensor::embedding(self.own("weight"), input, -1, false, false),
            LayerKind::PositionEmbedding => input + self.own("weight"),
            LayerKind::Lstm(layer) => self.recurrent(input, layer, true),
            LayerKind::Gru(layer) => self.recurrent(input, layer, false),
            LayerKind::Attention(layer) => self.attention(input, "", i64::from(layer.heads)),
            LayerKind::TransformerEncoder(layer) => {
                let drop = |value: Tensor| self.dropout(value, layer.dropout);
                let attended = drop(self.attention(input, "attention.", i64::from(layer.heads)));
                let middle = self.layer_norm(&(input + attended), "norm_1.", 1e-5);
                let wide = self.linear(&middle, "dense_1.weight", "dense_1.bias");
                let wide = activate(wide, layer.activation);
                let narrow = drop(self.linear(&wide, "dense_2.weight", "dense_2.bias"));
                self.layer_norm(&(middle + narrow), "norm_2.", 1e-5)
            }
            LayerKind::Add => from[1..].iter().fold(input.shallow_clone(), |sum, other| sum + *other),
            LayerKind::Concatenate => {
                let axis = if self.shape.len() == 3 { 1 } else { self.shape.len() as i64 };
                Tensor::cat(from, axis)
            }
            LayerKind::Flatten => input.to_kind(Kind::Float).flatten(1, -1),
            // A backbone is no layer of a graph any more: its own layers stand there.
            LayerKind::Activation(layer) => return self.function(input, layer.function),
            LayerKind::Backbone(_) => input.shallow_clone(),
        };
        activate(value, self.activation)
    }

    /// The numbers as products take them.
    fn short(&self, value: &Tensor) -> Tensor {
        if self.is_short() { value.to_kind(Kind::BFloat16) } else { value.shallow_clone() }
    }

    /// Whether products are of half the bits.
    fn is_short(&self) -> bool {
        self.training.is_some_and(|training| training.precision == Precision::Mixed)
    }

    fn linear(&self, input: &Tensor, weight: &str, bias: &str) -> Tensor {
        let bias = self.maybe(bias).map(|bias| self.short(bias));
        self.short(input).linear(&self.short(self.own(weight)), bias)
    }

    /// Sets values to zero by chance; the others grow so that the mean stays.
    fn dropout(&self, value: Tensor, rate: f64) -> Tensor {
        let Some(training) = self.training.filter(|_| rate > 0.0) else { return value };
        if value.device() != Device::Cpu {
            return value.dropout(rate, true);
        }
        let mask = training.chance.borrow_mut().mask(value.numel(), rate);
        &value * Tensor::from_slice(&mask).reshape(value.size())
    }

    /// The axes of places: height and width, or steps.
    fn places(&self) -> &'static [i64] {
        if self.shape.len() == 3 { &[2, 3] } else { &[1] }
    }

    /// A function of each value; see [`Graph::writes_over`].
    fn function(&self, input: &Tensor, function: Activation) -> Tensor {
        let mut value = input.shallow_clone();
        match function {
            Activation::Relu if self.over => value.relu_(),
            Activation::Relu6 if self.over => value.relu6_(),
            _ => activate(value, function),
        }
    }

    fn conv2d(&self, input: &Tensor, kernel: [usize; 2], stride: [usize; 2], padding: Padding, groups: i64) -> Tensor {
        let windows = windows(self.shape, kernel, stride, padding);
        let stride = [stride[0] as i64, stride[1] as i64];
        let parameter = |layer: &str, name: &str| self.weights.maybe(layer, name);
        let (weight, bias) = match self.weights.folded().convolution(&self.node.name, parameter) {
            Some((weight, bias)) => (weight, Some(bias)),
            None => (self.own("weight").shallow_clone(), self.maybe("bias").map(Tensor::shallow_clone)),
        };
        // A batch norm that lies in a convolution adds in 32-bit floats, as one that stands for itself.
        let (bias, added) = match bias {
            Some(bias) if self.is_short() && self.weights.folded().is_around(&self.node.name) => (None, Some(bias)),
            bias => (bias.map(|bias| self.short(&bias)), None),
        };
        let value = windowed(&self.short(input), (&self.short(&weight), bias), &windows, stride, groups);
        match added {
            Some(bias) => value.to_kind(Kind::Float) + bias.reshape([1, -1, 1, 1]),
            None => value,
        }
    }

    fn max_pool2d(&self, input: &Tensor, size: [usize; 2], stride: [usize; 2], padding: Padding) -> Tensor {
        let windows = windows(self.shape, size, stride, padding);
        let padded = if windows.iter().any(|window| window.before + window.after > 0) {
            input.pad(around(&windows), "constant", f64::NEG_INFINITY)
        } else {
            input.shallow_clone()
        };
        let [size, stride] = [size, stride].map(|pair| [pair[0] as i64, pair[1] as i64]);
        padded.max_pool2d(size, stride, 0, 1, false)
    }

    /// Sums over windows divided by how many places of each lie in the picture.
    fn average_pool2d(&self, input: &Tensor, size: [usize; 2], stride: [usize; 2], padding: Padding) -> Tensor {
        let windows = windows(self.shape, size, stride, padding);
        let [size, stride] = [size, stride].map(|pair| [pair[0] as i64, pair[1] as i64]);
        let pool = |value: &Tensor| value.avg_pool2d(size, stride, 0, false, true, None);
        if windows.iter().all(|window| window.before + window.after == 0) {
            return pool(input);
        }
        let inside = Tensor::ones([1, 1, self.shape[1] as i64, self.shape[2] as i64], (Kind::Float, input.device()));
        pool(&pad(input, &windows)) / pool(&pad(&inside, &windows))
    }

    fn batch_norm(&self, input: &Tensor, momentum: f64, epsilon: f64) -> Tensor {
        if self.weights.folded().has_norm(&self.node.name) {
            return input.shallow_clone();
        }
        let input = &input.to_kind(Kind::Float);
        let (weight, bias) = (Some(self.own("weight")), Some(self.own("bias")));
        let (mean, variance) = (Some(self.own("running_mean")), Some(self.own("running_var")));
        // One number has no variance: a last batch of one row is left to the running statistics.
        let several = input.numel() > self.own("weight").numel();
        let by_batch = self.training.is_some() && self.node.learns == Learns::All && several;
        let norm =
            |value: &Tensor| value.batch_norm(weight, bias, mean, variance, by_batch, 1.0 - momentum, epsilon, true);
        if self.shape.len() == 2 { norm(&input.transpose(1, 2)).transpose(1, 2) } else { norm(input) }
    }

    fn layer_norm(&self, input: &Tensor, part: &str, epsilon: f64) -> Tensor {
        let weight = self.own(&format!("{part}weight"));
        let bias = self.own(&format!("{part}bias"));
        input.to_kind(Kind::Float).layer_norm(weight.size(), Some(weight), Some(bias), epsilon, true)
    }

    fn recurrent(&self, input: &Tensor, layer: &Recurrent, long: bool) -> Tensor {
        let directions = if layer.bidirectional { 2 } else { 1 };
        let mut parameters = Vec::new();
        for direction in &DIRECTIONS[..directions as usize] {
            for part in PARTS {
                parameters.push(self.own(&format!("{part}{direction}")));
            }
        }
        let input = &input.to_kind(Kind::Float);
        let batch = input.size()[0];
        if long && self.here && Lstm::pays() {
            let (rows, units) = (batch as usize, layer.units as usize);
            let sides = Sides { rows, steps: self.shape[0], features: self.shape[1], units };
            let of_one = |parameters: &[&Tensor; 4]| parameters.map(numbers_of);
            let parameters = parameters.as_chunks::<4>().0.iter().map(of_one).collect();
            let all = layer.return_sequences;
            let lstm = Lstm::forward(sides, &numbers_of(input), parameters, [self.training.is_some(), all]);
            let width = directions * i64::from(layer.units);
            let shape = if all { vec![batch, -1, width] } else { vec![batch, width] };
            let output = Tensor::from_slice(&lstm.states(all)).reshape(shape);
            let Some(training) = self.training else { return output };
            let output = output.set_requires_grad(true);
            let cut = Cut {
                layer: self.node.name.clone(),
                input: input.shallow_clone(),
                output: output.shallow_clone(),
                all,
                lstm,
            };
            training.cuts.borrow_mut().push(cut);
            return output;
        }
        let zeros = Tensor::zeros([directions, batch, i64::from(layer.units)], (Kind::Float, input.device()));
        let (states, last) = if long {
            let (states, last, _) = input.lstm(
                &[&zeros, &zeros],
                &parameters,
                true,
                1,
                0.0,
                self.training.is_some(),
                layer.bidirectional,
                true,
            );
            (states, last)
        } else {
            input.gru(&zeros, &parameters, true, 1, 0.0, self.training.is_some(), layer.bidirectional, true)
        };
        if layer.return_sequences {
            return states;
        }
        // directions × batch × units, to batch × (directions · units)
        last.transpose(0, 1).reshape([batch, directions * i64::from(layer.units)])
    }

    fn attention(&self, input: &Tensor, part: &str, heads: i64) -> Tensor {
        let linear = |value: &Tensor, weight: &str, bias: &str| {
            self.linear(value, &format!("{part}{weight}"), &format!("{part}{bias}"))
        };
        let (batch, steps, width) = (input.size()[0], self.shape[0] as i64, self.shape[1] as i64);
        let joint = linear(input, "in_proj_weight", "in_proj_bias");
        let parts = joint.reshape([batch, steps, 3, heads, width / heads]).permute([2, 0, 3, 1, 4]);
        let (queries, keys, values) = (parts.get(0), parts.get(1), parts.get(2));
        let none: Option<&Tensor> = None;
        let attended = Tensor::scaled_dot_product_attention(&queries, &keys, &values, none, 0.0, false, None, false);
        let together = attended.transpose(1, 2).reshape([batch, steps, width]);
        linear(&together, "out_proj.weight", "out_proj.bias")
    }
}

pub(crate) fn window(length: usize, kernel: usize, stride: usize, padding: Padding) -> Window {
    Window::along(length, kernel, stride, padding).expect("the graph was inferred with the same windows")
}

pub(crate) fn windows(shape: &[usize], kernel: [usize; 2], stride: [usize; 2], padding: Padding) -> [Window; 2] {
    [0, 1].map(|side| window(shape[1 + side], kernel[side], stride[side], padding))
}

/// A convolution of what lies in its windows.
fn windowed(
    input: &Tensor,
    (weight, bias): (&Tensor, Option<Tensor>),
    windows: &[Window; 2],
    stride: [i64; 2],
    groups: i64,
) -> Tensor {
    let even = windows.iter().all(|window| window.before == window.after);
    if even {
        let around = [windows[0].before as i64, windows[1].before as i64];
        return input.conv2d(weight, bias, stride, around, 1, groups);
    }
    pad(input, windows).conv2d(weight, bias, stride, 0, 1, groups)
}

/// Last axis first, as libtorch counts.
fn around(windows: &[Window]) -> Vec<i64> {
    windows.iter().rev().flat_map(|window| [window.before as i64, window.after as i64]).collect()
}

fn pad(value: &Tensor, windows: &[Window]) -> Tensor {
    if windows.iter().all(|window| window.before + window.after == 0) {
        return value.shallow_clone();
    }
    value.constant_pad_nd(around(windows))
}

fn activate(value: Tensor, activation: Activation) -> Tensor {
    match activation {
        Activation::Linear => value,
        Activation::Relu => value.relu(),
        Activation::Relu6 => value.relu6(),
        Activation::LeakyRelu => value.leaky_relu(),
        Activation::Elu => value.elu(),
        Activation::Gelu => value.gelu("none"),
        Activation::Silu => value.silu(),
        Activation::Tanh => value.tanh(),
        Activation::Sigmoid => value.sigmoid(),
        Activation::Softmax => value.softmax(-1, Kind::Float),
    }
}
