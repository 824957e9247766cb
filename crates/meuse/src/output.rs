//! How answers look on a terminal: tables, errors with hints, progress bars. Data goes to standard output, all else to
//! standard error.
#![allow(clippy::print_stdout, reason = "standard output is where a command's answer belongs")]

use std::time::Duration;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use meuse_core::api::{ErrorBody, ErrorDetail};

use crate::client::Refused;

/// Prints an error with its cause and, from a server, its hint and request id; with `--json` as the server's own body
/// on standard output.
pub(crate) fn error(error: &anyhow::Error, as_json: bool) {
    use std::io::Write as _;
    let refused = error.downcast_ref::<Refused>().map(|Refused(detail)| detail);
    if as_json {
        let own = || ErrorDetail {
            kind: "command".into(),
            message: format!("{error:#}"),
            field: None,
            hint: None,
            request_id: String::new(),
        };
        let body = ErrorBody { error: refused.cloned().unwrap_or_else(own) };
        let _ = json(&body);
        return;
    }
    // A reader of standard error that has gone away is no reason to panic.
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "error: {error:#}");
    if let Some(hint) = refused.and_then(|detail| detail.hint.as_ref()) {
        let _ = writeln!(stderr, "hint: {hint}");
    }
    if let Some(detail) = refused.filter(|detail| detail.kind == "internal") {
        let _ = writeln!(stderr, "the server's log says more under request {}", detail.request_id);
    }
}

/// Whether all that went wrong is that the reader of our output has gone away (`| head`).
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let is_pipe = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref::<std::io::Error>().is_some_and(is_pipe)
}

/// Prints a value as indented JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints one line. A reader that has gone away (`| head`) is no error.
pub(crate) fn line(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints rows under a head; columns named in `right` are numbers and stand to the right.
pub(crate) fn table(head: &[&str], right: &[usize], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    // A line under the head, and none between rows.
    table.remove_style(TableComponent::HorizontalLines).remove_style(TableComponent::MiddleIntersections);
    table.remove_style(TableComponent::TopBorder).remove_style(TableComponent::TopBorderIntersections);
    table.remove_style(TableComponent::BottomBorder).remove_style(TableComponent::BottomBorderIntersections);
    table.set_style(TableComponent::HeaderLines, '─').set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(head);
    table.add_rows(rows);
    for index in right {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    line(&table.to_string());
}

/// A number with the digits that a person reads.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (size >= 1e15) {
        return format!("{value}");
    }
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    if size < 1e-3 {
        format!("{value:.2e}")
    } else if size < 100.0 {
        format!("{value:.4}")
    } else {
        format!("{value:.2}")
    }
}

/// A number of bytes with its unit.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// A bar of bytes, for uploads and downloads; hidden where standard error is no terminal.
pub(crate) fn byte_bar(total: u64, message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:32} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    let bar = ProgressBar::new(total).with_message(message.to_owned());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// A bar of steps, for jobs; hidden where standard error is no terminal.
pub(crate) fn step_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    bar.set_style(spinner_style());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Shows how far a stage is.
pub(crate) fn show_step(bar: &ProgressBar, stage: &str, done: u64, total: u64) {
    if total == 0 {
        bar.set_style(spinner_style());
    } else {
        let style = ProgressStyle::with_template("{spinner} {msg:24} {bar:32} {pos}/{len} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_length(total);
        bar.set_position(done);
    }
    bar.set_message(stage.to_owned());
}

fn spinner_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg:24} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Counts as a small picture: one block per count.
pub(crate) fn sparkline(counts: &[u64]) -> String {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let largest = counts.iter().copied().max().unwrap_or(0).max(1);
    let block = |count: u64| {
        let height = (count * 8).div_ceil(largest) as usize;
        BLOCKS[height.min(8)]
    };
    counts.iter().map(|count| block(*count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_say_enough() {
        let cases = [(0.0, "0"), (35.0, "35"), (0.7613, "0.7613"), (3271.258, "3271.26"), (0.000_012, "1.20e-5")];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn the_tallest_count_is_a_full_block_and_any_count_is_seen() {
        assert_eq!(sparkline(&[0, 1, 100]), " ▁█");
    }
}
