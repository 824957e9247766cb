//! Augmentation: what may happen to a picture of the training part, drawn anew in every epoch.
//!
//! All that moves pixels is one affine map, so each value is computed once from the prepared picture. Chance depends on
//! seed, epoch and picture alone. Named and composed as in Keras's `ImageDataGenerator`, except that `shear` is how far
//! the upper edge moves, as a share of the height (its first releases meant radians, which is about the same).

use meuse_core::recipe::{Augmentation, PictureFill};

use super::Picture;
use super::random::Random;
use super::steps::Scale;

impl Drawn {
    /// What happens to this picture in this epoch. The same three numbers always draw the same.
    pub fn new(augmentation: &Augmentation, seed: u64, epoch: u64, picture: u64) -> Self {
        let mut random = Random::of(seed, epoch, picture);
        let zoom = |random: &mut Random| 1.0 + random.within(augmentation.zoom);
        // Drawn always and in this order, so that switching one off leaves the others as they were.
        let angle = random.within(augmentation.rotation).to_radians();
        let shift = (random.within(augmentation.width_shift), random.within(augmentation.height_shift));
        let shear = random.within(augmentation.shear);
        let zoom = (zoom(&mut random), zoom(&mut random));
        let flip = (random.coin() && augmentation.horizontal_flip, random.coin() && augmentation.vertical_flip);
        let brightness = 1.0 + random.within(augmentation.brightness);
        let contrast = 1.0 + random.within(augmentation.contrast);
        let window = 1.0 - random.unit() * augmentation.crop;
        let window_at = (random.within(1.0), random.within(1.0));
        let padding = f64::from(augmentation.crop_padding);
        let whole = |random: &mut Random| (random.unit() * (2.0 * padding + 1.0)).floor() - padding;
        let moved = (whole(&mut random), whole(&mut random));
        let cut_at = (random.unit(), random.unit());
        Self {
            angle,
            shift,
            shear,
            zoom,
            flip,
            window,
            window_at,
            moved,
            brightness,
            contrast,
            cut_out: (augmentation.cut_out > 0.0).then_some((augmentation.cut_out, cut_at)),
            fill: augmentation.fill,
            fill_value: augmentation.fill_value as f32,
        }
    }
}

/// How much the first of two mixed pictures weighs, by the beta law with `alpha` twice; the other weighs the rest.
pub fn mix_up_weight(alpha: f64, seed: u64, epoch: u64, batch: u64) -> f64 {
    if alpha > 0.0 { Random::of(seed ^ 0x6d69_7875, epoch, batch).beta(alpha) } else { 1.0 }
}

/// What happens to one picture in one epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    angle: f64,
    shift: (f64, f64),
    shear: f64,
    zoom: (f64, f64),
    flip: (bool, bool),
    window: f64,
    window_at: (f64, f64),
    moved: (f64, f64),
    brightness: f64,
    contrast: f64,
    cut_out: Option<(f64, (f64, f64))>,
    fill: PictureFill,
    fill_value: f32,
}

/// From a place in the result to a place in the picture: x' = a x + b y + c, y' = d x + e y + f.
#[derive(Debug, Clone, Copy)]
struct Map {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
    e: f64,
    f: f64,
}

impl Map {
    fn linear(a: f64, b: f64, d: f64, e: f64) -> Self {
        Self { a, b, c: 0.0, d, e, f: 0.0 }
    }

    fn moved(c: f64, f: f64) -> Self {
        Self { a: 1.0, b: 0.0, c, d: 0.0, e: 1.0, f }
    }

    /// First `inner`, then this.
    fn after(self, inner: Self) -> Self {
        Self {
            a: self.a * inner.a + self.b * inner.d,
            b: self.a * inner.b + self.b * inner.e,
            c: self.a * inner.c + self.b * inner.f + self.c,
            d: self.d * inner.a + self.e * inner.d,
            e: self.d * inner.b + self.e * inner.e,
            f: self.d * inner.c + self.e * inner.f + self.f,
        }
    }
}

impl Drawn {
    /// The map of all that moves pixels, about the middle of the picture.
    fn map(&self, width: usize, height: usize) -> Map {
        let (wide, high) = (width as f64, height as f64);
        let (sin, cos) = self.angle.sin_cos();
        let sign = |flip: bool| if flip { -1.0 } else { 1.0 };
        let flip = Map::linear(sign(self.flip.0), 0.0, 0.0, sign(self.flip.1));
        let zoom = Map::linear(self.zoom.0, 0.0, 0.0, self.zoom.1);
        let shear = Map::linear(1.0, -self.shear, 0.0, 1.0);
        let shift = Map::moved(self.shift.0 * wide + self.moved.0, self.shift.1 * high + self.moved.1);
        let rotate = Map::linear(cos, -sin, sin, cos);
        // A window of this share leaves room for its middle to move by half of the rest.
        let room = (1.0 - self.window) / 2.0;
        let to_window = Map::moved(self.window_at.0 * room * wide, self.window_at.1 * room * high);
        let window = to_window.after(Map::linear(self.window, 0.0, 0.0, self.window));
        let (middle_x, middle_y) = (wide / 2.0 - 0.5, high / 2.0 - 0.5);
        let about = window.after(rotate).after(shift).after(shear).after(zoom).after(flip);
        Map::moved(middle_x, middle_y).after(about).after(Map::moved(-middle_x, -middle_y))
    }

    /// Where a place of the picture, in pixels from its upper left edge, is in the changed one. Only for maps that turn
    /// and shear nothing, as those of pictures with boxes do.
    pub(crate) fn moved(&self, [x, y]: [f64; 2], [width, height]: [usize; 2]) -> [f64; 2] {
        let map = self.map(width, height);
        // The map is from the middle of a pixel to the middle of a pixel.
        [(x - 0.5 - map.c) / map.a + 0.5, (y - 0.5 - map.f) / map.e + 0.5]
    }

    /// The numbers of the changed picture, channels × height × width.
    pub(super) fn apply(&self, picture: &Picture, scales: &[Scale; 3], numbers: &mut [f32]) {
        let tone = self.tone(picture);
        match picture.channels() {
            1 => self.warp::<1>(picture, tone, scales, numbers),
            _ => self.warp::<3>(picture, tone, scales, numbers),
        }
        self.cut(picture, scales, numbers);
    }

    /// Brightness and contrast as one multiplication and one addition.
    fn tone(&self, picture: &Picture) -> Option<(f32, f32)> {
        if self.brightness == 1.0 && self.contrast == 1.0 {
            return None;
        }
        let mean = if self.contrast == 1.0 { 0.0 } else { picture.mean() };
        let add = mean * (1.0 - self.contrast) * self.brightness;
        Some(((self.brightness * self.contrast) as f32, add as f32))
    }

    fn warp<const C: usize>(
        &self,
        picture: &Picture,
        tone: Option<(f32, f32)>,
        scales: &[Scale; 3],
        numbers: &mut [f32],
    ) {
        let (width, height) = (picture.width(), picture.height());
        let map = self.map(width, height);
        let source = Source::<C> {
            pixels: picture.pixels().as_chunks::<C>().0,
            width,
            height,
            fill: self.fill,
            value: [self.fill_value; C],
        };
        let plane = width * height;
        for row in 0..height {
            let (start_x, start_y) = (map.b * row as f64 + map.c, map.e * row as f64 + map.f);
            for column in 0..width {
                let (x, y) = (map.a * column as f64 + start_x, map.d * column as f64 + start_y);
                let values = source.at(x, y);
                for (channel, value) in values.into_iter().enumerate() {
                    let toned = tone.map_or(value, |(multiply, add)| (value * multiply + add).clamp(0.0, 255.0));
                    numbers[channel * plane + row * width + column] = scales[channel].of(toned);
                }
            }
        }
    }

    fn cut(&self, picture: &Picture, scales: &[Scale; 3], numbers: &mut [f32]) {
        let Some((share, (x, y))) = self.cut_out else { return };
        let (width, height) = (picture.width(), picture.height());
        let side = ((width.min(height) as f64 * share).round() as usize).max(1);
        // The middle is anywhere in the picture, so that the square may stand over its edge.
        let span = |at: f64, length: usize| {
            let first = (at * length as f64) as i64 - side as i64 / 2;
            first.max(0) as usize..((first + side as i64).max(0) as usize).min(length)
        };
        let (columns, rows) = (span(x, width), span(y, height));
        for (plane, scale) in numbers.chunks_exact_mut(width * height).zip(scales) {
            for row in rows.clone() {
                plane[row * width..][columns.clone()].fill(scale.of(self.fill_value));
            }
        }
    }
}

/// Where values come from.
struct Source<'a, const C: usize> {
    pixels: &'a [[u8; C]],
    width: usize,
    height: usize,
    fill: PictureFill,
    value: [f32; C],
}

impl<const C: usize> Source<'_, C> {
    /// The value between four pixels.
    fn at(&self, x: f64, y: f64) -> [f32; C] {
        let (left, top) = (x.floor(), y.floor());
        let (right_share, lower_share) = ((x - left) as f32, (y - top) as f32);
        let (left, top) = (left as i64, top as i64);
        let inside = left >= 0 && top >= 0 && left + 1 < self.width as i64 && top + 1 < self.height as i64;
        let corners = if inside {
            let upper = top as usize * self.width + left as usize;
            let lower = upper + self.width;
            [upper, upper + 1, lower, lower + 1].map(|at| self.pixels[at].map(f32::from))
        } else {
            [
                self.beyond(left, top),
                self.beyond(left + 1, top),
                self.beyond(left, top + 1),
                self.beyond(left + 1, top + 1),
            ]
        };
        std::array::from_fn(|channel| {
            let [upper_left, upper_right, lower_left, lower_right] = corners.map(|corner| corner[channel]);
            let upper = upper_left + (upper_right - upper_left) * right_share;
            let lower = lower_left + (lower_right - lower_left) * right_share;
            upper + (lower - upper) * lower_share
        })
    }

    /// The pixel there, or what is seen instead of it.
    fn beyond(&self, x: i64, y: i64) -> [f32; C] {
        match (place(self.fill, x, self.width), place(self.fill, y, self.height)) {
            (Some(x), Some(y)) => self.pixels[y * self.width + x].map(f32::from),
            _ => self.value,
        }
    }
}

/// Which of `length` pixels stands for the one at `at`; none is the fill value.
fn place(fill: PictureFill, at: i64, length: usize) -> Option<usize> {
    let last = length as i64 - 1;
    let place = match fill {
        PictureFill::Nearest => at.clamp(0, last),
        PictureFill::Constant => (0..=last).contains(&at).then_some(at)?,
        PictureFill::Wrap => at.rem_euclid(length as i64),
        PictureFill::Reflect => {
            let around = at.rem_euclid(2 * length as i64);
            around.min(2 * length as i64 - 1 - around)
        }
    };
    Some(place as usize)
}
