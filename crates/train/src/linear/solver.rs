//! Newton's method, proximal where there is an L1 penalty.

use meuse_core::recipe::Linear;

use super::cholesky::{Symmetric, dot};
use super::problem::{Derivatives, Problem};
use crate::Error;

/// How the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// No partial derivative exceeds the tolerance.
    Converged,
    /// Without a penalty the best weights of perfectly separable classes are infinite, so it stopped.
    Separable,
    /// `max_iterations` were not enough.
    Limit,
    /// Rounding lets the derivatives fall no further.
    Stalled,
}

/// Where the search ended.
pub(super) struct Solution {
    pub(super) point: Vec<f64>,
    pub(super) ending: Ending,
    pub(super) iterations: u32,
    pub(super) gradient: f64,
}

/// When no penalty holds the weights and every row is on its side, a mean loss below this ends the search.
const SEPARATED_LOSS: f64 = 1e-3;
/// The share of the promised decrease that a step must bring (L. Armijo, 1966).
const ARMIJO: f64 = 1e-4;
/// The most halvings of a step.
const HALVINGS: u32 = 60;
/// A promised decrease below this share of the objective drowns in rounding: the step is taken unseen.
const UNSEEN: f64 = 1e-11;
/// So many unseen steps in a row that bring no smaller derivative end the search.
const PATIENCE: u32 = 3;

pub(super) fn solve(problem: &Problem<'_>, parameters: &Linear) -> Result<Solution, Error> {
    let point = problem.start();
    let products = problem.products(&point)?;
    let mut search = Search { problem, tolerance: parameters.tolerance, point, products, best: None, fruitless: 0 };
    for iteration in 0..parameters.max_iterations {
        if let Some(solution) = search.step(iteration)? {
            return Ok(solution);
        }
    }
    let derivatives = problem.derivatives(&search.point, &search.products)?;
    let gradient = search.largest(&derivatives.gradient);
    search.remember(gradient);
    let ending = if gradient <= parameters.tolerance { Ending::Converged } else { Ending::Limit };
    Ok(search.end(ending, parameters.max_iterations))
}

struct Search<'a> {
    problem: &'a Problem<'a>,
    tolerance: f64,
    point: Vec<f64>,
    /// The point's product with every row.
    products: Vec<f64>,
    /// The point with the smallest largest derivative so far.
    best: Option<(f64, Vec<f64>)>,
    fruitless: u32,
}

impl Search<'_> {
    /// One iteration; gives the solution when the search is over.
    fn step(&mut self, iteration: u32) -> Result<Option<Solution>, Error> {
        let problem = self.problem;
        let derivatives = problem.derivatives(&self.point, &self.products)?;
        let gradient = self.largest(&derivatives.gradient);
        let smooth = problem.smooth(&self.point, &self.products);
        let value = smooth + problem.l1_norm(&self.point);
        let watch = problem.context().watch;
        watch.progress("fit", u64::from(iteration), 0);
        watch.metric("objective", "training", u64::from(iteration) + 1, value);
        let improved = self.remember(gradient);
        if gradient <= self.tolerance {
            return Ok(Some(self.end(Ending::Converged, iteration)));
        }
        if !problem.is_penalised() && smooth < SEPARATED_LOSS && problem.separates(&self.products) {
            self.best = None;
            self.remember(gradient);
            return Ok(Some(self.end(Ending::Separable, iteration)));
        }
        let direction = self.direction(&derivatives, gradient)?;
        let promised = self.promised(&direction, &derivatives.gradient);
        let ahead = problem.products(&direction)?;
        if -promised <= UNSEEN * (1.0 + value.abs()) {
            self.fruitless = if improved { 0 } else { self.fruitless + 1 };
            if self.fruitless >= PATIENCE {
                return Ok(Some(self.end(Ending::Stalled, iteration)));
            }
            self.advance(1.0, &direction, &ahead);
            return Ok(None);
        }
        let mut size = 1.0;
        for _ in 0..HALVINGS {
            if self.value_ahead(size, &direction, &ahead) <= value + ARMIJO * size * promised {
                self.advance(size, &direction, &ahead);
                return Ok(None);
            }
            size /= 2.0;
        }
        Ok(Some(self.end(Ending::Stalled, iteration)))
    }

    /// The largest derivative, with the subgradient of the L1 part that is nearest to zero.
    fn largest(&self, gradient: &[f64]) -> f64 {
        let coordinates = gradient.iter().zip(self.point.iter().zip(&self.problem.l1));
        coordinates.map(|(slope, (value, l1))| subgradient(*slope, *value, *l1).abs()).fold(0.0, f64::max)
    }

    /// Keeps the point when its largest derivative is the smallest so far, and says whether it is.
    fn remember(&mut self, gradient: f64) -> bool {
        let better = self.best.as_ref().is_none_or(|(best, _)| gradient < *best);
        if better {
            self.best = Some((gradient, self.point.clone()));
        }
        better
    }

    fn end(&mut self, ending: Ending, iterations: u32) -> Solution {
        let (gradient, point) = self.best.take().unwrap_or_else(|| (f64::INFINITY, self.point.clone()));
        Solution { point, ending, iterations, gradient }
    }

    fn direction(&self, derivatives: &Derivatives, gradient: f64) -> Result<Vec<f64>, Error> {
        let cancelled = || self.problem.context().watch.cancelled();
        if self.problem.l1.iter().all(|l1| *l1 == 0.0) {
            let downhill: Vec<f64> = derivatives.gradient.iter().map(|slope| -slope).collect();
            return derivatives.hessian.solve(&downhill, &cancelled);
        }
        let accuracy = (1e-3 * gradient).max(0.1 * self.tolerance);
        Descent { point: &self.point, l1: &self.problem.l1, derivatives, accuracy }.run(&cancelled)
    }

    /// The decrease that the derivatives promise for a whole step; negative.
    fn promised(&self, direction: &[f64], gradient: &[f64]) -> f64 {
        let end: Vec<f64> = self.point.iter().zip(direction).map(|(value, step)| value + step).collect();
        dot(gradient, direction) + self.problem.l1_norm(&end) - self.problem.l1_norm(&self.point)
    }

    fn value_ahead(&self, size: f64, direction: &[f64], ahead: &[f64]) -> f64 {
        let moved = |from: &[f64], by: &[f64]| -> Vec<f64> { from.iter().zip(by).map(|(a, b)| a + size * b).collect() };
        let point = moved(&self.point, direction);
        let value = self.problem.smooth(&point, &moved(&self.products, ahead)) + self.problem.l1_norm(&point);
        if value.is_nan() { f64::INFINITY } else { value }
    }

    fn advance(&mut self, size: f64, direction: &[f64], ahead: &[f64]) {
        self.point.iter_mut().zip(direction).for_each(|(value, step)| *value += size * step);
        self.products.iter_mut().zip(ahead).for_each(|(value, step)| *value += size * step);
    }
}

/// Of all subgradients of slope + l1 · |value| the one nearest to zero.
fn subgradient(slope: f64, value: f64, l1: f64) -> f64 {
    if value == 0.0 { slope.signum() * (slope.abs() - l1).max(0.0) } else { slope + l1 * value.signum() }
}

/// Minimises the quadratic model of the objective plus the L1 part, one coordinate after the other.
struct Descent<'a> {
    point: &'a [f64],
    l1: &'a [f64],
    derivatives: &'a Derivatives,
    /// Stop when no coordinate's derivative was off by more.
    accuracy: f64,
}

/// The arithmetic that one direction may take.
const DESCENT_WORK: usize = 2_000_000_000;

impl Descent<'_> {
    fn run(&self, cancelled: &dyn Fn() -> bool) -> Result<Vec<f64>, Error> {
        let hessian: &Symmetric = &self.derivatives.hessian;
        let order = hessian.order;
        let mut step = vec![0.0; order];
        // hessian · step
        let mut slopes = vec![0.0; order];
        let sweeps = (DESCENT_WORK / (order * order)).clamp(100, 100_000);
        for sweep in 0..sweeps {
            if sweep % 16 == 0 && cancelled() {
                return Err(Error::Cancelled);
            }
            let mut largest: f64 = 0.0;
            for index in 0..order {
                let curvature = hessian.diagonal(index);
                if curvature <= 0.0 {
                    continue;
                }
                let slope = self.derivatives.gradient[index] + slopes[index] - curvature * step[index];
                let target = soften(self.point[index] - slope / curvature, self.l1[index] / curvature);
                let change = target - self.point[index] - step[index];
                if change != 0.0 {
                    step[index] += change;
                    slopes.iter_mut().zip(hessian.row(index)).for_each(|(slope, cell)| *slope += change * cell);
                    largest = largest.max((change * curvature).abs());
                }
            }
            if largest <= self.accuracy {
                break;
            }
        }
        Ok(step)
    }
}

/// Moves a value towards zero by a threshold, at most to zero.
fn soften(value: f64, threshold: f64) -> f64 {
    value.signum() * (value.abs() - threshold).max(0.0)
}
