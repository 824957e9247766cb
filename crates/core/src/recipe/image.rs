//! How pictures become numbers, and what may happen to those of the training part: data of a recipe. Crate `prep` does it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a picture becomes numbers, channels × height × width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageRule {
    /// Pixels in a row, as the model sees them.
    #[schemars(range(min = 1, max = 4096))]
    pub width: u32,
    /// Rows of pixels.
    #[schemars(range(min = 1, max = 4096))]
    pub height: u32,
    /// Grey or red-green-blue.
    #[serde(default)]
    pub colour: Colour,
    /// What transparent pixels are laid on.
    #[serde(default, skip_serializing_if = "Background::is_usual")]
    pub background: Background,
    /// What happens when a picture's proportions are not the wanted ones.
    #[serde(default)]
    pub mode: Mode,
    /// The shorter side is brought to this many pixels, and the middle is cut out: torchvision's `Resize` and
    /// `CenterCrop`. Then `mode` means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 8192))]
    pub resize_shorter_side: Option<u32>,
    /// How a pixel is made of its neighbours.
    #[serde(default)]
    pub filter: Filter,
    /// What each value from 0 to 255 is multiplied with. Default: 1/255.
    #[serde(default = "to_one")]
    pub rescale: f64,
    /// What is added then.
    #[serde(default)]
    pub offset: f64,
    /// Then, per channel, this is taken away. ImageNet's: `[0.485, 0.456, 0.406]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mean: Vec<f64>,
    /// And the rest divided by this. ImageNet's: `[0.229, 0.224, 0.225]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviation: Vec<f64>,
}

fn to_one() -> f64 {
    1.0 / 255.0
}

impl ImageRule {
    /// The shape of the numbers: channels, height, width.
    pub fn shape(&self) -> [u32; 3] {
        [self.colour.channels() as u32, self.height, self.width]
    }

    /// How many numbers that are.
    pub fn count(&self) -> usize {
        self.shape().iter().map(|side| *side as usize).product()
    }
}

/// Which colours a model sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// One channel of light: (19595 R + 38470 G + 7471 B) / 65536, as Pillow's `L`.
    Grey,
    /// Red, green, blue.
    #[default]
    Rgb,
}

impl Colour {
    /// How many channels that are.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

/// What transparent pixels are laid on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Background {
    /// Paper.
    #[default]
    White,
    /// Nothing: zeros, as what a convolution pads with.
    Black,
    /// The colour that the file holds there and no viewer shows, as PyTorch's and Keras's readers of folders take it.
    AsStored,
}

impl Background {
    /// Red, green, blue; nothing where the file's own colour stays.
    pub fn pixel(self) -> Option<[u8; 3]> {
        match self {
            Self::White => Some([255; 3]),
            Self::Black => Some([0; 3]),
            Self::AsStored => None,
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens when a picture's proportions are not the wanted ones. Named as in Keras.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is stretched: Keras's default, torchvision's `Resize((h, w))`.
    #[default]
    Stretch,
    /// The largest part in the middle that has the proportions is taken.
    CropToAspectRatio,
    /// It is padded on two sides.
    PadToAspectRatio,
}

/// How a pixel is made of its neighbours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// The pixel that lies there.
    Nearest,
    /// By distance, from 2 × 2.
    #[default]
    Bilinear,
    /// Cubic with a = −0.5, from 4 × 4.
    Bicubic,
    /// Sinc with three lobes, from 6 × 6.
    Lanczos,
}

/// What may happen to a picture of the training part, drawn anew in every epoch. What is left out does not happen.
///
/// As in `{ rotation = 40, width_shift = 0.2, height_shift = 0.2, shear = 0.2, zoom = 0.2, horizontal_flip = true,
/// fill = "nearest" }`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Turned by up to so many degrees to either side.
    #[schemars(range(min = 0.0, max = 180.0))]
    pub rotation: f64,
    /// Moved sideways by up to this share of the width.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub width_shift: f64,
    /// Moved up or down by up to this share of the height.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub height_shift: f64,
    /// Sheared: the upper edge moves by up to this share of the height.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub shear: f64,
    /// Each side made larger or smaller by up to this share: 0.2 is from 0.8 to 1.2.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub zoom: f64,
    /// Mirrored left to right, half of the time.
    pub horizontal_flip: bool,
    /// Mirrored upside down, half of the time.
    pub vertical_flip: bool,
    /// What is seen where the picture ends.
    pub fill: PictureFill,
    /// The value, from 0 to 255, that `fill = "constant"` and `cut_out` fill with.
    #[schemars(range(min = 0.0, max = 255.0))]
    pub fill_value: f64,
    /// Made lighter or darker by up to this share.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub brightness: f64,
    /// Distances from the mean made larger or smaller by up to this share.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub contrast: f64,
    /// A window of at least 1 − this share of each side, anywhere in the picture, is seen in full size.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub crop: f64,
    /// Moved by up to so many pixels, as by padding and cropping.
    #[schemars(range(min = 0, max = 512))]
    pub crop_padding: u32,
    /// A square of this share of the shorter side is filled, anywhere.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cut_out: f64,
    /// The parameter of the beta law by which two pictures of a batch and their labels are mixed.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub mix_up: f64,
}

/// What is seen where the picture ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PictureFill {
    /// The nearest pixel: aaaa|abcd|dddd.
    #[default]
    Nearest,
    /// `fill_value`.
    Constant,
    /// A mirror: dcba|abcd|dcba.
    Reflect,
    /// The other side: abcd|abcd|abcd.
    Wrap,
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSetting {
    /// Its name.
    pub field: &'static str,
    /// What it may be.
    pub reason: String,
}

impl Augmentation {
    /// Whether nothing happens to a single picture.
    pub fn is_nothing(&self) -> bool {
        let Self { fill, fill_value, mix_up, .. } = *self;
        *self == Self { fill, fill_value, mix_up, ..Self::default() }
    }

    /// What cannot be.
    pub fn problems(&self) -> Vec<BadSetting> {
        let ranges = [
            ("rotation", self.rotation, 180.0),
            ("width_shift", self.width_shift, 1.0),
            ("height_shift", self.height_shift, 1.0),
            ("shear", self.shear, 2.0),
            ("zoom", self.zoom, 0.99),
            ("fill_value", self.fill_value, 255.0),
            ("brightness", self.brightness, 1.0),
            ("contrast", self.contrast, 1.0),
            ("crop", self.crop, 0.99),
            ("crop_padding", f64::from(self.crop_padding), 512.0),
            ("cut_out", self.cut_out, 1.0),
            ("mix_up", self.mix_up, 10.0),
        ];
        let wrong = ranges.into_iter().filter(|(_, value, most)| !(0.0..=*most).contains(value));
        let problem =
            |(field, value, most)| BadSetting { field, reason: format!("is {value}, and goes from 0 to {most}") };
        wrong.map(problem).collect()
    }
}
