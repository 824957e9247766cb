//! A pretrained backbone as one layer of a recipe: [`Backbone`], what the graph keeps of it, and what training changes.
//!
//! The graph expands it into ordinary layers ([`super::architecture`]). Nothing is read here: the crate `deep` takes the
//! values out of the file that is named, by their published names.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::architecture::{Step, steps};
use super::graph::{Builder, Graph};
use super::parameters::Parameter;

/// A convolutional network that was trained on many pictures, without its classifier: three channels in, the last
/// feature map out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backbone {
    /// Which network.
    pub architecture: Architecture,
    /// A file in the server's folder of pretrained weights, `.safetensors` or `.pth`, under the published names. Default:
    /// none, so that it begins by chance like any other layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// The file's SHA-256, in 64 hexadecimal digits; another file is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What training changes of it: `"none"`, `"all"`, or so many blocks at its end. Frozen blocks get no gradient, and
    /// their batch norms use and keep their running statistics in training too. Default: `"none"` with `weights`,
    /// `"all"` without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trainable: Option<Trainable>,
}

/// A published network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// torchvision's MobileNetV2: 1280 channels, 19 blocks, 2.2 million parameters.
    MobilenetV2,
    /// torchvision's ResNet-50: 2048 channels, 17 blocks, 23.5 million parameters.
    Resnet50,
    /// EfficientNet-Lite0 of efficientnet-lite-pytorch: 1280 channels, 18 blocks, 3.4 million parameters.
    EfficientnetLite0,
}

impl Architecture {
    /// The word that a recipe writes.
    pub fn word(self) -> &'static str {
        match self {
            Self::MobilenetV2 => "mobilenet_v2",
            Self::Resnet50 => "resnet50",
            Self::EfficientnetLite0 => "efficientnet_lite0",
        }
    }
}

/// What training changes of a backbone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Trainable {
    /// All of it, or nothing.
    Whole(Whole),
    /// So many blocks at its end; the first convolution counts as one, and so does the last.
    Last(u32),
}

/// All or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Whole {
    /// Nothing.
    None,
    /// Everything.
    All,
}

/// What training changes of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Learns {
    /// Its parameters by gradients, and a batch norm's running statistics by what it sees.
    #[default]
    All,
    /// Its parameters only: a batch norm uses and keeps its running statistics.
    Weights,
    /// Nothing: the same, and its parameters stay.
    Nothing,
}

/// A backbone in a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The recipe's name of it.
    pub layer: String,
    /// Where the recipe says it, relative to the algorithm: `layers[0]`.
    pub field: String,
    /// What the recipe says.
    pub backbone: Backbone,
    /// Its layers among the graph's.
    pub nodes: Range<usize>,
}

impl Placed {
    /// Its parameters, each with the name under which it was published.
    pub fn published<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = (&'a Parameter, &'a str)> {
        let nodes = graph.nodes.get(self.nodes.clone()).unwrap_or_default();
        let prefix = self.layer.len() + 1;
        let published = move |parameter: &'a Parameter| (parameter, parameter.name.get(prefix..).unwrap_or_default());
        nodes.iter().flat_map(|node| &node.parameters).map(published)
    }
}

impl Graph {
    /// The same network when its backbones are fine-tuned: all of their parameters are trained, and their batch norms
    /// use and keep their running statistics.
    pub fn fine_tuned(&self) -> Self {
        let mut graph = self.clone();
        for placed in &self.backbones {
            for node in graph.nodes.get_mut(placed.nodes.clone()).unwrap_or_default() {
                node.learns = Learns::Weights;
                for parameter in &mut node.parameters {
                    parameter.trained = !parameter.is_statistic();
                }
            }
        }
        graph
    }
}

impl Builder<'_> {
    /// Places a backbone layer by layer, and gives its last value.
    pub(super) fn backbone(&mut self, field: &str, name: &str, backbone: &Backbone, from: usize) -> Option<usize> {
        let steps = steps(backbone.architecture);
        let frozen = self.frozen(field, backbone, &steps)?;
        let first = self.graph.nodes.len();
        let mut values = vec![from];
        for step in &steps {
            let path = format!("{name}.{}", step.path);
            self.free(field, &path);
            let from = step.from.iter().map(|value| values[*value]).collect();
            let value = self.node(field, &path, &step.kind, from)?;
            if step.block < frozen {
                self.freeze();
            }
            self.values.insert(path, Some(value));
            values.push(value);
        }
        let nodes = first..self.graph.nodes.len();
        let (layer, field) = (name.to_owned(), field.to_owned());
        self.graph.backbones.push(Placed { layer, field, backbone: backbone.clone(), nodes });
        values.last().copied()
    }

    /// How many blocks training leaves alone; nothing when what the recipe says cannot be.
    fn frozen(&mut self, field: &str, backbone: &Backbone, steps: &[Step]) -> Option<u32> {
        let word = backbone.architecture.word();
        let blocks = steps.last().map_or(0, |step| step.block + 1);
        let pretrained = backbone.weights.is_some();
        let usual = Trainable::Whole(if pretrained { Whole::None } else { Whole::All });
        let frozen = match backbone.trainable.unwrap_or(usual) {
            Trainable::Whole(Whole::None) => blocks,
            Trainable::Whole(Whole::All) => 0,
            Trainable::Last(last) if last <= blocks => blocks - last,
            Trainable::Last(last) => {
                let message = format!("{word} has {blocks} blocks, and the last {last} are to be trained");
                self.report(format!("{field}.trainable"), message, format!("write at most {blocks}, or \"all\""));
                return None;
            }
        };
        if frozen > 0 && !pretrained {
            let message = format!("{word} is frozen without weights, so it would answer noise");
            self.report(format!("{field}.trainable"), message, "name its `weights`, or write trainable = \"all\"");
            return None;
        }
        let wrong = |file: &str| file.is_empty() || file.starts_with('.') || file.contains(['/', '\\', '\0']);
        if let Some(file) = backbone.weights.as_deref().filter(|file| wrong(file)) {
            let message = format!("`{file}` is not the plain name of a file");
            self.report(format!("{field}.weights"), message, "put the file into the folder of pretrained weights");
            return None;
        }
        let digits = |hash: &str| hash.len() == 64 && hash.chars().all(|digit| digit.is_ascii_hexdigit());
        if backbone.sha256.as_deref().is_some_and(|hash| !digits(hash)) {
            let message = "a SHA-256 has 64 hexadecimal digits".to_owned();
            self.report(format!("{field}.sha256"), message, "write what `sha256sum` says of the file");
            return None;
        }
        Some(frozen)
    }

    /// Training changes nothing of the last node.
    fn freeze(&mut self) {
        let Some(node) = self.graph.nodes.last_mut() else { return };
        node.learns = Learns::Nothing;
        for parameter in &mut node.parameters {
            parameter.trained = false;
        }
    }
}
