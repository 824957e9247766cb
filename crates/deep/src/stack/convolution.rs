//! One convolution with its rectifier, pooling and dropout, and what it keeps of a batch of pictures.

use super::backward::{Backward, Learnt};
use super::forward::Forward;
use super::kernels::{Entry, Geometry, LANES};
use crate::initialise::Chance;
use crate::vector;

/// The number of a window's place where no gradient goes to.
pub(super) const NOWHERE: u8 = u8::MAX;
/// The fewest filters: with fewer, most of what is computed of [`LANES`] is for nothing.
const LEAST_FILTERS: usize = 8;
/// The most weights: more would not stay in a core's cache from one window to the next.
const MOST_WEIGHTS: usize = 1 << 17;
/// The same, where a pooling leaves few gradients.
const MOST_POOLED_WEIGHTS: usize = 1 << 19;

pub(super) struct Convolution {
    name: String,
    pub(super) geometry: Geometry,
    /// Places of padding before the first row and the first column.
    pub(super) before: [usize; 2],
    /// Channels, height and width of the picture without its padding.
    pub(super) input: [usize; 3],
    pub(super) rectified: bool,
    pub(super) pooled: [usize; 2],
    /// The share of values that are dropped.
    dropped: f64,
    /// Filter × row × column × channel.
    pub(super) weights: Vec<f32>,
    /// As [`super::kernels::convolve`] reads them.
    pub(super) panels: Vec<f32>,
    pub(super) biases: Vec<f32>,
    /// The pictures, with their padding.
    pub(super) pictures: Vec<f32>,
    /// For each value the place of its window that it comes from; empty where nothing is kept.
    pub(super) places: Vec<u8>,
    /// What each value is multiplied with by chance.
    pub(super) mask: Vec<f32>,
    /// For each filter the gradients of some windows: kept so that its room is.
    pub(super) lists: Vec<Vec<Entry>>,
    /// What windows answer before they are pooled: likewise.
    band: Vec<f32>,
}

/// Where a picture lies among the numbers of a larger one.
#[derive(Clone, Copy)]
pub(super) struct Sides {
    /// Numbers of a row of the larger one.
    pub(super) row: usize,
    /// Where the picture begins.
    pub(super) begin: usize,
}

impl Sides {
    /// A picture that is all there is.
    pub(super) fn plain([channels, _, width]: [usize; 3]) -> Self {
        Self { row: width * channels, begin: 0 }
    }
}

impl Convolution {
    pub(super) fn new(
        name: &str,
        input: [usize; 3],
        kernel: [usize; 2],
        around: [[usize; 2]; 2],
        filters: usize,
    ) -> Self {
        let [channels, height, width] = input;
        let [down, across] = around.map(|[before, after]| before + after);
        Self {
            name: name.to_owned(),
            geometry: Geometry { height: height + down, width: width + across, channels, kernel, filters },
            before: around.map(|[before, _]| before),
            input,
            rectified: false,
            pooled: [1, 1],
            dropped: 0.0,
            weights: Vec::new(),
            panels: Vec::new(),
            biases: Vec::new(),
            pictures: Vec::new(),
            places: Vec::new(),
            mask: Vec::new(),
            lists: Vec::new(),
            band: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Rectifies what comes out, unless it is dropped from already.
    pub(super) fn rectify(&mut self) -> bool {
        let can = self.dropped == 0.0;
        self.rectified |= can;
        can
    }

    /// Pools what comes out, unless that was done already.
    pub(super) fn pool(&mut self, size: [usize; 2]) -> bool {
        let [down, across] = self.geometry.windows();
        let fits = size[0] <= down && size[1] <= across && size[0] * size[1] < usize::from(NOWHERE);
        let can = self.pooled == [1, 1] && self.dropped == 0.0 && fits;
        if can {
            self.pooled = size;
        }
        can
    }

    /// Drops a share of what comes out, unless that is done already.
    pub(super) fn drop_out(&mut self, rate: f64) -> bool {
        let can = self.dropped == 0.0;
        if can {
            self.dropped = rate;
        }
        can
    }

    /// Whether it is faster here than in libtorch, as measured (benches/README.md): where gradients are zero, and nothing
    /// is too small or too large.
    pub(super) fn pays(&self) -> bool {
        let weights = self.geometry.filters * self.geometry.depth();
        let is_pooled = self.pooled != [1, 1];
        let most = if is_pooled { MOST_POOLED_WEIGHTS } else { MOST_WEIGHTS };
        (is_pooled || self.rectified) && self.geometry.filters >= LEAST_FILTERS && weights <= most
    }

    /// Channels, height and width of what comes out.
    pub(super) fn shape(&self) -> [usize; 3] {
        let [down, across] = self.geometry.windows();
        [self.geometry.filters, down / self.pooled[0], across / self.pooled[1]]
    }

    /// Takes weights (filter × channel × row × column), and makes room for a batch. With a source of chance, all that
    /// going back needs is kept.
    pub(super) fn prepare(&mut self, count: usize, weight: &[f32], bias: Option<&[f32]>, chance: Option<&mut Chance>) {
        let Geometry { channels, kernel: [rows, columns], filters, .. } = self.geometry;
        let (depth, lanes, area) = (self.geometry.depth(), self.geometry.lanes(), rows * columns);
        self.weights.resize(filters * depth, 0.0);
        self.panels.resize(lanes * depth, 0.0);
        self.biases.clear();
        self.biases.resize(lanes, 0.0);
        if let Some(bias) = bias {
            self.biases[..filters].copy_from_slice(bias);
        }
        for (filter, weight) in weight.chunks_exact(depth).enumerate() {
            let own = &mut self.weights[filter * depth..][..depth];
            for (channel, weight) in weight.chunks_exact(area).enumerate() {
                for (own, weight) in own[channel..].iter_mut().step_by(channels).zip(weight) {
                    *own = *weight;
                }
            }
            let panel = &mut self.panels[filter / LANES * depth * LANES + filter % LANES..];
            for (panel, own) in panel.iter_mut().step_by(LANES).zip(own) {
                *panel = *own;
            }
        }
        // Padding stays zero: nobody writes there.
        self.pictures.resize(count * self.geometry.numbers(), 0.0);
        let values = count * self.shape().iter().product::<usize>();
        self.places.resize(if chance.is_some() { values } else { 0 }, 0);
        self.mask.clear();
        if let Some(chance) = chance.filter(|_| self.dropped > 0.0) {
            self.mask = chance.mask(values, self.dropped);
        }
    }

    /// Takes a picture (channel × row × column).
    pub(super) fn take(&mut self, number: usize, picture: &[f32]) {
        let [channels, height, width] = self.input;
        let (into, sides) = self.room(number);
        for (channel, rows) in picture.chunks_exact(height * width).enumerate() {
            for (row, from) in rows.chunks_exact(width).enumerate() {
                let into = &mut into[sides.begin + row * sides.row + channel..];
                for (into, from) in into.iter_mut().step_by(channels).zip(from) {
                    *into = *from;
                }
            }
        }
    }

    /// Where the picture with this number is to be written.
    pub(super) fn room(&mut self, number: usize) -> (&mut [f32], Sides) {
        let (numbers, row) = (self.geometry.numbers(), self.geometry.row());
        let begin = self.before[0] * row + self.before[1] * self.geometry.channels;
        (&mut self.pictures[number * numbers..][..numbers], Sides { row, begin })
    }

    /// What comes out for the picture with this number.
    pub(super) fn forward(&mut self, number: usize, into: &mut [f32], sides: Sides) {
        let [filters, height, width] = self.shape();
        let (numbers, values) = (self.geometry.numbers(), filters * height * width);
        vector::run(Forward {
            geometry: self.geometry,
            weights: [&self.panels, &self.biases],
            rectified: self.rectified,
            pooled: self.pooled,
            shape: [filters, height, width],
            picture: &self.pictures[number * numbers..][..numbers],
            band: &mut self.band,
            into,
            sides,
            places: self.places.get_mut(number * values..(number + 1) * values),
        });
        let Some(mask) = self.mask.get(number * values..(number + 1) * values) else { return };
        for (row, mask) in mask.chunks_exact(width * filters).enumerate() {
            for (value, factor) in into[sides.begin + row * sides.row..].iter_mut().zip(mask) {
                *value *= factor;
            }
        }
    }

    /// The gradients, from that of what came out.
    pub(super) fn backward(&mut self, mut gradient: Vec<f32>, wants_pictures: bool) -> Learnt {
        for (gradient, factor) in gradient.iter_mut().zip(&self.mask) {
            *gradient *= factor;
        }
        Backward::of(self, &gradient, wants_pictures)
    }
}
