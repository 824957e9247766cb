//! Writes a trained network as ONNX, from the same graph that it was trained from: input `features` f32 \[rows, width\],
//! outputs `raw_score` f32 \[rows, outputs\] and, where the network's head makes probabilities, `probability` of the
//! same shape.

mod layers;
mod writer;

use meuse_core::bundle::{INPUT, PROBABILITY, RAW_SCORE};
use meuse_core::recipe::network::{Graph, Head};
use meuse_train::onnx::proto::{
    DimensionProto, ElementType, GraphProto, ModelProto, OperatorSetIdProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto,
};
use prost::Message;

use crate::scale::Scale;
use crate::weights::Weights;
use writer::{Writer, int, ints};

/// The version of the file format, from ONNX 1.10 (2021).
const IR_VERSION: i64 = 8;
/// The version of ONNX's own operator set: the first one with layer normalisation.
const OPSET: i64 = 17;

/// The network with these weights; `scale` brings its outputs to the size of the target.
pub fn emit(graph: &Graph, weights: &Weights, scale: Scale) -> Vec<u8> {
    let mut writer = Writer::new(weights);
    let mut values: Vec<String> = Vec::new();
    let alone = graph.inputs.len() == 1;
    for input in &graph.inputs {
        let mut value = INPUT.to_owned();
        if !alone {
            let bounds = [input.offset as i64, (input.offset + input.width()) as i64];
            let [starts, ends] = bounds.map(|bound| writer.integers(&[bound]));
            let axes = writer.integers(&[1]);
            value = writer.node("Slice", &[&value, &starts, &ends, &axes], Vec::new());
        }
        if input.shape.len() > 1 {
            value = writer.reshape(&value, &input.shape);
        }
        if input.ids.is_some() {
            value = writer.node("Cast", &[&value], vec![int("to", ElementType::Int64 as i64)]);
        }
        values.push(value);
    }
    for node in &graph.nodes {
        let from: Vec<String> = node.from.iter().map(|value| values[*value].clone()).collect();
        values.push(layers::emit(&mut writer, graph, node, &from));
    }
    let mut last = values.pop().unwrap_or_default();
    if let Some(numbers) = scale.numbers() {
        let [factor, offset] = numbers.map(|number| writer.number(number));
        last = writer.node("Mul", &[&last, &factor], Vec::new());
        last = writer.node("Add", &[&last, &offset], Vec::new());
    }
    writer.named("Identity", &[&last], RAW_SCORE, Vec::new());
    let mut outputs = vec![matrix(RAW_SCORE, graph.outputs())];
    if graph.head != Head::Linear {
        match graph.head {
            Head::Softmax => writer.named("Softmax", &[RAW_SCORE], PROBABILITY, vec![int("axis", -1)]),
            _ => writer.named("Sigmoid", &[RAW_SCORE], PROBABILITY, Vec::new()),
        }
        outputs.push(matrix(PROBABILITY, graph.outputs()));
    }
    let (node, initializer) = writer.into_parts();
    let graph = GraphProto {
        node,
        name: "network".into(),
        initializer,
        input: vec![matrix(INPUT, graph.width())],
        output: outputs,
    };
    ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: "meuse".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
    }
    .encode_to_vec()
}

/// \[rows, width\] of 32-bit floats.
fn matrix(name: &str, width: usize) -> ValueInfoProto {
    let rows = DimensionProto { dim_param: Some("rows".into()), dim_value: None };
    let columns = DimensionProto { dim_value: Some(width as i64), dim_param: None };
    let shape = Some(TensorShapeProto { dim: vec![rows, columns] });
    let tensor = TensorTypeProto { elem_type: ElementType::Float as i32, shape };
    ValueInfoProto { name: name.into(), value_type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

/// Axes as an attribute, of the reductions that take them so.
fn axes(axes: &[i64]) -> Vec<meuse_train::onnx::proto::AttributeProto> {
    vec![ints("axes", axes), int("keepdims", 0)]
}
