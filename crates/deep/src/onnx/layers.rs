//! Each layer as ONNX's operators: what [`crate::forward`] does, said in the other language.

use meuse_core::recipe::network::{Activation, Graph, LayerKind, Node, Padding, Recurrent, Window};

use super::axes;
use super::writer::{Writer, float, int, ints, text};
use crate::forward::{window, windows};

/// What libtorch's gates (in, forget, cell, out) are in ONNX's order (in, out, forget, cell).
const LSTM_GATES: [usize; 4] = [0, 3, 1, 2];
/// What libtorch's gates (reset, update, new) are in ONNX's order (update, reset, new).
const GRU_GATES: [usize; 3] = [1, 0, 2];

/// Writes a layer, and gives the name of what it makes.
pub(super) fn emit(writer: &mut Writer, graph: &Graph, node: &Node, from: &[String]) -> String {
    let shape = graph.shape(node.from[0]);
    let input = from[0].as_str();
    let name = node.name.as_str();
    let value = match &node.kind {
        LayerKind::Dense(_) => dense(writer, input, name, "", shape.len()),
        LayerKind::Conv1d(conv) => {
            let turned = writer.transpose(input, &[0, 2, 1]);
            let window = window(shape[0], conv.kernel as usize, conv.stride as usize, conv.padding);
            let made = convolution(writer, &turned, name, &[window], 1);
            writer.transpose(&made, &[0, 2, 1])
        }
        LayerKind::Conv2d(conv) => {
            let windows = windows(shape, conv.kernel.sides(), conv.stride.sides(), conv.padding);
            convolution(writer, input, name, &windows, i64::from(conv.groups))
        }
        LayerKind::DepthwiseConv2d(conv) => {
            let windows = windows(shape, conv.kernel.sides(), conv.stride.sides(), conv.padding);
            convolution(writer, input, name, &windows, shape[0] as i64)
        }
        LayerKind::MaxPool1d(pool) | LayerKind::AveragePool1d(pool) => {
            let (size, stride) = (pool.size as usize, pool.stride.unwrap_or(pool.size) as usize);
            let turned = writer.transpose(input, &[0, 2, 1]);
            let window = window(shape[0], size, stride, Padding::Valid);
            let made = writer.node(pool_operator(&node.kind), &[&turned], around(&[window]));
            writer.transpose(&made, &[0, 2, 1])
        }
        LayerKind::MaxPool2d(pool) | LayerKind::AveragePool2d(pool) => {
            let windows = windows(shape, pool.size.sides(), pool.stride.unwrap_or(pool.size).sides(), pool.padding);
            writer.node(pool_operator(&node.kind), &[input], around(&windows))
        }
        LayerKind::GlobalAveragePool => writer.node("ReduceMean", &[input], axes(places(shape))),
        LayerKind::GlobalMaxPool => writer.node("ReduceMax", &[input], axes(places(shape))),
        LayerKind::BatchNorm(norm) => {
            let parts = ["weight", "bias", "running_mean", "running_var"].map(|part| writer.weight(name, part));
            let attributes = vec![float("epsilon", norm.epsilon as f32)];
            let sequence = shape.len() == 2;
            let turned = if sequence { writer.transpose(input, &[0, 2, 1]) } else { input.to_owned() };
            let inputs = [&turned, &parts[0], &parts[1], &parts[2], &parts[3]].map(String::as_str);
            let made = writer.node("BatchNormalization", &inputs, attributes);
            if sequence { writer.transpose(&made, &[0, 2, 1]) } else { made }
        }
        LayerKind::LayerNorm(norm) => layer_norm(writer, input, name, "", norm.epsilon),
        LayerKind::Embedding(_) => {
            let table = writer.weight(name, "weight");
            writer.node("Gather", &[&table, input], vec![int("axis", 0)])
        }
        LayerKind::PositionEmbedding => {
            let positions = writer.weight(name, "weight");
            writer.node("Add", &[input, &positions], Vec::new())
        }
        LayerKind::Lstm(layer) => recurrent(writer, input, name, layer, &LSTM_GATES),
        LayerKind::Gru(layer) => recurrent(writer, input, name, layer, &GRU_GATES),
        LayerKind::Attention(layer) => attention(writer, input, name, "", shape, layer.heads as usize),
        LayerKind::TransformerEncoder(layer) => {
            let attended = attention(writer, input, name, "attention.", shape, layer.heads as usize);
            let sum = writer.node("Add", &[input, &attended], Vec::new());
            let middle = layer_norm(writer, &sum, name, "norm_1.", 1e-5);
            let wide = dense(writer, &middle, name, "dense_1.", 2);
            let wide = activate(writer, &wide, layer.activation);
            let narrow = dense(writer, &wide, name, "dense_2.", 2);
            let sum = writer.node("Add", &[&middle, &narrow], Vec::new());
            layer_norm(writer, &sum, name, "norm_2.", 1e-5)
        }
        LayerKind::Add => {
            let parts: Vec<&str> = from.iter().map(String::as_str).collect();
            writer.node("Sum", &parts, Vec::new())
        }
        LayerKind::Concatenate => {
            let parts: Vec<&str> = from.iter().map(String::as_str).collect();
            let axis = if shape.len() == 3 { 1 } else { shape.len() as i64 };
            writer.node("Concat", &parts, vec![int("axis", axis)])
        }
        LayerKind::Flatten => {
            let flat = writer.reshape(input, &node.shape);
            // Ids become numbers, which is nothing to what is a number already.
            writer.node("Cast", &[&flat], vec![int("to", 1)])
        }
        LayerKind::Dropout(_) | LayerKind::Activation(_) | LayerKind::Backbone(_) => input.to_owned(),
    };
    activate(writer, &value, node.kind.activation())
}

fn dense(writer: &mut Writer, input: &str, layer: &str, part: &str, sides: usize) -> String {
    let (weight, bias) = (format!("{part}weight"), format!("{part}bias"));
    let has_bias = writer.has(layer, &bias);
    if sides == 1 {
        let weight = writer.weight(layer, &weight);
        let mut inputs = vec![input.to_owned(), weight];
        if has_bias {
            inputs.push(writer.weight(layer, &bias));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        return writer.node("Gemm", &inputs, vec![int("transB", 1)]);
    }
    let weight = writer.transposed(layer, &weight);
    let product = writer.node("MatMul", &[input, &weight], Vec::new());
    if !has_bias {
        return product;
    }
    let bias = writer.weight(layer, &bias);
    writer.node("Add", &[&product, &bias], Vec::new())
}

fn convolution(writer: &mut Writer, input: &str, layer: &str, windows: &[Window], groups: i64) -> String {
    let mut inputs = vec![input.to_owned(), writer.weight(layer, "weight")];
    if writer.has(layer, "bias") {
        inputs.push(writer.weight(layer, "bias"));
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let mut attributes = around(windows);
    attributes.push(int("group", groups));
    writer.node("Conv", &inputs, attributes)
}

fn pool_operator(kind: &LayerKind) -> &'static str {
    if matches!(kind, LayerKind::MaxPool1d(_) | LayerKind::MaxPool2d(_)) { "MaxPool" } else { "AveragePool" }
}

/// Windows, strides and what is added around: the ends after all the beginnings.
fn around(windows: &[Window]) -> Vec<meuse_train::onnx::proto::AttributeProto> {
    let each = |of: fn(&Window) -> usize| windows.iter().map(|window| of(window) as i64).collect::<Vec<i64>>();
    let pads = [each(|window| window.before), each(|window| window.after)].concat();
    vec![
        ints("kernel_shape", &each(|window| window.kernel)),
        ints("strides", &each(|window| window.stride)),
        ints("pads", &pads),
    ]
}

/// The axes of places: height and width, or steps.
fn places(shape: &[usize]) -> &'static [i64] {
    if shape.len() == 3 { &[2, 3] } else { &[1] }
}

fn layer_norm(writer: &mut Writer, input: &str, layer: &str, part: &str, epsilon: f64) -> String {
    let weight = writer.weight(layer, &format!("{part}weight"));
    let bias = writer.weight(layer, &format!("{part}bias"));
    let attributes = vec![int("axis", -1), float("epsilon", epsilon as f32)];
    writer.node("LayerNormalization", &[input, &weight, &bias], attributes)
}

fn recurrent(writer: &mut Writer, input: &str, layer: &str, of: &Recurrent, gates: &[usize]) -> String {
    let units = of.units as usize;
    let directions: &[&str] = if of.bidirectional { &["", "_reverse"] } else { &[""] };
    let (mut w, mut r, mut b) = (Vec::new(), Vec::new(), Vec::new());
    for direction in directions {
        let part = |name: &str| reordered(&writer.numbers(layer, &format!("{name}_l0{direction}")), gates);
        w.extend(part("weight_ih"));
        r.extend(part("weight_hh"));
        b.extend(part("bias_ih"));
        b.extend(part("bias_hh"));
    }
    let (count, rows) = (directions.len(), gates.len() * units);
    let inputs = w.len() / (count * rows);
    let w = writer.constant(&format!("{layer}.w"), &[count, rows, inputs], &w);
    let r = writer.constant(&format!("{layer}.r"), &[count, rows, units], &r);
    let b = writer.constant(&format!("{layer}.b"), &[count, 2 * rows], &b);
    let long = gates.len() == 4;
    let mut attributes = vec![
        int("hidden_size", units as i64),
        text("direction", if of.bidirectional { "bidirectional" } else { "forward" }),
    ];
    if !long {
        attributes.push(int("linear_before_reset", 1));
    }
    // ONNX Runtime wants steps before rows.
    let turned = writer.transpose(input, &[1, 0, 2]);
    let operator = if long { "LSTM" } else { "GRU" };
    let (states, last) = (format!("{layer}.states"), format!("{layer}.last"));
    writer.outputs(operator, &[&turned, &w, &r, &b], &[&states, &last], attributes);
    let width = count * units;
    if of.return_sequences {
        // steps × directions × rows × units, to rows × steps × (directions · units)
        let turned = writer.transpose(&states, &[2, 0, 1, 3]);
        let sides = writer.integers(&[0, 0, width as i64]);
        writer.node("Reshape", &[&turned, &sides], Vec::new())
    } else {
        let turned = writer.transpose(&last, &[1, 0, 2]);
        writer.reshape(&turned, &[width])
    }
}

/// Blocks of rows in another order.
fn reordered(numbers: &[f32], order: &[usize]) -> Vec<f32> {
    let block = numbers.len() / order.len();
    order.iter().flat_map(|gate| &numbers[gate * block..(gate + 1) * block]).copied().collect()
}

fn attention(writer: &mut Writer, input: &str, layer: &str, part: &str, shape: &[usize], heads: usize) -> String {
    let (steps, width) = (shape[0], shape[1]);
    let each = width / heads;
    let weight = writer.transposed(layer, &format!("{part}in_proj_weight"));
    let bias = writer.weight(layer, &format!("{part}in_proj_bias"));
    let product = writer.node("MatMul", &[input, &weight], Vec::new());
    let joint = writer.node("Add", &[&product, &bias], Vec::new());
    let heads_of = |writer: &mut Writer, number: usize, order: &[i64]| {
        let bounds = [number * width, (number + 1) * width];
        let [starts, ends] = bounds.map(|bound| writer.integers(&[bound as i64]));
        let last = writer.integers(&[2]);
        let slice = writer.node("Slice", &[&joint, &starts, &ends, &last], Vec::new());
        let parted = writer.reshape(&slice, &[steps, heads, each]);
        writer.transpose(&parted, order)
    };
    let queries = heads_of(writer, 0, &[0, 2, 1, 3]);
    let keys = heads_of(writer, 1, &[0, 2, 3, 1]);
    let values = heads_of(writer, 2, &[0, 2, 1, 3]);
    let scale = writer.number(1.0 / (each as f32).sqrt());
    let scores = writer.node("MatMul", &[&queries, &keys], Vec::new());
    let scores = writer.node("Mul", &[&scores, &scale], Vec::new());
    let shares = writer.node("Softmax", &[&scores], vec![int("axis", -1)]);
    let mixed = writer.node("MatMul", &[&shares, &values], Vec::new());
    let turned = writer.transpose(&mixed, &[0, 2, 1, 3]);
    let together = writer.reshape(&turned, &[steps, width]);
    let weight = writer.transposed(layer, &format!("{part}out_proj.weight"));
    let bias = writer.weight(layer, &format!("{part}out_proj.bias"));
    let product = writer.node("MatMul", &[&together, &weight], Vec::new());
    writer.node("Add", &[&product, &bias], Vec::new())
}

fn activate(writer: &mut Writer, value: &str, activation: Activation) -> String {
    match activation {
        Activation::Linear => value.to_owned(),
        Activation::Relu => writer.node("Relu", &[value], Vec::new()),
        Activation::Relu6 => {
            let (low, high) = (writer.number(0.0), writer.number(6.0));
            writer.node("Clip", &[value, &low, &high], Vec::new())
        }
        Activation::LeakyRelu => writer.node("LeakyRelu", &[value], vec![float("alpha", 0.01)]),
        Activation::Elu => writer.node("Elu", &[value], vec![float("alpha", 1.0)]),
        Activation::Gelu => {
            let [root, one, half] = [2.0_f32.sqrt(), 1.0, 0.5].map(|number| writer.number(number));
            let scaled = writer.node("Div", &[value, &root], Vec::new());
            let erf = writer.node("Erf", &[&scaled], Vec::new());
            let shifted = writer.node("Add", &[&erf, &one], Vec::new());
            let product = writer.node("Mul", &[value, &shifted], Vec::new());
            writer.node("Mul", &[&product, &half], Vec::new())
        }
        Activation::Silu => {
            let gate = writer.node("Sigmoid", &[value], Vec::new());
            writer.node("Mul", &[value, &gate], Vec::new())
        }
        Activation::Tanh => writer.node("Tanh", &[value], Vec::new()),
        Activation::Sigmoid => writer.node("Sigmoid", &[value], Vec::new()),
        Activation::Softmax => writer.node("Softmax", &[value], vec![int("axis", -1)]),
    }
}
