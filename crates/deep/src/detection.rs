//! The loss of a detector: which cells of its grid are to find which true box, and how far scores and sides are from that.
//!
//! A box is to be found by the cells whose middle is in it, at most a cell and a half from its own middle, and by the one
//! that its middle is in. The score of such a cell is to be the overlap of its box with the true one, all other scores 0
//! (quality focal loss: X. Li and others, Generalized Focal Loss, 2020); its box is to be the true one (generalised
//! intersection over union: H. Rezatofighi and others, 2019).

use meuse_core::recipe::network::{BOX_SIDES, Graph};
use meuse_prep::boxes::{LARGEST_SIDE, REACH, TrueBox};
use tch::{Kind, Reduction, Tensor};

/// How far from the middle of a box, in cells, a cell may be that is to find it.
const RADIUS: f64 = 1.5;
/// What the boxes weigh beside the scores.
const BOX_WEIGHT: f64 = 2.0;
/// What keeps divisions finite.
const EPSILON: f64 = 1e-7;

/// The grid of a detector.
#[derive(Clone, Copy)]
struct Grid {
    classes: usize,
    rows: usize,
    columns: usize,
}

impl Grid {
    fn cells(self) -> usize {
        self.rows * self.columns
    }
}

/// The cells of a batch that are to find something.
#[derive(Default)]
struct Wanted {
    /// row of the batch · cells + cell
    places: Vec<i64>,
    classes: Vec<i64>,
    /// Left, top, right, bottom of the true box, in cells.
    edges: Vec<f32>,
    /// Middles of these cells, in cells.
    middles: Vec<f32>,
    /// Scores that are left alone, as they stand inside a crowd: indices into rows × classes × cells.
    crowded: Vec<i64>,
}

/// The loss of one batch, whose outputs are rows × (channels · cells); `truth` has the boxes of each row.
pub(crate) fn loss(graph: &Graph, output: &Tensor, truth: &[Vec<TrueBox>]) -> Tensor {
    let [channels, rows, columns] = graph.grid().expect("the graph of a detection has a grid");
    let grid = Grid { classes: channels - BOX_SIDES, rows, columns };
    let wanted = wanted(grid, truth);
    let (count, cells) = (truth.len() as i64, grid.cells() as i64);
    let output = output.reshape([count, channels as i64, cells]);
    let scores = output.narrow(1, 0, grid.classes as i64);
    let found = wanted.places.len();
    let there = |indices: &[i64]| Tensor::from_slice(indices).to_device(output.device());
    let mut quality = Tensor::zeros([count * grid.classes as i64 * cells], (Kind::Float, output.device()));
    let mut of_boxes = Tensor::from(0.0_f32);
    if found > 0 {
        let sides = output.narrow(1, grid.classes as i64, BOX_SIDES as i64).transpose(1, 2);
        let sides = sides.reshape([count * cells, BOX_SIDES as i64]).index_select(0, &there(&wanted.places));
        let (overlap, generalised) = overlaps(&sides, &wanted);
        let at: Vec<i64> =
            wanted.places.iter().zip(&wanted.classes).map(|(place, class)| score_at(grid, *place, *class)).collect();
        let _ = quality.index_copy_(0, &there(&at), &overlap.detach());
        of_boxes = (generalised * -1.0 + 1.0).sum(Kind::Float);
    }
    let quality = quality.reshape([count, grid.classes as i64, cells]);
    let far = (&quality - scores.sigmoid()).square();
    let mut of_scores =
        scores.binary_cross_entropy_with_logits(&quality, None::<Tensor>, None::<Tensor>, Reduction::None) * far;
    if !wanted.crowded.is_empty() {
        let mut keep = Tensor::ones([count * grid.classes as i64 * cells], (Kind::Float, output.device()));
        let _ = keep.index_fill_(0, &there(&wanted.crowded), 0.0);
        of_scores *= keep.reshape([count, grid.classes as i64, cells]);
    }
    (of_scores.sum(Kind::Float) + of_boxes * BOX_WEIGHT) / (found.max(1) as f64)
}

/// Where the score of a class of a cell stands in rows × classes × cells.
fn score_at(grid: Grid, place: i64, class: i64) -> i64 {
    let cells = grid.cells() as i64;
    let (row, cell) = (place / cells, place % cells);
    (row * grid.classes as i64 + class) * cells + cell
}

/// Intersection over union of the boxes that these raw sides mean with the wanted ones, and the generalised one, which
/// says how far boxes are apart that share nothing.
fn overlaps(sides: &Tensor, wanted: &Wanted) -> (Tensor, Tensor) {
    let count = wanted.places.len() as i64;
    let reach = sides.clamp_max(LARGEST_SIDE).exp() * REACH;
    let middles = Tensor::from_slice(&wanted.middles).to_device(sides.device()).reshape([count, 2]);
    let truth = Tensor::from_slice(&wanted.edges).to_device(sides.device()).reshape([count, 4]);
    let upper_left = &middles - reach.narrow(1, 0, 2);
    let lower_right = &middles + reach.narrow(1, 2, 2);
    let (true_upper_left, true_lower_right) = (truth.narrow(1, 0, 2), truth.narrow(1, 2, 2));
    let area = |sides: Tensor| sides.select(1, 0) * sides.select(1, 1);
    let shared = lower_right.minimum(&true_lower_right) - upper_left.maximum(&true_upper_left);
    let shared = area(shared.clamp_min(0.0));
    let union = area(&lower_right - &upper_left) + area(&true_lower_right - &true_upper_left) - &shared;
    let around = area(lower_right.maximum(&true_lower_right) - upper_left.minimum(&true_upper_left));
    let overlap = &shared / (&union + EPSILON);
    let generalised = &overlap - (&around - &union) / (&around + EPSILON);
    (overlap, generalised)
}

/// Which cells are to find what; of several boxes that ask for one cell, the smallest.
fn wanted(grid: Grid, truth: &[Vec<TrueBox>]) -> Wanted {
    let mut wanted = Wanted::default();
    for (row, boxes) in truth.iter().enumerate() {
        let mut taken = vec![None; grid.cells()];
        let mut by_size: Vec<&TrueBox> = boxes.iter().filter(|one| !one.crowd).collect();
        by_size.sort_by(|a, b| size(a).total_cmp(&size(b)));
        for one in by_size {
            for cell in cells_of(grid, &one.edges) {
                taken[cell].get_or_insert(one);
            }
        }
        for (cell, one) in taken.iter().enumerate() {
            let Some(one) = one else { continue };
            wanted.places.push((row * grid.cells() + cell) as i64);
            wanted.classes.push(i64::from(one.class));
            wanted.edges.extend(in_cells(grid, &one.edges).map(|edge| edge as f32));
            wanted.middles.extend(middle(grid, cell).map(|place| place as f32));
        }
        for crowd in boxes.iter().filter(|one| one.crowd) {
            let [left, top, right, bottom] = in_cells(grid, &crowd.edges);
            for (cell, taken) in taken.iter().enumerate() {
                let [x, y] = middle(grid, cell);
                if taken.is_none() && (left..=right).contains(&x) && (top..=bottom).contains(&y) {
                    let place = (row * grid.cells() + cell) as i64;
                    wanted.crowded.push(score_at(grid, place, i64::from(crowd.class)));
                }
            }
        }
    }
    wanted
}

fn size(one: &TrueBox) -> f64 {
    let [left, top, right, bottom] = one.edges;
    (right - left) * (bottom - top)
}

/// Edges as shares of the picture, in cells.
fn in_cells(grid: Grid, edges: &[f64; 4]) -> [f64; 4] {
    let sides = [grid.columns as f64, grid.rows as f64];
    std::array::from_fn(|at| edges[at] * sides[at % 2])
}

fn middle(grid: Grid, cell: usize) -> [f64; 2] {
    [(cell % grid.columns) as f64 + 0.5, (cell / grid.columns) as f64 + 0.5]
}

/// The cells that are to find a box.
fn cells_of(grid: Grid, edges: &[f64; 4]) -> Vec<usize> {
    let [left, top, right, bottom] = in_cells(grid, edges);
    let (x, y) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
    let own = |place: f64, most: usize| (place.max(0.0) as usize).min(most - 1);
    let (column, row) = (own(x, grid.columns), own(y, grid.rows));
    let near = |from: usize, most: usize| from.saturating_sub(2)..(from + 3).min(most);
    let mut cells = Vec::new();
    for at_row in near(row, grid.rows) {
        for at_column in near(column, grid.columns) {
            let cell = at_row * grid.columns + at_column;
            let [cell_x, cell_y] = middle(grid, cell);
            let close = (cell_x - x).abs() <= RADIUS && (cell_y - y).abs() <= RADIUS;
            let inside = (left..=right).contains(&cell_x) && (top..=bottom).contains(&cell_y);
            if (close && inside) || (at_row, at_column) == (row, column) {
                cells.push(cell);
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { classes: 2, rows: 4, columns: 4 };

    fn one(class: u32, edges: [f64; 4]) -> TrueBox {
        TrueBox { class, crowd: false, edges }
    }

    #[test]
    fn a_box_is_found_by_the_cells_about_its_middle() {
        assert_eq!(cells_of(GRID, &[0.0, 0.0, 0.5, 0.5]), [0, 1, 4, 5]);
        // A box smaller than a cell, between middles.
        assert_eq!(cells_of(GRID, &[0.30, 0.30, 0.32, 0.32]), [5]);
        // A large one asks for the cells about its middle only.
        assert_eq!(cells_of(GRID, &[0.0, 0.0, 0.75, 0.75]), [0, 1, 2, 4, 5, 6, 8, 9, 10]);
    }

    #[test]
    fn of_boxes_over_one_another_the_smaller_gets_the_cell_and_crowds_are_left_alone() {
        let crowd = TrueBox { class: 1, crowd: true, edges: [0.5, 0.5, 1.0, 1.0] };
        let large = one(0, [0.0, 0.0, 0.75, 0.75]);
        let wanted = wanted(GRID, &[vec![], vec![large, one(1, [0.25, 0.25, 0.5, 0.5]), crowd]]);
        assert_eq!(wanted.places, [0, 1, 2, 4, 5, 6, 8, 9, 10].map(|cell| 16 + cell));
        assert_eq!(wanted.classes, [0, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(wanted.edges[16..20], [1.0, 1.0, 2.0, 2.0]);
        // Row 1, class 1, cells 11, 14 and 15: 10 is to find the large box.
        assert_eq!(wanted.crowded, [48 + 11, 48 + 14, 48 + 15]);
    }

    #[test]
    fn the_loss_of_a_perfect_answer_is_nearly_none() {
        let exact = (0.5_f32 / REACH as f32).ln();
        let wanted = Wanted {
            places: vec![0],
            classes: vec![0],
            edges: vec![0.0, 0.0, 1.0, 1.0],
            middles: vec![0.5, 0.5],
            crowded: Vec::new(),
        };
        let (overlap, generalised) = overlaps(&Tensor::from_slice(&[exact; 4]).reshape([1, 4]), &wanted);
        assert!((overlap.double_value(&[0]) - 1.0).abs() < 1e-5 && (generalised.double_value(&[0]) - 1.0).abs() < 1e-5);
        let apart = Wanted { edges: vec![9.0, 0.0, 10.0, 1.0], ..wanted };
        let (overlap, generalised) = overlaps(&Tensor::from_slice(&[exact; 4]).reshape([1, 4]), &apart);
        // Around both it is 10 × 1, of which both cover 2.
        assert!(overlap.double_value(&[0]).abs() < 1e-6 && (generalised.double_value(&[0]) + 0.8).abs() < 1e-5);
    }
}
