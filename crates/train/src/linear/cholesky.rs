//! Solves a symmetric system that is positive definite up to rounding.

use crate::Error;

/// Added to the unit diagonal: directions that the data does not determine get no step instead of an endless one.
const DAMPING: f64 = 1e-10;

/// A symmetric matrix, row after row; only the lower triangle is read.
pub(super) struct Symmetric {
    pub(super) cells: Vec<f64>,
    pub(super) order: usize,
}

impl Symmetric {
    pub(super) fn zeros(order: usize) -> Self {
        Self { cells: vec![0.0; order * order], order }
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * self.order..(row + 1) * self.order]
    }

    pub(super) fn diagonal(&self, index: usize) -> f64 {
        self.cells[index * self.order + index]
    }

    /// Copies the lower triangle to the upper.
    pub(super) fn mirror(&mut self) {
        for row in 0..self.order {
            for column in 0..row {
                self.cells[column * self.order + row] = self.cells[row * self.order + column];
            }
        }
    }

    /// The solution x of self · x = right, damped; the matrix is first scaled to a unit diagonal.
    ///
    /// # Errors
    /// Somebody asked to stop.
    pub(super) fn solve(&self, right: &[f64], cancelled: &dyn Fn() -> bool) -> Result<Vec<f64>, Error> {
        let scale: Vec<f64> = (0..self.order).map(|index| inverse_root(self.diagonal(index))).collect();
        let mut damping = DAMPING;
        let factor = loop {
            if let Some(factor) = self.factor(&scale, damping, cancelled)? {
                break factor;
            }
            damping *= 100.0;
        };
        let mut x: Vec<f64> = right.iter().zip(&scale).map(|(value, scale)| value * scale).collect();
        for row in 0..self.order {
            let line = &factor[row * self.order..row * self.order + row];
            let sum = dot(line, &x[..row]);
            x[row] = (x[row] - sum) / factor[row * self.order + row];
        }
        for row in (0..self.order).rev() {
            x[row] /= factor[row * self.order + row];
            let value = x[row];
            for (column, cell) in x[..row].iter_mut().enumerate() {
                *cell -= factor[row * self.order + column] * value;
            }
        }
        Ok(x.into_iter().zip(&scale).map(|(value, scale)| value * scale).collect())
    }

    /// The lower factor of the scaled and damped matrix; `None` when it is not positive definite.
    fn factor(&self, scale: &[f64], damping: f64, cancelled: &dyn Fn() -> bool) -> Result<Option<Vec<f64>>, Error> {
        let order = self.order;
        let mut factor = vec![0.0; order * order];
        for row in 0..order {
            if row % 64 == 0 && cancelled() {
                return Err(Error::Cancelled);
            }
            for column in 0..=row {
                let (before, current) = factor.split_at(row * order);
                let earlier =
                    if column < row { &before[column * order..column * order + column] } else { &current[..column] };
                let sum = dot(&current[..column], earlier);
                let mut cell = self.cells[row * order + column] * scale[row] * scale[column] - sum;
                if row == column {
                    // A column that is constant has a zero diagonal; any positive pivot leaves its weight at zero.
                    cell += damping + if scale[row] == 0.0 { 1.0 } else { 0.0 };
                    if cell.is_nan() || cell <= 0.0 {
                        return Ok(None);
                    }
                    factor[row * order + column] = cell.sqrt();
                } else {
                    factor[row * order + column] = cell / factor[column * order + column];
                }
            }
        }
        Ok(Some(factor))
    }
}

fn inverse_root(value: f64) -> f64 {
    if value > 0.0 { 1.0 / value.sqrt() } else { 0.0 }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
