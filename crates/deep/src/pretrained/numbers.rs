//! Where the numbers of a tensor lie in a file, and what they are as 32-bit floats.

/// How a number is written, always with its lowest byte first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F64,
    F32,
    F16,
    Bf16,
    /// A whole number of so many bytes, as counters are; no weight is one.
    Whole(usize),
}

impl Kind {
    /// Bytes of a number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Whole(size) => size,
        }
    }

    /// The number at the start of these bytes; nothing when they are too few, or of a whole number.
    fn number(self, bytes: &[u8]) -> Option<f32> {
        match self {
            Self::F64 => bytes.first_chunk().map(|bytes| f64::from_le_bytes(*bytes) as f32),
            Self::F32 => bytes.first_chunk().map(|bytes| f32::from_le_bytes(*bytes)),
            Self::F16 => bytes.first_chunk().map(|bytes| half(u16::from_le_bytes(*bytes))),
            Self::Bf16 => bytes.first_chunk().map(|bytes| f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16)),
            Self::Whole(_) => None,
        }
    }
}

/// A float of one bit for the sign, five for the exponent and ten for the fraction.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
    };
    sign * size
}

/// Where a tensor lies: checked when it is made, so that reading it finds every number.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) shape: Vec<usize>,
    strides: Vec<usize>,
    /// The byte of the first number.
    start: usize,
}

/// A run of numbers in a file, of which tensors are views.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) kind: Kind,
    /// Its first byte, and how many numbers it has; they lie within the file.
    pub(super) start: usize,
    pub(super) count: usize,
}

/// The most sides of a tensor.
const MOST_SIDES: usize = 16;

impl Place {
    /// The tensor of this shape that begins `offset` numbers into the run.
    pub(super) fn within(run: Run, offset: usize, shape: Vec<usize>, strides: Vec<usize>) -> Result<Self, String> {
        if shape.len() != strides.len() || shape.len() > MOST_SIDES {
            return Err("has sides and strides that do not fit each other".into());
        }
        let count = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
        // One that repeats a few numbers over and over is no weight, and could be made to fill any memory.
        if count.is_none_or(|count| count > run.count) {
            return Err(format!("is larger than the {} numbers that it is a view of", run.count));
        }
        let furthest = shape.iter().zip(&strides).try_fold(offset, |furthest, (side, stride)| {
            furthest.checked_add(side.saturating_sub(1).checked_mul(*stride)?)
        });
        let within = count == Some(0) || furthest.is_some_and(|furthest| furthest < run.count);
        let start = offset.checked_mul(run.kind.size()).and_then(|bytes| bytes.checked_add(run.start));
        match start {
            Some(start) if within => Ok(Self { kind: run.kind, shape, strides, start }),
            _ => Err(format!("lies beyond the {} numbers that it is a view of", run.count)),
        }
    }

    /// The tensor that is a whole run, row after row.
    pub(super) fn whole(run: Run, shape: Vec<usize>) -> Result<Self, String> {
        let mut strides = vec![1; shape.len()];
        for side in (1..shape.len()).rev() {
            strides[side - 1] = shape[side].saturating_mul(strides[side]);
        }
        let count = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
        if count != Some(run.count) {
            return Err(format!("has {} numbers, which is not its shape", run.count));
        }
        Self::within(run, 0, shape, strides)
    }

    /// Its numbers, row after row.
    pub(super) fn numbers(&self, bytes: &[u8]) -> Result<Vec<f32>, String> {
        if let Kind::Whole(size) = self.kind {
            return Err(format!("holds whole numbers of {size} bytes, and floats are wanted"));
        }
        let mut places = vec![0_usize];
        for (side, stride) in self.shape.iter().zip(&self.strides) {
            places = places.iter().flat_map(|place| (0..*side).map(move |index| place + index * stride)).collect();
        }
        let size = self.kind.size();
        let number = |place: &usize| bytes.get(self.start + place * size..).and_then(|bytes| self.kind.number(bytes));
        let numbers: Option<Vec<f32>> = places.iter().map(number).collect();
        numbers.ok_or_else(|| "lies beyond the end of the file".into())
    }
}
