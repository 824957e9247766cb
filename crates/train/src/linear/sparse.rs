//! The same regression where rows hold few of hundreds of thousands of features: the terms of texts.
//!
//! Second derivatives would be a matrix of terms × terms, so Newton's direction is found by conjugate gradients, which
//! need only their product with a vector (C.-J. Lin, R. C. Weng, S. S. Keerthi, Trust region Newton method for
//! large-scale logistic regression, 2008; here with a line search instead of a trust region, and preconditioned by the
//! diagonal). The matrix is held by rows and by columns, so that both products run over several threads, each sum in
//! one order whatever their number. Needs an L2 penalty and takes no L1 penalty: `recipe::check` sees to both.

use std::borrow::Cow;
use std::ops::Range;

use meuse_core::recipe::Linear;
use meuse_core::table::{Matrix, Sparse};

use super::cholesky::dot;
use super::problem::{Loss, logistic_loss, sigmoid};
use super::{Ending, Fit, LinearModel};
use crate::{Context, Error, Sample};

/// The share of the promised decrease that a step must bring (L. Armijo, 1966).
const ARMIJO: f64 = 1e-4;
/// The most halvings of a step.
const HALVINGS: u32 = 40;
/// The most conjugate directions of one step.
const DIRECTIONS: u32 = 500;
/// The direction is at least so exact, as a share of the gradient's length; more so near the end.
const ROUGHEST: f64 = 0.1;

/// Fits on a sample whose matrix has a sparse part. Class weights are of the negative and the positive class.
pub(super) fn fit(
    parameters: &Linear,
    sample: &Sample,
    loss: Loss,
    class_weights: Option<[f64; 2]>,
    context: &Context<'_>,
) -> Result<Fit, Error> {
    let rows = joined(&sample.x);
    let columns = transposed(&rows);
    let problem = Problem {
        y: &sample.y,
        loss,
        class_weights,
        l2: parameters.l2 / sample.y.len() as f64,
        row_parts: parts(&rows.starts, context.threads),
        column_parts: parts(&columns.starts, context.threads),
        rows,
        columns,
        context,
    };
    let (point, ending, iterations, gradient) = problem.solve(parameters)?;
    let (width, features) = (sample.x.width, point.len() - 1);
    let model = LinearModel {
        weights: point[..width].to_vec(),
        terms: point[width..features].to_vec(),
        intercept: point[features],
    };
    Ok(Fit { model, ending, iterations, gradient })
}

/// Dense features and terms as one sparse matrix, dense ones first.
fn joined(x: &Matrix) -> Cow<'_, Sparse> {
    let none = Sparse { starts: vec![0; x.rows + 1], columns: Vec::new(), values: Vec::new(), width: 0 };
    let terms = x.sparse.as_ref().map_or(Cow::Owned(none), Cow::Borrowed);
    if x.width == 0 {
        return terms;
    }
    let mut joined = Sparse::new(x.width + terms.width);
    for row in 0..x.rows {
        for (column, value) in x.row(row).iter().enumerate().filter(|(_, value)| **value != 0.0) {
            joined.columns.push(column as u32);
            joined.values.push(*value);
        }
        let (columns, values) = terms.row(row);
        joined.columns.extend(columns.iter().map(|column| column + x.width as u32));
        joined.values.extend_from_slice(values);
        joined.end_row();
    }
    Cow::Owned(joined)
}

/// The same cells, column after column; in each, rows ascend.
fn transposed(rows: &Sparse) -> Sparse {
    let mut starts = vec![0; rows.width + 1];
    for column in &rows.columns {
        starts[*column as usize + 1] += 1;
    }
    for column in 0..rows.width {
        starts[column + 1] += starts[column];
    }
    let mut next = starts.clone();
    let mut transposed = Sparse {
        starts,
        columns: vec![0; rows.columns.len()],
        values: vec![0.0; rows.columns.len()],
        width: rows.rows(),
    };
    for row in 0..rows.rows() {
        let (columns, values) = rows.row(row);
        for (column, value) in columns.iter().zip(values) {
            let place = &mut next[*column as usize];
            transposed.columns[*place] = row as u32;
            transposed.values[*place] = *value;
            *place += 1;
        }
    }
    transposed
}

/// Ranges of lines with about as many cells each, one per thread.
fn parts(starts: &[usize], threads: usize) -> Vec<Range<usize>> {
    let (lines, cells) = (starts.len() - 1, starts[starts.len() - 1]);
    let threads = threads.clamp(1, lines.max(1));
    let cut = |part: usize| starts.partition_point(|start| *start < cells * part / threads).min(lines);
    let edges: Vec<usize> = (0..=threads).map(|part| if part == threads { lines } else { cut(part) }).collect();
    edges.windows(2).map(|pair| pair[0]..pair[1].max(pair[0])).collect()
}

/// For every line of a matrix, the sum of what `cell` makes of its cells' values and of `vector` at their places.
fn products(
    matrix: &Sparse,
    parts: &[Range<usize>],
    vector: &[f64],
    cell: impl Fn(f64, f64) -> f64 + Sync + Copy,
) -> Vec<f64> {
    let of_line = |line: usize| -> f64 {
        let (places, values) = matrix.row(line);
        places.iter().zip(values).map(|(place, value)| cell(f64::from(*value), vector[*place as usize])).sum()
    };
    let of_part = |part: &Range<usize>| part.clone().map(of_line).collect::<Vec<f64>>();
    let [part] = parts else {
        return std::thread::scope(|scope| {
            let workers: Vec<_> = parts.iter().map(|part| scope.spawn(move || of_part(part))).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, Vec<f64>>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().flat_map(join).collect()
        });
    };
    of_part(part)
}

/// A point is one number per feature, then the intercept.
struct Problem<'a> {
    rows: Cow<'a, Sparse>,
    /// The same cells by columns.
    columns: Sparse,
    row_parts: Vec<Range<usize>>,
    column_parts: Vec<Range<usize>>,
    y: &'a [f64],
    loss: Loss,
    class_weights: Option<[f64; 2]>,
    l2: f64,
    context: &'a Context<'a>,
}

/// First derivative of each row's loss by its score, and second.
struct Slopes {
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Problem<'_> {
    fn solve(&self, parameters: &Linear) -> Result<(Vec<f64>, Ending, u32, f64), Error> {
        let mut point = vec![0.0; self.rows.width + 1];
        let mut scores = vec![0.0; self.y.len()];
        let mut first_length = None;
        for iteration in 0..=parameters.max_iterations {
            let slopes = self.slopes(&scores);
            let gradient = self.gradient(&point, &slopes.first);
            let largest = gradient.iter().map(|slope| slope.abs()).fold(0.0, f64::max);
            let value = self.value(&point, &scores);
            self.context.watch.progress("fit", u64::from(iteration), 0);
            self.context.watch.metric("objective", "training", u64::from(iteration) + 1, value);
            if largest <= parameters.tolerance {
                return Ok((point, Ending::Converged, iteration, largest));
            }
            if iteration == parameters.max_iterations {
                return Ok((point, Ending::Limit, iteration, largest));
            }
            let length = dot(&gradient, &gradient).sqrt();
            let share = length / *first_length.get_or_insert(length);
            let direction = self.direction(&gradient, &slopes.second, ROUGHEST.min(share.sqrt()) * length)?;
            let ahead = self.scores(&direction);
            let promised = dot(&gradient, &direction);
            let Some(size) = self.step(&point, &scores, &direction, &ahead, value, promised) else {
                return Ok((point, Ending::Stalled, iteration, largest));
            };
            point.iter_mut().zip(&direction).for_each(|(value, step)| *value += size * step);
            scores.iter_mut().zip(&ahead).for_each(|(score, step)| *score += size * step);
        }
        Ok((point, Ending::Limit, parameters.max_iterations, f64::INFINITY))
    }

    fn scores(&self, point: &[f64]) -> Vec<f64> {
        let intercept = point[self.rows.width];
        let mut scores = products(&self.rows, &self.row_parts, point, |value, weight| value * weight);
        for score in &mut scores {
            *score += intercept;
        }
        scores
    }

    fn row_weight(&self, y: f64) -> f64 {
        self.class_weights.map_or(1.0, |weights| weights[usize::from(y > 0.5)])
    }

    fn slopes(&self, scores: &[f64]) -> Slopes {
        let mut slopes = Slopes { first: Vec::with_capacity(scores.len()), second: Vec::with_capacity(scores.len()) };
        for (score, y) in scores.iter().zip(self.y) {
            let (first, second) = match self.loss {
                Loss::Squared => (score - y, 1.0),
                Loss::Logistic => {
                    let (probability, weight) = (sigmoid(*score), self.row_weight(*y));
                    (weight * (probability - y), weight * probability * (1.0 - probability))
                }
            };
            slopes.first.push(first);
            slopes.second.push(second);
        }
        slopes
    }

    /// The objective.
    fn value(&self, point: &[f64], scores: &[f64]) -> f64 {
        let losses = scores.iter().zip(self.y).map(|(score, y)| match self.loss {
            Loss::Squared => 0.5 * (score - y).powi(2),
            Loss::Logistic => self.row_weight(*y) * logistic_loss(*y, *score),
        });
        let weights = &point[..self.rows.width];
        losses.sum::<f64>() / self.y.len() as f64 + 0.5 * self.l2 * dot(weights, weights)
    }

    /// Per feature and for the intercept, the mean of `of_row` times the feature; then the penalty's part.
    fn gradient(&self, point: &[f64], of_row: &[f64]) -> Vec<f64> {
        let count = self.y.len() as f64;
        let mut gradient = products(&self.columns, &self.column_parts, of_row, |value, slope| value * slope);
        for (slope, weight) in gradient.iter_mut().zip(point) {
            *slope = *slope / count + self.l2 * weight;
        }
        gradient.push(of_row.iter().sum::<f64>() / count);
        gradient
    }

    /// The diagonal of the second derivatives.
    fn diagonal(&self, second: &[f64]) -> Vec<f64> {
        let count = self.y.len() as f64;
        let mut diagonal = products(&self.columns, &self.column_parts, second, |value, slope| value * value * slope);
        for cell in &mut diagonal {
            *cell = *cell / count + self.l2;
        }
        diagonal.push((second.iter().sum::<f64>() / count).max(f64::MIN_POSITIVE));
        diagonal
    }

    /// Solves second derivatives · direction = −gradient by preconditioned conjugate gradients, until what is left is
    /// no longer than `left`.
    fn direction(&self, gradient: &[f64], second: &[f64], left: f64) -> Result<Vec<f64>, Error> {
        let diagonal = self.diagonal(second);
        let mut direction = vec![0.0; gradient.len()];
        let mut rest: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        let scaled =
            |rest: &[f64]| -> Vec<f64> { rest.iter().zip(&diagonal).map(|(rest, cell)| rest / cell).collect() };
        let mut eased = scaled(&rest);
        let mut search = eased.clone();
        let mut product = dot(&rest, &eased);
        for _ in 0..DIRECTIONS {
            if self.context.watch.cancelled() {
                return Err(Error::Cancelled);
            }
            let mut curved = self.scores(&search);
            curved.iter_mut().zip(second).for_each(|(score, slope)| *score *= slope);
            let curved = self.gradient(&search, &curved);
            let size = product / dot(&search, &curved);
            if !size.is_finite() {
                break;
            }
            direction.iter_mut().zip(&search).for_each(|(value, step)| *value += size * step);
            rest.iter_mut().zip(&curved).for_each(|(value, step)| *value -= size * step);
            if dot(&rest, &rest).sqrt() <= left {
                break;
            }
            eased = scaled(&rest);
            let next = dot(&rest, &eased);
            let share = next / product;
            product = next;
            search.iter_mut().zip(&eased).for_each(|(value, eased)| *value = eased + share * *value);
        }
        Ok(direction)
    }

    /// How much of the direction to go: all of it, or half as often as it takes for the objective to fall as promised.
    fn step(
        &self,
        point: &[f64],
        scores: &[f64],
        direction: &[f64],
        ahead: &[f64],
        value: f64,
        promised: f64,
    ) -> Option<f64> {
        let moved = |from: &[f64], by: &[f64], size: f64| -> Vec<f64> {
            from.iter().zip(by).map(|(a, b)| a + size * b).collect()
        };
        // A promise that drowns in rounding cannot be tested.
        if -promised <= f64::EPSILON * 16.0 * (1.0 + value.abs()) {
            return (promised < 0.0).then_some(1.0);
        }
        let mut size = 1.0;
        for _ in 0..HALVINGS {
            let there = self.value(&moved(point, direction, size), &moved(scores, ahead, size));
            if there <= value + ARMIJO * size * promised {
                return Some(size);
            }
            size /= 2.0;
        }
        None
    }
}
