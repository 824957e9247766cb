//! A graph that grows node by node: names are given here, so that a layer's writer thinks in values.

use meuse_train::onnx::proto::{AttributeKind, AttributeProto, ElementType, NodeProto, TensorProto};

use crate::weights::{Weights, numbers_of};

/// Nodes and constants so far.
pub(super) struct Writer<'a> {
    weights: &'a Weights,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(weights: &'a Weights) -> Self {
        Self { weights, nodes: Vec::new(), constants: Vec::new() }
    }

    pub(super) fn into_parts(self) -> (Vec<NodeProto>, Vec<TensorProto>) {
        (self.nodes, self.constants)
    }

    /// Adds a node, and gives the name of its output.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = format!("{}_{}", operator.to_lowercase(), self.nodes.len());
        self.named(operator, inputs, &output, attributes);
        output
    }

    /// Adds a node whose output has a name of the bundle's.
    pub(super) fn named(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) {
        self.outputs(operator, inputs, &[output], attributes);
    }

    /// Adds a node of several outputs; an empty name is one that nobody reads.
    pub(super) fn outputs(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: outputs.iter().map(|name| (*name).to_owned()).collect(),
            name: format!("node_{}", self.nodes.len()),
            op_type: operator.into(),
            attribute: attributes,
            ..NodeProto::default()
        });
    }

    /// The parameter of a layer as a constant.
    pub(super) fn weight(&mut self, layer: &str, name: &str) -> String {
        let tensor = self.weights.of(layer, name);
        let shape: Vec<usize> = tensor.size().iter().map(|side| *side as usize).collect();
        let values = numbers_of(tensor);
        self.constant(&format!("{layer}.{name}"), &shape, &values)
    }

    /// The same, transposed: what a product of a sequence with it wants.
    pub(super) fn transposed(&mut self, layer: &str, name: &str) -> String {
        let tensor = self.weights.of(layer, name).transpose(0, 1);
        let shape: Vec<usize> = tensor.size().iter().map(|side| *side as usize).collect();
        let values = numbers_of(&tensor);
        self.constant(&format!("{layer}.{name}"), &shape, &values)
    }

    pub(super) fn has(&self, layer: &str, name: &str) -> bool {
        self.weights.maybe(layer, name).is_some()
    }

    pub(super) fn numbers(&self, layer: &str, name: &str) -> Vec<f32> {
        numbers_of(self.weights.of(layer, name))
    }

    /// A constant of floats, and its name.
    pub(super) fn constant(&mut self, about: &str, shape: &[usize], values: &[f32]) -> String {
        let name = format!("{about}#{}", self.constants.len());
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let dims = shape.iter().map(|side| *side as i64).collect();
        self.constants.push(TensorProto { dims, data_type: ElementType::Float as i32, name: name.clone(), raw_data });
        name
    }

    pub(super) fn number(&mut self, value: f32) -> String {
        self.constant("number", &[], &[value])
    }

    /// A constant of whole numbers, and its name.
    pub(super) fn integers(&mut self, values: &[i64]) -> String {
        let name = format!("integers#{}", self.constants.len());
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let dims = vec![values.len() as i64];
        self.constants.push(TensorProto { dims, data_type: ElementType::Int64 as i32, name: name.clone(), raw_data });
        name
    }

    /// Gives a value this shape, whatever the number of rows.
    pub(super) fn reshape(&mut self, value: &str, shape: &[usize]) -> String {
        let sides: Vec<i64> = std::iter::once(-1).chain(shape.iter().map(|side| *side as i64)).collect();
        let sides = self.integers(&sides);
        self.node("Reshape", &[value, &sides], Vec::new())
    }

    pub(super) fn transpose(&mut self, value: &str, order: &[i64]) -> String {
        self.node("Transpose", &[value], vec![ints("perm", order)])
    }
}

pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: Some(value), kind: AttributeKind::Int as i32, ..AttributeProto::default() }
}

pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.into(), f: Some(value), kind: AttributeKind::Float as i32, ..AttributeProto::default() }
}

pub(super) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let ints = values.to_vec();
    AttributeProto { name: name.into(), ints, kind: AttributeKind::Ints as i32, ..AttributeProto::default() }
}

pub(super) fn text(name: &str, value: &str) -> AttributeProto {
    let s = Some(value.as_bytes().to_vec());
    AttributeProto { name: name.into(), s, kind: AttributeKind::String as i32, ..AttributeProto::default() }
}
