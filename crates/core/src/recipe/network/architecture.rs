//! What the published backbones are made of, as ordinary layers under the names of their publishers.
//!
//! Sources: torchvision's `mobilenet_v2` and `resnet50` (with the stride in the 3 × 3 convolution), and
//! `efficientnet-lite0` of the package efficientnet-lite-pytorch. A part is called as the module that holds its
//! weights, so a parameter's name is the layer's, a point, and the published one. No classifier is here, and neither is
//! the stochastic depth with which EfficientNet was trained.

use super::backbone::Architecture;
use super::layer::{Activation, ActivationLayer, BatchNorm, Conv2d, DepthwiseConv2d, LayerKind, Padding, Pair, Pool2d};

/// One layer of a backbone.
pub(super) struct Step {
    /// Its published name, or one like it where it has no weights.
    pub(super) path: String,
    pub(super) kind: LayerKind,
    /// The values that it reads: 0 is the backbone's input, n the output of the n-th step.
    pub(super) from: Vec<usize>,
    /// The block that it belongs to, from 0.
    pub(super) block: u32,
}

/// The layers of a backbone, each after those that it reads; the last one's output is the last feature map.
pub(super) fn steps(architecture: Architecture) -> Vec<Step> {
    match architecture {
        Architecture::MobilenetV2 => mobilenet_v2(),
        Architecture::Resnet50 => resnet50(),
        Architecture::EfficientnetLite0 => efficientnet_lite0(),
    }
}

/// Stages of inverted residuals: expansion, filters, repeats, stride and kernel.
type Stage = (u32, u32, u32, u32, u32);

const MOBILENET_V2: [Stage; 7] = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 32, 3, 2, 3),
    (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3),
    (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
];

const EFFICIENTNET_LITE0: [Stage; 7] = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
];

fn mobilenet_v2() -> Vec<Step> {
    let mut plan = Plan::new(Padding::Half, PYTORCH, Activation::Relu6);
    let mut value = plan.rectified(["features.0.0", "features.0.1"], Convolution::of(32, 3, 2), 0);
    let mut channels = 32;
    for (expansion, filters, stride) in repeated(&MOBILENET_V2).map(|(stage, stride)| (stage.0, stage.1, stride)) {
        plan.block += 1;
        let name = format!("features.{}.conv", plan.block);
        let (wide, mut inner, mut part) = (channels * expansion, value, 0);
        if expansion != 1 {
            let names = [format!("{name}.0.0"), format!("{name}.0.1")];
            inner = plan.rectified(of(&names), Convolution::of(wide, 1, 1), inner);
            part += 1;
        }
        let names = [format!("{name}.{part}.0"), format!("{name}.{part}.1")];
        inner = plan.rectified(of(&names), Convolution::depthwise(3, stride), inner);
        let names = [format!("{name}.{}", part + 1), format!("{name}.{}", part + 2)];
        inner = plan.normed(of(&names), Convolution::of(filters, 1, 1), inner);
        let residual = stride == 1 && channels == filters;
        value = if residual { plan.sum(&format!("features.{}.add", plan.block), [value, inner]) } else { inner };
        channels = filters;
    }
    plan.block += 1;
    plan.rectified(["features.18.0", "features.18.1"], Convolution::of(1280, 1, 1), value);
    plan.steps
}

fn efficientnet_lite0() -> Vec<Step> {
    let mut plan = Plan::new(Padding::Same, TENSORFLOW, Activation::Relu6);
    let mut value = plan.rectified(["_conv_stem", "_bn0"], Convolution::of(32, 3, 2), 0);
    let mut channels = 32;
    for (stage, stride) in repeated(&EFFICIENTNET_LITE0) {
        let (expansion, filters, _, _, kernel) = *stage;
        let name = format!("_blocks.{}", plan.block);
        plan.block += 1;
        let mut inner = value;
        if expansion != 1 {
            let names = [format!("{name}._expand_conv"), format!("{name}._bn0")];
            inner = plan.rectified(of(&names), Convolution::of(channels * expansion, 1, 1), inner);
        }
        let names = [format!("{name}._depthwise_conv"), format!("{name}._bn1")];
        inner = plan.rectified(of(&names), Convolution::depthwise(kernel, stride), inner);
        let names = [format!("{name}._project_conv"), format!("{name}._bn2")];
        inner = plan.normed(of(&names), Convolution::of(filters, 1, 1), inner);
        let residual = stride == 1 && channels == filters;
        value = if residual { plan.sum(&format!("{name}.add"), [value, inner]) } else { inner };
        channels = filters;
    }
    plan.block += 1;
    plan.rectified(["_conv_head", "_bn1"], Convolution::of(1280, 1, 1), value);
    plan.steps
}

fn resnet50() -> Vec<Step> {
    let mut plan = Plan::new(Padding::Half, PYTORCH, Activation::Relu);
    let mut value = plan.rectified(["conv1", "bn1"], Convolution::of(64, 7, 2), 0);
    let pool = Pool2d { size: Pair::Both(3), stride: Some(Pair::Both(2)), padding: Padding::Half };
    value = plan.add("maxpool".into(), LayerKind::MaxPool2d(pool), vec![value]);
    for (layer, (width, repeats)) in [(64, 3), (128, 4), (256, 6), (512, 3)].into_iter().enumerate() {
        for block in 0..repeats {
            plan.block += 1;
            let stride = if layer > 0 && block == 0 { 2 } else { 1 };
            let name = format!("layer{}.{block}", layer + 1);
            let names = |number: u32| [format!("{name}.conv{number}"), format!("{name}.bn{number}")];
            let mut inner = plan.rectified(of(&names(1)), Convolution::of(width, 1, 1), value);
            inner = plan.rectified(of(&names(2)), Convolution::of(width, 3, stride), inner);
            inner = plan.normed(of(&names(3)), Convolution::of(4 * width, 1, 1), inner);
            if block == 0 {
                let names = [format!("{name}.downsample.0"), format!("{name}.downsample.1")];
                value = plan.normed(of(&names), Convolution::of(4 * width, 1, stride), value);
            }
            let sum = plan.sum(&format!("{name}.add"), [value, inner]);
            value = plan.rectify(&name, sum);
        }
    }
    plan.steps
}

/// Each block of these stages with its stride: only the first of a stage has the stage's.
fn repeated(stages: &[Stage]) -> impl Iterator<Item = (&Stage, u32)> {
    stages.iter().flat_map(|stage| (0..stage.2).map(move |repeat| (stage, if repeat == 0 { stage.3 } else { 1 })))
}

fn of(names: &[String; 2]) -> [&str; 2] {
    [&names[0], &names[1]]
}

/// What PyTorch's batch norms are by themselves.
const PYTORCH: BatchNorm = BatchNorm { momentum: 0.9, epsilon: 1e-5 };
/// What those of EfficientNet are, which comes from TensorFlow.
const TENSORFLOW: BatchNorm = BatchNorm { momentum: 0.99, epsilon: 1e-3 };

/// A convolution without a bias; as many filters as channels, each of one channel, where `filters` is absent.
struct Convolution {
    filters: Option<u32>,
    kernel: u32,
    stride: u32,
}

impl Convolution {
    fn of(filters: u32, kernel: u32, stride: u32) -> Self {
        Self { filters: Some(filters), kernel, stride }
    }

    fn depthwise(kernel: u32, stride: u32) -> Self {
        Self { filters: None, kernel, stride }
    }

    fn kind(&self, padding: Padding) -> LayerKind {
        let (kernel, stride) = (Pair::Both(self.kernel), Pair::Both(self.stride));
        let (activation, bias, init) = (Activation::Linear, false, None);
        let Some(filters) = self.filters else {
            let multiplier = 1;
            let conv = DepthwiseConv2d { kernel, stride, padding, multiplier, activation, bias, init };
            return LayerKind::DepthwiseConv2d(conv);
        };
        LayerKind::Conv2d(Conv2d { filters, kernel, stride, padding, groups: 1, activation, bias, init })
    }
}

/// A backbone that grows layer by layer.
struct Plan {
    padding: Padding,
    norm: BatchNorm,
    function: Activation,
    block: u32,
    steps: Vec<Step>,
}

impl Plan {
    fn new(padding: Padding, norm: BatchNorm, function: Activation) -> Self {
        Self { padding, norm, function, block: 0, steps: Vec::new() }
    }

    /// Adds a layer, and gives the number of its output.
    fn add(&mut self, path: String, kind: LayerKind, from: Vec<usize>) -> usize {
        self.steps.push(Step { path, kind, from, block: self.block });
        self.steps.len()
    }

    /// A convolution and its batch norm, under these names.
    fn normed(&mut self, [convolution, norm]: [&str; 2], of: Convolution, from: usize) -> usize {
        let value = self.add(convolution.to_owned(), of.kind(self.padding), vec![from]);
        self.add(norm.to_owned(), LayerKind::BatchNorm(self.norm.clone()), vec![value])
    }

    /// The same, and the backbone's function after it.
    fn rectified(&mut self, names: [&str; 2], of: Convolution, from: usize) -> usize {
        let value = self.normed(names, of, from);
        self.rectify(names[1], value)
    }

    fn rectify(&mut self, name: &str, from: usize) -> usize {
        let kind = LayerKind::Activation(ActivationLayer { function: self.function });
        self.add(format!("{name}.relu"), kind, vec![from])
    }

    fn sum(&mut self, path: &str, from: [usize; 2]) -> usize {
        self.add(path.to_owned(), LayerKind::Add, from.to_vec())
    }
}
