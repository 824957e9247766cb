//! Boxes around things in a picture: from its pixels to what a model sees and back, and from a model's raw scores to the
//! boxes that are told. Training, evaluation and serving call the same functions.

use meuse_core::bundle::Detector;
use meuse_core::recipe::network::BOX_SIDES;

use crate::image::Shape;

/// Where a picture lies in what the model sees of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Width and height of the picture.
    pub(crate) size: [f64; 2],
    /// Width and height that it has there.
    pub(crate) inner: [f64; 2],
    /// Where it begins there.
    pub(crate) begins: [f64; 2],
    /// Width and height of what the model sees.
    pub(crate) seen: [f64; 2],
}

impl Placement {
    /// A box of the picture (left, top, width, height in pixels) as shares of what the model sees: left, top, right,
    /// bottom.
    pub fn seen(&self, [left, top, width, height]: [f64; 4]) -> [f64; 4] {
        let place =
            |axis: usize, at: f64| (at / self.size[axis] * self.inner[axis] + self.begins[axis]) / self.seen[axis];
        [place(0, left), place(1, top), place(0, left + width), place(1, top + height)]
    }

    /// A place in what the model sees, as a share of it, in pixels of the picture; at its edge what lies beyond.
    fn pixel(&self, axis: usize, share: f64) -> f64 {
        let inside = (share * self.seen[axis] - self.begins[axis]) / self.inner[axis];
        (inside * self.size[axis]).clamp(0.0, self.size[axis])
    }
}

/// A box that is known to be there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrueBox {
    /// The place of its class among the labels.
    pub class: u32,
    /// Whether it is around many things at once.
    pub crowd: bool,
    /// Left, top, right, bottom, as shares of what the model sees.
    pub edges: [f64; 4],
}

/// The share of a box that must be left in an augmented picture.
const LEAST_LEFT: f64 = 0.25;

impl TrueBox {
    /// The box after its places have moved, cut at the edges of the picture; nothing when too little is left of it.
    pub(crate) fn moved(&self, place: impl Fn([f64; 2]) -> [f64; 2], shape: Shape) -> Option<Self> {
        let (width, height) = (shape.width as f64, shape.height as f64);
        let [left, top, right, bottom] = self.edges;
        let [first, second] = [place([left * width, top * height]), place([right * width, bottom * height])];
        let axis = |at: usize, side: f64| {
            let (low, high) = (first[at].min(second[at]) / side, first[at].max(second[at]) / side);
            (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0), high - low)
        };
        let ((left, right, wide), (top, bottom, high)) = (axis(0, width), axis(1, height));
        let whole = wide * high;
        let kept = (right - left) * (bottom - top);
        (kept > 0.0 && kept >= LEAST_LEFT * whole).then_some(Self { edges: [left, top, right, bottom], ..*self })
    }
}

/// A box that a model found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The place of its class among the labels.
    pub class: u32,
    /// From 0 to 1.
    pub score: f64,
    /// Left, top, width, height, in pixels of the picture.
    pub area: [f64; 4],
}

/// How far a side reaches when its raw score is 0, in cells.
pub const REACH: f64 = 2.0;
/// Raw scores of sides beyond this are cut: e⁸ cells are more than any picture has.
pub const LARGEST_SIDE: f64 = 8.0;
/// The most boxes of a picture that are compared with one another.
const MOST_COMPARED: usize = 2000;

/// The boxes that the raw scores of one picture mean, the highest score first; those of one score in the order of the
/// cells. `detector` says what is left out.
pub fn found(raw: &[f32], detector: &Detector, placement: &Placement) -> Vec<Found> {
    let (rows, columns) = (detector.rows as usize, detector.columns as usize);
    let cells = rows * columns;
    let classes = (raw.len() / cells.max(1)).saturating_sub(BOX_SIDES);
    let mut candidates = Vec::new();
    for class in 0..classes {
        for (cell, log_odds) in raw[class * cells..(class + 1) * cells].iter().enumerate() {
            let score = 1.0 / (1.0 + (-f64::from(*log_odds)).exp());
            if score >= detector.score_threshold {
                candidates.push((class as u32, cell, score));
            }
        }
    }
    candidates.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.1.cmp(&b.1)));
    candidates.truncate(MOST_COMPARED);
    let area = |cell: usize| {
        let side = |number: usize| {
            let raw = f64::from(raw[(classes + number) * cells + cell]);
            REACH * raw.min(LARGEST_SIDE).exp()
        };
        let (x, y) = ((cell % columns) as f64 + 0.5, (cell / columns) as f64 + 0.5);
        let (wide, high) = (columns as f64, rows as f64);
        let (left, right) = (placement.pixel(0, (x - side(0)) / wide), placement.pixel(0, (x + side(2)) / wide));
        let (top, bottom) = (placement.pixel(1, (y - side(1)) / high), placement.pixel(1, (y + side(3)) / high));
        [left, top, right - left, bottom - top]
    };
    let found = candidates.into_iter().map(|(class, cell, score)| Found { class, score, area: area(cell) });
    suppressed(found.filter(|one| one.area[2] > 0.0 && one.area[3] > 0.0), detector)
}

/// Non-maximum suppression: of boxes of one class that overlap too much, the one with the highest score.
fn suppressed(found: impl Iterator<Item = Found>, detector: &Detector) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    for one in found {
        if kept.len() >= detector.most_boxes as usize {
            break;
        }
        let same = |other: &&Found| other.class == one.class;
        if kept.iter().filter(same).all(|other| overlap(&other.area, &one.area) <= detector.iou_threshold) {
            kept.push(one);
        }
    }
    kept
}

/// Intersection over union of two boxes (left, top, width, height); 0 where both are empty.
pub fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let shared = intersection(a, b);
    let union = a[2] * a[3] + b[2] * b[3] - shared;
    if union > 0.0 { shared / union } else { 0.0 }
}

/// The area that two boxes share.
pub fn intersection(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let side = |axis: usize| (a[axis] + a[axis + 2]).min(b[axis] + b[axis + 2]) - a[axis].max(b[axis]);
    side(0).max(0.0) * side(1).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Colour, Geometry, Mode, Sampling, Steps};

    const DETECTOR: Detector =
        Detector { rows: 2, columns: 4, score_threshold: 0.5, iou_threshold: 0.5, most_boxes: 3 };

    fn placement(mode: Mode, size: [f64; 2]) -> Placement {
        let mut steps = Steps::to_size(40, 20, Colour::Rgb);
        steps.geometry =
            vec![Geometry::Resize { width: 40, height: 20, mode, sampling: Sampling::default(), fill: [0; 3] }];
        steps.placement(size).expect("nothing is cut off")
    }

    /// Two classes: raw scores of low odds everywhere but where `set` says, and sides of one cell each.
    fn raw(set: &[(usize, usize, f32)]) -> Vec<f32> {
        let mut raw = vec![-9.0; 16];
        raw.extend(vec![0.5_f32.ln(); 32]);
        for (class, cell, log_odds) in set {
            raw[class * 8 + cell] = *log_odds;
        }
        raw
    }

    fn close(is: [f64; 4], wanted: [f64; 4]) {
        assert!(is.iter().zip(wanted).all(|(is, wanted)| (is - wanted).abs() < 1e-4), "{is:?} is not {wanted:?}");
    }

    #[test]
    fn a_cell_becomes_a_box_in_pixels_of_the_picture() {
        let stretched = placement(Mode::Stretch, [400.0, 100.0]);
        let found = found(&raw(&[(1, 6, 2.0)]), &DETECTOR, &stretched);
        let [one] = found.as_slice() else { panic!("{found:?}") };
        // Cell 6 is the third of the lower row: its middle is at 250 of 400 and 75 of 100, a cell is 100 × 50.
        assert_eq!(one.class, 1);
        close(one.area, [150.0, 25.0, 200.0, 75.0]);
        assert!((one.score - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-12);
    }

    #[test]
    fn a_padded_picture_is_found_where_it_lies() {
        let padded = placement(Mode::PadToAspectRatio, [100.0, 100.0]);
        // 20 × 20 in the middle of 40 × 20.
        assert_eq!(padded.seen([0.0, 0.0, 50.0, 100.0]), [0.25, 0.0, 0.5, 1.0]);
        let found = found(&raw(&[(0, 1, 3.0)]), &DETECTOR, &padded);
        close(found[0].area, [0.0, 0.0, 75.0, 75.0]);
    }

    #[test]
    fn of_boxes_that_overlap_the_best_of_each_class_is_told() {
        let all = placement(Mode::Stretch, [40.0, 20.0]);
        let mut raw = raw(&[(0, 1, 1.0), (0, 2, 2.0), (1, 2, 0.5), (0, 7, 0.1)]);
        // Wide boxes, so that neighbours overlap by more than half.
        raw[16..].fill(1.0);
        let told: Vec<(u32, bool)> =
            found(&raw, &DETECTOR, &all).iter().map(|one| (one.class, one.score > 0.8)).collect();
        assert_eq!(told, [(0, true), (1, false)]);
        let few = Detector { most_boxes: 1, ..DETECTOR };
        assert_eq!(found(&raw, &few, &all).len(), 1);
        let lax = Detector { iou_threshold: 1.0, ..DETECTOR };
        assert_eq!(found(&raw, &lax, &all).len(), 3);
    }

    #[test]
    fn scores_that_are_no_numbers_are_no_boxes() {
        let all = placement(Mode::Stretch, [40.0, 20.0]);
        assert!(found(&[f32::NAN; 48], &DETECTOR, &all).is_empty());
        assert!(found(&[], &DETECTOR, &all).is_empty());
    }

    #[test]
    fn a_box_moves_with_its_picture_and_is_cut_at_the_edge() {
        let shape = Shape { channels: 3, height: 10, width: 20 };
        let one = TrueBox { class: 0, crowd: false, edges: [0.1, 0.2, 0.3, 0.6] };
        let flipped = one.moved(|[x, y]| [20.0 - x, y], shape).expect("it is still there");
        for (is, wanted) in flipped.edges.iter().zip([0.7, 0.2, 0.9, 0.6]) {
            assert!((is - wanted).abs() < 1e-12, "{flipped:?}");
        }
        let cut = one.moved(|[x, y]| [x - 4.0, y], shape).expect("half of it is still there");
        assert!(cut.edges[0] == 0.0 && (cut.edges[2] - 0.1).abs() < 1e-12, "{cut:?}");
        assert!(one.moved(|[x, y]| [x - 5.5, y], shape).is_none(), "an eighth is left");
    }
}
