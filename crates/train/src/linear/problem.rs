//! The objective on centred and scaled columns: its value, its derivatives, and the way back to the original scale.

use std::ops::Range;

use meuse_core::bundle::Task;
use meuse_core::recipe::Linear;
use meuse_prep::FeatureKind;

use super::cholesky::{Symmetric, dot};
use super::parts::{Cut, Joined, in_parts};
use crate::{Context, Error, Sample};

/// What a row costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// −ln of the probability of the row's class.
    Logistic,
    /// Half the squared error.
    Squared,
}

/// Rows that one task sums up; the parts are added in order, whatever the number of threads.
const MOST_PARTS: usize = 16;
/// Cells that the second derivatives of all parts may take together (256 MiB).
const PART_CELLS: usize = 32 << 20;
/// Multiplications between two looks at whether to stop: a fraction of a second.
const WORK_PER_LOOK: usize = 200_000_000;

/// The objective. A point is one number per feature, then the intercept, all on the inner scale.
pub(super) struct Problem<'a> {
    sample: &'a Sample,
    loss: Loss,
    /// Weights of the negative and the positive class.
    class_weights: Option<[f64; 2]>,
    /// What is subtracted from a feature.
    centre: Vec<f64>,
    /// What it is then multiplied by; 0 for a feature that is constant.
    factor: Vec<f64>,
    target_centre: f64,
    target_scale: f64,
    /// The penalties of each coordinate on the inner scale.
    pub(super) l1: Vec<f64>,
    pub(super) l2: Vec<f64>,
    context: &'a Context<'a>,
}

/// First and second derivatives of the smooth part of the objective.
pub(super) struct Derivatives {
    pub(super) gradient: Vec<f64>,
    pub(super) hessian: Symmetric,
}

impl<'a> Problem<'a> {
    pub(super) fn new(
        sample: &'a Sample,
        loss: Loss,
        class_weights: Option<[f64; 2]>,
        parameters: &Linear,
        context: &'a Context<'a>,
    ) -> Self {
        debug_assert_eq!(loss == Loss::Logistic, context.task == Task::Binary);
        let rows = sample.x.rows as f64;
        let (target_centre, target_scale) = match loss {
            Loss::Logistic => (0.0, 1.0),
            Loss::Squared => moments(sample.y.iter().copied()),
        };
        let target_scale = if target_scale > 0.0 { target_scale } else { 1.0 };
        let mut problem = Self {
            sample,
            loss,
            class_weights,
            centre: Vec::new(),
            factor: Vec::new(),
            target_centre,
            target_scale,
            l1: Vec::new(),
            l2: Vec::new(),
            context,
        };
        for (mean, deviation) in column_moments(sample) {
            let factor = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
            problem.centre.push(mean);
            problem.factor.push(factor);
            problem.l1.push(parameters.l1 * factor / (rows * target_scale));
            problem.l2.push(parameters.l2 * factor * factor / rows);
        }
        // Indicators stay uncentred, so that their zeros need no arithmetic.
        for (feature, centre) in sample.features.iter().zip(&mut problem.centre) {
            if feature.kind == FeatureKind::Indicator {
                *centre = 0.0;
            }
        }
        problem.l1.push(0.0);
        problem.l2.push(0.0);
        problem
    }

    /// Features and intercept.
    pub(super) fn order(&self) -> usize {
        self.sample.x.width + 1
    }

    pub(super) fn rows(&self) -> usize {
        self.sample.x.rows
    }

    pub(super) fn context(&self) -> &Context<'_> {
        self.context
    }

    pub(super) fn is_penalised(&self) -> bool {
        self.l1.iter().chain(&self.l2).any(|penalty| *penalty > 0.0)
    }

    /// Where the search begins: no feature speaks, and the intercept is the best one then.
    pub(super) fn start(&self) -> Vec<f64> {
        let mut point = vec![0.0; self.order()];
        if self.loss == Loss::Logistic {
            let weight = |positive: bool| -> f64 {
                let rows = self.sample.y.iter().filter(|y| (**y > 0.5) == positive);
                rows.map(|y| self.row_weight(*y)).sum()
            };
            point[self.order() - 1] = (weight(true) / weight(false)).ln();
        }
        point
    }

    /// Weights and intercept on the original scale.
    pub(super) fn unscaled(&self, point: &[f64]) -> (Vec<f64>, f64) {
        let scaled = point.iter().zip(&self.factor);
        let weights: Vec<f64> = scaled.map(|(value, factor)| value * factor * self.target_scale).collect();
        let shift = dot(&weights, &self.centre);
        let intercept = point[self.order() - 1] * self.target_scale + self.target_centre - shift;
        (weights, intercept)
    }

    fn row_weight(&self, y: f64) -> f64 {
        self.class_weights.map_or(1.0, |weights| weights[usize::from(y > 0.5)])
    }

    fn target(&self, row: usize) -> f64 {
        (self.sample.y[row] - self.target_centre) / self.target_scale
    }

    /// One row on the inner scale, with a 1 for the intercept.
    fn scaled_row(&self, row: usize, buffer: &mut [f64]) {
        let features = self.sample.x.row(row).iter().zip(self.centre.iter().zip(&self.factor));
        for (cell, (feature, (centre, factor))) in buffer.iter_mut().zip(features) {
            *cell = (f64::from(*feature) - centre) * factor;
        }
        buffer[self.order() - 1] = 1.0;
    }

    /// point · row for every row.
    pub(super) fn products(&self, point: &[f64]) -> Result<Vec<f64>, Error> {
        let parts = self.in_parts(MOST_PARTS, |rows| {
            let mut buffer = vec![0.0; self.order()];
            let mut products = Vec::with_capacity(rows.len());
            for row in rows {
                self.scaled_row(row, &mut buffer);
                products.push(dot(&buffer, point));
            }
            products
        })?;
        Ok(parts.concat())
    }

    /// The objective without its L1 part, given the products of the point.
    pub(super) fn smooth(&self, point: &[f64], products: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (row, product) in products.iter().enumerate() {
            let target = self.target(row);
            sum += match self.loss {
                Loss::Squared => 0.5 * (product - target).powi(2),
                Loss::Logistic => self.row_weight(target) * logistic_loss(target, *product),
            };
        }
        let penalty: f64 = point.iter().zip(&self.l2).map(|(value, l2)| 0.5 * l2 * value * value).sum();
        sum / self.rows() as f64 + penalty
    }

    pub(super) fn l1_norm(&self, point: &[f64]) -> f64 {
        point.iter().zip(&self.l1).map(|(value, l1)| l1 * value.abs()).sum()
    }

    /// Whether every row lies on its class's side.
    pub(super) fn separates(&self, products: &[f64]) -> bool {
        let right_side =
            |(row, product): (usize, &f64)| if self.target(row) > 0.5 { *product > 0.0 } else { *product < 0.0 };
        self.loss == Loss::Logistic && products.iter().enumerate().all(right_side)
    }

    /// First and second derivatives of the smooth part, given the products of the point.
    pub(super) fn derivatives(&self, point: &[f64], products: &[f64]) -> Result<Derivatives, Error> {
        let order = self.order();
        let parts = (PART_CELLS / (order * order)).clamp(1, MOST_PARTS);
        let sums = self.in_parts(parts, |rows| self.part_derivatives(rows, products))?;
        let mut total = Derivatives { gradient: vec![0.0; order], hessian: Symmetric::zeros(order) };
        for part in sums {
            add(&mut total.gradient, &part.gradient);
            add(&mut total.hessian.cells, &part.hessian.cells);
        }
        let rows = self.rows() as f64;
        total.hessian.cells.iter_mut().for_each(|cell| *cell /= rows);
        for (index, (value, l2)) in point.iter().zip(&self.l2).enumerate() {
            total.gradient[index] = total.gradient[index] / rows + l2 * value;
            total.hessian.cells[index * order + index] += l2;
        }
        total.hessian.mirror();
        Ok(total)
    }

    fn part_derivatives(&self, rows: Range<usize>, products: &[f64]) -> Derivatives {
        let order = self.order();
        let mut part = Derivatives { gradient: vec![0.0; order], hessian: Symmetric::zeros(order) };
        let mut buffer = vec![0.0; order];
        for row in rows {
            self.scaled_row(row, &mut buffer);
            let target = self.target(row);
            let (first, second) = match self.loss {
                Loss::Squared => (products[row] - target, 1.0),
                Loss::Logistic => {
                    let probability = sigmoid(products[row]);
                    let weight = self.row_weight(target);
                    (weight * (probability - target), weight * probability * (1.0 - probability))
                }
            };
            for index in (0..order).filter(|index| buffer[*index] != 0.0) {
                part.gradient[index] += first * buffer[index];
                let scaled = second * buffer[index];
                let line = &mut part.hessian.cells[index * order..=index * order + index];
                line.iter_mut().zip(&buffer).for_each(|(cell, value)| *cell += scaled * value);
            }
        }
        part
    }

    fn in_parts<T: Joined>(&self, parts: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Result<Vec<T>, Error> {
        let rows_per_look = (WORK_PER_LOOK / (self.order() * self.order())).clamp(64, 1024);
        in_parts(self.context, Cut { rows: self.rows(), parts, rows_per_look }, work)
    }
}

impl Joined for Derivatives {
    fn join(&mut self, next: Self) {
        add(&mut self.gradient, &next.gradient);
        add(&mut self.hessian.cells, &next.hessian.cells);
    }
}

fn add(sum: &mut [f64], part: &[f64]) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += part;
    }
}

pub(super) fn sigmoid(score: f64) -> f64 {
    if score >= 0.0 {
        1.0 / (1.0 + (-score).exp())
    } else {
        let exponential = score.exp();
        exponential / (1.0 + exponential)
    }
}

/// −ln p(class), without overflow.
pub(super) fn logistic_loss(target: f64, score: f64) -> f64 {
    let margin = if target > 0.5 { score } else { -score };
    (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
}

/// Mean and population standard deviation, in two passes.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / count).sqrt())
}

/// Mean and deviation of every column, row by row through the matrix.
fn column_moments(sample: &Sample) -> Vec<(f64, f64)> {
    let (rows, width) = (sample.x.rows, sample.x.width);
    let mut means = vec![0.0; width];
    for row in 0..rows {
        means.iter_mut().zip(sample.x.row(row)).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    for mean in &mut means {
        *mean /= rows as f64;
    }
    let mut squares = vec![0.0; width];
    for row in 0..rows {
        let cells = squares.iter_mut().zip(sample.x.row(row).iter().zip(&means));
        cells.for_each(|(sum, (value, mean))| *sum += (f64::from(*value) - mean).powi(2));
    }
    let deviation = |(mean, square): (f64, f64)| (mean, (square / rows as f64).sqrt());
    means.into_iter().zip(squares).map(deviation).collect()
}
