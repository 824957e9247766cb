//! Writes a model as ONNX: input `features` f32 \[rows, width\] and, where texts become terms, `terms` i64 and
//! `term_values` f32 \[rows, most\]; outputs `raw_score` and, for a binary task,
//! `probability`, each f32 \[rows, 1\].
//!
//! Inside, scores are computed in 64-bit floats: a sum of hundreds of leaves or products that nearly cancel would
//! otherwise lose more than the parity check allows, and it costs about a microsecond a call
//! (docs/decisions/0003-onnx-in-double.md).

pub mod proto;
mod sentence;
mod trees;
mod vectors;
mod wire;

pub use sentence::{Encoder, Place};
pub use vectors::vectors;

use meuse_core::bundle::{INPUT, PROBABILITY, RAW_SCORE, TERM_VALUES, TERMS, Task};
use prost::Message;

use crate::Error;
use crate::linear::LinearModel;
use crate::trees::Trees;
use proto::{
    AttributeKind, AttributeProto, DimensionProto, ElementType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// The version of the file format, from ONNX 1.10 (2021); every ONNX Runtime of the last years reads it.
const IR_VERSION: i64 = 8;
/// The version of ONNX's own operator set.
const OPSET: i64 = 15;
/// The domain of the tree operators.
const ML_DOMAIN: &str = "ai.onnx.ml";
/// Its version: the first one with 64-bit thresholds and leaves.
const ML_OPSET: i64 = 3;
/// The features as 64-bit floats.
const WIDE: &str = "features_f64";

/// A linear model: features · weights + intercept and, where it has terms, the sum of the weights of a row's terms, each
/// gathered by its index: a row costs as much as it has terms, however many there are.
///
/// # Errors
/// When the model has no weights: there is nothing to multiply.
pub fn linear(model: &LinearModel, task: Task) -> Result<Vec<u8>, Error> {
    let width = model.weights.len();
    if model.terms.is_empty() {
        check_width(width)?;
        let (nodes, constants) = weighed(model);
        return Ok(model_of("linear", width, task, nodes, constants).encode_to_vec());
    }
    let (nodes, constants) = weighed_terms(model);
    let mut onnx = model_of("linear_of_terms", width, task, nodes, constants);
    if let Some(graph) = &mut onnx.graph {
        graph.input.push(matrix(TERMS, None, ElementType::Int64));
        graph.input.push(matrix(TERM_VALUES, None, ElementType::Float));
    }
    Ok(onnx.encode_to_vec())
}

/// A linear model behind features that somebody else makes.
struct Scoring {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    outputs: Vec<&'static str>,
}

/// The nodes that turn [`WIDE`], and terms where there are some, into the outputs of a bundle's model.
fn scoring(model: &LinearModel, task: Task) -> Scoring {
    let (mut nodes, constants) = if model.terms.is_empty() { weighed(model) } else { weighed_terms(model) };
    let mut outputs = vec![RAW_SCORE];
    if task == Task::Binary {
        nodes.push(node("Sigmoid", &[RAW_SCORE], PROBABILITY));
        outputs.push(PROBABILITY);
    }
    Scoring { nodes, constants, outputs }
}

fn weighed(model: &LinearModel) -> (Vec<NodeProto>, Vec<TensorProto>) {
    let weights = doubles("weights", vec![model.weights.len() as i64, 1], &model.weights);
    let intercept = doubles("intercept", vec![1], &[model.intercept]);
    let gemm = node("Gemm", &[WIDE, "weights", "intercept"], "raw_score_f64");
    let narrow = cast("raw_score_f64", RAW_SCORE, ElementType::Float);
    (vec![gemm, narrow], vec![weights, intercept])
}

fn weighed_terms(model: &LinearModel) -> (Vec<NodeProto>, Vec<TensorProto>) {
    let width = model.weights.len();
    let mut constants = vec![
        doubles("intercept", vec![1], &[model.intercept]),
        doubles("term_weights", vec![model.terms.len() as i64], &model.terms),
        integers("last_axis", &[1]),
    ];
    let mut nodes = vec![
        node("Gather", &["term_weights", TERMS], "gathered"),
        cast(TERM_VALUES, "term_values_f64", ElementType::Double),
        node("Mul", &["gathered", "term_values_f64"], "products"),
        node("ReduceSum", &["products", "last_axis"], "term_score"),
    ];
    let dense = if width > 0 {
        constants.push(doubles("weights", vec![width as i64, 1], &model.weights));
        nodes.push(node("Gemm", &[WIDE, "weights", "intercept"], "dense_score"));
        "dense_score"
    } else {
        "intercept"
    };
    nodes.push(node("Add", &["term_score", dense], "raw_score_f64"));
    nodes.push(cast("raw_score_f64", RAW_SCORE, ElementType::Float));
    (nodes, constants)
}

/// Boosted trees: the sum of one leaf per tree.
///
/// # Errors
/// When the model has no features.
pub fn trees(model: &Trees, task: Task) -> Result<Vec<u8>, Error> {
    let width = model.width();
    check_width(width)?;
    let ensemble = trees::ensemble(model.trees(), WIDE, RAW_SCORE);
    Ok(model_of("trees", width, task, vec![ensemble], Vec::new()).encode_to_vec())
}

fn check_width(width: usize) -> Result<(), Error> {
    if width > 0 {
        return Ok(());
    }
    Err(Error::input("", "no feature is left to learn from", "keep at least one column that varies"))
}

/// The graph around the nodes that turn [`WIDE`] into [`RAW_SCORE`]; without a width there is no such input.
fn model_of(name: &str, width: usize, task: Task, scoring: Vec<NodeProto>, constants: Vec<TensorProto>) -> ModelProto {
    let mut nodes = if width > 0 { vec![cast(INPUT, WIDE, ElementType::Double)] } else { Vec::new() };
    nodes.extend(scoring);
    let mut outputs = vec![column(RAW_SCORE, Some(1))];
    if task == Task::Binary {
        nodes.push(node("Sigmoid", &[RAW_SCORE], PROBABILITY));
        outputs.push(column(PROBABILITY, Some(1)));
    }
    let graph = GraphProto {
        node: nodes,
        name: name.into(),
        initializer: constants,
        input: if width > 0 { vec![column(INPUT, Some(width))] } else { Vec::new() },
        output: outputs,
    };
    model_around(graph)
}

fn model_around(graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: "meuse".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![
            OperatorSetIdProto { domain: String::new(), version: OPSET },
            OperatorSetIdProto { domain: ML_DOMAIN.into(), version: ML_OPSET },
        ],
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&input| input.into()).collect(),
        output: vec![output.into()],
        name: output.into(),
        op_type: operator.into(),
        ..NodeProto::default()
    }
}

fn cast(from: &str, to: &str, element: ElementType) -> NodeProto {
    NodeProto { attribute: vec![int("to", element as i64)], ..node("Cast", &[from], to) }
}

fn column(name: &str, width: Option<usize>) -> ValueInfoProto {
    matrix(name, width, ElementType::Float)
}

/// \[1, width\]: one row at a time.
fn fixed(name: &str, width: usize) -> ValueInfoProto {
    let axis = |size: usize| DimensionProto { dim_value: Some(size as i64), dim_param: None };
    let shape = TensorShapeProto { dim: vec![axis(1), axis(width)] };
    let tensor = TensorTypeProto { elem_type: ElementType::Float as i32, shape: Some(shape) };
    ValueInfoProto { name: name.into(), value_type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

/// \[rows, width\], or where the width is the longest row's, \[rows, most\].
fn matrix(name: &str, width: Option<usize>, element: ElementType) -> ValueInfoProto {
    let rows = DimensionProto { dim_param: Some("rows".into()), dim_value: None };
    let most = width.is_none().then(|| "most".to_owned());
    let columns = DimensionProto { dim_value: width.map(|width| width as i64), dim_param: most };
    let tensor =
        TensorTypeProto { elem_type: element as i32, shape: Some(TensorShapeProto { dim: vec![rows, columns] }) };
    ValueInfoProto { name: name.into(), value_type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

fn doubles(name: &str, dims: Vec<i64>, values: &[f64]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto { dims, data_type: ElementType::Double as i32, name: name.into(), raw_data }
}

fn floats(name: &str, values: &[f32]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto { dims: vec![values.len() as i64], data_type: ElementType::Float as i32, name: name.into(), raw_data }
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto { dims: vec![values.len() as i64], data_type: ElementType::Int64 as i32, name: name.into(), raw_data }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: Some(value), kind: AttributeKind::Int as i32, ..AttributeProto::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    let s = Some(value.as_bytes().to_vec());
    AttributeProto { name: name.into(), s, kind: AttributeKind::String as i32, ..AttributeProto::default() }
}

fn ints(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { name: name.into(), ints, kind: AttributeKind::Ints as i32, ..AttributeProto::default() }
}

fn texts(name: &str, values: &[&str]) -> AttributeProto {
    let strings = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    AttributeProto { name: name.into(), strings, kind: AttributeKind::Strings as i32, ..AttributeProto::default() }
}

fn tensor(name: &str, values: &[f64]) -> AttributeProto {
    let t = Some(doubles(name, vec![values.len() as i64], values));
    AttributeProto { name: name.into(), t, kind: AttributeKind::Tensor as i32, ..AttributeProto::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixture_of_the_engine_s_tests_is_what_is_written_here() {
        let model = LinearModel { weights: vec![-2.0, 0.5], terms: Vec::new(), intercept: 1.0 };
        let written = linear(&model, Task::Binary).expect("a model");
        let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/tests/fixtures/linear.onnx");
        let same = std::fs::read(fixture).is_ok_and(|bytes| bytes == written);
        assert!(same, "write this as crates/engine/tests/fixtures/linear.onnx:\n{written:?}");
    }

    #[test]
    fn a_model_without_features_is_refused() {
        let model = LinearModel { weights: Vec::new(), terms: Vec::new(), intercept: 1.0 };
        let error = linear(&model, Task::Binary).expect_err("nothing to multiply");
        assert!(error.to_string().contains("no feature is left"), "{error}");
    }
}
