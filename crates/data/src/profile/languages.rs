//! In which languages the texts of a column seem to be: an estimate from a sample of the temporary table `grouped`.
//!
//! A text is judged by its trigrams and its alphabet (`whatlang`), and only where that is reliable; short texts mostly
//! are not, and count as uncertain instead of as a wrong language.

use std::collections::BTreeMap;

use duckdb::Connection;
use meuse_core::profile::{Language, Languages};

use crate::Error;

/// The most texts that are looked at.
const SAMPLE: usize = 1000;
/// The most characters of a text that are looked at.
const BEGINNING: usize = 1000;

/// The languages of a sample. The texts are drawn by their hashes, so that neither their order nor their number of rows
/// plays a part, and the same texts give the same answer.
pub(super) fn estimate(connection: &Connection) -> Result<Languages, Error> {
    // Sorted are beginnings: whole texts could be too large for memory.
    let sql = format!(
        "SELECT beginning FROM (SELECT left(v, {BEGINNING}) AS beginning, hash(v) AS drawn FROM grouped \
         WHERE v IS NOT NULL) ORDER BY drawn, beginning LIMIT {SAMPLE}"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut texts = statement.query([])?;
    let (mut sample, mut counts) = (0_u64, BTreeMap::new());
    while let Some(row) = texts.next()? {
        sample += 1;
        if let Some(language) = language(&row.get::<_, String>(0)?) {
            *counts.entry(language).or_insert(0_u64) += 1;
        }
    }
    let share = |count: u64| count as f64 / sample.max(1) as f64;
    let uncertain = share(sample - counts.values().sum::<u64>());
    let mut counts: Vec<_> = counts.into_iter().collect();
    // Stable: what is equally frequent stays in the order of the codes.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let found = counts.into_iter().map(|((code, name), count)| Language {
        code: code.to_owned(),
        name: name.to_owned(),
        share: share(count),
    });
    Ok(Languages { sample, found: found.collect(), uncertain })
}

/// The code and the name of a text's language, where they are reliable.
fn language(text: &str) -> Option<(&'static str, &'static str)> {
    let found = whatlang::detect(text).filter(whatlang::Info::is_reliable)?.lang();
    // Written, it is Chinese: which of its tongues the writer speaks is not to be seen.
    let name = if found == whatlang::Lang::Cmn { "Chinese" } else { found.eng_name() };
    Some((found.code(), name))
}
