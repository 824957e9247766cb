//! One convolution with its rectifier, pooling and dropout, for a batch of pictures.

#![expect(clippy::inline_always, reason = "it must be compiled for the instructions of its caller, see `vector`")]

use super::kernels::{Entry, Geometry, LANES, add_panels, add_picture, add_weights, convolve};
use super::vector::{self, Task};
use crate::initialise::Chance;

/// Numbers of a window from which on lists of gradients pay.
const WORTH_LISTS: usize = 64;
/// The number of a window's place where no gradient goes to.
const NOWHERE: u8 = u8::MAX;

pub(super) struct Layer {
    name: String,
    geometry: Geometry,
    /// Places of padding before the first row and the first column.
    before: [usize; 2],
    /// Channels, height and width of the picture without its padding.
    input: [usize; 3],
    rectified: bool,
    pooled: [usize; 2],
    /// The share of values that are dropped.
    dropped: f64,
    /// Filter × row × column × channel.
    weights: Vec<f32>,
    /// As [`convolve`] reads them.
    panels: Vec<f32>,
    biases: Vec<f32>,
    /// The pictures, with their padding.
    pictures: Vec<f32>,
    /// For each value the place of its window that it comes from.
    places: Vec<u8>,
    /// What each value was multiplied with by chance.
    mask: Vec<f32>,
    is_training: bool,
}

/// Where a picture lies among the numbers of a larger one.
#[derive(Clone, Copy)]
pub(super) struct Sides {
    /// Numbers of the larger one.
    numbers: usize,
    /// Numbers of its rows.
    row: usize,
    /// Where the picture begins.
    begin: usize,
}

impl Sides {
    /// A picture that is all there is.
    pub(super) fn plain([channels, height, width]: [usize; 3]) -> Self {
        Self { numbers: channels * height * width, row: width * channels, begin: 0 }
    }
}

impl Layer {
    pub(super) fn new(
        name: &str,
        input: [usize; 3],
        kernel: [usize; 2],
        around: [[usize; 2]; 2],
        filters: usize,
        rectified: bool,
    ) -> Self {
        let [channels, height, width] = input;
        let [down, across] = around.map(|[before, after]| before + after);
        let geometry = Geometry { height: height + down, width: width + across, channels, kernel, filters };
        Self {
            name: name.to_owned(),
            geometry,
            before: around.map(|[before, _]| before),
            input,
            rectified,
            pooled: [1, 1],
            dropped: 0.0,
            weights: Vec::new(),
            panels: Vec::new(),
            biases: Vec::new(),
            pictures: Vec::new(),
            places: Vec::new(),
            mask: Vec::new(),
            is_training: false,
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
    pub(super) fn drop(&mut self, rate: f64) -> bool {
        let can = self.dropped == 0.0;
        if can {
            self.dropped = rate;
        }
        can
    }

    /// Channels, height and width of what comes out.
    pub(super) fn shape(&self) -> [usize; 3] {
        let [down, across] = self.geometry.windows();
        [self.geometry.filters, down / self.pooled[0], across / self.pooled[1]]
    }

    /// Takes weights (filter × channel × row × column), and makes room for a batch.
    pub(super) fn prepare(&mut self, count: usize, weight: &[f32], bias: Option<&[f32]>, is_training: bool) {
        let Geometry { channels, kernel: [rows, columns], filters, .. } = self.geometry;
        let (depth, lanes) = (self.geometry.depth(), self.geometry.lanes());
        self.weights.resize(filters * depth, 0.0);
        self.panels.resize(lanes * depth, 0.0);
        self.biases.clear();
        self.biases.resize(lanes, 0.0);
        if let Some(bias) = bias {
            self.biases[..filters].copy_from_slice(bias);
        }
        let area = rows * columns;
        for (filter, weight) in weight.chunks_exact(depth).enumerate() {
            let own = &mut self.weights[filter * depth..][..depth];
            for (at, own) in own.iter_mut().enumerate() {
                *own = weight[at % channels * area + at / channels];
                self.panels[(filter / LANES * depth + at) * LANES + filter % LANES] = *own;
            }
        }
        // Padding stays zero: nobody writes there.
        self.pictures.resize(count * self.geometry.numbers(), 0.0);
        self.is_training = is_training;
        let values: usize = self.shape().iter().product();
        self.places.resize(if is_training { count * values } else { 0 }, 0);
    }

    /// Takes a picture (channel × row × column).
    pub(super) fn take(&mut self, number: usize, picture: &[f32]) {
        let [channels, height, width] = self.input;
        let (into, place) = self.room();
        let into = &mut into[number * place.numbers + place.begin..];
        for channel in 0..channels {
            for row in 0..height {
                let from = &picture[(channel * height + row) * width..][..width];
                let into = &mut into[row * place.row..];
                for (into, from) in into.chunks_mut(channels).zip(from) {
                    into[channel] = *from;
                }
            }
        }
    }

    /// Where the pictures are to be written.
    pub(super) fn room(&mut self) -> (&mut [f32], Sides) {
        let Geometry { channels, .. } = self.geometry;
        let row = self.geometry.row();
        let begin = self.before[0] * row + self.before[1] * channels;
        (&mut self.pictures, Sides { numbers: self.geometry.numbers(), row, begin })
    }

    /// Computes all pictures of a batch into their places.
    pub(super) fn forward(&mut self, count: usize, into: &mut [f32], place: Sides) {
        let shape = self.shape();
        vector::run(Forward {
            geometry: self.geometry,
            weights: [&self.panels, &self.biases],
            rectified: self.rectified,
            pooled: self.pooled,
            shape,
            pictures: &self.pictures[..count * self.geometry.numbers()],
            into,
            place,
            places: &mut self.places,
        });
    }

    /// Sets values to zero by chance; the others grow so that the mean stays.
    pub(super) fn drop_some(&mut self, count: usize, into: &mut [f32], place: Sides, chance: Option<&mut Chance>) {
        self.mask.clear();
        let Some(chance) = chance.filter(|_| self.dropped > 0.0) else { return };
        let [channels, height, width] = self.shape();
        self.mask = chance.mask(count * channels * height * width, self.dropped);
        for (number, row) in self.mask.chunks_exact(width * channels).enumerate() {
            let begin = number / height * place.numbers + place.begin + number % height * place.row;
            for (value, factor) in into[begin..].iter_mut().zip(row) {
                *value *= factor;
            }
        }
    }

    /// From the gradient of what came out: those of the weights (filter × channel × row × column) and of the biases, and
    /// that of the pictures without their padding, where it is wanted.
    pub(super) fn backward(&mut self, mut gradient: Vec<f32>, wants_pictures: bool) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        assert!(self.is_training, "nothing was kept to go back with");
        for (gradient, factor) in gradient.iter_mut().zip(&self.mask) {
            *gradient *= factor;
        }
        let Geometry { channels, kernel: [rows, columns], filters, .. } = self.geometry;
        let (depth, area) = (self.geometry.depth(), rows * columns);
        let shape = self.shape();
        let values: usize = shape.iter().product();
        let count = gradient.len() / values.max(1);
        let [input_channels, height, width] = self.input;
        let mut biases = vec![0.0; filters];
        let mut pictures = vec![0.0; if wants_pictures { count * input_channels * height * width } else { 0 }];
        let mut sums = vec![0.0; self.geometry.lanes() * depth];
        let uses_lists = wants_pictures || depth >= WORTH_LISTS;
        vector::run(Backward {
            geometry: self.geometry,
            weights: &self.weights,
            pooled: self.pooled,
            shape,
            input: self.input,
            before: self.before,
            pictures: &self.pictures,
            places: &self.places,
            gradient: &gradient,
            sums: &mut sums,
            biases: &mut biases,
            into: &mut pictures,
            uses_lists,
        });
        let mut weights = vec![0.0; filters * depth];
        for (filter, weights) in weights.chunks_exact_mut(depth).enumerate() {
            for at in 0..depth {
                let sum = if uses_lists {
                    filter * depth + at
                } else {
                    (filter / LANES * depth + at) * LANES + filter % LANES
                };
                weights[at % channels * area + at / channels] = sums[sum];
            }
        }
        (weights, biases, pictures)
    }
}

struct Forward<'a> {
    geometry: Geometry,
    weights: [&'a [f32]; 2],
    rectified: bool,
    pooled: [usize; 2],
    shape: [usize; 3],
    pictures: &'a [f32],
    into: &'a mut [f32],
    place: Sides,
    places: &'a mut [u8],
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { geometry, weights, rectified, pooled, shape, pictures, into, place, places } = self;
        let [filters, height, width] = shape;
        let columns = width * pooled[1];
        let mut band = vec![0.0; pooled[0] * columns * geometry.lanes()];
        let mut nowhere = vec![0; width * filters];
        for (number, picture) in pictures.chunks_exact(geometry.numbers()).enumerate() {
            for row in 0..height {
                convolve(picture, geometry, weights, [row * pooled[0], pooled[0], columns], &mut band);
                let into = &mut into[number * place.numbers + place.begin + row * place.row..][..width * filters];
                let begin = (number * height + row) * width * filters;
                let places = places.get_mut(begin..begin + width * filters).unwrap_or(&mut nowhere);
                largest(&band, geometry.lanes(), pooled, columns, rectified, filters, into, places);
            }
        }
    }
}

/// The largest values of windows side by side, and which of their places they come from. What is no number is passed on.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a loop that is told everything, so that it is compiled into its caller")]
fn largest(
    band: &[f32],
    lanes: usize,
    pooled: [usize; 2],
    columns: usize,
    rectified: bool,
    filters: usize,
    into: &mut [f32],
    places: &mut [u8],
) {
    let windows = into.chunks_exact_mut(filters).zip(places.chunks_exact_mut(filters));
    for (window, (into, places)) in windows.enumerate() {
        for begin in (0..filters).step_by(LANES) {
            let mut best = [f32::NEG_INFINITY; LANES];
            let mut place = [0_u32; LANES];
            for row in 0..pooled[0] {
                for column in 0..pooled[1] {
                    let at = (row * columns + window * pooled[1] + column) * lanes + begin;
                    let number = (row * pooled[1] + column) as u32;
                    let values: &[f32; LANES] = band[at..].first_chunk().expect("bands are whole lanes");
                    for lane in 0..LANES {
                        let value = values[lane];
                        let takes = (value > best[lane]) | value.is_nan();
                        best[lane] = if takes { value } else { best[lane] };
                        place[lane] = if takes { number } else { place[lane] };
                    }
                }
            }
            if rectified {
                for lane in 0..LANES {
                    let none = best[lane] <= 0.0;
                    best[lane] = if none { 0.0 } else { best[lane] };
                    place[lane] = if none { u32::from(NOWHERE) } else { place[lane] };
                }
            }
            let place = place.map(|place| place as u8);
            let (into, places) = (&mut into[begin..], &mut places[begin..]);
            // Of a known length, as nearly all are, they are written at once.
            if let (Some(into), Some(places)) = (into.first_chunk_mut(), places.first_chunk_mut()) {
                (*into, *places) = (best, place);
            } else {
                into.copy_from_slice(&best[..into.len()]);
                places.copy_from_slice(&place[..places.len()]);
            }
        }
    }
}

struct Backward<'a> {
    geometry: Geometry,
    weights: &'a [f32],
    pooled: [usize; 2],
    shape: [usize; 3],
    input: [usize; 3],
    before: [usize; 2],
    pictures: &'a [f32],
    places: &'a [u8],
    gradient: &'a [f32],
    sums: &'a mut [f32],
    biases: &'a mut [f32],
    into: &'a mut [f32],
    uses_lists: bool,
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
        let Self { geometry, pooled, shape, .. } = *self;
        let [filters, height, width] = shape;
        let values = filters * height * width;
        let mut of_filter: Vec<Vec<Entry>> = vec![Vec::with_capacity(height * width); filters];
        let mut of_place: Vec<Vec<Entry>> = vec![Vec::with_capacity(filters); pooled[0] * pooled[1]];
        let mut padded = vec![0.0; if self.into.is_empty() { 0 } else { geometry.numbers() }];
        let offsets = offsets(pooled, geometry.row(), geometry.channels);
        let pictures = self.pictures.chunks_exact(geometry.numbers());
        for (number, (picture, gradient)) in pictures.zip(self.gradient.chunks_exact(values)).enumerate() {
            padded.fill(0.0);
            let places = &self.places[number * values..][..values];
            for window in 0..height * width {
                let begin =
                    window / width * pooled[0] * geometry.row() + window % width * pooled[1] * geometry.channels;
                let own = window * filters..(window + 1) * filters;
                for (filter, (place, gradient)) in places[own.clone()].iter().zip(&gradient[own]).enumerate() {
                    if *place == NOWHERE || *gradient == 0.0 {
                        continue;
                    }
                    let (place, gradient) = (usize::from(*place), *gradient);
                    let at = begin + offsets[place];
                    self.biases[filter] += gradient;
                    of_filter[filter].push(Entry { of: at as u32, gradient });
                    of_place[place].push(Entry { of: filter as u32, gradient });
                }
                for (place, entries) in of_place.iter_mut().enumerate() {
                    if !padded.is_empty() {
                        add_picture(&mut padded, geometry, self.weights, begin + offsets[place], entries);
                    }
                    entries.clear();
                }
            }
            let depth = geometry.depth();
            for (entries, sum) in of_filter.iter_mut().zip(self.sums.chunks_exact_mut(depth)) {
                add_weights(picture, geometry, entries, sum);
                entries.clear();
            }
            self.without_padding(number, &padded);
        }
    }

    /// Takes the gradient of a picture out of its padding.
    #[inline(always)]
    fn without_padding(&mut self, number: usize, padded: &[f32]) {
        if padded.is_empty() {
            return;
        }
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
        let Self { geometry, pooled, shape, .. } = *self;
        let [filters, height, width] = shape;
        let (values, lanes, columns) = (filters * height * width, geometry.lanes(), width * pooled[1]);
        let mut spread = vec![0.0; height * pooled[0] * columns * lanes];
        let offsets = offsets(pooled, columns * lanes, lanes);
        let pictures = self.pictures.chunks_exact(geometry.numbers());
        for (number, (picture, gradient)) in pictures.zip(self.gradient.chunks_exact(values)).enumerate() {
            spread.fill(0.0);
            let places = &self.places[number * values..][..values];
            for window in 0..height * width {
                let begin = (window / width * pooled[0] * columns + window % width * pooled[1]) * lanes;
                let own = window * filters..(window + 1) * filters;
                for (filter, (place, gradient)) in places[own.clone()].iter().zip(&gradient[own]).enumerate() {
                    if *place != NOWHERE {
                        spread[begin + offsets[usize::from(*place)] + filter] = *gradient;
                        self.biases[filter] += gradient;
                    }
                }
            }
            add_panels(picture, geometry, &spread, [height * pooled[0], columns], self.sums);
        }
    }
}

/// Where the places of a pool lie, from its first one.
fn offsets(pooled: [usize; 2], row: usize, column: usize) -> Vec<usize> {
    (0..pooled[0] * pooled[1]).map(|place| place / pooled[1] * row + place % pooled[1] * column).collect()
}
