//! Word vectors as ONNX: the ids of a text's words in, the mean of their vectors out.

use meuse_core::bundle::{INPUT, RAW_SCORE, VECTORS};
use prost::Message;

use super::proto::{ElementType, GraphProto, NodeProto, TensorProto};
use super::{cast, column, floats, int, integers, model_around, node};

/// `vectors` are rows of `dimensions` numbers, one for each id; that of id 0, which is padding, is zero and counts
/// nothing. A text has `width` ids.
pub fn vectors(vectors: &[f32], dimensions: usize, width: usize) -> Vec<u8> {
    let rows = (vectors.len() / dimensions.max(1)) as i64;
    let constants = vec![
        TensorProto { dims: vec![rows, dimensions as i64], ..floats(VECTORS, vectors) },
        integers("zero", &[0]),
        integers("middle_axis", &[1]),
        floats("one", &[1.0]),
    ];
    let without_axis = vec![int("keepdims", 0)];
    let nodes = vec![
        cast(INPUT, "ids", ElementType::Int64),
        node("Gather", &[VECTORS, "ids"], "gathered"),
        NodeProto { attribute: without_axis, ..node("ReduceSum", &["gathered", "middle_axis"], "sum") },
        // [rows, dimensions] / [rows, 1]; a text without known words is the zero vector.
        node("Greater", &["ids", "zero"], "is_word"),
        cast("is_word", "is_word_f32", ElementType::Float),
        node("ReduceSum", &["is_word_f32", "middle_axis"], "words"),
        node("Max", &["words", "one"], "divisor"),
        node("Div", &["sum", "divisor"], RAW_SCORE),
    ];
    let graph = GraphProto {
        node: nodes,
        name: "vectors".into(),
        initializer: constants,
        input: vec![column(INPUT, Some(width))],
        output: vec![column(RAW_SCORE, Some(dimensions))],
    };
    model_around(graph).encode_to_vec()
}
