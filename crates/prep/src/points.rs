//! The points of a scorecard: whole points per bin, looked up and added.

use meuse_core::bundle::Scorecard;
use meuse_core::table::Table;

use crate::fitted::Fitted;

/// The bin of a missing cell in a column that had none in training: it speaks for neither class and has no points.
pub const NEUTRAL: u32 = u32::MAX;

impl Fitted {
    /// The bin of each row in each column that is encoded by weight of evidence, row after row: an index into the
    /// column's bins, or [`NEUTRAL`]. For a table that [`Fitted::transform`] accepts: of one that it does not, all is
    /// neutral.
    pub fn bins(&self, table: &Table) -> Vec<u32> {
        let sources = self.sources(table).unwrap_or_default();
        let width = self.columns.iter().filter(|column| column.woe().is_some()).count();
        if sources.is_empty() {
            return vec![NEUTRAL; table.rows * width];
        }
        let mut bins = Vec::with_capacity(table.rows * width);
        for row in 0..table.rows {
            bins.extend(sources.iter().filter_map(|source| source.bin(row)));
        }
        bins
    }
}

/// The score of each row: base points and the points of its bins. `card` has one column per column of `fitted` that is
/// encoded by weight of evidence, in the same order, with the same bins.
/// The table is one that [`Fitted::transform`] accepts.
pub fn points(fitted: &Fitted, card: &Scorecard, table: &Table) -> Vec<i64> {
    let bins = fitted.bins(table);
    let width = card.columns.len();
    let of_bin =
        |(column, bin): (usize, &u32)| card.columns[column].bins.get(*bin as usize).map_or(0, |bin| bin.points);
    let row_points = |row: &[u32]| card.base_points + row.iter().enumerate().map(of_bin).sum::<i64>();
    if width == 0 {
        return vec![card.base_points; table.rows];
    }
    bins.chunks(width).map(row_points).collect()
}
