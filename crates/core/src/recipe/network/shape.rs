//! What a layer makes of a shape, or why it cannot.

use super::layer::{LayerKind, Padding};

/// A shape in words, as in `32 × 13 × 13`.
pub fn shown(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ")
}

/// What stands on the way into a layer: a shape, and whether its values are ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given<'a> {
    pub(super) shape: &'a [usize],
    pub(super) ids: bool,
}

/// What a layer wants instead, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) wants: String,
    pub(super) hint: String,
}

fn wanted<T>(wants: impl Into<String>, hint: impl Into<String>) -> Result<T, Wanted> {
    Err(Wanted { wants: wants.into(), hint: hint.into() })
}

/// How windows lie along one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Places of a window.
    pub kernel: usize,
    /// Places from one window to the next.
    pub stride: usize,
    /// Places added before the first.
    pub before: usize,
    /// Places added after the last.
    pub after: usize,
    /// Number of windows.
    pub count: usize,
}

impl Window {
    /// Windows along a side of `length` places; absent when not one fits.
    pub fn along(length: usize, kernel: usize, stride: usize, padding: Padding) -> Option<Self> {
        let (before, after) = match padding {
            Padding::Valid => (0, 0),
            Padding::Half => (kernel.saturating_sub(1) / 2, kernel.saturating_sub(1) / 2),
            Padding::Same => {
                let count = length.div_ceil(stride.max(1));
                let needed = (count.saturating_sub(1) * stride + kernel).saturating_sub(length);
                (needed / 2, needed - needed / 2)
            }
        };
        let padded = length + before + after;
        if kernel == 0 || stride == 0 || padded < kernel {
            return None;
        }
        Some(Self { kernel, stride, before, after, count: (padded - kernel) / stride + 1 })
    }
}

/// The shape that a layer of one input makes.
pub(super) fn after(kind: &LayerKind, given: &Given) -> Result<Vec<usize>, Wanted> {
    if given.ids != matches!(kind, LayerKind::Embedding(_)) && !matches!(kind, LayerKind::Flatten) {
        return if given.ids {
            wanted("numbers, not ids", "put an embedding before it")
        } else {
            wanted("ids, not numbers", "an embedding stands right after an input of ids")
        };
    }
    let shape = given.shape;
    match kind {
        LayerKind::Dense(dense) => match shape {
            [_] => Ok(vec![dense.units as usize]),
            [steps, _] => Ok(vec![*steps, dense.units as usize]),
            _ => wanted("a vector or a sequence", "put `flatten` or `global_average_pool` before it"),
        },
        LayerKind::Conv1d(conv) => {
            let [steps, _] = sequence(shape)?;
            let count = along(steps, conv.kernel, conv.stride, conv.padding)?;
            Ok(vec![count, conv.filters as usize])
        }
        LayerKind::Conv2d(conv) => {
            let [channels, height, width] = picture(shape)?;
            let groups = conv.groups as usize;
            if groups == 0 || channels % groups != 0 || !(conv.filters as usize).is_multiple_of(groups) {
                return wanted(
                    format!("channels and filters that {groups} groups divide"),
                    format!("{channels} channels and {} filters are given", conv.filters),
                );
            }
            let [height, width] = places([height, width], conv.kernel.sides(), conv.stride.sides(), conv.padding)?;
            Ok(vec![conv.filters as usize, height, width])
        }
        LayerKind::DepthwiseConv2d(conv) => {
            let [channels, height, width] = picture(shape)?;
            let [height, width] = places([height, width], conv.kernel.sides(), conv.stride.sides(), conv.padding)?;
            Ok(vec![channels * conv.multiplier as usize, height, width])
        }
        LayerKind::MaxPool1d(pool) | LayerKind::AveragePool1d(pool) => {
            let [steps, features] = sequence(shape)?;
            Ok(vec![along(steps, pool.size, pool.stride.unwrap_or(pool.size), Padding::Valid)?, features])
        }
        LayerKind::MaxPool2d(pool) | LayerKind::AveragePool2d(pool) => {
            let [channels, height, width] = picture(shape)?;
            let stride = pool.stride.unwrap_or(pool.size).sides();
            let [height, width] = places([height, width], pool.size.sides(), stride, pool.padding)?;
            Ok(vec![channels, height, width])
        }
        LayerKind::GlobalAveragePool | LayerKind::GlobalMaxPool => match shape {
            [channels, _, _] => Ok(vec![*channels]),
            [_, features] => Ok(vec![*features]),
            _ => wanted("a picture or a sequence", "remove it: there is nothing to pool over"),
        },
        LayerKind::Embedding(embedding) => match shape {
            [steps] => Ok(vec![*steps, embedding.size as usize]),
            _ => wanted("a sequence of ids", "give the input the shape [steps]"),
        },
        LayerKind::PositionEmbedding => sequence(shape).map(|shape| shape.to_vec()),
        LayerKind::Lstm(layer) | LayerKind::Gru(layer) => {
            let [steps, _] = sequence(shape)?;
            let width = layer.units as usize * if layer.bidirectional { 2 } else { 1 };
            Ok(if layer.return_sequences { vec![steps, width] } else { vec![width] })
        }
        LayerKind::Attention(layer) => heads(shape, layer.heads),
        LayerKind::TransformerEncoder(layer) => heads(shape, layer.heads),
        LayerKind::Flatten => Ok(vec![shape.iter().product()]),
        LayerKind::Backbone(_) => match picture(shape)? {
            [3, _, _] => Ok(shape.to_vec()),
            _ => wanted(
                "a picture of 3 channels (red, green, blue)",
                "read the pictures in colour; grey ones are colour pictures too, with three equal channels",
            ),
        },
        LayerKind::BatchNorm(_)
        | LayerKind::LayerNorm(_)
        | LayerKind::Dropout(_)
        | LayerKind::Activation(_)
        | LayerKind::Add
        | LayerKind::Concatenate => Ok(shape.to_vec()),
    }
}

/// The shape that `add` or `concatenate` makes of several.
pub(super) fn merged(kind: &LayerKind, given: &[Given]) -> Result<Vec<usize>, Wanted> {
    let [first, others @ ..] = given else { return wanted("layers to merge", "name them in `from`") };
    if others.is_empty() {
        return wanted("at least two layers", "name them in `from`, as in from = [\"a\", \"b\"]");
    }
    if given.iter().any(|given| given.ids) {
        return wanted("numbers, not ids", "put an embedding before it");
    }
    if matches!(kind, LayerKind::Add) {
        if others.iter().any(|other| other.shape != first.shape) {
            return wanted(
                "layers of one shape",
                "bring them to one shape, as by a 1 × 1 convolution or a dense layer",
            );
        }
        return Ok(first.shape.to_vec());
    }
    // The channels of pictures; the last axis of anything else.
    let axis = if first.shape.len() == 3 { 0 } else { first.shape.len() - 1 };
    let mut shape = first.shape.to_vec();
    for other in others {
        let fits = other.shape.len() == shape.len()
            && (0..shape.len()).all(|side| side == axis || other.shape[side] == shape[side]);
        if !fits {
            return wanted(
                "layers that differ in one axis only: the channels of pictures, else the last axis",
                "bring them to one size, as by pooling",
            );
        }
        shape[axis] += other.shape[axis];
    }
    Ok(shape)
}

fn sequence(shape: &[usize]) -> Result<[usize; 2], Wanted> {
    let hint = match shape.len() {
        1 => "set `return_sequences = true` on the recurrent layer before it",
        _ => "use its 2d relative for pictures",
    };
    shape.try_into().or_else(|_| wanted("a sequence (steps × features)", hint))
}

fn picture(shape: &[usize]) -> Result<[usize; 3], Wanted> {
    let hint = "give the input the shape [channels, height, width]; after `flatten` there is no picture left";
    shape.try_into().or_else(|_| wanted("a picture (channels × height × width)", hint))
}

fn along(length: usize, kernel: u32, stride: u32, padding: Padding) -> Result<usize, Wanted> {
    match Window::along(length, kernel as usize, stride as usize, padding) {
        Some(window) => Ok(window.count),
        None => wanted(format!("at least {kernel} steps"), "use a smaller window, less pooling before it, or `same`"),
    }
}

fn places(given: [usize; 2], kernel: [usize; 2], stride: [usize; 2], padding: Padding) -> Result<[usize; 2], Wanted> {
    if kernel.contains(&0) || stride.contains(&0) {
        return wanted("a window and a stride of at least 1", "write whole numbers from 1");
    }
    let window = |side: usize| Window::along(given[side], kernel[side], stride[side], padding);
    match (window(0), window(1)) {
        (Some(height), Some(width)) => Ok([height.count, width.count]),
        _ => wanted(
            format!("at least {} × {} places for its window", kernel[0], kernel[1]),
            "use larger pictures, a smaller window, less pooling before it, or padding = \"same\"",
        ),
    }
}

fn heads(shape: &[usize], heads: u32) -> Result<Vec<usize>, Wanted> {
    let [steps, features] = sequence(shape)?;
    if heads == 0 || features % heads as usize != 0 {
        return wanted(
            format!("features that {heads} heads divide"),
            "change `heads`, or the width of the layer before",
        );
    }
    Ok(vec![steps, features])
}
