//! What is done to each number of a step between the products of matrices: one pass over them, forward and back.

use super::functions::{sigmoid, tanh};
use super::kernels::LANES;

/// A step forward. In `gates` (rows × 4 · units) stand the sums of each row, in the order input, forget, cell, output, and
/// afterwards what the functions make of them. `before` are the cells of the step before, if there was one; `cells` are
/// rows × units, `hidden` the same, padded.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
pub(super) fn forth(units: usize, gates: &mut [f32], before: Option<&[f32]>, cells: &mut [f32], hidden: &mut [f32]) {
    let nothing = vec![0.0; if before.is_some() { 0 } else { units }];
    let rows = gates.chunks_exact_mut(4 * units);
    let places = cells.chunks_exact_mut(units).zip(hidden.chunks_exact_mut(units.next_multiple_of(LANES)));
    for (row, (gates, (cells, hidden))) in rows.zip(places).enumerate() {
        let [enters, forgets, content, leaves] = parts(gates, units);
        let before = before.map_or(nothing.as_slice(), |before| &before[row * units..][..units]);
        forth_one(enters, forgets, content, leaves, before, cells, hidden);
    }
}

/// A row of it, in a function of its own: only of arguments does the compiler know that they do not overlap, without which
/// it makes no vector code.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
#[inline(never)]
fn forth_one(
    enters: &mut [f32],
    forgets: &mut [f32],
    content: &mut [f32],
    leaves: &mut [f32],
    before: &[f32],
    cells: &mut [f32],
    hidden: &mut [f32],
) {
    let units = enters.len();
    let (forgets, content, leaves) = (&mut forgets[..units], &mut content[..units], &mut leaves[..units]);
    let (before, cells, hidden) = (&before[..units], &mut cells[..units], &mut hidden[..units]);
    for at in 0..units {
        let (enter, forget) = (sigmoid(enters[at]), sigmoid(forgets[at]));
        let (new, leave) = (tanh(content[at]), sigmoid(leaves[at]));
        let cell = forget.mul_add(before[at], enter * new);
        enters[at] = enter;
        forgets[at] = forget;
        content[at] = new;
        leaves[at] = leave;
        cells[at] = cell;
        hidden[at] = leave * tanh(cell);
    }
}

/// A step back. In `gates` stand the values of the functions, and afterwards the gradients of the sums before them.
/// `of_hidden` is the gradient of the hidden state, `of_cells` that of the cells and afterwards that of the cells of the
/// step before; rows × units.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
pub(super) fn back(
    units: usize,
    gates: &mut [f32],
    before: Option<&[f32]>,
    cells: &[f32],
    of_hidden: &[f32],
    of_cells: &mut [f32],
) {
    // Before the first step there is nothing to forget.
    let nothing = vec![0.0; if before.is_some() { 0 } else { units }];
    let rows = gates.chunks_exact_mut(4 * units);
    let places = of_cells.chunks_exact_mut(units).zip(of_hidden.chunks_exact(units));
    for (row, (gates, (of_cells, of_hidden))) in rows.zip(places).enumerate() {
        let [enters, forgets, content, leaves] = parts(gates, units);
        let before = before.map_or(nothing.as_slice(), |before| &before[row * units..][..units]);
        let cells = &cells[row * units..][..units];
        back_one(enters, forgets, content, leaves, [before, cells, of_hidden], of_cells);
    }
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
#[inline(never)]
fn back_one(
    enters: &mut [f32],
    forgets: &mut [f32],
    content: &mut [f32],
    leaves: &mut [f32],
    [before, cells, of_hidden]: [&[f32]; 3],
    of_cells: &mut [f32],
) {
    let units = enters.len();
    let (forgets, content, leaves) = (&mut forgets[..units], &mut content[..units], &mut leaves[..units]);
    let (before, cells, of_hidden) = (&before[..units], &cells[..units], &of_hidden[..units]);
    let of_cells = &mut of_cells[..units];
    for at in 0..units {
        let (enter, forget, new, leave) = (enters[at], forgets[at], content[at], leaves[at]);
        let (bent, of_state) = (tanh(cells[at]), of_hidden[at]);
        let of_cell = (of_state * leave).mul_add(1.0 - bent * bent, of_cells[at]);
        enters[at] = of_cell * new * enter * (1.0 - enter);
        forgets[at] = of_cell * before[at] * forget * (1.0 - forget);
        content[at] = of_cell * enter * (1.0 - new * new);
        leaves[at] = of_state * bent * leave * (1.0 - leave);
        of_cells[at] = of_cell * forget;
    }
}

/// The gates of a row.
fn parts(gates: &mut [f32], units: usize) -> [&mut [f32]; 4] {
    let (enters, others) = gates.split_at_mut(units);
    let (forgets, others) = others.split_at_mut(units);
    let (content, leaves) = others.split_at_mut(units);
    [enters, forgets, content, leaves]
}
