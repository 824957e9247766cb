//! A constant of a model's bytes, read without running it: the vectors of words, which are more than answers.
//!
//! ONNX is protocol buffers; of them a walk needs to know little: a number says which field comes and how it ends. Field
//! numbers are those of `onnx.proto`: a model's graph is 7, a graph's constant 5, of which 1 are the sides, 2 the type
//! of its elements, 8 the name and 9 the elements.

use crate::Error;

/// 32-bit floats, in ONNX's numbering of types.
const FLOAT: u64 = 1;

/// The sides and the numbers of the constant of this name, which must be one of 32-bit floats.
///
/// # Errors
/// [`Error::Unreadable`] when the bytes are cut short, or no model; [`Error::Shape`] when there is no such constant.
pub fn constant(onnx: &[u8], name: &str) -> Result<(Vec<usize>, Vec<f32>), Error> {
    let broken = || Error::Unreadable("it ends in the middle of a field".to_owned());
    for graph in fields(onnx).filter(|field| field.as_ref().is_none_or(|field| field.number == 7)) {
        let Value::Bytes(graph) = graph.ok_or_else(broken)?.value else { continue };
        for tensor in fields(graph).filter(|field| field.as_ref().is_none_or(|field| field.number == 5)) {
            let Value::Bytes(tensor) = tensor.ok_or_else(broken)?.value else { continue };
            let tensor = Tensor::read(tensor).ok_or_else(broken)?;
            if tensor.name == name.as_bytes() {
                return tensor.numbers().ok_or_else(|| {
                    Error::Shape(format!("its constant `{name}` is not as many 32-bit floats as its sides say"))
                });
            }
        }
    }
    Err(Error::Shape(format!("it has no constant `{name}`")))
}

/// What of a constant is needed.
#[derive(Default)]
struct Tensor<'a> {
    sides: Vec<u64>,
    element: u64,
    name: &'a [u8],
    raw: &'a [u8],
}

impl<'a> Tensor<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut tensor = Self::default();
        for field in fields(bytes) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Number(side)) => tensor.sides.push(side),
                (1, Value::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        tensor.sides.push(number(&mut packed)?);
                    }
                }
                (2, Value::Number(element)) => tensor.element = element,
                (8, Value::Bytes(name)) => tensor.name = name,
                (9, Value::Bytes(raw)) => tensor.raw = raw,
                _ => {}
            }
        }
        Some(tensor)
    }

    fn numbers(&self) -> Option<(Vec<usize>, Vec<f32>)> {
        let sides: Vec<usize> = self.sides.iter().map(|side| usize::try_from(*side).ok()).collect::<Option<_>>()?;
        let count = sides.iter().try_fold(1_usize, |product, side| product.checked_mul(*side))?;
        if self.element != FLOAT || Some(self.raw.len()) != count.checked_mul(4) {
            return None;
        }
        Some((sides, self.raw.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }
}

struct Field<'a> {
    number: u64,
    value: Value<'a>,
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, in order; `None` and no more where it is cut short.
fn fields(bytes: &[u8]) -> impl Iterator<Item = Option<Field<'_>>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let tag = number(rest)?;
    let value = match tag & 7 {
        0 => Value::Number(number(rest)?),
        1 => Value::Bytes(take(rest, 8)?),
        2 => {
            let length = usize::try_from(number(rest)?).ok()?;
            Value::Bytes(take(rest, length)?)
        }
        5 => Value::Bytes(take(rest, 4)?),
        _ => return None,
    };
    Some(Field { number: tag >> 3, value })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// Seven bits a byte, the lowest first; the last byte is below 128.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model whose graph holds the constant `v` of 2 × 1 floats.
    fn model() -> Vec<u8> {
        let raw = [1.5_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat();
        let tensor = [&[0x08, 2, 0x08, 1, 0x10, 1, 0x42, 1, b'v', 0x4a, 8][..], &raw].concat();
        let graph = [&[0x12, 1, b'g', 0x2a, tensor.len() as u8][..], &tensor].concat();
        [&[0x08, 8, 0x3a, graph.len() as u8][..], &graph].concat()
    }

    #[test]
    fn a_constant_is_found_by_its_name() {
        assert_eq!(constant(&model(), "v").expect("it is there"), (vec![2, 1], vec![1.5, -2.0]));
        let missing = constant(&model(), "w").expect_err("it is not there").to_string();
        assert!(missing.contains("no constant `w`"), "{missing}");
    }

    #[test]
    fn a_model_that_is_cut_short_is_refused_wherever_it_ends() {
        let whole = model();
        for end in 0..whole.len() {
            assert!(constant(&whole[..end], "v").is_err(), "{end}");
        }
        let mut lying = whole;
        // The first byte of the tensor says that a side comes, the second how long it is.
        lying[9 + 1] = 3;
        assert!(constant(&lying, "v").is_err(), "three rows in the bytes of two");
    }
}
