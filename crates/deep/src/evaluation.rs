//! What a trained network answers for rows, and how wrong that is.

use std::collections::VecDeque;

use meuse_core::recipe::network::{Graph, Loss};
use tch::{Device, Tensor, no_grad};

use crate::Error;
use crate::crew::{Crew, alone_meanwhile};
use crate::forward::{Pass, forward};
use crate::lesson::{is_much, loss, pictures};
use crate::loader::{Plan, Rows, for_each_batch};
use crate::stack::Stack;
use crate::weights::{Weights, numbers_of};

/// How many rows are answered together: so many that one layer makes about [`NUMBERS`] numbers for them, at least and at
/// most these. Answering then needs less memory than learning did.
const LEAST_ROWS: usize = 8;
const MOST_ROWS: usize = 256;
const NUMBERS: usize = 1 << 20;

/// Rows that are answered together.
pub(crate) fn batch(graph: &Graph) -> usize {
    let outputs = graph.nodes.iter().map(|node| node.shape.iter().product::<usize>());
    let largest = outputs.max().unwrap_or(0).max(graph.width()).max(1);
    (NUMBERS / largest).clamp(LEAST_ROWS, MOST_ROWS)
}

/// The outputs of all rows (rows × outputs), before the head that makes probabilities of them.
///
/// # Errors
/// The one of a row that cannot be read.
pub fn outputs(graph: &Graph, weights: &Weights, rows: &dyn Rows, threads: usize) -> Result<Vec<f32>, Error> {
    let mut all = Vec::with_capacity(rows.count() * graph.outputs());
    for_each_output(graph, weights, rows, threads, |_, output| all.extend(numbers_of(output)))?;
    Ok(all)
}

/// Calls `work` with some rows and their outputs, in the order of the rows, until all have been there. Each thread
/// answers some rows while others answer the next.
pub(crate) fn for_each_output(
    graph: &Graph,
    weights: &Weights,
    rows: &dyn Rows,
    threads: usize,
    mut work: impl FnMut(&[u32], &Tensor),
) -> Result<(), Error> {
    let order: Vec<u32> = (0..rows.count() as u32).collect();
    let width = graph.width();
    // Few rows are divided as well.
    let batch = batch(graph).min(order.len().div_ceil(threads.max(1))).max(1);
    let plan = Plan { width, batch, epoch: None, threads };
    let answer = |weights: &Weights, here: bool, stack: &mut Option<Stack>, numbers: &[f32]| {
        let x = Tensor::from_slice(numbers).to_device(weights.device()).reshape([-1, width as i64]);
        let ahead = stack.as_mut().map(|stack| {
            let answers = Tensor::from_slice(&stack.forward(numbers, width, weights, None));
            (stack.nodes(), pictures(&answers, stack.shape_after()))
        });
        no_grad(|| forward(graph, weights, &x, Pass { training: None, here }, ahead))
    };
    let on_gpu = weights.device() != Device::Cpu;
    let members = if on_gpu { 1 } else { threads.clamp(1, order.len().div_ceil(plan.batch).max(1)) };
    if members == 1 {
        // One thread computes it, and libtorch has all of them.
        let divided = threads > 1 && is_much(graph, order.len());
        let here = !divided && !on_gpu;
        let mut stack = if here { Stack::of(graph) } else { None };
        return for_each_batch(rows, &order, plan, |batch| {
            work(batch.rows, &answer(weights, here, &mut stack, &batch.numbers));
            Ok(())
        });
    }
    alone_meanwhile(|| {
        std::thread::scope(|scope| {
            let answer = &answer;
            let workers = (0..members).map(|_| {
                let (weights, mut stack) = (weights.twin(), Stack::of(graph));
                move |numbers: Vec<f32>| answer(&weights, true, &mut stack, &numbers)
            });
            let crew = Crew::start(scope, workers)?;
            let mut asked = VecDeque::with_capacity(members);
            let mut next = 0;
            for_each_batch(rows, &order, plan, |batch| {
                if asked.len() == members {
                    told(&crew, &mut asked, &mut work)?;
                }
                crew.ask(next % members, batch.numbers)?;
                asked.push_back((next % members, batch.rows));
                next += 1;
                Ok(())
            })?;
            while !asked.is_empty() {
                told(&crew, &mut asked, &mut work)?;
            }
            Ok(())
        })
    })
}

/// Waits for what was asked first.
fn told(
    crew: &Crew<Vec<f32>, Tensor>,
    asked: &mut VecDeque<(usize, &[u32])>,
    mut work: impl FnMut(&[u32], &Tensor),
) -> Result<(), Error> {
    if let Some((member, rows)) = asked.pop_front() {
        work(rows, &crew.answer(member)?);
    }
    Ok(())
}

/// The mean loss of outputs, row after row; of no rows there is none.
pub(crate) fn mean_loss(kind: Loss, outputs: &[f32], targets: &[f32]) -> f64 {
    if targets.is_empty() {
        return f64::NAN;
    }
    let rows = targets.len() as i64;
    no_grad(|| loss(kind, &Tensor::from_slice(outputs).reshape([rows, -1]), targets, None, 0.0).double_value(&[]))
}

/// The share of rows with the right class.
pub(crate) fn accuracy(loss: Loss, outputs: &[f32], targets: &[f32]) -> Option<f64> {
    let width = outputs.len() / targets.len().max(1);
    let right = |(row, target): (&[f32], &f32)| match loss {
        Loss::CrossEntropy => {
            let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]));
            best == Some(*target as usize)
        }
        _ => (row[0] > 0.0) == (*target > 0.5),
    };
    if loss == Loss::MeanSquaredError || width == 0 {
        return None;
    }
    let count = outputs.chunks_exact(width).zip(targets).filter(|pair| right(*pair)).count();
    Some(count as f64 / targets.len() as f64)
}
