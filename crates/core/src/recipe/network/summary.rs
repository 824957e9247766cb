//! The table of a network: layers, shapes, parameters.

use super::shape::shown;
use super::{Graph, Network};

impl Graph {
    /// How many numbers training changes.
    pub fn trained(&self) -> usize {
        self.parameters().filter(|parameter| parameter.trained).map(super::Parameter::count).sum()
    }

    /// How many numbers the network holds and training does not change by gradients.
    pub fn fixed(&self) -> usize {
        self.parameters().filter(|parameter| !parameter.trained).map(super::Parameter::count).sum()
    }

    /// The table, as `meuse recipe check` prints it.
    pub fn summary(&self, network: &Network) -> String {
        let mut rows = vec![["layer".to_owned(), "kind".into(), "output".into(), "parameters".into()]];
        for input in &self.inputs {
            let kind = if input.ids.is_some() { "ids" } else { "input" };
            rows.push([input.name.clone(), kind.into(), shown(&input.shape), String::new()]);
        }
        let mut index = 0;
        while index < self.nodes.len() {
            // A backbone is one layer of the recipe, and one line.
            let placed = self.backbones.iter().find(|placed| placed.nodes.start == index);
            let end = placed.map_or(index + 1, |placed| placed.nodes.end).max(index + 1);
            let last = &self.nodes[end - 1];
            let count: usize =
                self.nodes[index..end].iter().flat_map(|node| &node.parameters).map(super::Parameter::count).sum();
            let count = if count == 0 { String::new() } else { thousands(count) };
            let (name, word) = match placed {
                Some(placed) => (&placed.layer, placed.backbone.architecture.word()),
                None => (&last.name, last.kind.word()),
            };
            rows.push([name.clone(), word.into(), shown(&last.shape), count]);
            index = end;
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
