//! The protocol's datatypes, and elements in JSON and in bytes.

use meuse_app::Error;
use meuse_core::tensor::TensorData;
use serde_json::Value;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datatype {
    Bool,
    /// Bytes of an element, and whether it has a sign.
    Integer(usize, Signed),
    Fp16,
    Bf16,
    Fp32,
    Fp64,
    Bytes,
}

/// Whether integers have a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    Yes,
    No,
}

const ALL: [(&str, Datatype); 14] = [
    ("BOOL", Datatype::Bool),
    ("INT8", Datatype::Integer(1, Signed::Yes)),
    ("INT16", Datatype::Integer(2, Signed::Yes)),
    ("INT32", Datatype::Integer(4, Signed::Yes)),
    ("INT64", Datatype::Integer(8, Signed::Yes)),
    ("UINT8", Datatype::Integer(1, Signed::No)),
    ("UINT16", Datatype::Integer(2, Signed::No)),
    ("UINT32", Datatype::Integer(4, Signed::No)),
    ("UINT64", Datatype::Integer(8, Signed::No)),
    ("FP16", Datatype::Fp16),
    ("BF16", Datatype::Bf16),
    ("FP32", Datatype::Fp32),
    ("FP64", Datatype::Fp64),
    ("BYTES", Datatype::Bytes),
];

impl Datatype {
    /// The datatype of this word; `field` is named when there is none.
    pub(super) fn parse(word: &str, field: &str) -> Result<Self, Error> {
        let found = ALL.iter().find(|(name, _)| *name == word).map(|(_, datatype)| *datatype);
        found.ok_or_else(|| {
            let known = ALL.map(|(name, _)| name).join(", ");
            Error::invalid(field, format!("\"{word}\" is not a datatype"), format!("known: {known}"))
        })
    }

    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        ALL.iter().find(|(_, datatype)| *datatype == self).map_or("BYTES", |(name, _)| name)
    }

    /// Elements from JSON; null is a missing value. Integers and booleans with a missing value among them become
    /// floats with NaN, since their own types have no word for it.
    pub(super) fn read_json(self, cells: &[&Value], field: &str) -> Result<TensorData, Error> {
        let wrong = |index: usize| {
            let reason = format!("{} is not {}", cells[index], self.expected());
            Error::invalid(format!("{field}.data[{index}]"), reason, "null is a missing value")
        };
        if self == Self::Bytes {
            return texts(cells).map(TensorData::Text).map_err(wrong);
        }
        let has_missing = cells.iter().any(|cell| cell.is_null());
        match self {
            Self::Bool if !has_missing => each(cells, Value::as_bool).map(TensorData::Bool).map_err(wrong),
            Self::Integer(..) if !has_missing => {
                each(cells, |cell| self.integer(cell)).map(TensorData::I64).map_err(wrong)
            }
            Self::Fp32 => each(cells, |cell| self.number(cell).map(|x| x as f32)).map(TensorData::F32).map_err(wrong),
            _ => each(cells, |cell| self.number(cell)).map(TensorData::F64).map_err(wrong),
        }
    }

    fn number(self, cell: &Value) -> Option<f64> {
        match (self, cell) {
            (_, Value::Null) => Some(f64::NAN),
            (Self::Bool, cell) => cell.as_bool().map(f64::from),
            (Self::Integer(..), cell) => self.integer(cell).map(|integer| integer as f64),
            (_, cell) => cell.as_f64(),
        }
    }

    /// The whole number, when it fits; `3.0` is one.
    fn integer(self, cell: &Value) -> Option<i64> {
        let Self::Integer(bytes, signed) = self else { return None };
        let fraction_free = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
        let integer = cell.as_i64().or_else(|| cell.as_f64().and_then(fraction_free))?;
        let bits = bytes as u32 * 8;
        let fits = match signed {
            Signed::Yes => bits == 64 || (-(1_i64 << (bits - 1))..1 << (bits - 1)).contains(&integer),
            Signed::No => integer >= 0 && (bits == 64 || integer < 1 << bits),
        };
        fits.then_some(integer)
    }

    fn expected(self) -> String {
        match self {
            Self::Bytes => "a string, and BYTES in JSON are strings".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer(..) => format!("a whole number of {}", self.word()),
            _ => "a number".to_owned(),
        }
    }
}

fn each<T>(cells: &[&Value], read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, usize> {
    cells.iter().enumerate().map(|(index, cell)| read(cell).ok_or(index)).collect()
}

fn texts(cells: &[&Value]) -> Result<Vec<Option<String>>, usize> {
    each(cells, |cell| match cell {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.clone())),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(word: &str, cells: &Value) -> Result<TensorData, String> {
        let datatype = Datatype::parse(word, "datatype").expect(word);
        let cells: Vec<&Value> = cells.as_array().expect("an array").iter().collect();
        datatype.read_json(&cells, "inputs[0]").map_err(|error| error.to_string())
    }

    #[test]
    fn elements_are_read_by_their_datatype() {
        assert_eq!(read("INT64", &json!([1, -2, 3.0])), Ok(TensorData::I64(vec![1, -2, 3])));
        assert_eq!(read("UINT8", &json!([255])), Ok(TensorData::I64(vec![255])));
        assert_eq!(read("FP32", &json!([0.1])), Ok(TensorData::F32(vec![0.1])));
        assert_eq!(read("FP64", &json!([0.1, 2])), Ok(TensorData::F64(vec![0.1, 2.0])));
        assert_eq!(read("BOOL", &json!([true])), Ok(TensorData::Bool(vec![true])));
        assert_eq!(read("BYTES", &json!(["a", null])), Ok(TensorData::Text(vec![Some("a".into()), None])));
    }

    #[test]
    fn null_is_missing_whatever_the_datatype() {
        for word in ["INT64", "BOOL", "FP64", "FP16"] {
            let Ok(TensorData::F64(cells)) = read(word, &json!([null])) else { panic!("{word} did not become floats") };
            assert!(cells[0].is_nan());
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let cases = [
            ("INT64", json!([1, "abc"]), "inputs[0].data[1]: \"abc\" is not a whole number of INT64"),
            ("INT64", json!([1.5]), "inputs[0].data[0]: 1.5 is not a whole number of INT64"),
            ("INT8", json!([128]), "inputs[0].data[0]: 128 is not a whole number of INT8"),
            ("UINT32", json!([-1]), "inputs[0].data[0]: -1 is not a whole number of UINT32"),
            ("FP64", json!([true]), "inputs[0].data[0]: true is not a number"),
            ("BOOL", json!([1]), "inputs[0].data[0]: 1 is not true or false"),
            ("BYTES", json!([5]), "inputs[0].data[0]: 5 is not a string, and BYTES in JSON are strings"),
        ];
        for (word, cells, expected) in cases {
            assert_eq!(read(word, &cells), Err(expected.to_owned()));
        }
        let unknown = Datatype::parse("STRING", "inputs[0].datatype").expect_err("not a datatype");
        assert!(unknown.to_string().starts_with("inputs[0].datatype: \"STRING\" is not a datatype"));
    }
}
