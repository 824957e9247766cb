//! Lines of CSV (RFC 4180) that are safe to open in a spreadsheet.

/// One line. A cell that a spreadsheet would take for a formula is preceded by an apostrophe, as OWASP advises: names
/// and reasons are written by users, and read by auditors.
pub(crate) fn line<'a>(cells: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| quoted(cell.as_ref())).collect();
    cells.join(",") + "\r\n"
}

fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if safe.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_its_line() {
        let line = line(["=1+1", "+1", "-1", "@x", "\t=1", "a,b", "say \"x\"", "two\nlines", "=\",\"", "plain", ""]);
        let expected = "'=1+1,'+1,'-1,'@x,'\t=1,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"'=\"\",\"\"\",plain,\r\n";
        assert_eq!(line, expected);
    }
}
