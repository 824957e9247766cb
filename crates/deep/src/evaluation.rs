//! What a trained network answers for rows.

use meuse_core::recipe::network::Graph;
use tch::{Tensor, no_grad};

use crate::Error;
use crate::forward::forward;
use crate::loader::{Plan, Rows, for_each_batch};
use crate::weights::{Weights, numbers_of};

/// The most rows that are answered together, and the most numbers that one layer makes for them.
const MOST_ROWS: usize = 256;
const MOST_NUMBERS: usize = 1 << 25;

/// Rows that are answered together.
pub(crate) fn batch(graph: &Graph) -> usize {
    let outputs = graph.nodes.iter().map(|node| node.shape.iter().product::<usize>());
    let largest = outputs.max().unwrap_or(0).max(graph.width()).max(1);
    (MOST_NUMBERS / largest).clamp(1, MOST_ROWS)
}

/// The outputs of all rows (rows × outputs), before the head that makes probabilities of them.
///
/// # Errors
/// The one of a row that cannot be read.
pub fn outputs(graph: &Graph, weights: &Weights, rows: &dyn Rows, loaders: usize) -> Result<Vec<f32>, Error> {
    let mut all = Vec::with_capacity(rows.count() * graph.outputs());
    for_each_output(graph, weights, rows, loaders, |_, output| all.extend(numbers_of(output)))?;
    Ok(all)
}

/// Calls `work` with some rows and their outputs, until all have been there.
pub(crate) fn for_each_output(
    graph: &Graph,
    weights: &Weights,
    rows: &dyn Rows,
    loaders: usize,
    mut work: impl FnMut(&[u32], &Tensor),
) -> Result<(), Error> {
    let order: Vec<u32> = (0..rows.count() as u32).collect();
    let width = graph.width();
    let plan = Plan { width, batch: batch(graph), epoch: None, threads: loaders };
    for_each_batch(rows, &order, plan, |batch| {
        let x = Tensor::from_slice(&batch.numbers).reshape([batch.rows.len() as i64, width as i64]);
        no_grad(|| work(batch.rows, &forward(graph, weights, &x, None)));
        Ok(())
    })
}
