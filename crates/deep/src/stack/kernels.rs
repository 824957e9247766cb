//! Convolutions of one picture whose channels lie side by side (height × width × channels), at stride 1.
//!
//! What a window covers of a row of the picture is one run of numbers, so a convolution is, for each row of the window,
//! a product of runs with weights that are laid out alike (row × column × channel). Backwards, gradients come as lists of
//! those that are not zero: behind a rectifier and a max pooling of 2 × 2 those are about one in eight.

#![expect(clippy::inline_always, reason = "it must be compiled for the instructions of its caller, see `vector`")]

/// Filters that are computed together.
pub(super) const LANES: usize = 16;
/// Places that are computed together: with [`LANES`] they are twelve vectors of eight numbers, of sixteen that there are.
const PLACES: usize = 6;
/// Numbers of a vector.
const VECTOR: usize = 8;

/// A convolution's sides. The picture has its padding already.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) kernel: [usize; 2],
    pub(super) filters: usize,
}

impl Geometry {
    /// Numbers of a picture.
    pub(super) fn numbers(self) -> usize {
        self.height * self.row()
    }

    /// Numbers of a row of the picture.
    pub(super) fn row(self) -> usize {
        self.width * self.channels
    }

    /// Numbers that a window covers of a row.
    pub(super) fn run(self) -> usize {
        self.kernel[1] * self.channels
    }

    /// Numbers that a window covers.
    pub(super) fn depth(self) -> usize {
        self.kernel[0] * self.run()
    }

    /// The filters, with some that answer nothing so that they are a multiple of [`LANES`].
    pub(super) fn lanes(self) -> usize {
        self.filters.next_multiple_of(LANES)
    }

    /// How many windows fit, down and across.
    pub(super) fn windows(self) -> [usize; 2] {
        [self.height - self.kernel[0] + 1, self.width - self.kernel[1] + 1]
    }
}

/// A gradient that is not zero, of the window that begins at a place of the picture or of the filter with a number.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) of: u32,
    pub(super) gradient: f32,
}

/// What all filters answer in `rows` rows of `columns` windows, from the row `from` on: into `out`, rows × columns ×
/// lanes. Weights come in panels: for each [`LANES`] filters, depth × lanes.
#[inline(always)]
pub(super) fn convolve(
    picture: &[f32],
    geometry: Geometry,
    [panels, biases]: [&[f32]; 2],
    [from, rows, columns]: [usize; 3],
    out: &mut [f32],
) {
    let (lanes, count, depth) = (geometry.lanes(), rows * columns, geometry.depth());
    // The last places may be too few: then the last one is computed more than once.
    let place = |number: usize| {
        let number = number.min(count - 1);
        (from + number / columns) * geometry.row() + number % columns * geometry.channels
    };
    for block in 0..lanes / LANES {
        let panel = &panels[block * depth * LANES..][..depth * LANES];
        let bias: &[f32; LANES] = lanes_of(&biases[block * LANES..]);
        for begin in (0..count).step_by(PLACES) {
            let places = std::array::from_fn(|number| place(begin + number));
            let answers = tile(picture, geometry, places, panel, bias);
            for (number, answer) in answers.iter().enumerate().take(count - begin) {
                out[(begin + number) * lanes + block * LANES..][..LANES].copy_from_slice(answer);
            }
        }
    }
}

#[inline(always)]
fn tile(
    picture: &[f32],
    geometry: Geometry,
    places: [usize; PLACES],
    panel: &[f32],
    bias: &[f32; LANES],
) -> [[f32; LANES]; PLACES] {
    let mut sums = [*bias; PLACES];
    let (run, row) = (geometry.run(), geometry.row());
    let mut weights = panel.chunks_exact(LANES);
    for line in 0..geometry.kernel[0] {
        let runs: [&[f32]; PLACES] = std::array::from_fn(|number| &picture[places[number] + line * row..][..run]);
        for (at, weights) in (0..run).zip(&mut weights) {
            let weights: &[f32; LANES] = lanes_of(weights);
            for number in 0..PLACES {
                let value = runs[number][at];
                for lane in 0..LANES {
                    sums[number][lane] = value.mul_add(weights[lane], sums[number][lane]);
                }
            }
        }
    }
    sums
}

/// The gradient of one filter's weights (row × column × channel): the windows of the picture, each times its gradient.
#[inline(always)]
pub(super) fn add_weights(picture: &[f32], geometry: Geometry, windows: &[Entry], sum: &mut [f32]) {
    for line in 0..geometry.kernel[0] {
        let sum = &mut sum[line * geometry.run()..][..geometry.run()];
        add_runs(sum, picture, line * geometry.row(), 1, windows);
    }
}

/// The gradient of the picture where the window at `place` lies: the filters' weights (filter × row × column × channel),
/// each times its gradient.
#[inline(always)]
pub(super) fn add_picture(sum: &mut [f32], geometry: Geometry, weights: &[f32], place: usize, filters: &[Entry]) {
    for line in 0..geometry.kernel[0] {
        let sum = &mut sum[place + line * geometry.row()..][..geometry.run()];
        add_runs(sum, weights, line * geometry.run(), geometry.depth(), filters);
    }
}

/// Adds to `sum` the run of `numbers` at `of · step + offset`, times the gradient, of each entry.
#[inline(always)]
fn add_runs(sum: &mut [f32], numbers: &[f32], offset: usize, step: usize, entries: &[Entry]) {
    let (mut rest, mut offset) = (sum, offset);
    macro_rules! by {
        ($vectors:literal) => {
            while rest.len() >= $vectors * VECTOR {
                let (now, later) = rest.split_at_mut($vectors * VECTOR);
                add_vectors::<$vectors>(now, numbers, offset, step, entries);
                (rest, offset) = (later, offset + $vectors * VECTOR);
            }
        };
    }
    by!(12);
    by!(4);
    by!(3);
    by!(2);
    by!(1);
    for (at, sum) in rest.iter_mut().enumerate() {
        for entry in entries {
            *sum = entry.gradient.mul_add(numbers[entry.of as usize * step + offset + at], *sum);
        }
    }
}

#[inline(always)]
fn add_vectors<const V: usize>(sum: &mut [f32], numbers: &[f32], offset: usize, step: usize, entries: &[Entry]) {
    let mut sums = [[0.0; VECTOR]; V];
    for (vector, sum) in sums.iter_mut().zip(sum.chunks_exact(VECTOR)) {
        vector.copy_from_slice(sum);
    }
    for entry in entries {
        let run = &numbers[entry.of as usize * step + offset..][..V * VECTOR];
        for vector in 0..V {
            for lane in 0..VECTOR {
                sums[vector][lane] = entry.gradient.mul_add(run[vector * VECTOR + lane], sums[vector][lane]);
            }
        }
    }
    for (vector, sum) in sums.iter().zip(sum.chunks_exact_mut(VECTOR)) {
        sum.copy_from_slice(vector);
    }
}

/// The gradient of all filters' weights, in panels as [`convolve`] reads them, where windows are so small that lists do
/// not pay. `gradients`: rows × columns × lanes.
#[inline(always)]
pub(super) fn add_panels(
    picture: &[f32],
    geometry: Geometry,
    gradients: &[f32],
    [rows, columns]: [usize; 2],
    panels: &mut [f32],
) {
    let (run, depth) = (geometry.run(), geometry.depth());
    for block in 0..geometry.lanes() / LANES {
        for line in 0..geometry.kernel[0] {
            let mut at = 0;
            while at < run {
                let panel = &mut panels[(block * depth + line * run + at) * LANES..];
                let (offset, gradients) = (line * geometry.row() + at, &gradients[block * LANES..]);
                macro_rules! with {
                    ($numbers:literal) => {{
                        add_panel::<$numbers>(picture, geometry, offset, gradients, [rows, columns], panel);
                        at += $numbers;
                    }};
                }
                match run - at {
                    1 => with!(1),
                    2 => with!(2),
                    3 => with!(3),
                    4 => with!(4),
                    5 => with!(5),
                    _ => with!(6),
                }
            }
        }
    }
}

#[inline(always)]
fn add_panel<const N: usize>(
    picture: &[f32],
    geometry: Geometry,
    offset: usize,
    gradients: &[f32],
    [rows, columns]: [usize; 2],
    panel: &mut [f32],
) {
    let lanes = geometry.lanes();
    let mut sums = [[0.0; LANES]; N];
    for number in 0..N {
        sums[number].copy_from_slice(&panel[number * LANES..][..LANES]);
    }
    for row in 0..rows {
        let mut at = row * geometry.row() + offset;
        for gradients in gradients[row * columns * lanes..].chunks(lanes).take(columns) {
            let gradients: &[f32; LANES] = lanes_of(gradients);
            let numbers: &[f32; N] = picture[at..].first_chunk().expect("windows lie in the picture");
            for number in 0..N {
                for lane in 0..LANES {
                    sums[number][lane] = numbers[number].mul_add(gradients[lane], sums[number][lane]);
                }
            }
            at += geometry.channels;
        }
    }
    for number in 0..N {
        panel[number * LANES..][..LANES].copy_from_slice(&sums[number]);
    }
}

#[inline(always)]
fn lanes_of(numbers: &[f32]) -> &[f32; LANES] {
    numbers.first_chunk().expect("panels and bands are whole lanes")
}
