//! Resizing by convolution, in fixed point and in the order that Pillow computes it, so that the pixels are the same.
//!
//! Source: Pillow, `src/libImaging/Resample.c` (weights in 22 bits after the point, first across, then down) and
//! `Geometry.c` (nearest).

use meuse_core::recipe::Filter;
use serde::{Deserialize, Serialize};

use super::{Colour, Picture};

/// Bits after the point of a weight.
const PRECISION: u32 = 32 - 8 - 2;

fn support(filter: Filter) -> f64 {
    match filter {
        Filter::Nearest => 0.5,
        Filter::Bilinear => 1.0,
        Filter::Bicubic => 2.0,
        Filter::Lanczos => 3.0,
    }
}

fn weight(filter: Filter, x: f64) -> f64 {
    let x = x.abs();
    match filter {
        Filter::Nearest => f64::from(u8::from(x <= 0.5)),
        Filter::Bilinear => (1.0 - x).max(0.0),
        Filter::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        Filter::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
        Filter::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
        _ => 0.0,
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

/// How a picture is brought to another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// How a pixel is made of its neighbours.
    pub filter: Filter,
    /// Whether the filter grows with the reduction, as Pillow always lets it (torchvision's and Keras's `antialias`).
    pub antialias: bool,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { filter: Filter::Bilinear, antialias: true }
    }
}

/// The picture in another size, which is at least one pixel.
#[must_use]
pub fn resize(picture: &Picture, width: usize, height: usize, sampling: Sampling) -> Picture {
    let (width, height) = (width.max(1), height.max(1));
    if sampling.filter == Filter::Nearest {
        return nearest(picture, width, height);
    }
    match picture.colour() {
        Colour::Grey => convolve::<1>(picture, width, height, sampling),
        Colour::Rgb => convolve::<3>(picture, width, height, sampling),
    }
}

fn nearest(picture: &Picture, width: usize, height: usize) -> Picture {
    let channels = picture.channels();
    let (across, down) = (nearest_of(picture.width(), width), nearest_of(picture.height(), height));
    let mut pixels = Vec::with_capacity(width * height * channels);
    for row in down {
        let from = row * picture.width() * channels;
        for column in &across {
            let at = from + column * channels;
            pixels.extend_from_slice(&picture.pixels()[at..at + channels]);
        }
    }
    Picture::made(width, height, picture.colour(), pixels)
}

/// Which source each place takes; summed up as Pillow does, since rounding decides at the edges.
fn nearest_of(source: usize, target: usize) -> Vec<usize> {
    let scale = source as f64 / target as f64;
    let mut at = scale * 0.5;
    let mut places = Vec::with_capacity(target);
    for _ in 0..target {
        places.push((at as usize).min(source - 1));
        at += scale;
    }
    places
}

fn convolve<const C: usize>(picture: &Picture, width: usize, height: usize, sampling: Sampling) -> Picture {
    let mut pixels = None;
    if width != picture.width() {
        let weights = Weights::new(picture.width(), width, sampling);
        pixels = Some(across::<C>(picture.pixels(), picture.width(), &weights));
    }
    if height != picture.height() {
        let weights = Weights::new(picture.height(), height, sampling);
        pixels = Some(down(pixels.as_deref().unwrap_or(picture.pixels()), width * C, &weights));
    }
    let pixels = pixels.unwrap_or_else(|| picture.pixels().to_vec());
    Picture::made(width, height, picture.colour(), pixels)
}

/// For each place of the target, where its sources begin and with which weights they count.
struct Weights {
    places: Vec<(usize, Vec<i32>)>,
}

impl Weights {
    fn new(source: usize, target: usize, sampling: Sampling) -> Self {
        let scale = source as f64 / target as f64;
        let grown = if sampling.antialias { scale.max(1.0) } else { 1.0 };
        let support = support(sampling.filter) * grown;
        let place = |index: usize| {
            let center = (index as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let last = ((center + support + 0.5) as usize).min(source);
            let weigh = |at: usize| weight(sampling.filter, (at as f64 - center + 0.5) * (1.0 / grown));
            let weights: Vec<f64> = (first..last).map(weigh).collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |weight: f64| fixed(if sum == 0.0 { weight } else { weight / sum });
            (first, weights.into_iter().map(fixed).collect())
        };
        Self { places: (0..target).map(place).collect() }
    }
}

fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1_u32 << PRECISION);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

fn across<const C: usize>(pixels: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let height = pixels.len() / (width * C);
    let mut target = Vec::with_capacity(height * weights.places.len() * C);
    for row in pixels.chunks_exact(width * C) {
        let row = row.as_chunks::<C>().0;
        for (first, weights) in &weights.places {
            let mut sums = [1 << (PRECISION - 1); C];
            for (pixel, weight) in row[*first..].iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*value) * weight;
                }
            }
            target.extend(sums.map(clip));
        }
    }
    target
}

fn down(pixels: &[u8], row_bytes: usize, weights: &Weights) -> Vec<u8> {
    let mut target = Vec::with_capacity(weights.places.len() * row_bytes);
    let mut sums = vec![0_i32; row_bytes];
    for (first, weights) in &weights.places {
        sums.fill(1 << (PRECISION - 1));
        for (row, weight) in pixels[first * row_bytes..].chunks_exact(row_bytes).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        target.extend(sums.iter().map(|sum| clip(*sum)));
    }
    target
}
