//! Named tensors: what an engine takes and gives, and what inference protocols carry.

/// A dense, row-major tensor with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The name of the input or output.
    pub name: String,
    /// The size of each axis; the first is the batch.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: TensorData,
}

/// The elements of a tensor, in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats; NaN may stand for a missing value.
    F64(Vec<f64>),
    /// 64-bit signed integers.
    I64(Vec<i64>),
    /// Booleans.
    Bool(Vec<bool>),
    /// Byte strings, UTF-8 where they are text. `None` is a missing value, where the protocol has one.
    Text(Vec<Option<String>>),
}

impl TensorData {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
