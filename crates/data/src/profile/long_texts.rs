//! A column of long texts: lengths, words, scripts, languages and duplicates, from its distinct texts in the temporary table
//! `grouped`; and after all columns are known, texts whose labels contradict each other.

use std::collections::HashMap;

use duckdb::Connection;
use meuse_core::profile::{ColumnProfile, Contradiction, Frequency, Profile, Quantile, Share, TextProfile};
use meuse_core::recipe::{Normalise, Tokens};
use meuse_core::schema::ColumnType;
use meuse_prep::text;

use super::scripts::{Script, script};
use super::{MOST_FREQUENT, languages};
use crate::images::labels::SPLIT_COLUMNS;
use crate::{Error, database};

const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
/// Fewer different texts are names of something.
const FEWEST_TEXTS: u64 = 20;
/// Where more rows than this repeat a text, on the average, texts are categories.
const MOST_REPEATED: u64 = 5;
/// A column is one of long texts when half of them have at least so many words.
const FEWEST_WORDS: f64 = 6.0;
/// The most bytes of texts in which words are counted; of more, a share is taken that does not depend on their order.
const COUNTED_BYTES: u64 = 32 << 20;
/// The most different words that are counted.
const MOST_WORDS: usize = 1 << 20;
/// From this share of Han letters on, words are looked for by jieba.
const MOSTLY_HAN: f64 = 0.3;

/// The profile of a column of long texts; `None` when it is none.
pub(super) fn profile(
    connection: &Connection,
    column: &ColumnProfile,
    rows: u64,
) -> Result<Option<TextProfile>, Error> {
    let present = rows - column.missing;
    if column.distinct < FEWEST_TEXTS || column.distinct * MOST_REPEATED < present {
        return Ok(None);
    }
    let mut measured = Measured::default();
    let mut statement = connection.prepare("SELECT v, n FROM grouped WHERE v IS NOT NULL")?;
    let mut texts = statement.query([])?;
    while let Some(row) = texts.next()? {
        let (text, count): (String, i64) = (row.get(0)?, row.get(1)?);
        measured.add(&text, count as u64);
    }
    drop(texts);
    let words = quantiles(&mut measured.words);
    if words.iter().find(|quantile| quantile.q == 0.5).is_none_or(|median| median.value < FEWEST_WORDS) {
        return Ok(None);
    }
    let scripts = measured.shares();
    let han = scripts.iter().find(|share| share.name == Script::Han.name()).map_or(0.0, |share| share.share);
    let tokens = if han >= MOSTLY_HAN { Tokens::Jieba } else { Tokens::Words };
    Ok(Some(TextProfile {
        characters: quantiles(&mut measured.characters),
        words,
        frequent_words: frequent_words(connection, tokens, measured.bytes)?,
        scripts,
        languages: Some(languages::estimate(connection)?),
        duplicates: present - column.distinct,
        empty: measured.empty,
        contradictions: Vec::new(),
    }))
}

/// What is seen on the way through the texts.
#[derive(Default)]
struct Measured {
    /// Lengths of the texts, each with its number of rows.
    characters: Vec<(u32, u64)>,
    words: Vec<(u32, u64)>,
    letters: HashMap<Script, u64>,
    empty: u64,
    bytes: u64,
}

impl Measured {
    fn add(&mut self, text: &str, rows: u64) {
        let (mut characters, mut words, mut inside) = (0, 0, false);
        for character in text.chars() {
            characters += 1;
            if !text::is_word_character(character) {
                inside = false;
                continue;
            }
            let script = script(character);
            if let Some(script) = script {
                *self.letters.entry(script).or_default() += rows;
            }
            // Han and Kana have no blanks between words.
            let alone = matches!(script, Some(Script::Han | Script::Kana));
            words += u32::from(alone || !inside);
            inside = !alone;
        }
        self.characters.push((characters, rows));
        self.words.push((words, rows));
        self.empty += if words == 0 { rows } else { 0 };
        self.bytes += text.len() as u64;
    }

    fn shares(&self) -> Vec<Share> {
        let total: u64 = self.letters.values().sum();
        let mut counts: Vec<(&Script, &u64)> = self.letters.iter().collect();
        counts.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.name().cmp(b.0.name())));
        let share = |(script, count): (&Script, &u64)| Share {
            name: script.name().to_owned(),
            share: *count as f64 / total.max(1) as f64,
        };
        counts.into_iter().map(share).collect()
    }
}

/// Quantiles by linear interpolation (Hyndman and Fan's type 7), of lengths with their numbers of rows.
fn quantiles(lengths: &mut [(u32, u64)]) -> Vec<Quantile> {
    lengths.sort_unstable();
    let rows: u64 = lengths.iter().map(|(_, rows)| rows).sum();
    if rows == 0 {
        return Vec::new();
    }
    let at = |rank: u64| {
        let mut before = 0;
        let found = lengths.iter().find(|(_, rows)| {
            before += rows;
            before > rank
        });
        found.map_or(0.0, |(length, _)| f64::from(*length))
    };
    let quantile = |q: f64| {
        let place = (rows - 1) as f64 * q;
        let (low, high) = (at(place.floor() as u64), at(place.ceil() as u64));
        Quantile { q, value: low + (high - low) * place.fract() }
    };
    QUANTILES.into_iter().map(quantile).collect()
}

fn frequent_words(connection: &Connection, tokens: Tokens, bytes: u64) -> Result<Vec<Frequency>, Error> {
    let every = bytes.div_ceil(COUNTED_BYTES).max(1);
    let sql = format!("SELECT v, n FROM grouped WHERE v IS NOT NULL AND hash(v) % {every} = 0");
    let mut statement = connection.prepare(&sql)?;
    let mut texts = statement.query([])?;
    let mut counts: HashMap<String, u64> = HashMap::new();
    while let Some(row) = texts.next()? {
        let (text, rows): (String, i64) = (row.get(0)?, row.get(1)?);
        let text = text::normalise(&text, Normalise::None, true);
        text::tokens(&text, tokens, &mut |word| {
            let word = &text[word];
            if word.chars().nth(1).is_none() || !word.chars().any(text::is_word_character) {
                return;
            }
            if let Some(count) = counts.get_mut(word) {
                *count += rows as u64;
            } else if counts.len() < MOST_WORDS {
                counts.insert(word.to_owned(), rows as u64);
            }
        });
    }
    let mut words: Vec<(String, u64)> = counts.into_iter().collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    words.truncate(MOST_FREQUENT);
    Ok(words.into_iter().map(|(value, count)| Frequency { value: super::shortened(value), count }).collect())
}

/// Completes the profiles of long texts with what needs the other columns, and warns of what a person should know.
pub(super) fn compare(connection: &Connection, from: &str, profile: &mut Profile) -> Result<(), Error> {
    let labels: Vec<String> =
        profile.columns.iter().filter(|column| column.distinct == 2).map(|column| column.name.clone()).collect();
    let rows = profile.rows;
    for column in profile.columns.iter_mut().filter(|column| column.column_type == ColumnType::Text) {
        let name = &column.name;
        let Some(text) = column.text.as_mut().filter(|text| text.duplicates > 0) else { continue };
        profile.warnings.push(format!(
            "`{name}` repeats itself: {} of {rows} rows hold the text of an earlier row; a recipe leaves them out with \
             drop_duplicates = true under [preprocessing.columns.{name}]",
            text.duplicates
        ));
        for label in &labels {
            let (texts, rows) = contradictions(connection, from, name, label)?;
            // A column of two parts is no label: a text in both is known before it is tested.
            if texts > 0 && SPLIT_COLUMNS.contains(&label.to_lowercase().as_str()) {
                profile.warnings.push(format!(
                    "{texts} texts of `{name}` are in both parts of `{label}`, in {rows} rows: a split by it tests what \
                     was learnt"
                ));
            } else if texts > 0 {
                profile.warnings.push(format!(
                    "`{label}` contradicts itself: {texts} texts of `{name}` have both values, in {rows} rows"
                ));
                text.contradictions.push(Contradiction { column: label.clone(), texts, rows });
            }
        }
    }
    Ok(())
}

fn contradictions(connection: &Connection, from: &str, text: &str, label: &str) -> Result<(u64, u64), Error> {
    let [text, label] = [text, label].map(database::identifier);
    let sql = format!(
        "SELECT count(*), coalesce(sum(n), 0)::BIGINT FROM (SELECT count(*) AS n FROM {from} \
         WHERE {text} IS NOT NULL AND {label} IS NOT NULL GROUP BY {text} HAVING min({label}) <> max({label}))"
    );
    let found: (i64, i64) = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((found.0 as u64, found.1 as u64))
}
