//! The last check of a training: ONNX Runtime must answer what the network answers, on every row given.

use meuse_core::recipe::network::Graph;
use meuse_core::table::Matrix;
use meuse_engine::Session;

use crate::Error;
use crate::evaluation::batch;
use crate::loader::Rows;

/// |a − b| ≤ `TOLERANCE` · max(1, |b|), b being the network's own output: sums of 32-bit floats in another order.
pub const TOLERANCE: f64 = 1e-3;

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Report {
    /// Rows.
    pub rows: usize,
    /// The largest |a − b| / max(1, |b|) seen.
    pub largest_difference: f64,
}

/// Compares on all rows; `expected` are the network's own outputs, as [`crate::outputs`] gives them.
///
/// # Errors
/// [`Error::Parity`] names the first row and output that differ, with both numbers.
pub fn check(session: &Session, graph: &Graph, rows: &dyn Rows, expected: &[f32]) -> Result<Report, Error> {
    let (width, outputs) = (graph.width(), graph.outputs());
    let mut report = Report::default();
    let mut start = 0;
    while start < rows.count() {
        let count = batch(graph).min(rows.count() - start);
        let mut matrix = Matrix { data: vec![0.0; count * width], rows: count, width, sparse: None };
        for (row, numbers) in matrix.data.chunks_exact_mut(width).enumerate() {
            rows.fill((start + row) as u32, None, numbers)?;
        }
        let scores = session.scores(&matrix)?;
        let own = &expected[start * outputs..(start + count) * outputs];
        for (index, (engine, own)) in scores.raw.iter().zip(own).enumerate() {
            let (engine, own) = (f64::from(*engine), f64::from(*own));
            let difference = (engine - own).abs() / own.abs().max(1.0);
            if difference.is_nan() || difference > TOLERANCE {
                let (row, output) = (start + index / outputs, index % outputs);
                return Err(Error::Parity(format!(
                    "row {row}, output {output}: ONNX Runtime says {engine}, the network {own}"
                )));
            }
            report.largest_difference = report.largest_difference.max(difference);
        }
        start += count;
    }
    report.rows = start;
    Ok(report)
}
