//! What a convolution answers for a picture: windows, the largest of each pool, the rectifier.

#![expect(clippy::inline_always, reason = "it must be compiled for the instructions of its caller, see `vector`")]

use super::convolution::{NOWHERE, Sides};
use super::kernels::{Geometry, LANES, convolve};
use crate::vector::Task;

/// Windows that are computed before they are pooled, at least: a few tiles, so that the last one's waste is little.
const LEAST_WINDOWS: usize = 24;

pub(super) struct Forward<'a> {
    pub(super) geometry: Geometry,
    /// Panels, and biases.
    pub(super) weights: [&'a [f32]; 2],
    pub(super) rectified: bool,
    pub(super) pooled: [usize; 2],
    /// Channels, height and width of what comes out.
    pub(super) shape: [usize; 3],
    pub(super) picture: &'a [f32],
    pub(super) band: &'a mut Vec<f32>,
    pub(super) into: &'a mut [f32],
    pub(super) sides: Sides,
    pub(super) places: Option<&'a mut [u8]>,
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let [filters, height, width] = self.shape;
        let columns = width * self.pooled[1];
        let together = LEAST_WINDOWS.div_ceil(self.pooled[0] * columns).min(height);
        let row_of_band = self.pooled[0] * columns * self.geometry.lanes();
        self.band.resize(together * row_of_band, 0.0);
        // Where nobody asks, places are written over each other.
        let mut unasked = vec![0; if self.places.is_some() { 0 } else { width * filters }];
        for first in (0..height).step_by(together) {
            let rows = together.min(height - first);
            let windows = [first * self.pooled[0], rows * self.pooled[0], columns];
            convolve(self.picture, self.geometry, self.weights, windows, self.band);
            for row in 0..rows {
                let begin = self.sides.begin + (first + row) * self.sides.row;
                let into = &mut self.into[begin..][..width * filters];
                let places = match &mut self.places {
                    Some(places) => &mut places[(first + row) * width * filters..][..width * filters],
                    None => &mut unasked,
                };
                let band = &self.band[row * row_of_band..][..row_of_band];
                let pools = Pools { lanes: self.geometry.lanes(), pooled: self.pooled, columns };
                pools.largest(band, self.rectified, filters, into, places);
            }
        }
    }
}

/// How a band of windows lies, and how it is pooled.
#[derive(Clone, Copy)]
struct Pools {
    lanes: usize,
    pooled: [usize; 2],
    columns: usize,
}

impl Pools {
    /// The largest values of pools side by side, and which of their places they come from. What is no number is passed on.
    #[inline(always)]
    fn largest(self, band: &[f32], rectified: bool, filters: usize, into: &mut [f32], places: &mut [u8]) {
        let pools = into.chunks_exact_mut(filters).zip(places.chunks_exact_mut(filters));
        for (pool, (into, places)) in pools.enumerate() {
            for begin in (0..filters).step_by(LANES) {
                let mut best = [f32::NEG_INFINITY; LANES];
                let mut place = [0_u32; LANES];
                for row in 0..self.pooled[0] {
                    for column in 0..self.pooled[1] {
                        let at = (row * self.columns + pool * self.pooled[1] + column) * self.lanes + begin;
                        let number = (row * self.pooled[1] + column) as u32;
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
}
