//! Where a learner that copies what it reads finds the features of its rows: [`Cells`]. A matrix has them all; rows that
//! are made as they are read need no room beside what they are made from.

use meuse_core::table::Matrix;

use crate::Error;

/// The features of rows: 32-bit floats, NaN is missing.
pub trait Cells: Sync {
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// How many features each has.
    fn width(&self) -> usize;
    /// Calls `work` with all rows in their order, some at a time, row after row.
    ///
    /// # Errors
    /// That of a row which cannot be made, or of `work`.
    fn for_each(&self, work: &mut dyn FnMut(&[f32]) -> Result<(), Error>) -> Result<(), Error>;
    /// The given rows.
    ///
    /// # Errors
    /// That of a row which cannot be made.
    fn take(&self, rows: &[u32]) -> Result<Matrix, Error>;
}

impl Cells for Matrix {
    fn rows(&self) -> usize {
        self.rows
    }

    fn width(&self) -> usize {
        self.width
    }

    fn for_each(&self, work: &mut dyn FnMut(&[f32]) -> Result<(), Error>) -> Result<(), Error> {
        work(&self.data)
    }

    fn take(&self, rows: &[u32]) -> Result<Matrix, Error> {
        Ok(Self::take(self, rows))
    }
}
