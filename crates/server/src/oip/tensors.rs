//! Infer requests: JSON, or JSON followed by binary tensors, into named tensors.

use meuse_app::Error;
use meuse_core::tensor::Tensor;
use serde::Deserialize;
use serde_json::Value;

use super::binary::Binary;
use super::datatype::Datatype;

/// The body of an infer request, or its JSON part. Fields that we do not know belong to extensions and are ignored,
/// as the protocol says.
#[derive(Debug, Deserialize)]
pub(super) struct InferRequest {
    /// Comes back in the answer.
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) parameters: RequestParameters,
    inputs: Vec<InferInput>,
    /// The outputs that are wanted; none: all.
    #[serde(default)]
    pub(super) outputs: Vec<WantedOutput>,
}

/// Parameters of a request that we act on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RequestParameters {
    /// Whether outputs come as binary tensors unless they say otherwise.
    #[serde(default)]
    pub(super) binary_data_output: bool,
}

#[derive(Debug, Deserialize)]
struct InferInput {
    name: String,
    shape: Vec<i64>,
    datatype: String,
    #[serde(default)]
    parameters: InputParameters,
    #[serde(default)]
    data: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct InputParameters {
    #[serde(default)]
    binary_data_size: Option<usize>,
}

/// An output that is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct WantedOutput {
    /// Its name.
    pub(super) name: String,
    #[serde(default)]
    pub(super) parameters: OutputParameters,
}

/// Parameters of an output that we act on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OutputParameters {
    /// Whether it comes as a binary tensor.
    #[serde(default)]
    pub(super) binary_data: Option<bool>,
}

impl InferRequest {
    /// The inputs as tensors; `binary` is what follows the JSON.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the input, as in `inputs[2].data[5]`.
    pub(super) fn tensors(&self, mut binary: Binary<'_>) -> Result<Vec<Tensor>, Error> {
        let tensor = |(index, input): (usize, &InferInput)| input.tensor(&format!("inputs[{index}]"), &mut binary);
        let tensors = self.inputs.iter().enumerate().map(tensor).collect::<Result<_, _>>()?;
        binary.finish()?;
        Ok(tensors)
    }
}

impl InferInput {
    fn tensor(&self, field: &str, binary: &mut Binary<'_>) -> Result<Tensor, Error> {
        let datatype = Datatype::parse(&self.datatype, &format!("{field}.datatype"))?;
        let shape = self.shape(field)?;
        let elements = shape.iter().try_fold(1_usize, |product, axis| product.checked_mul(*axis));
        let elements = elements.ok_or_else(|| Error::invalid(format!("{field}.shape"), "is too large", "send less"))?;
        let data = match (self.parameters.binary_data_size, &self.data) {
            (Some(size), None) => datatype.read_bytes(binary.take(size, field)?, field)?,
            (None, Some(data)) => datatype.read_json(&flat(data, &shape, field)?, field)?,
            (Some(_), Some(_)) => {
                return Err(Error::invalid(field, "has both `data` and `binary_data_size`", "send one"));
            }
            (None, None) => return Err(Error::invalid(field, "has no `data`", "send the elements as a JSON array")),
        };
        if data.len() != elements {
            let reason = format!("holds {} elements, and the shape {shape:?} says {elements}", data.len());
            return Err(Error::invalid(format!("{field} (`{}`)", self.name), reason, "let them agree"));
        }
        Ok(Tensor { name: self.name.clone(), shape, data })
    }

    fn shape(&self, field: &str) -> Result<Vec<usize>, Error> {
        let axis = |axis: &i64| {
            usize::try_from(*axis).map_err(|_| {
                Error::invalid(
                    format!("{field}.shape"),
                    format!("{axis} is not a size"),
                    "write the sizes of this very tensor",
                )
            })
        };
        self.shape.iter().map(axis).collect()
    }
}

/// The elements of a JSON array that is flat, or nested as the shape says.
fn flat<'a>(data: &'a Value, shape: &[usize], field: &str) -> Result<Vec<&'a Value>, Error> {
    let Value::Array(cells) = data else {
        return Err(Error::invalid(format!("{field}.data"), "is not an array", "send the elements as a JSON array"));
    };
    if !cells.iter().any(Value::is_array) {
        return Ok(cells.iter().collect());
    }
    let mut elements = Vec::new();
    if nested(data, shape, &mut elements) {
        return Ok(elements);
    }
    let reason = format!("is not nested as the shape {shape:?} says");
    Err(Error::invalid(format!("{field}.data"), reason, "send a flat array, or one array per axis"))
}

fn nested<'a>(data: &'a Value, shape: &[usize], elements: &mut Vec<&'a Value>) -> bool {
    match (data, shape) {
        (Value::Array(cells), [axis, rest @ ..]) => {
            cells.len() == *axis && cells.iter().all(|cell| nested(cell, rest, elements))
        }
        (Value::Array(_), []) | (_, [_, ..]) => false,
        (element, []) => {
            elements.push(element);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meuse_core::tensor::TensorData;

    fn tensors(json: &str, binary: &[u8]) -> Result<Vec<Tensor>, String> {
        let request: InferRequest = crate::json::parse(json.as_bytes()).map_err(|error| error.to_string())?;
        request.tensors(Binary::new(binary)).map_err(|error| error.to_string())
    }

    fn one(input: &str) -> Result<TensorData, String> {
        tensors(&format!("{{\"inputs\":[{{\"name\":\"age\",{input}}}]}}"), b"")
            .map(|mut tensors| tensors.remove(0).data)
    }

    #[test]
    fn flat_and_nested_data_are_the_same() {
        let flat = one(r#""shape":[2,1],"datatype":"INT64","data":[35,20]"#);
        assert_eq!(flat, Ok(TensorData::I64(vec![35, 20])));
        assert_eq!(one(r#""shape":[2,1],"datatype":"INT64","data":[[35],[20]]"#), flat);
    }

    #[test]
    fn what_is_wrong_with_a_tensor_is_named() {
        let cases = [
            (
                r#""shape":[2],"datatype":"INT64","data":[1]"#,
                "inputs[0] (`age`): holds 1 elements, and the shape [2] says 2",
            ),
            (r#""shape":[2],"datatype":"INT64","data":[[1,2]]"#, "inputs[0].data: is not nested as the shape [2] says"),
            (r#""shape":[-1],"datatype":"INT64","data":[1]"#, "inputs[0].shape: -1 is not a size"),
            (r#""shape":[1],"datatype":"INT64","data":5"#, "inputs[0].data: is not an array"),
            (r#""shape":[1],"datatype":"INT64""#, "inputs[0]: has no `data`"),
            (r#""shape":[1],"datatype":"TEXT","data":["a"]"#, "inputs[0].datatype: \"TEXT\" is not a datatype"),
            (r#""shape":[9000000000,9000000000000],"datatype":"INT64","data":[1]"#, "inputs[0].shape: is too large"),
            (r#""shape":[1],"data":[1]"#, "inputs[0]: missing field `datatype`"),
        ];
        for (input, expected) in cases {
            let message = one(input).expect_err(expected);
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn binary_tensors_follow_the_json_in_order() {
        let json = r#"{"inputs":[
            {"name":"age","shape":[2],"datatype":"INT32","parameters":{"binary_data_size":8}},
            {"name":"sex","shape":[1],"datatype":"BYTES","data":["f"]},
            {"name":"housing","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":11}}]}"#;
        let bytes = [35, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0, b'o', b'w', b'n', 0, 0, 0, 0];
        let tensors = tensors(json, &bytes).expect("well formed");
        assert_eq!(tensors[0].data, TensorData::I64(vec![35, -1]));
        assert_eq!(tensors[2].data, TensorData::Text(vec![Some("own".into()), Some(String::new())]));
    }

    #[test]
    fn binary_data_that_does_not_add_up_is_refused() {
        let json = |size: usize| {
            let parameters = format!("{{\"binary_data_size\":{size}}}");
            format!(r#"{{"inputs":[{{"name":"a","shape":[1],"datatype":"FP64","parameters":{parameters}}}]}}"#)
        };
        let cases: [(usize, &[u8], &str); 4] = [
            (8, &[0; 7], "inputs[0]: announces 8 bytes of binary data, and 7 are left"),
            (8, &[0; 9], "body: 1 bytes follow the last binary tensor"),
            (7, &[0; 7], "inputs[0]: 7 bytes are not a whole number of FP64"),
            (16, &[0; 16], "inputs[0] (`a`): holds 2 elements, and the shape [1] says 1"),
        ];
        for (size, bytes, expected) in cases {
            let message = tensors(&json(size), bytes).expect_err(expected);
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
