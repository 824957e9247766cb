//! Moments, quantiles and histogram of a column of numbers, as 64-bit floats: all of them exact, from the cells in
//! ascending order.
//!
//! The cells are sorted in memory, which for a column with many distinct values takes a tenth of what grouping it in
//! DuckDB takes. Where memory is too small for that, DuckDB groups and sorts on disk, and the same walks go over what it
//! gives.

use duckdb::Connection;
use duckdb::arrow::array::{Array, Float64Array, Int64Array};
use meuse_core::profile::{Frequency, Histogram, NumericProfile, Quantile};
use meuse_core::schema::ColumnType;
use meuse_core::table::number_text;

use super::MOST_FREQUENT;
use super::cells::Column;
use crate::{Error, database};

const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
const BINS: usize = 20;

/// What the cells of a column of numbers, dates or booleans say.
pub(super) struct Numbers {
    pub(super) distinct: u64,
    pub(super) missing: u64,
    pub(super) numeric: Option<NumericProfile>,
    pub(super) range: Option<[String; 2]>,
    pub(super) frequent: Vec<Frequency>,
    pub(super) infinite: u64,
    /// The smallest finite number and the next, with their counts.
    pub(super) lowest: Vec<(f64, u64)>,
}

/// Reads the column `name` of `from` and says what is in it; `in_memory` when there is room for eight bytes a row.
pub(super) fn read(
    connection: &Connection,
    from: &str,
    name: &str,
    column_type: ColumnType,
    in_memory: bool,
) -> Result<Numbers, Error> {
    let (cells, missing) = Cells::read(connection, from, name, column_type, in_memory)?;
    Numbers::of(connection, &cells, missing, column_type)
}

/// The same of cells that were read already.
pub(super) fn of_column(connection: &Connection, column: Column, column_type: ColumnType) -> Result<Numbers, Error> {
    let (cells, missing) = match column {
        Column::Integers(values, missing) => (Cells::of_integers(values), missing),
        Column::Floats(values, missing) => (Cells::sorted(values.into_iter().map(Key::of_float).collect()), missing),
    };
    Numbers::of(connection, &cells, missing, column_type)
}

impl Numbers {
    fn of(connection: &Connection, cells: &Cells, missing: u64, column_type: ColumnType) -> Result<Self, Error> {
        let overview = Overview::of(cells, column_type)?;
        let numeric = match overview.extent() {
            Some(extent) => Some(extent.profile(cells, column_type)?),
            None => None,
        };
        let Overview { distinct, infinite, lowest, frequent, ends, .. } = overview;
        let (frequent, range) = written(connection, column_type, &frequent, ends)?;
        Ok(Self { distinct, missing, numeric, range, frequent, infinite, lowest })
    }
}

/// A cell as a whole number whose order is that of the cells. Zero has one form: a negative one is the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

const SIGN: u64 = 1 << 63;

impl Key {
    fn of_integer(value: i64) -> Self {
        Self(value.cast_unsigned() ^ SIGN)
    }

    fn of_float(value: f64) -> Self {
        let bits = (value + 0.0).to_bits();
        Self(if bits & SIGN == 0 { bits ^ SIGN } else { !bits })
    }

    fn integer(self) -> i64 {
        (self.0 ^ SIGN).cast_signed()
    }

    fn float(self) -> f64 {
        f64::from_bits(if self.0 & SIGN == 0 { !self.0 } else { self.0 ^ SIGN })
    }

    /// The number that a model will see.
    fn number(self, column_type: ColumnType) -> f64 {
        match column_type {
            ColumnType::Number => self.float(),
            ColumnType::Timestamp => self.integer() as f64 / 86_400e6,
            _ => self.integer() as f64,
        }
    }
}

/// The cells that are not missing, in ascending order.
enum Cells<'a> {
    Sorted(Vec<Key>),
    /// How often each whole number from `lowest` on occurs.
    Counted {
        lowest: i64,
        counts: Vec<u32>,
    },
    /// In a temporary table `grouped` of values `v` in ascending order and their counts `n`.
    Grouped(&'a Connection),
}

impl<'a> Cells<'a> {
    /// The cells, and how many are missing.
    fn read(
        connection: &'a Connection,
        from: &str,
        name: &str,
        column_type: ColumnType,
        in_memory: bool,
    ) -> Result<(Self, u64), Error> {
        let name = database::identifier(name);
        let cell = match column_type {
            ColumnType::Boolean => format!("{name}::TINYINT::BIGINT"),
            ColumnType::Date => format!("({name} - DATE '1970-01-01')::BIGINT"),
            ColumnType::Timestamp => format!("epoch_us({name})"),
            _ => name,
        };
        if in_memory {
            let mut keys = Vec::new();
            let missing = each_pair(connection, &format!("SELECT {cell} FROM {from}"), &mut |key, _| keys.push(key))?;
            return Ok((Self::sorted(keys), missing));
        }
        connection.execute_batch(&format!(
            "CREATE OR REPLACE TEMP TABLE grouped AS SELECT {cell} AS v, count(*) AS n FROM {from} GROUP BY 1 ORDER BY 1"
        ))?;
        let sql = "SELECT coalesce(sum(n), 0)::BIGINT FROM grouped WHERE v IS NULL";
        let missing: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        Ok((Self::Grouped(connection), missing as u64))
    }

    fn sorted(mut keys: Vec<Key>) -> Self {
        keys.sort_unstable();
        Self::Sorted(keys)
    }

    /// Counted where that takes no more room than the values do, which is many times as fast as sorting them.
    fn of_integers(values: Vec<i64>) -> Self {
        let ends = values.iter().fold(None, |ends: Option<(i64, i64)>, value| {
            Some(ends.map_or((*value, *value), |(least, most)| (least.min(*value), most.max(*value))))
        });
        let span = |(least, most): (i64, i64)| Some((least, usize::try_from(most.checked_sub(least)?).ok()?));
        match ends.and_then(span) {
            Some((lowest, span)) if span < 2 * values.len() && u32::try_from(values.len()).is_ok() => {
                let mut counts = vec![0; span + 1];
                for value in &values {
                    counts[(value - lowest) as usize] += 1;
                }
                Self::Counted { lowest, counts }
            }
            _ => Self::sorted(values.into_iter().map(Key::of_integer).collect()),
        }
    }

    /// Walks over the distinct cells and how often each occurs, in ascending order.
    fn each(&self, take: &mut dyn FnMut(Key, u64)) -> Result<(), Error> {
        match self {
            Self::Sorted(keys) => {
                keys.chunk_by(PartialEq::eq).for_each(|run| take(run[0], run.len() as u64));
                Ok(())
            }
            Self::Counted { lowest, counts } => {
                let present = counts.iter().enumerate().filter(|(_, count)| **count > 0);
                present.for_each(|(at, count)| take(Key::of_integer(lowest + at as i64), u64::from(*count)));
                Ok(())
            }
            Self::Grouped(connection) => {
                each_pair(connection, "SELECT v, n FROM grouped WHERE v IS NOT NULL ORDER BY v", take).map(drop)
            }
        }
    }
}

/// Gives each row's value, and its count where there is a second column; says how many values are NULL.
fn each_pair(connection: &Connection, sql: &str, take: &mut dyn FnMut(Key, u64)) -> Result<u64, Error> {
    let mut statement = connection.prepare(sql)?;
    // Only started here: the iterator that this returns panics where `step` gives an error.
    drop(statement.stream_arrow([])?);
    let mut missing = 0;
    while let Some(batch) = statement.step()? {
        let counts = batch.columns().get(1).and_then(|counts| counts.as_any().downcast_ref::<Int64Array>());
        let count = |row: usize| counts.map_or(1, |counts| counts.value(row) as u64);
        let values = batch.column(0);
        missing += values.null_count() as u64;
        let present = (0..values.len()).filter(|row| values.is_valid(*row));
        if let Some(values) = values.as_any().downcast_ref::<Int64Array>() {
            present.for_each(|row| take(Key::of_integer(values.value(row)), count(row)));
        } else if let Some(values) = values.as_any().downcast_ref::<Float64Array>() {
            present.for_each(|row| take(Key::of_float(values.value(row)), count(row)));
        } else {
            return Err(Error::Database(format!("a column came back as {}", values.data_type())));
        }
    }
    Ok(missing)
}

/// What one walk gives.
struct Overview {
    distinct: u64,
    infinite: u64,
    finite_distinct: u64,
    finite: u64,
    /// The smallest finite number and the next.
    lowest: Vec<(f64, u64)>,
    /// The largest finite number.
    highest: f64,
    /// The smallest and the largest cell.
    ends: Option<(Key, Key)>,
    frequent: Vec<(Key, u64)>,
}

impl Overview {
    fn of(cells: &Cells, column_type: ColumnType) -> Result<Self, Error> {
        let mut seen = Self {
            distinct: 0,
            infinite: 0,
            finite_distinct: 0,
            finite: 0,
            lowest: Vec::new(),
            highest: f64::NAN,
            ends: None,
            frequent: Vec::with_capacity(MOST_FREQUENT + 1),
        };
        cells.each(&mut |key, count| seen.take(key, count, key.number(column_type)))?;
        Ok(seen)
    }

    fn take(&mut self, key: Key, count: u64, number: f64) {
        self.distinct += 1;
        self.ends = Some((self.ends.map_or(key, |(first, _)| first), key));
        // Cells come in ascending order, so of equal counts the smaller cell is there already.
        if self.frequent.len() < MOST_FREQUENT || self.frequent.last().is_some_and(|(_, least)| count > *least) {
            let place = self.frequent.partition_point(|(_, more)| *more >= count);
            self.frequent.insert(place, (key, count));
            self.frequent.truncate(MOST_FREQUENT);
        }
        if number.is_infinite() {
            self.infinite += count;
            return;
        }
        self.finite_distinct += 1;
        self.finite += count;
        self.highest = number;
        if self.lowest.len() < 2 {
            self.lowest.push((number, count));
        }
    }

    fn extent(&self) -> Option<Extent> {
        let (min, _) = *self.lowest.first()?;
        Some(Extent { distinct: self.finite_distinct, count: self.finite, min, max: self.highest })
    }
}

/// Distinct values, count, smallest, largest: of the cells that are finite.
struct Extent {
    distinct: u64,
    count: u64,
    min: f64,
    max: f64,
}

impl Extent {
    fn profile(&self, cells: &Cells, column_type: ColumnType) -> Result<NumericProfile, Error> {
        let whole = matches!(column_type, ColumnType::Integer | ColumnType::Boolean | ColumnType::Date);
        let scale = self.min.abs().max(self.max.abs());
        let mut sum = Sum::default();
        let mut places = Places::new(self.count);
        let mut histogram = self.empty_histogram(whole);
        let mut bin = 0;
        cells.each(&mut |key, count| {
            let number = key.number(column_type);
            if number.is_infinite() {
                return;
            }
            // Scaled, so that no square overflows.
            sum.add(if scale == 0.0 { 0.0 } else { number / scale * count as f64 });
            places.take(number, count);
            while bin + 1 < histogram.counts.len() && number >= histogram.edges[bin + 1] {
                bin += 1;
            }
            histogram.counts[bin] += count;
        })?;
        let mean = sum.total() / self.count as f64;
        let (mean, standard_deviation) = if self.distinct == 1 || scale == 0.0 {
            (self.min, 0.0)
        } else {
            let mut squares = Sum::default();
            cells.each(&mut |key, count| {
                let difference = key.number(column_type) / scale - mean;
                if difference.is_finite() {
                    squares.add(difference * difference * count as f64);
                }
            })?;
            (mean * scale, (squares.total() / (self.count - 1) as f64).sqrt() * scale)
        };
        let (min, max, quantiles) = (self.min, self.max, places.quantiles());
        Ok(NumericProfile { min, max, mean, standard_deviation, quantiles, histogram })
    }

    fn empty_histogram(&self, whole: bool) -> Histogram {
        let bins = match self.distinct {
            1 => 1,
            distinct if whole => BINS.min(distinct as usize),
            _ => BINS,
        };
        // Divided first: the distance of the largest floats is beyond the largest float.
        let edge = |index: usize| {
            let share = index as f64 / bins as f64;
            if index == bins { self.max } else { self.min * (1.0 - share) + self.max * share }
        };
        Histogram { edges: (0..=bins).map(edge).collect(), counts: vec![0; bins] }
    }
}

/// A sum that keeps what addition would round away (Neumaier's).
#[derive(Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() { self.sum - sum + value } else { value - sum + self.sum };
        self.sum = sum;
    }

    fn total(&self) -> f64 {
        self.sum + self.lost
    }
}

/// The cells around (count − 1) · q of each quantile, found while walking.
struct Places {
    /// Rank, from 0, and the cell there; two per quantile, in ascending order.
    ranks: Vec<(u64, f64)>,
    count: u64,
    found: usize,
    passed: u64,
}

impl Places {
    fn new(count: u64) -> Self {
        let places = QUANTILES.map(|q| (count - 1) as f64 * q);
        let ranks = places.iter().flat_map(|place| [place.floor() as u64, place.ceil() as u64]);
        Self { ranks: ranks.map(|rank| (rank, f64::NAN)).collect(), count, found: 0, passed: 0 }
    }

    fn take(&mut self, number: f64, count: u64) {
        self.passed += count;
        while let Some(place) = self.ranks.get_mut(self.found)
            && place.0 < self.passed
        {
            place.1 = number;
            self.found += 1;
        }
    }

    /// By linear interpolation between the two.
    fn quantiles(&self) -> Vec<Quantile> {
        let interpolated = QUANTILES.iter().zip(self.ranks.chunks(2)).map(|(q, around)| {
            let share = ((self.count - 1) as f64 * q).fract();
            let (below, above) = (around[0].1, around[1].1);
            let value = if below == above { below } else { below * (1.0 - share) + above * share };
            Quantile { q: *q, value }
        });
        interpolated.collect()
    }
}

/// The most frequent cells and the range as a person writes them.
fn written(
    connection: &Connection,
    column_type: ColumnType,
    frequent: &[(Key, u64)],
    ends: Option<(Key, Key)>,
) -> Result<(Vec<Frequency>, Option<[String; 2]>), Error> {
    let text = |key: &Key| match column_type {
        ColumnType::Number => number_text(key.float(), column_type).unwrap_or_default(),
        ColumnType::Boolean => (key.integer() != 0).to_string(),
        _ => key.integer().to_string(),
    };
    let Some((first, last)) = ends else { return Ok((Vec::new(), None)) };
    let keys: Vec<Key> = frequent.iter().map(|(key, _)| *key).chain([first, last]).collect();
    let mut texts: Vec<String> = keys.iter().map(text).collect();
    let of_time = matches!(column_type, ColumnType::Date | ColumnType::Timestamp);
    if of_time {
        texts = instants(connection, column_type, &texts)?;
    }
    let range = texts.split_off(frequent.len());
    let range = <[String; 2]>::try_from(range).ok().filter(|_| of_time);
    let frequent = texts.into_iter().zip(frequent).map(|(value, (_, count))| Frequency { value, count: *count });
    Ok((frequent.collect(), range))
}

/// Days or microseconds since 1970 as DuckDB writes dates and timestamps.
fn instants(connection: &Connection, column_type: ColumnType, numbers: &[String]) -> Result<Vec<String>, Error> {
    let cell = match column_type {
        ColumnType::Date => "DATE '1970-01-01' + x::INTEGER",
        _ => "make_timestamp(x)",
    };
    let sql = format!("SELECT ({cell})::VARCHAR FROM (SELECT unnest([{}]::BIGINT[]) AS x)", numbers.join(", "));
    let mut statement = connection.prepare(&sql)?;
    let texts = statement.query_map([], |row| row.get(0))?;
    Ok(texts.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_what_they_stand_for() {
        let floats = [f64::NEG_INFINITY, -1e300, -1.5, -1e-310, 0.0, 1e-310, 2.0, f64::INFINITY];
        assert!(floats.map(Key::of_float).is_sorted());
        assert_eq!(floats.map(|value| Key::of_float(value).float()), floats);
        assert_eq!(Key::of_float(-0.0), Key::of_float(0.0));
        let integers = [i64::MIN, -1, 0, 1, i64::MAX];
        assert!(integers.map(Key::of_integer).is_sorted());
        assert_eq!(integers.map(|value| Key::of_integer(value).integer()), integers);
    }

    #[test]
    fn a_table_that_is_grouped_on_disk_gives_the_same() {
        let connection = Connection::open_in_memory().expect("a database");
        let table = "SELECT (x * 7919 % 1009) / 8.0 - 20 AS a, CASE WHEN x % 5 <> 0 THEN x % 37 END AS b, \
                     DATE '2020-01-01' + (x % 50)::INTEGER AS c, CASE WHEN x = 3 THEN 'inf'::DOUBLE ELSE x % 3 END AS d, \
                     x % 2 = 0 AS e, make_timestamp(x * 1000001) AS f FROM range(5000) t(x)";
        let columns = [
            ("a", ColumnType::Number),
            ("b", ColumnType::Integer),
            ("c", ColumnType::Date),
            ("d", ColumnType::Number),
            ("e", ColumnType::Boolean),
            ("f", ColumnType::Timestamp),
        ];
        for (name, column_type) in columns {
            let [in_memory, on_disk] = [true, false].map(|in_memory| {
                let found = read(&connection, &format!("({table})"), name, column_type, in_memory);
                let found = found.expect("a column of the table");
                (
                    found.distinct,
                    found.missing,
                    found.numeric,
                    found.range,
                    found.frequent,
                    found.infinite,
                    found.lowest,
                )
            });
            assert_eq!(in_memory, on_disk, "{name}");
        }
    }
}
