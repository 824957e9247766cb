//! The gradients of a convolution: by lists of those that are not zero, or, where windows are small, all at once.

#![expect(clippy::inline_always, reason = "it must be compiled for the instructions of its caller, see `vector`")]

use super::convolution::{Convolution, NOWHERE};
use super::kernels::{Entry, Geometry, LANES, add_panels, add_picture, add_weights};
use crate::vector::{self, Task};

/// Numbers that a window covers of a row from which on lists pay.
const WORTH_LISTS: usize = 32;
/// Numbers of a picture whose gradients are listed together: they stay in a core's cache for one filter after the other.
const AT_ONCE: usize = 1 << 15;

/// What a batch teaches a convolution.
pub(super) struct Learnt {
    /// Filter × channel × row × column.
    pub(super) weights: Vec<f32>,
    pub(super) biases: Vec<f32>,
    /// Of the pictures without their padding, where they are wanted: picture × row × column × channel.
    pub(super) pictures: Vec<f32>,
}

pub(super) struct Backward<'a> {
    geometry: Geometry,
    weights: &'a [f32],
    pooled: [usize; 2],
    /// Channels, height and width of what came out.
    shape: [usize; 3],
    /// The same of the pictures, without their padding.
    input: [usize; 3],
    before: [usize; 2],
    pictures: &'a [f32],
    places: &'a [u8],
    gradient: &'a [f32],
    lists: &'a mut [Vec<Entry>],
    sums: &'a mut [f32],
    biases: &'a mut [f32],
    into: &'a mut [f32],
    uses_lists: bool,
}

impl Backward<'_> {
    /// The gradients of a layer that has kept a batch, from that of what came out.
    pub(super) fn of(layer: &mut Convolution, gradient: &[f32], wants_pictures: bool) -> Learnt {
        let shape = layer.shape();
        let geometry = layer.geometry;
        let Geometry { channels, kernel: [rows, columns], filters, .. } = geometry;
        let (depth, area) = (geometry.depth(), rows * columns);
        let values: usize = shape.iter().product();
        let count = gradient.len() / values;
        assert_eq!(layer.places.len(), gradient.len(), "what came out was kept");
        layer.lists.resize_with(filters, Vec::new);
        let mut biases = vec![0.0; filters];
        let mut pictures = vec![0.0; if wants_pictures { count * layer.input.iter().product::<usize>() } else { 0 }];
        let mut sums = vec![0.0; geometry.lanes() * depth];
        let uses_lists = wants_pictures || geometry.run() >= WORTH_LISTS;
        vector::run(Backward {
            geometry,
            weights: &layer.weights,
            pooled: layer.pooled,
            shape,
            input: layer.input,
            before: layer.before,
            pictures: &layer.pictures,
            places: &layer.places,
            gradient,
            lists: &mut layer.lists,
            sums: &mut sums,
            biases: &mut biases,
            into: &mut pictures,
            uses_lists,
        });
        let mut weights = vec![0.0; filters * depth];
        for (filter, weights) in weights.chunks_exact_mut(depth).enumerate() {
            let in_panels = filter / LANES * depth * LANES + filter % LANES;
            let (begin, step) = if uses_lists { (filter * depth, 1) } else { (in_panels, LANES) };
            let sums = &sums[begin..];
            for (channel, weights) in weights.chunks_exact_mut(area).enumerate() {
                for (weight, sum) in weights.iter_mut().zip(sums[channel * step..].iter().step_by(channels * step)) {
                    *weight = *sum;
                }
            }
        }
        Learnt { weights, biases, pictures }
    }
}

impl Task for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        if self.uses_lists { self.by_lists() } else { self.by_panels() }
    }
}

impl Backward<'_> {
    #[inline(always)]
    fn by_lists(&mut self) {
        let Self { geometry, pooled, shape: [filters, height, width], .. } = *self;
        let wants_pictures = !self.into.is_empty();
        let values = filters * height * width;
        let mut of_place: Vec<Vec<Entry>> = vec![Vec::new(); pooled[0] * pooled[1]];
        let mut padded = vec![0.0; if wants_pictures { geometry.numbers() } else { 0 }];
        let offsets = offsets(pooled, geometry.row(), geometry.channels);
        let rows = (AT_ONCE / (geometry.row() * pooled[0])).max(1);
        let pictures = self.pictures.chunks_exact(geometry.numbers());
        for (number, (picture, gradient)) in pictures.zip(self.gradient.chunks_exact(values)).enumerate() {
            padded.fill(0.0);
            let places = &self.places[number * values..][..values];
            for row in 0..height {
                for column in 0..width {
                    let begin = row * pooled[0] * geometry.row() + column * pooled[1] * geometry.channels;
                    let own = (row * width + column) * filters..(row * width + column + 1) * filters;
                    for (filter, (place, gradient)) in places[own.clone()].iter().zip(&gradient[own]).enumerate() {
                        if *place == NOWHERE || *gradient == 0.0 {
                            continue;
                        }
                        let (place, gradient) = (usize::from(*place), *gradient);
                        self.lists[filter].push(Entry { of: (begin + offsets[place]) as u32, gradient });
                        if wants_pictures {
                            of_place[place].push(Entry { of: filter as u32, gradient });
                        }
                    }
                    for (entries, offset) in
                        of_place.iter_mut().zip(&offsets).filter(|(entries, _)| !entries.is_empty())
                    {
                        add_picture(&mut padded, geometry, self.weights, begin + offset, entries);
                        entries.clear();
                    }
                }
                if (row + 1) % rows == 0 || row + 1 == height {
                    self.add_lists(picture);
                }
            }
            if wants_pictures {
                self.without_padding(number, &padded);
            }
        }
    }

    /// Adds what is listed to the gradients of weights and biases.
    #[inline(always)]
    fn add_lists(&mut self, picture: &[f32]) {
        let sums = self.sums.chunks_exact_mut(self.geometry.depth());
        for ((entries, sum), bias) in self.lists.iter_mut().zip(sums).zip(self.biases.iter_mut()) {
            add_weights(picture, self.geometry, entries, sum);
            *bias += entries.iter().map(|entry| entry.gradient).sum::<f32>();
            entries.clear();
        }
    }

    /// Takes the gradient of a picture out of its padding.
    #[inline(always)]
    fn without_padding(&mut self, number: usize, padded: &[f32]) {
        let [channels, height, width] = self.input;
        let row = width * channels;
        let into = &mut self.into[number * height * row..][..height * row];
        for (at, into) in into.chunks_exact_mut(row).enumerate() {
            let begin = (at + self.before[0]) * self.geometry.row() + self.before[1] * channels;
            into.copy_from_slice(&padded[begin..][..row]);
        }
    }

    #[inline(always)]
    fn by_panels(&mut self) {
        let Self { geometry, pooled, shape: [filters, height, width], .. } = *self;
        let (values, lanes, columns) = (filters * height * width, geometry.lanes(), width * pooled[1]);
        let offsets = offsets(pooled, columns * lanes, lanes);
        let mut spread = vec![0.0; pooled[0] * columns * lanes];
        let mut biases = vec![0.0; filters];
        let pictures = self.pictures.chunks_exact(geometry.numbers());
        for (number, (picture, gradient)) in pictures.zip(self.gradient.chunks_exact(values)).enumerate() {
            let places = &self.places[number * values..][..values];
            let rows = places.chunks_exact(width * filters).zip(gradient.chunks_exact(width * filters));
            for (row, (places, gradients)) in rows.enumerate() {
                spread.fill(0.0);
                let windows = places.chunks_exact(filters).zip(gradients.chunks_exact(filters));
                for (column, (places, gradients)) in windows.enumerate() {
                    let begin = column * pooled[1] * lanes;
                    for (filter, (place, gradient)) in places.iter().zip(gradients).enumerate() {
                        if *place != NOWHERE {
                            spread[begin + offsets[usize::from(*place)] + filter] = *gradient;
                            biases[filter] += gradient;
                        }
                    }
                }
                let picture = &picture[row * pooled[0] * geometry.row()..];
                add_panels(picture, geometry, &spread, [pooled[0], columns], self.sums);
            }
            // Picture by picture, so that no small number is lost in the sum of a large batch.
            for (sum, bias) in self.biases.iter_mut().zip(&mut biases) {
                *sum += std::mem::take(bias);
            }
        }
    }
}

/// Where the places of a pool lie, from its first one.
fn offsets(pooled: [usize; 2], row: usize, column: usize) -> Vec<usize> {
    (0..pooled[0] * pooled[1]).map(|place| place / pooled[1] * row + place % pooled[1] * column).collect()
}
