//! Triton's extension for binary tensors: little-endian elements after the JSON, whose length a header tells.

use axum::http::{HeaderMap, HeaderName};
use meuse_app::Error;
use meuse_core::tensor::TensorData;

use super::datatype::{Datatype, Signed};

/// The header that tells how long the JSON is.
pub(super) const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// A body as its JSON and what follows it; all is JSON when the header is absent.
pub(super) fn split<'a>(body: &'a [u8], headers: &HeaderMap) -> Result<(&'a [u8], Binary<'a>), Error> {
    let Some(length) = headers.get(JSON_LENGTH) else { return Ok((body, Binary::new(b""))) };
    let length = length.to_str().ok().and_then(|text| text.trim().parse::<usize>().ok());
    let split = length.filter(|length| *length > 0).and_then(|length| body.split_at_checked(length));
    let (json, binary) = split.ok_or_else(|| {
        let reason = format!("is not the length of the JSON at the start of these {} bytes", body.len());
        Error::invalid("Inference-Header-Content-Length", reason, "send the JSON's length in bytes")
    })?;
    Ok((json, Binary::new(binary)))
}

/// Binary tensors that were not taken yet.
pub(super) struct Binary<'a>(&'a [u8]);

impl<'a> Binary<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next tensor's bytes.
    pub(super) fn take(&mut self, size: usize, field: &str) -> Result<&'a [u8], Error> {
        let (tensor, rest) = self.0.split_at_checked(size).ok_or_else(|| {
            let reason = format!("announces {size} bytes of binary data, and {} are left", self.0.len());
            Error::invalid(field, reason, "send all tensors after the JSON, in the order of `inputs`")
        })?;
        self.0 = rest;
        Ok(tensor)
    }

    /// Nothing may be left over.
    pub(super) fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let reason = format!("{} bytes follow the last binary tensor", self.0.len());
        Err(Error::invalid("body", reason, "give each input its `binary_data_size`"))
    }
}

impl Datatype {
    /// Elements from bytes; NaN is a missing number.
    pub(super) fn read_bytes(self, bytes: &[u8], field: &str) -> Result<TensorData, Error> {
        let uneven = || {
            let reason = format!("{} bytes are not a whole number of {}", bytes.len(), self.word());
            Error::invalid(field, reason, "let `binary_data_size` be elements × bytes of one")
        };
        let size = match self {
            Self::Bytes => return texts(bytes, field).map(TensorData::Text),
            Self::Bool => 1,
            Self::Integer(size, _) => size,
            Self::Fp16 | Self::Bf16 => 2,
            Self::Fp32 => 4,
            Self::Fp64 => 8,
        };
        if !bytes.len().is_multiple_of(size) {
            return Err(uneven());
        }
        let elements = bytes.chunks_exact(size);
        Ok(match self {
            Self::Bool => TensorData::Bool(elements.map(|element| element[0] != 0).collect()),
            Self::Integer(_, signed) => {
                let numbers = elements.map(|element| integer(element, signed)).collect::<Option<_>>();
                TensorData::I64(numbers.ok_or_else(|| {
                    let reason = format!("holds a number above {}", i64::MAX);
                    Error::invalid(field, reason, "send it as FP64")
                })?)
            }
            Self::Fp32 => TensorData::F32(elements.map(|element| f32::from_bits(unsigned(element) as u32)).collect()),
            Self::Bf16 => {
                TensorData::F32(elements.map(|element| f32::from_bits((unsigned(element) as u32) << 16)).collect())
            }
            Self::Fp16 => TensorData::F32(elements.map(|element| half(unsigned(element) as u16)).collect()),
            Self::Fp64 | Self::Bytes => {
                TensorData::F64(elements.map(|element| f64::from_bits(unsigned(element))).collect())
            }
        })
    }
}

fn unsigned(element: &[u8]) -> u64 {
    element.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// `None` for an unsigned number that 64 signed bits do not hold.
fn integer(element: &[u8], signed: Signed) -> Option<i64> {
    let unused = 64 - 8 * element.len() as u32;
    let number = unsigned(element);
    if signed == Signed::Yes { Some(((number << unused) as i64) >> unused) } else { i64::try_from(number).ok() }
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10) & 0x1f, f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    }
}

fn texts(mut bytes: &[u8], field: &str) -> Result<Vec<Option<String>>, Error> {
    let mut texts = Vec::new();
    while !bytes.is_empty() {
        let cut_short = || {
            let reason = format!("element {} of its BYTES is cut short", texts.len());
            Error::invalid(field, reason, "each element is its length in four bytes, little-endian, and its bytes")
        };
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(cut_short)?;
        let text = std::str::from_utf8(text).map_err(|_| {
            Error::invalid(field, format!("element {} of its BYTES is not UTF-8", texts.len()), "send text as UTF-8")
        })?;
        texts.push(Some(text.to_owned()));
        bytes = rest;
    }
    Ok(texts)
}

/// The bytes of a tensor that goes out.
pub(super) fn to_bytes(data: &TensorData) -> Vec<u8> {
    match data {
        TensorData::F32(cells) => cells.iter().flat_map(|cell| cell.to_le_bytes()).collect(),
        TensorData::F64(cells) => cells.iter().flat_map(|cell| cell.to_le_bytes()).collect(),
        TensorData::I64(cells) => cells.iter().flat_map(|cell| cell.to_le_bytes()).collect(),
        TensorData::Bool(cells) => cells.iter().map(|cell| u8::from(*cell)).collect(),
        TensorData::Text(cells) => {
            let element = |cell: &Option<String>| {
                let text = cell.as_deref().unwrap_or_default();
                [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
            };
            cells.iter().flat_map(element).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_as_ieee_754_says() {
        let cases =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (0x0001, 5.960_464_5e-8), (0x7c00, f32::INFINITY)];
        for (bits, expected) in cases {
            assert_eq!(half(bits), expected, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn what_goes_out_comes_back() {
        let cases = [
            ("FP64", TensorData::F64(vec![0.1, -2.0])),
            ("FP32", TensorData::F32(vec![0.5])),
            ("INT64", TensorData::I64(vec![-1, i64::MAX])),
            ("BOOL", TensorData::Bool(vec![true, false])),
            ("BYTES", TensorData::Text(vec![Some("good".into()), Some("不良".into())])),
        ];
        for (word, data) in cases {
            let datatype = Datatype::parse(word, "").expect(word);
            assert_eq!(datatype.read_bytes(&to_bytes(&data), "").as_ref(), Ok(&data), "{word}");
        }
    }
}
