//! A published model that reads sentences, as part of a bundle's graph: ids in, a vector out, and behind it whatever was
//! learnt from vectors.
//!
//! The published graph is carried over as it is; ours stands around it. Texts are computed one by one, which their input
//! \[1, width\] says: nothing is spent on filling short ones up, and where a model rounds its numbers to 8 bits by the
//! range of all that it sees, a text's vector must not depend on its neighbours. The vector is what the library
//! sentence-transformers makes for such models: the mean over the tokens, divided by its length.

use meuse_core::bundle::{INPUT, RAW_SCORE, TERM_VALUES, TERMS, Task};
use prost::Message;

use super::proto::{ElementType, GraphProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto};
use super::wire::{self, Field};
use super::{WIDE, cast, fixed, floats, integers, node, scoring};
use crate::Error;
use crate::linear::LinearModel;

/// The first version of ONNX's operator set with all that we put around a model; terms of texts need the second.
const FIRST_OPSET: i64 = 11;
const FIRST_OPSET_OF_TERMS: i64 = 13;
/// The first version of the format in which constants are no inputs.
const FIRST_IR: u64 = 4;
/// What tells apart the names that we add.
const OWN: &str = "meuse/";

/// Numbers of the fields of a model and of a graph.
mod field {
    pub(super) const IR_VERSION: u64 = 1;
    pub(super) const GRAPH: u64 = 7;
    pub(super) const OPSET: u64 = 8;
    pub(super) const INPUT: u64 = 11;
    pub(super) const OUTPUT: u64 = 12;
}

/// A published model that makes vectors of texts.
#[derive(Debug)]
pub struct Encoder {
    bytes: Vec<u8>,
    /// What is given to it, and as which kind of number.
    inputs: Vec<(Role, String, ElementType)>,
    output: String,
    /// Whether the output is a vector per token instead of one of the text.
    per_token: bool,
    width: usize,
    opset: i64,
}

/// What an input of the model means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Ids,
    Mask,
    Types,
}

/// Where the ids of a text stand in a row: behind the dense features.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// How many features stand before them.
    pub before: usize,
    /// How many ids there are at most.
    pub tokens: usize,
}

impl Encoder {
    /// Looks at a model: `input_ids`, `attention_mask` and perhaps `token_type_ids` in, a vector of fixed width out, of
    /// each token or of the whole text.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let model = wire::fields(&bytes).ok_or("it is no ONNX model, or was cut short")?;
        let graph = graph_of(&model)?;
        let ir =
            model.iter().find(|found| found.number == field::IR_VERSION).map_or(0, |found| last_number(found.whole));
        let opset = model.iter().filter(|found| found.number == field::OPSET);
        let opset = opset.filter_map(|found| OperatorSetIdProto::decode(found.content).ok());
        let opset = opset.filter(|set| set.domain.is_empty() || set.domain == "ai.onnx").map(|set| set.version).max();
        let opset = opset.unwrap_or(0);
        if ir < FIRST_IR || opset < FIRST_OPSET {
            return Err(format!(
                "it is written in version {ir} of the format with operator set {opset}, and {FIRST_IR} and {FIRST_OPSET} \
                 are needed"
            ));
        }
        let values = |number: u64| -> Result<Vec<ValueInfoProto>, String> {
            let found = graph.iter().filter(|found| found.number == number);
            let read = found.map(|found| ValueInfoProto::decode(found.content));
            read.collect::<Result<_, _>>().map_err(|error| format!("its graph cannot be read: {error}"))
        };
        let inputs = values(field::INPUT)?.into_iter().map(input).collect::<Result<Vec<_>, _>>()?;
        if !inputs.iter().any(|(role, ..)| *role == Role::Ids) {
            return Err("it has no input `input_ids`".to_owned());
        }
        let outputs = values(field::OUTPUT)?;
        let Output { name: output, per_token, width } = chosen(&outputs)?;
        Ok(Self { bytes, inputs, output, per_token, width, opset })
    }

    /// How many numbers a vector has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The model's bytes as they were published.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A model of a bundle whose raw scores are the vector of a text.
    ///
    /// # Errors
    /// [`Error::Input`]: the model cannot be read after all.
    pub fn vectors(&self, tokens: usize) -> Result<Vec<u8>, Error> {
        let mut parts = self.around(Place { before: 0, tokens });
        parts.after.push(node("Identity", &[EMBEDDING], RAW_SCORE));
        parts.outputs = vec![fixed(RAW_SCORE, self.width)];
        self.composed(parts)
    }

    /// A model of a bundle: a linear model of features, terms and a text's vector, in this order.
    ///
    /// # Errors
    /// As [`Encoder::vectors`].
    pub fn scored_by(&self, linear: &LinearModel, place: Place, task: Task) -> Result<Vec<u8>, Error> {
        if !linear.terms.is_empty() && self.opset < FIRST_OPSET_OF_TERMS {
            let set = self.opset;
            let message =
                format!("the model that makes vectors has operator set {set}, and terms need {FIRST_OPSET_OF_TERMS}");
            return Err(Error::input("preprocessing.columns", message, "leave out the columns of encode = \"tfidf\""));
        }
        let mut parts = self.around(place);
        let embedded = if place.before > 0 {
            parts.after.push(node("Concat", &[FEATURES, EMBEDDING], ALL));
            if let Some(concat) = parts.after.last_mut() {
                concat.attribute.push(super::int("axis", 1));
            }
            ALL
        } else {
            EMBEDDING
        };
        parts.after.push(cast(embedded, WIDE, ElementType::Double));
        let scored = scoring(linear, task);
        parts.after.extend(scored.nodes);
        parts.constants.extend(scored.constants);
        if !linear.terms.is_empty() {
            parts.inputs.push(super::matrix(TERMS, None, ElementType::Int64));
            parts.inputs.push(super::matrix(TERM_VALUES, None, ElementType::Float));
        }
        parts.outputs = scored.outputs.iter().map(|name| fixed(name, 1)).collect();
        self.composed(parts)
    }

    /// The nodes from a row to the model's inputs, and from its output to the text's vector.
    fn around(&self, place: Place) -> Parts {
        let width = place.before + place.tokens;
        let (before_end, end) = (place.before as i64, width as i64);
        let mut parts = Parts {
            constants: vec![
                integers(START, &[0]),
                integers(BEFORE, &[before_end]),
                integers(END, &[end]),
                integers(AXIS, &[1]),
                integers(ONE_NUMBER, &[1]),
                integers(AS_ROW, &[1, -1]),
                integers(AS_COLUMN, &[-1, 1]),
                integers(AS_WEIGHTS, &[1, 1, -1]),
                floats(ZERO, &[0.0]),
                floats(ONE, &[1.0]),
                floats(NO_TOKEN, &[-0.5]),
                floats(SHORTEST, &[1e-12]),
            ],
            inputs: vec![fixed(INPUT, width)],
            ..Parts::default()
        };
        if place.before > 0 {
            parts.before.push(node("Slice", &[INPUT, START, BEFORE, AXIS], FEATURES));
        }
        parts.before.extend([
            node("Slice", &[INPUT, BEFORE, END, AXIS], PADDED),
            node("Greater", &[PADDED, NO_TOKEN], "meuse/is_token"),
            cast("meuse/is_token", "meuse/tokens", ElementType::Float),
            node("Reshape", &["meuse/tokens", AS_COLUMN], "meuse/tokens_as_column"),
            node("MatMul", &["meuse/tokens", "meuse/tokens_as_column"], "meuse/counted"),
            // A text without a token is one that nobody looks at, rather than none.
            node("Max", &["meuse/counted", ONE], COUNT),
            cast(COUNT, "meuse/whole_count", ElementType::Int64),
            node("Reshape", &["meuse/whole_count", ONE_NUMBER], "meuse/length"),
            node("Slice", &[PADDED, START, "meuse/length", AXIS], "meuse/short"),
            node("Max", &["meuse/short", ZERO], "meuse/ids"),
            node("Slice", &["meuse/tokens", START, "meuse/length", AXIS], MASK),
            node("Mul", &[MASK, ZERO], "meuse/types"),
        ]);
        for (role, name, element) in &self.inputs {
            let from = match role {
                Role::Ids => "meuse/ids",
                Role::Mask => MASK,
                Role::Types => "meuse/types",
            };
            parts.before.push(cast(from, name, *element));
        }
        if self.per_token {
            parts.after.extend([
                node("Reshape", &[MASK, AS_WEIGHTS], "meuse/weights"),
                node("MatMul", &["meuse/weights", &self.output], "meuse/sum_of_tokens"),
                node("Reshape", &["meuse/sum_of_tokens", AS_ROW], "meuse/sum"),
                node("Div", &["meuse/sum", COUNT], MEAN),
            ]);
        } else {
            parts.after.push(node("Reshape", &[&self.output, AS_ROW], MEAN));
        }
        parts.after.extend([
            node("Reshape", &[MEAN, AS_COLUMN], "meuse/mean_as_column"),
            node("MatMul", &[MEAN, "meuse/mean_as_column"], "meuse/squares"),
            node("Sqrt", &["meuse/squares"], "meuse/root"),
            node("Max", &["meuse/root", SHORTEST], "meuse/norm"),
            node("Div", &[MEAN, "meuse/norm"], EMBEDDING),
        ]);
        parts
    }

    /// The published model with our nodes, inputs and outputs in the place of its own inputs and outputs.
    fn composed(&self, parts: Parts) -> Result<Vec<u8>, Error> {
        let damaged = || Error::input("", "the model that makes vectors cannot be read", "fetch it again");
        let model = wire::fields(&self.bytes).ok_or_else(damaged)?;
        let graph = graph_of(&model).map_err(|_| damaged())?;
        let Parts { before, after, constants, inputs, outputs } = parts;
        let mut composed = GraphProto { node: before, ..GraphProto::default() }.encode_to_vec();
        for found in graph.iter().filter(|found| ![field::INPUT, field::OUTPUT].contains(&found.number)) {
            composed.extend_from_slice(found.whole);
        }
        let rest =
            GraphProto { node: after, initializer: constants, input: inputs, output: outputs, ..GraphProto::default() };
        composed.extend(rest.encode_to_vec());
        let mut written = Vec::with_capacity(self.bytes.len() + (64 << 10));
        for found in &model {
            match found.number {
                field::GRAPH => wire::write(field::GRAPH, &composed, &mut written),
                _ => written.extend_from_slice(found.whole),
            }
        }
        Ok(written)
    }
}

/// What stands around a published model.
#[derive(Default)]
struct Parts {
    before: Vec<NodeProto>,
    after: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
}

/// Values that several nodes name.
const FEATURES: &str = "meuse/features";
const PADDED: &str = "meuse/padded";
const COUNT: &str = "meuse/count";
const MASK: &str = "meuse/mask";
const MEAN: &str = "meuse/mean";
const EMBEDDING: &str = "meuse/embedding";
const ALL: &str = "meuse/all";
const START: &str = "meuse/start";
const BEFORE: &str = "meuse/before";
const END: &str = "meuse/end";
const AXIS: &str = "meuse/axis";
const ONE_NUMBER: &str = "meuse/one_number";
const AS_ROW: &str = "meuse/as_row";
const AS_COLUMN: &str = "meuse/as_column";
const AS_WEIGHTS: &str = "meuse/as_weights";
const ZERO: &str = "meuse/zero";
const ONE: &str = "meuse/one";
const NO_TOKEN: &str = "meuse/no_token";
const SHORTEST: &str = "meuse/shortest";

fn graph_of<'a>(model: &[Field<'a>]) -> Result<Vec<Field<'a>>, String> {
    let mut graphs = model.iter().filter(|found| found.number == field::GRAPH);
    let (Some(graph), None) = (graphs.next(), graphs.next()) else {
        return Err("it is no ONNX model: it has not one graph".to_owned());
    };
    let graph = wire::fields(graph.content).ok_or("its graph cannot be read")?;
    // Repeated or damaged names would have our nodes name values of the model.
    let ours = |found: &Field<'_>| {
        found.number == 1
            && NodeProto::decode(found.content).is_ok_and(|node| node.output.iter().any(|name| name.starts_with(OWN)))
    };
    if graph.iter().any(ours) {
        return Err("it is a bundle's model already: name the published one".to_owned());
    }
    Ok(graph)
}

/// The value of a field that is a number.
fn last_number(field: &[u8]) -> u64 {
    field[1..].iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
}

fn input(value: ValueInfoProto) -> Result<(Role, String, ElementType), String> {
    let role = match value.name.as_str() {
        "input_ids" => Role::Ids,
        "attention_mask" => Role::Mask,
        "token_type_ids" => Role::Types,
        other => {
            return Err(format!(
                "it has an input `{other}`; known are `input_ids`, `attention_mask` and `token_type_ids`"
            ));
        }
    };
    match tensor(&value).map(|(element, _)| element) {
        Some(element @ (ElementType::Int64 | ElementType::Int32)) => Ok((role, value.name, element)),
        _ => Err(format!("its input `{}` takes no whole numbers of 32 or 64 bits", value.name)),
    }
}

/// The element type of a tensor, and its axes where they are fixed.
fn tensor(value: &ValueInfoProto) -> Option<(ElementType, Vec<Option<i64>>)> {
    let tensor = value.value_type.as_ref()?.tensor_type.as_ref()?;
    let element = ElementType::try_from(tensor.elem_type).ok()?;
    let axes = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    Some((element, axes.iter().map(|axis| axis.dim_value.filter(|size| *size > 0)).collect()))
}

struct Output {
    name: String,
    per_token: bool,
    width: usize,
}

/// The vector of the text itself where the model gives one by this name, else the first output with a vector per token.
fn chosen(outputs: &[ValueInfoProto]) -> Result<Output, String> {
    let usable = |value: &ValueInfoProto, axes: usize| match tensor(value) {
        Some((ElementType::Float, found)) if found.len() == axes => {
            let width = usize::try_from((*found.last()?)?).ok()?;
            Some(Output { name: value.name.clone(), per_token: axes == 3, width })
        }
        _ => None,
    };
    let whole = outputs.iter().filter(|value| value.name == "sentence_embedding").find_map(|value| usable(value, 2));
    whole.or_else(|| outputs.iter().find_map(|value| usable(value, 3))).ok_or_else(|| {
        let names = outputs.iter().map(|value| format!("`{}`", value.name)).collect::<Vec<_>>().join(", ");
        format!(
            "none of its outputs ({names}) is of 32-bit floats [batch, tokens, width] with a fixed width, or is named \
             `sentence_embedding`"
        )
    })
}
