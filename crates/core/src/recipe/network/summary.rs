//! The table of a network: layers, shapes, parameters, and an estimate of the memory that training takes.

use super::shape::shown;
use super::{Graph, Network};

/// Bytes of a 32-bit float.
const FLOAT: u64 = 4;
/// What libtorch takes before the first tensor, about.
const LIBRARY: u64 = 200 << 20;

impl Graph {
    /// How many numbers training changes.
    pub fn trained(&self) -> usize {
        self.parameters().filter(|parameter| parameter.trained).map(super::Parameter::count).sum()
    }

    /// How many numbers the network holds and training does not change by gradients.
    pub fn fixed(&self) -> usize {
        self.parameters().filter(|parameter| !parameter.trained).map(super::Parameter::count).sum()
    }

    /// Memory for training, in bytes: weights, gradients and what the optimiser remembers; each layer's output and its
    /// gradient for one batch; the library. The data come on top.
    pub fn estimated_memory(&self, network: &Network) -> u64 {
        let weights = self.trained() as u64 * (2 + network.optimizer.states() as u64) + self.fixed() as u64;
        let outputs: u64 = self.nodes.iter().map(|node| node.shape.iter().product::<usize>() as u64).sum();
        let batch = u64::from(network.batch_size) * (2 * outputs + self.width() as u64);
        LIBRARY + FLOAT * weights.saturating_add(batch)
    }

    /// The table, as `meuse recipe check` prints it.
    pub fn summary(&self, network: &Network) -> String {
        let mut rows = vec![["layer".to_owned(), "kind".into(), "output".into(), "parameters".into()]];
        for input in &self.inputs {
            let kind = if input.ids.is_some() { "ids" } else { "input" };
            rows.push([input.name.clone(), kind.into(), shown(&input.shape), String::new()]);
        }
        for node in &self.nodes {
            let count: usize = node.parameters.iter().map(super::Parameter::count).sum();
            let count = if count == 0 { String::new() } else { thousands(count) };
            rows.push([node.name.clone(), node.kind.word().into(), shown(&node.shape), count]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2), width(3)];
        let mut text = String::new();
        for row in &rows {
            let pad = |column: usize| " ".repeat(widths[column] - row[column].chars().count());
            let line =
                format!("{}{}  {}{}  {}{}  {}{}", row[0], pad(0), row[1], pad(1), row[2], pad(2), pad(3), row[3]);
            text.push_str(line.trim_end());
            text.push('\n');
        }
        let fixed = match self.fixed() {
            0 => String::new(),
            fixed => format!(" and {} fixed", thousands(fixed)),
        };
        let memory = self.estimated_memory(network).div_ceil(1 << 20);
        let trained = thousands(self.trained());
        let last = format!("{trained} trained parameters{fixed}; training takes about {memory} MiB and the data\n");
        text + &last
    }
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
