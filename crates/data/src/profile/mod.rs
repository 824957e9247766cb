//! What a dataset version looks like in numbers, all of them exact.
//!
//! Columns are looked at side by side, each by one thread. Numbers are sorted ([`numbers`]); a column of texts is
//! grouped once into a temporary table `grouped` of its distinct values `v` and their counts `n`, which is mostly small
//! and spills to disk where it is not.

mod cells;
mod languages;
mod long_texts;
mod numbers;
mod scripts;
mod texts;
mod warnings;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use duckdb::Connection;
use meuse_core::events::Level;
use meuse_core::job::Limits;
use meuse_core::profile::{ColumnProfile, Profile};
use meuse_core::schema::ColumnType;

use crate::import::Derived;
use crate::{Error, Watch, database};

const MOST_FREQUENT: usize = 20;
/// The share of a job's memory in which numbers are sorted.
const SORTING_SHARE: u64 = 4;

/// A profile and what the same reading gave for the schema.
pub(crate) struct Profiled {
    /// The profile.
    pub(crate) profile: Profile,
    /// Per column, all distinct texts in ascending order, where these are categories.
    pub(crate) categories: Vec<Option<Vec<String>>>,
}

/// What one column gives.
struct Described {
    profile: ColumnProfile,
    categories: Option<Vec<String>>,
    warnings: Vec<String>,
}

/// Tells of the columns of long texts and pictures that repeat themselves.
pub(crate) fn tell_repeated(profile: &Profile, watch: &dyn Watch) {
    let of_texts = |column: &ColumnProfile| Some((column.name.clone(), column.text.as_ref()?.duplicates));
    let of_pictures = profile.images.iter().map(|images| ("image".to_owned(), images.duplicates));
    for (name, count) in profile.columns.iter().filter_map(of_texts).chain(of_pictures).filter(|(_, count)| *count > 0)
    {
        watch.log(Level::Warning, &format!("{count} of {} rows repeat an earlier `{name}`", profile.rows));
    }
}

/// Profiles the Parquet file `data`, which has these columns.
pub(crate) fn profile(
    connection: &Connection,
    data: &Path,
    columns: &[Derived],
    limits: Limits,
    watch: &dyn Watch,
) -> Result<Profiled, Error> {
    let from = format!("read_parquet({})", database::path(data)?);
    let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {from}"), [], |row| row.get(0))?;
    let rows = rows as u64;
    let threads = limits.threads.clamp(1, columns.len().max(1));
    let room = (limits.memory_mib as u64).saturating_mul(1 << 20) / SORTING_SHARE / threads as u64;
    let ours = cells::are_readable(data)?.then_some(data);
    let task = Task { from, ours, rows, in_memory: rows.saturating_mul(8) <= room };
    // Temporary tables belong to a connection, so that each thread has its own `grouped`.
    let connections: Vec<Connection> = (0..threads).map(|_| connection.try_clone()).collect::<Result<_, _>>()?;
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    let described = std::thread::scope(|scope| {
        for connection in connections {
            let (tell, next, task) = (tell.clone(), &next, &task);
            scope.spawn(move || {
                while let Some((index, column)) = take(next, columns) {
                    if tell.send((index, task.describe(&connection, index, column))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        gather(told, columns.len(), watch)
    })?;
    let mut profiled = Profiled {
        profile: Profile { rows, columns: Vec::with_capacity(columns.len()), warnings: Vec::new(), images: None },
        categories: Vec::with_capacity(columns.len()),
    };
    for mut one in described {
        profiled.profile.warnings.append(&mut one.warnings);
        profiled.profile.columns.push(one.profile);
        profiled.categories.push(one.categories);
    }
    long_texts::compare(connection, &task.from, &mut profiled.profile)?;
    Ok(profiled)
}

fn take<'a>(next: &AtomicUsize, columns: &'a [Derived]) -> Option<(usize, &'a Derived)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    columns.get(index).map(|column| (index, column))
}

/// The columns in their order. At the first error the receiver goes, which ends the threads at their next column.
fn gather(
    told: mpsc::Receiver<(usize, Result<Described, Error>)>,
    count: usize,
    watch: &dyn Watch,
) -> Result<Vec<Described>, Error> {
    let mut described: Vec<Option<Described>> = (0..count).map(|_| None).collect();
    watch.progress("profile", 0, count as u64);
    for (done, (index, result)) in told.into_iter().enumerate() {
        described[index] = Some(result?);
        watch.progress("profile", done as u64 + 1, count as u64);
    }
    Ok(described.into_iter().flatten().collect())
}

/// What is the same for every column.
struct Task<'a> {
    /// The Parquet file, in SQL.
    from: String,
    /// The same, where we wrote it.
    ours: Option<&'a Path>,
    rows: u64,
    /// Whether a column of numbers fits into memory.
    in_memory: bool,
}

impl Task<'_> {
    fn describe(&self, connection: &Connection, index: usize, column: &Derived) -> Result<Described, Error> {
        let mut warnings = Vec::new();
        if column.column_type == ColumnType::Text {
            texts::group(connection, &self.from, &column.name)?;
            let mut profile = texts::profile(connection, column)?;
            profile.text = long_texts::profile(connection, &profile, self.rows)?;
            let categories = texts::list_categories(connection, &profile)?;
            if warnings::of_any(&profile, self.rows, &mut warnings) {
                warnings::of_texts(connection, &profile, self.rows - profile.missing, &mut warnings)?;
            }
            return Ok(Described { profile, categories, warnings });
        }
        let found = match self.ours.filter(|_| self.in_memory) {
            Some(ours) => numbers::of_column(connection, cells::read(ours, index, self.rows)?, column.column_type)?,
            None => numbers::read(connection, &self.from, &column.name, column.column_type, self.in_memory)?,
        };
        let (infinite, lowest) = (found.infinite, found.lowest);
        let profile = ColumnProfile {
            name: column.name.clone(),
            column_type: column.column_type,
            missing: found.missing,
            distinct: found.distinct,
            numeric: found.numeric,
            range: found.range,
            frequent: found.frequent,
            text: None,
        };
        if warnings::of_any(&profile, self.rows, &mut warnings) {
            warnings::of_numbers(&profile, infinite, &lowest, &mut warnings);
        }
        Ok(Described { profile, categories: None, warnings })
    }
}

/// The longest text of a preview or a profile, in characters. A longer one ends in `…`: both are for people, and are
/// read whole by the server.
const LONGEST: usize = 200;

/// The beginning of a long text.
pub(crate) fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
