//! Long short-term memory in training (S. Hochreiter and J. Schmidhuber, 1997; with a forget gate, F. Gers and others,
//! 2000), forward and back, on one thread. A library keeps for its way back what each of its small steps made; here only
//! what the gradients need is kept, and each gradient is written over what it is the gradient of. Weights are packed once
//! for all steps of a sequence.

#![allow(unsafe_code)] // the call of functions that are compiled for instructions which were looked for
#![cfg_attr(not(target_arch = "x86_64"), allow(unused_unsafe))] // elsewhere they are compiled as all others are

mod cells;
mod eight;
mod functions;
mod kernels;

use self::cells::{back, forth};
use self::kernels::{LANES, Rows, RowsMut, add_product, add_transposed, packed};
use crate::vector;

/// What the names of a direction's parameters end in.
pub(crate) const DIRECTIONS: [&str; 2] = ["", "_reverse"];
/// What the names of parameters begin with, before the direction.
pub(crate) const PARTS: [&str; 4] = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"];

/// The weights of one direction, as [`PARTS`] stand: 4 · units × features, 4 · units × units, 4 · units, 4 · units; gates
/// in the order input, forget, cell, output.
pub(crate) type Parameters = [Vec<f32>; 4];

/// The sides of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Sides {
    pub(crate) rows: usize,
    pub(crate) steps: usize,
    pub(crate) features: usize,
    pub(crate) units: usize,
}

/// What was computed, and is kept for the way back.
pub(crate) struct Lstm {
    sides: Sides,
    directions: Vec<Direction>,
    /// steps × rows × features, padded.
    input: Vec<f32>,
}

/// For how many steps there is room: for all, or for those that the next one reads.
#[derive(Clone, Copy)]
struct Slots {
    gates: usize,
    cells: usize,
    hidden: usize,
}

/// One way through the sequences.
struct Direction {
    reverse: bool,
    slots: Slots,
    parameters: Parameters,
    /// Input, forget and output gate after their sigmoid, the new content of the cell after its tanh: steps × rows ×
    /// 4 · units.
    gates: Vec<f32>,
    /// steps × rows × units
    cells: Vec<f32>,
    /// steps × rows × units, padded.
    hidden: Vec<f32>,
}

/// What the way back begins with.
struct Asked<'a> {
    /// As [`Lstm::states`] has been answered.
    gradient: &'a [f32],
    all: bool,
    /// The number of this direction, and how many there are.
    place: [usize; 2],
}

/// What the way back gives.
pub(crate) struct Learnt {
    /// The gradients of each direction's parameters.
    pub(crate) parameters: Vec<Parameters>,
    /// That of the input, where it was wanted: rows × steps × features.
    pub(crate) input: Option<Vec<f32>>,
}

impl Lstm {
    /// Whether it is faster here than in libtorch.
    pub(crate) fn pays() -> bool {
        vector::is_wide()
    }

    /// Goes through sequences: rows × steps × features. What the way back needs is `kept`, or only what is asked for: the
    /// states of `all` steps, or of the last.
    ///
    /// # Panics
    /// Where [`Lstm::pays`] says no.
    pub(crate) fn forward(sides: Sides, input: &[f32], parameters: Vec<Parameters>, [kept, all]: [bool; 2]) -> Self {
        assert!(Self::pays(), "this processor is asked for instructions that it has not");
        let padded = sides.features.next_multiple_of(LANES);
        let mut steps = vec![0.0; sides.steps * sides.rows * padded];
        let places = input.chunks_exact(sides.features.max(1)).enumerate();
        for (number, features) in places {
            let (row, step) = (number / sides.steps, number % sides.steps);
            steps[(step * sides.rows + row) * padded..][..sides.features].copy_from_slice(features);
        }
        let few = |wanted: bool, few: usize| if wanted { sides.steps } else { few.min(sides.steps) };
        let slots = Slots { gates: few(kept, 1), cells: few(kept, 2), hidden: few(kept || all, 2) };
        let directions = parameters.into_iter().enumerate();
        let directions = directions
            // SAFETY: the processor has the instructions, see `Lstm::pays`.
            .map(|(number, parameters)| unsafe { Direction::forward(sides, slots, &steps, parameters, number == 1) })
            .collect();
        Self { sides, directions, input: steps }
    }

    /// The hidden states: rows × steps × (directions · units), or rows × (directions · units) of the last step of each.
    pub(crate) fn states(&self, all: bool) -> Vec<f32> {
        let Sides { rows, steps, units, .. } = self.sides;
        let padded = units.next_multiple_of(LANES);
        let wanted = if all { steps } else { 1 };
        let mut states = Vec::with_capacity(rows * wanted * self.directions.len() * units);
        for row in 0..rows {
            for step in 0..wanted {
                for direction in &self.directions {
                    let at =
                        if all { step } else { direction.slots.at(self.sides, direction.reverse, steps - 1).hidden };
                    states.extend_from_slice(&direction.hidden[(at * rows + row) * padded..][..units]);
                }
            }
        }
        states
    }

    /// The gradients, from that of [`Lstm::states`].
    pub(crate) fn backward(self, gradient: &[f32], all: bool, wants_input: bool) -> Learnt {
        let Sides { rows, steps, features, .. } = self.sides;
        let mut of_input = if wants_input { vec![0.0; rows * steps * features] } else { Vec::new() };
        let count = self.directions.len();
        let mut parameters = Vec::with_capacity(count);
        for (number, direction) in self.directions.into_iter().enumerate() {
            let asked = Asked { gradient, all, place: [number, count] };
            // SAFETY: the processor has the instructions, see `Lstm::pays`.
            parameters.push(unsafe { direction.backward(self.sides, &self.input, &asked, &mut of_input) });
        }
        Learnt { parameters, input: wants_input.then_some(of_input) }
    }
}

impl Sides {
    /// Where the `number`-th step that is made stands in the sequence.
    fn at(self, reverse: bool, number: usize) -> usize {
        if reverse { self.steps - 1 - number } else { number }
    }
}

impl Slots {
    /// Where the `number`-th step that is made stands in each.
    fn at(self, sides: Sides, reverse: bool, number: usize) -> Self {
        let place = |slots: usize| if slots == sides.steps { sides.at(reverse, number) } else { number % slots };
        Self { gates: place(self.gates), cells: place(self.cells), hidden: place(self.hidden) }
    }
}

/// Of steps × rows × `width` those of a step.
fn step(numbers: &[f32], at: usize, length: usize) -> &[f32] {
    &numbers[at * length..][..length]
}

fn step_mut(numbers: &mut [f32], at: usize, length: usize) -> &mut [f32] {
    &mut numbers[at * length..][..length]
}

impl Direction {
    /// Forward.
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
    fn forward(sides: Sides, slots: Slots, input: &[f32], parameters: Parameters, reverse: bool) -> Self {
        let Sides { rows, steps, features, units } = sides;
        let [wide, inner] = [features, units].map(|side| side.next_multiple_of(LANES));
        let [own, recurrent, bias, other] = &parameters;
        let own = packed(features, 4 * units, |feature, gate| own[gate * features + feature]);
        let recurrent = packed(units, 4 * units, |unit, gate| recurrent[gate * units + unit]);
        let bias: Vec<f32> = bias.iter().zip(other).map(|(one, other)| one + other).collect();
        let mut gates = bias.repeat(slots.gates * rows);
        let mut cells = vec![0.0; slots.cells * rows * units];
        let mut hidden = vec![0.0; slots.hidden * rows * inner];
        for number in 0..steps {
            let at = sides.at(reverse, number);
            let slot = slots.at(sides, reverse, number);
            let before = (number > 0).then(|| slots.at(sides, reverse, number - 1));
            let gates = step_mut(&mut gates, slot.gates, rows * 4 * units);
            if number > 0 && slots.gates < steps {
                gates.chunks_exact_mut(4 * units).for_each(|gates| gates.copy_from_slice(&bias));
            }
            let mut out = RowsMut { numbers: gates, stride: 4 * units, width: 4 * units };
            let read = Rows { numbers: step(input, at, rows * wide), stride: wide, width: features };
            add_product(read, &own, &mut out, rows);
            if let Some(before) = before {
                let read = Rows { numbers: step(&hidden, before.hidden, rows * inner), stride: inner, width: units };
                add_product(read, &recurrent, &mut out, rows);
            }
            let before = before.map(|before| before.cells);
            let (before, cells) = beside(&mut cells, slot.cells, before, rows * units);
            forth(units, out.numbers, before, cells, step_mut(&mut hidden, slot.hidden, rows * inner));
        }
        Self { reverse, slots, parameters, gates, cells, hidden }
    }

    /// Back; adds to the gradient of the input unless that is empty.
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
    fn backward(self, sides: Sides, input: &[f32], asked: &Asked, of_input: &mut [f32]) -> Parameters {
        let Asked { gradient, all, place: [number, count] } = *asked;
        let Sides { rows, steps, features, units } = sides;
        let Self { reverse, parameters: [own, recurrent, ..], mut gates, mut cells, hidden, .. } = self;
        let [wide, inner] = [features, units].map(|side| side.next_multiple_of(LANES));
        let own = packed(4 * units, features, |gate, feature| own[gate * features + feature]);
        let recurrent = packed(4 * units, units, |gate, unit| recurrent[gate * units + unit]);
        let mut of_own = vec![0.0; 4 * units * wide];
        let mut of_recurrent = vec![0.0; 4 * units * inner];
        let mut of_bias = vec![0.0; 4 * units];
        let mut of_hidden = vec![0.0; rows * units];
        let mut of_cells = vec![0.0; rows * units];
        for made in (0..steps).rev() {
            let at = sides.at(reverse, made);
            if all || made == steps - 1 {
                let asked = if all { steps } else { 1 };
                let step = if all { at } else { 0 };
                for (row, sum) in of_hidden.chunks_exact_mut(units).enumerate() {
                    let own = &gradient[((row * asked + step) * count + number) * units..][..units];
                    sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
                }
            }
            let before = (made > 0).then(|| sides.at(reverse, made - 1));
            let gates = step_mut(&mut gates, at, rows * 4 * units);
            let (earlier, cells) = beside(&mut cells, at, before, rows * units);
            back(units, gates, earlier, cells, &of_hidden, &mut of_cells);
            let left = Rows { numbers: gates, stride: 4 * units, width: 4 * units };
            for gates in left.numbers.chunks_exact(4 * units) {
                of_bias.iter_mut().zip(gates).for_each(|(sum, gate)| *sum += gate);
            }
            let read = Rows { numbers: step(input, at, rows * wide), stride: wide, width: features };
            add_transposed(left, read, &mut of_own, rows);
            if !of_input.is_empty() {
                let numbers = &mut of_input[at * features..];
                add_product(left, &own, &mut RowsMut { numbers, stride: steps * features, width: features }, rows);
            }
            if let Some(before) = before {
                let read = Rows { numbers: step(&hidden, before, rows * inner), stride: inner, width: units };
                add_transposed(left, read, &mut of_recurrent, rows);
                of_hidden.fill(0.0);
                let mut out = RowsMut { numbers: &mut of_hidden, stride: units, width: units };
                add_product(left, &recurrent, &mut out, rows);
            }
        }
        let tight = |sums: Vec<f32>, stride: usize, width: usize| {
            sums.chunks_exact(stride).flat_map(|row| &row[..width]).copied().collect()
        };
        let of_other = of_bias.clone();
        [tight(of_own, wide, features), tight(of_recurrent, inner, units), of_bias, of_other]
    }
}

/// Of steps of this length another one, to be read, and one.
fn beside(numbers: &mut [f32], at: usize, other: Option<usize>, length: usize) -> (Option<&[f32]>, &mut [f32]) {
    match other {
        None => (None, step_mut(numbers, at, length)),
        Some(other) if other < at => {
            let (before, after) = numbers.split_at_mut(at * length);
            (Some(step(before, other, length)), &mut after[..length])
        }
        Some(other) => {
            let (before, after) = numbers.split_at_mut(other * length);
            (Some(&after[..length]), step_mut(before, at, length))
        }
    }
}
