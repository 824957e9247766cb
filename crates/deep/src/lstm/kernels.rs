//! Products of small matrices whose rows lie some numbers apart. One matrix is packed: for each [`LANES`] columns, row after
//! row of them. Six rows of the other one and sixteen columns are computed together: twelve registers of eight numbers, of
//! sixteen that there are.

use super::eight::{EIGHT, Eight};

/// Columns that are computed together.
pub(super) const LANES: usize = 16;
/// Rows that are computed together.
const ROWS: usize = 6;

/// Rows of numbers, `stride` apart, of which the first `width` count.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
}

/// The same, to be written.
pub(super) struct RowsMut<'a> {
    pub(super) numbers: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
}

/// Packs depth × columns, whose number at a row and a column is `of(row, column)`.
pub(super) fn packed(depth: usize, columns: usize, of: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut panels = vec![0.0; depth * columns.next_multiple_of(LANES)];
    for (block, panel) in panels.chunks_exact_mut((depth * LANES).max(1)).enumerate() {
        for (row, lanes) in panel.chunks_exact_mut(LANES).enumerate() {
            for (lane, number) in lanes.iter_mut().enumerate().take(columns - block * LANES) {
                *number = of(row, block * LANES + lane);
            }
        }
    }
    panels
}

/// out += rows · packed; `count` rows.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
pub(super) fn add_product(rows: Rows, packed: &[f32], out: &mut RowsMut, count: usize) {
    let width = rows.width;
    for block in 0..out.width.div_ceil(LANES) {
        let panel = &packed[block * width * LANES..][..width * LANES];
        let columns = LANES.min(out.width - block * LANES);
        for begin in (0..count).step_by(ROWS) {
            // The last rows may be too few: then the last one is computed more than once.
            let run = |number: usize| &rows.numbers[(begin + number).min(count - 1) * rows.stride..][..width];
            let sums = tile([run(0), run(1), run(2), run(3), run(4), run(5)], panel);
            for (number, sum) in sums.iter().enumerate().take(count - begin) {
                let place = (begin + number) * out.stride + block * LANES;
                add(&mut out.numbers[place..][..columns], sum);
            }
        }
    }
}

/// Six rows times a panel.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
fn tile(runs: [&[f32]; ROWS], panel: &[f32]) -> [[Eight; 2]; ROWS] {
    let [a, b, c, d, e, f] = runs;
    let mut sums = [[Eight::zero(); 2]; ROWS];
    let rows = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f);
    for ((((((a, b), c), d), e), f), weights) in rows.zip(panel.as_chunks::<LANES>().0) {
        let weights = vectors(weights);
        for (sums, value) in sums.iter_mut().zip([a, b, c, d, e, f]) {
            let value = Eight::all(*value);
            sums[0] = sums[0].plus_product(value, weights[0]);
            sums[1] = sums[1].plus_product(value, weights[1]);
        }
    }
    sums
}

/// Adds sums to numbers, to as many as there are.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
fn add(numbers: &mut [f32], sums: &[Eight; 2]) {
    if let Some(whole) = numbers.first_chunk_mut::<LANES>() {
        let old = vectors(whole);
        put(whole, [old[0].plus(sums[0]), old[1].plus(sums[1])]);
        return;
    }
    let mut sum = [0.0; LANES];
    put(&mut sum, *sums);
    numbers.iter_mut().zip(sum).for_each(|(number, sum)| *number += sum);
}

/// out += leftᵀ · right, over `count` rows of both; out is left's width × right's stride, which is whole lanes.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
pub(super) fn add_transposed(left: Rows, right: Rows, out: &mut [f32], count: usize) {
    for at in (0..left.width).step_by(ROWS) {
        let rows = &mut out[at * right.stride..];
        match left.width - at {
            1 => add_rows::<1>(left, at, right, rows, count),
            2 => add_rows::<2>(left, at, right, rows, count),
            3 => add_rows::<3>(left, at, right, rows, count),
            4 => add_rows::<4>(left, at, right, rows, count),
            5 => add_rows::<5>(left, at, right, rows, count),
            _ => add_rows::<ROWS>(left, at, right, rows, count),
        }
    }
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
fn add_rows<const N: usize>(left: Rows, offset: usize, right: Rows, out: &mut [f32], count: usize) {
    for block in (0..right.stride).step_by(LANES) {
        let mut sums = [[Eight::zero(); 2]; N];
        for row in 0..count {
            let numbers: &[f32; N] = left.numbers[row * left.stride + offset..].first_chunk().expect("a whole row");
            let lanes = right.numbers[row * right.stride + block..].first_chunk().expect("whole lanes");
            let lanes = vectors(lanes);
            for (sums, number) in sums.iter_mut().zip(numbers) {
                let number = Eight::all(*number);
                sums[0] = sums[0].plus_product(number, lanes[0]);
                sums[1] = sums[1].plus_product(number, lanes[1]);
            }
        }
        for (number, sums) in sums.iter().enumerate() {
            add(&mut out[number * right.stride + block..][..LANES], sums);
        }
    }
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
fn vectors(numbers: &[f32; LANES]) -> [Eight; 2] {
    let [first, second] = numbers.as_chunks::<EIGHT>().0 else { unreachable!("sixteen are twice eight") };
    [Eight::of(first), Eight::of(second)]
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
fn put(numbers: &mut [f32; LANES], vectors: [Eight; 2]) {
    for (numbers, vector) in numbers.as_chunks_mut::<EIGHT>().0.iter_mut().zip(vectors) {
        vector.put(numbers);
    }
}
