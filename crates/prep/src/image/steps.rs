//! What is done with every picture, in training and in serving: data that stands in `prep.json`.

use meuse_core::recipe::{Background, ImageRule, Mode};
use serde::{Deserialize, Serialize};

use super::{Colour, Drawn, Error, Limits, Picture, Sampling, decode, resize};
use crate::boxes::Placement;

/// The steps from the bytes of one file to numbers, channels × height × width.
///
/// As in `{"colour": "rgb", "geometry": [{"step": "resize", "width": 224, "height": 224, "mode": "stretch"}],
/// "rescale": {"multiply": 0.00392156862745098}, "normalise": {"mean": [0.485, 0.456, 0.406],
/// "deviation": [0.229, 0.224, 0.225]}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Grey or red-green-blue.
    #[serde(default)]
    pub colour: Colour,
    /// What transparent pixels are laid on; nothing where they keep the colour that the file holds.
    #[serde(default = "white")]
    pub background: Option<[u8; 3]>,
    /// Sizes and crops, in order. The last one decides the size of the numbers.
    pub geometry: Vec<Geometry>,
    /// What each value from 0 to 255 is multiplied with, and what is added.
    #[serde(default)]
    pub rescale: Rescale,
    /// Then, per channel: (value − mean) / deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise: Option<Normalise>,
    /// What one file may be.
    #[serde(default)]
    pub limits: Limits,
}

/// One change of size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum Geometry {
    /// To exactly this size.
    Resize {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// What happens when the proportions differ.
        #[serde(default)]
        mode: Mode,
        /// How pixels are computed.
        #[serde(default)]
        sampling: Sampling,
        /// What `pad_to_aspect_ratio` pads with.
        #[serde(default)]
        fill: [u8; 3],
    },
    /// The shorter side to this many pixels, the longer one in proportion: torchvision's `Resize(n)`.
    ResizeShorterSide {
        /// Pixels.
        size: usize,
        /// How pixels are computed.
        #[serde(default)]
        sampling: Sampling,
    },
    /// The middle: torchvision's `CenterCrop`, Keras's `CenterCrop`. Where the picture is smaller, it is padded.
    CenterCrop {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// What is padded with.
        #[serde(default)]
        fill: [u8; 3],
    },
}

/// value × multiply + add.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescale {
    /// The factor; 1/255 by default.
    #[serde(default = "to_one")]
    pub multiply: f64,
    /// What is added.
    #[serde(default)]
    pub add: f64,
}

impl Default for Rescale {
    fn default() -> Self {
        Self { multiply: to_one(), add: 0.0 }
    }
}

/// (value − mean) / deviation, per channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// One per channel.
    pub mean: Vec<f64>,
    /// One per channel, not zero.
    pub deviation: Vec<f64>,
}

fn white() -> Option<[u8; 3]> {
    Background::White.pixel()
}

fn to_one() -> f64 {
    1.0 / 255.0
}

/// The size of the numbers of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// 1 or 3.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
}

impl Shape {
    /// How many numbers that are.
    pub fn count(self) -> usize {
        self.channels * self.height * self.width
    }
}

impl Steps {
    /// Steps that bring every picture to this size by stretching it, and its values to the range from 0 to 1.
    pub fn to_size(width: usize, height: usize, colour: Colour) -> Self {
        let resize =
            Geometry::Resize { width, height, mode: Mode::default(), sampling: Sampling::default(), fill: [0; 3] };
        Self {
            colour,
            background: white(),
            geometry: vec![resize],
            rescale: Rescale::default(),
            normalise: None,
            limits: Limits::default(),
        }
    }

    /// The steps that a recipe means.
    pub fn of(rule: &ImageRule) -> Self {
        let (width, height) = (rule.width as usize, rule.height as usize);
        let sampling = Sampling { filter: rule.filter, ..Sampling::default() };
        let geometry = match rule.resize_shorter_side {
            None => vec![Geometry::Resize { width, height, mode: rule.mode, sampling, fill: [0; 3] }],
            Some(size) => vec![
                Geometry::ResizeShorterSide { size: size as usize, sampling },
                Geometry::CenterCrop { width, height, fill: [0; 3] },
            ],
        };
        let channels = rule.colour.channels();
        let or = |values: &[f64], usual: f64| if values.is_empty() { vec![usual; channels] } else { values.to_vec() };
        let normalise = (!rule.mean.is_empty() || !rule.deviation.is_empty())
            .then(|| Normalise { mean: or(&rule.mean, 0.0), deviation: or(&rule.deviation, 1.0) });
        let rescale = Rescale { multiply: rule.rescale, add: rule.offset };
        let background = rule.background.pixel();
        Self { colour: rule.colour, background, geometry, rescale, normalise, limits: Limits::default() }
    }

    /// The size of the numbers.
    ///
    /// # Errors
    /// When the steps cannot work; the field, and what is wrong with it.
    pub fn shape(&self) -> Result<Shape, (String, String)> {
        let refused = |field: &str, reason: String| Err((field.to_owned(), reason));
        for (index, step) in self.geometry.iter().enumerate() {
            let (width, height) = step.asked();
            if width == 0 || height == 0 || u64::from(self.limits.side) < width.max(height) as u64 {
                let reason = format!("a side has from 1 to {} pixels", self.limits.side);
                return refused(&format!("geometry[{index}]"), reason);
            }
        }
        let (width, height) =
            if let Some(Geometry::Resize { width, height, .. } | Geometry::CenterCrop { width, height, .. }) =
                self.geometry.last()
            {
                (*width, *height)
            } else {
                let reason = "the last step must be `resize` or `center_crop`, which give every picture the same size";
                return refused("geometry", reason.to_owned());
            };
        let channels = self.colour.channels();
        if let Some(Normalise { mean, deviation }) = &self.normalise {
            let usable = deviation.iter().all(|value| value.is_finite() && *value != 0.0);
            if mean.len() != channels || deviation.len() != channels || !usable || mean.iter().any(|m| !m.is_finite()) {
                let reason =
                    format!("`mean` and `deviation` have {channels} finite numbers each, and no deviation is 0");
                return refused("normalise", reason);
            }
        }
        if !self.rescale.multiply.is_finite() || !self.rescale.add.is_finite() {
            return refused("rescale", "`multiply` and `add` are finite numbers".to_owned());
        }
        Ok(Shape { channels, height, width })
    }

    /// The picture in one file, in the size and the colours that the model sees, as 8-bit values.
    ///
    /// # Errors
    /// [`Error`].
    pub fn prepare(&self, bytes: &[u8]) -> Result<Picture, Error> {
        self.prepare_sized(bytes).map(|(picture, _)| picture)
    }

    /// As [`Steps::prepare`]; and width and height of the picture as it is to be seen, before that.
    ///
    /// # Errors
    /// [`Error`].
    pub fn prepare_sized(&self, bytes: &[u8]) -> Result<(Picture, [usize; 2]), Error> {
        let picture = decode(bytes, self.background, &self.limits)?.picture;
        let size = [picture.width(), picture.height()];
        Ok((self.fit(picture), size))
    }

    /// Where the places of a picture of this width and height are in what the model sees; nothing where these steps cut
    /// a part off.
    pub fn placement(&self, size: [f64; 2]) -> Option<Placement> {
        let [Geometry::Resize { width, height, mode, .. }] = self.geometry.as_slice() else { return None };
        let seen = [*width as f64, *height as f64];
        match mode {
            Mode::Stretch => Some(Placement { size, inner: seen, begins: [0.0; 2], seen }),
            Mode::PadToAspectRatio => {
                let has = size.map(|side| side as usize);
                let ([inner_width, inner_height], [left, top]) = padding(has, (*width, *height));
                let (inner, begins) = ([inner_width as f64, inner_height as f64], [left as f64, top as f64]);
                Some(Placement { size, inner, begins, seen })
            }
            Mode::CropToAspectRatio => None,
        }
    }

    /// As [`Steps::prepare`], of a picture that was decoded already.
    #[must_use]
    pub fn fit(&self, picture: Picture) -> Picture {
        let picture = picture.in_colour(self.colour);
        self.geometry.iter().fold(picture, |picture, step| step.run(picture))
    }

    /// The numbers of a prepared picture, channels × height × width, into `numbers`, which has exactly room for them.
    pub fn emit(&self, picture: &Picture, numbers: &mut [f32]) {
        let scales = self.scales();
        let (channels, plane) = (picture.channels(), picture.width() * picture.height());
        for ((channel, plane), scale) in numbers.chunks_exact_mut(plane).enumerate().zip(scales) {
            let values = picture.pixels()[channel..].iter().step_by(channels);
            for (number, value) in plane.iter_mut().zip(values) {
                *number = scale.of(f32::from(*value));
            }
        }
    }

    /// As [`Steps::emit`], changed by what was drawn for this picture in this epoch.
    pub fn emit_augmented(&self, picture: &Picture, drawn: &Drawn, numbers: &mut [f32]) {
        drawn.apply(picture, &self.scales(), numbers);
    }

    /// Bytes to numbers, as serving does.
    ///
    /// # Errors
    /// [`Error`].
    pub fn numbers(&self, bytes: &[u8]) -> Result<Vec<f32>, Error> {
        let picture = self.prepare(bytes)?;
        let mut numbers = vec![0.0; picture.pixels().len()];
        self.emit(&picture, &mut numbers);
        Ok(numbers)
    }

    /// Rescaling and normalising as one multiplication and one addition per channel.
    fn scales(&self) -> [Scale; 3] {
        let Rescale { multiply, add } = self.rescale;
        let of = |values: Option<&Vec<f64>>, channel: usize| values.and_then(|values| values.get(channel)).copied();
        std::array::from_fn(|channel| {
            let mean = of(self.normalise.as_ref().map(|n| &n.mean), channel).unwrap_or(0.0);
            let deviation = of(self.normalise.as_ref().map(|n| &n.deviation), channel).unwrap_or(1.0);
            Scale { multiply: (multiply / deviation) as f32, add: ((add - mean) / deviation) as f32 }
        })
    }
}

/// value × multiply + add, in single precision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    multiply: f32,
    add: f32,
}

impl Scale {
    pub(super) fn of(self, value: f32) -> f32 {
        value * self.multiply + self.add
    }
}

impl Geometry {
    /// The pixels that it asks for.
    fn asked(&self) -> (usize, usize) {
        match self {
            Self::Resize { width, height, .. } | Self::CenterCrop { width, height, .. } => (*width, *height),
            Self::ResizeShorterSide { size, .. } => (*size, *size),
        }
    }

    fn run(&self, picture: Picture) -> Picture {
        let (has_width, has_height) = (picture.width(), picture.height());
        match self {
            Self::Resize { width, height, mode, sampling, fill } => match mode {
                Mode::Stretch => resize(&picture, *width, *height, *sampling),
                Mode::CropToAspectRatio => resize(&cropped(picture, (*width, *height)), *width, *height, *sampling),
                Mode::PadToAspectRatio => padded(&picture, (*width, *height), *sampling, *fill),
            },
            Self::ResizeShorterSide { size, sampling } => {
                // As torchvision: whole pixels, the longer side rounded down.
                let (width, height) = if has_width <= has_height {
                    (*size, size * has_height / has_width)
                } else {
                    (size * has_width / has_height, *size)
                };
                // A picture of one pixel by 30,000 would grow without bound.
                let most = 32 * size;
                resize(&picture, width.min(most), height.min(most), *sampling)
            }
            Self::CenterCrop { width, height, fill } => {
                let (left, top) = (middle(has_width, *width), middle(has_height, *height));
                if (has_width, has_height) == (*width, *height) {
                    return picture;
                }
                picture.window(left, top, (*width, *height), *fill)
            }
        }
    }
}

/// The window in the middle that has the proportions of `size`: Keras's computation, in whole pixels.
fn cropped(picture: Picture, (width, height): (usize, usize)) -> Picture {
    let (has_width, has_height) = (picture.width(), picture.height());
    let window_height = has_height.min(has_width * height / width).max(1);
    let window_width = has_width.min(has_height * width / height).max(1);
    if (window_width, window_height) == (has_width, has_height) {
        return picture;
    }
    let (left, top) = ((has_width - window_width) / 2, (has_height - window_height) / 2);
    picture.window(left as i64, top as i64, (window_width, window_height), [0; 3])
}

/// The whole picture in the middle of `size`. It is resized before it is padded, so that the seam stays sharp, and a
/// line of pixels does not become a huge square on the way.
fn padded(picture: &Picture, (width, height): (usize, usize), sampling: Sampling, fill: [u8; 3]) -> Picture {
    let ([inner_width, inner_height], [left, top]) = padding([picture.width(), picture.height()], (width, height));
    let inner = resize(picture, inner_width, inner_height, sampling);
    inner.window(-(left as i64), -(top as i64), (width, height), fill)
}

/// Width and height that a picture of this size gets inside `size`, and where it begins there.
fn padding([has_width, has_height]: [usize; 2], (width, height): (usize, usize)) -> ([usize; 2], [usize; 2]) {
    let scale = (width as f64 / has_width as f64).min(height as f64 / has_height as f64);
    let side = |has: usize, most: usize| ((has as f64 * scale).round() as usize).clamp(1, most);
    let inner = [side(has_width, width), side(has_height, height)];
    (inner, [(width - inner[0]) / 2, (height - inner[1]) / 2])
}

/// Where the middle begins: Python's `round((has − wanted) / 2)`, halves to the even number.
fn middle(has: usize, wanted: usize) -> i64 {
    let difference = has as i64 - wanted as i64;
    if has < wanted {
        // torchvision pads (wanted − has) // 2 on the left and then crops from 0.
        return -((wanted - has) as i64 / 2);
    }
    let half = difference / 2;
    if difference % 2 == 0 { half } else { half + half % 2 }
}
