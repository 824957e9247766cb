//! Moments, quantiles and histogram of the column in `grouped`, as 64-bit floats.

use duckdb::Connection;
use meuse_core::profile::{Histogram, NumericProfile, Quantile};
use meuse_core::schema::ColumnType;

use crate::{Error, database};

const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
const BINS: usize = 20;
/// A column with more distinct values is divided before its quantiles are sought, so that only a part is sorted.
const SORTED_WHOLE: i64 = 20_000;
const PARTS: usize = 1024;

/// Distinct values, count, smallest, largest: of the cells that are finite.
struct Extent {
    distinct: i64,
    count: i64,
    min: f64,
    max: f64,
}

/// The numbers of the column; `None` for text and for columns without a finite value.
pub(super) fn numeric(connection: &Connection, column_type: ColumnType) -> Result<Option<NumericProfile>, Error> {
    let Some(values) = values(column_type) else { return Ok(None) };
    let Some(extent) = extent(connection, &values)? else { return Ok(None) };
    let (mean, standard_deviation) = moments(connection, &values, &extent)?;
    let whole = matches!(column_type, ColumnType::Integer | ColumnType::Boolean | ColumnType::Date);
    Ok(Some(NumericProfile {
        min: extent.min,
        max: extent.max,
        mean,
        standard_deviation,
        quantiles: quantiles(connection, &values, &extent)?,
        histogram: histogram(connection, &values, &extent, whole)?,
    }))
}

/// The finite cells as `x`, and how often each occurs as `n`; the same numbers that a model will see.
fn values(column_type: ColumnType) -> Option<String> {
    let number = match column_type {
        ColumnType::Integer | ColumnType::Number => "v::DOUBLE",
        ColumnType::Boolean => "v::TINYINT::DOUBLE",
        ColumnType::Date => "(v - DATE '1970-01-01')::DOUBLE",
        ColumnType::Timestamp => "epoch_us(v) / 86400e6::DOUBLE",
        ColumnType::Text => return None,
    };
    Some(format!("(SELECT {number} AS x, n FROM grouped WHERE v IS NOT NULL AND isfinite({number}))"))
}

/// A float that SQL reads back to the last bit: a bare literal would become a decimal.
pub(super) fn literal(value: f64) -> String {
    format!("{}::DOUBLE", database::text(&format!("{value:e}")))
}

fn extent(connection: &Connection, values: &str) -> Result<Option<Extent>, Error> {
    let sql = format!("SELECT count(x), coalesce(sum(n), 0)::BIGINT, min(x), max(x) FROM {values}");
    let found = connection.query_row(&sql, [], |row| {
        let (min, max): (Option<f64>, Option<f64>) = (row.get(2)?, row.get(3)?);
        let bounds = min.zip(max);
        let (distinct, count) = (row.get(0)?, row.get(1)?);
        Ok(bounds.map(|(min, max)| Extent { distinct, count, min, max }))
    });
    Ok(found?)
}

/// Mean and sample standard deviation. Scaled, so that no square overflows; compensated sums.
fn moments(connection: &Connection, values: &str, extent: &Extent) -> Result<(f64, f64), Error> {
    let scale = extent.min.abs().max(extent.max.abs());
    if extent.distinct == 1 || scale == 0.0 {
        return Ok((extent.min, 0.0));
    }
    let count = extent.count as f64;
    let sql = format!("SELECT fsum(x / {} * n) FROM {values}", literal(scale));
    let sum: f64 = connection.query_row(&sql, [], |row| row.get(0))?;
    let mean = sum / count;
    let sql =
        format!("SELECT fsum((x / {0} - {1}) * (x / {0} - {1}) * n) FROM {values}", literal(scale), literal(mean));
    let squares: f64 = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok((mean * scale, (squares / (count - 1.0)).sqrt() * scale))
}

fn histogram(connection: &Connection, values: &str, extent: &Extent, whole: bool) -> Result<Histogram, Error> {
    let bins = match extent.distinct {
        1 => 1,
        distinct if whole => BINS.min(distinct as usize),
        _ => BINS,
    };
    // Divided first: the distance of the largest floats is beyond the largest float.
    let edge = |index: usize| {
        let share = index as f64 / bins as f64;
        if index == bins { extent.max } else { extent.min * (1.0 - share) + extent.max * share }
    };
    let edges: Vec<f64> = (0..=bins).map(edge).collect();
    let sql = format!("SELECT {} AS bin, sum(n)::BIGINT FROM {values} GROUP BY bin", bin_of(&edges, 0, bins));
    let mut statement = connection.prepare(&sql)?;
    let mut counts = vec![0; bins];
    let rows = statement.query_map([], |row| Ok((row.get::<_, i32>(0)? as usize, row.get::<_, i64>(1)? as u64)))?;
    for row in rows {
        let (bin, count) = row?;
        counts[bin] = count;
    }
    Ok(Histogram { edges, counts })
}

/// The number of the bin that holds `x`, which lies in one of `first..end`, by halving: a comparison with every edge
/// would take half of a profile's time.
fn bin_of(edges: &[f64], first: usize, end: usize) -> String {
    if end - first == 1 {
        return first.to_string();
    }
    let middle = first.midpoint(end);
    let (below, above) = (bin_of(edges, first, middle), bin_of(edges, middle, end));
    format!("CASE WHEN x < {} THEN {below} ELSE {above} END", literal(edges[middle]))
}

/// Quantiles by linear interpolation between the two cells around (count − 1) · q.
fn quantiles(connection: &Connection, values: &str, extent: &Extent) -> Result<Vec<Quantile>, Error> {
    let places = QUANTILES.map(|q| (extent.count - 1) as f64 * q);
    let ranks: Vec<i64> = places.iter().flat_map(|place| [place.floor() as i64, place.ceil() as i64]).collect();
    let cells = cells_at(connection, values, extent, &ranks)?;
    let interpolated = QUANTILES.iter().zip(&places).zip(cells.chunks(2)).map(|((q, place), around)| {
        let share = place.fract();
        let value = if around[0] == around[1] { around[0] } else { around[0] * (1.0 - share) + around[1] * share };
        Quantile { q: *q, value }
    });
    Ok(interpolated.collect())
}

/// The cells of these ranks, from 0, in ascending order of cells.
fn cells_at(connection: &Connection, values: &str, extent: &Extent, ranks: &[i64]) -> Result<Vec<f64>, Error> {
    let (min, max) = (literal(extent.min / 2.0), literal(extent.max / 2.0));
    let part = format!("least(floor((x / 2 - {min}) / ({max} - {min}) * {PARTS}), {})::INTEGER", PARTS - 1);
    if extent.distinct <= SORTED_WHOLE {
        let whole: Vec<(usize, i64)> = ranks.iter().map(|rank| (0, *rank)).collect();
        return within(connection, values, "0", &whole);
    }
    let mut statement =
        connection.prepare(&format!("SELECT {part} AS p, sum(n)::BIGINT FROM {values} GROUP BY p ORDER BY p"))?;
    let sizes = statement.query_map([], |row| Ok((row.get::<_, i32>(0)? as usize, row.get::<_, i64>(1)?)))?;
    let sizes: Vec<(usize, i64)> = sizes.collect::<Result<_, _>>()?;
    let place = |rank: i64| {
        let mut before = 0;
        for (part, size) in &sizes {
            if rank < before + size {
                return (*part, rank - before);
            }
            before += size;
        }
        (PARTS - 1, rank - before)
    };
    let places: Vec<(usize, i64)> = ranks.iter().map(|rank| place(*rank)).collect();
    within(connection, values, &part, &places)
}

/// The cells at these places: the number of a part, and the rank within it.
fn within(connection: &Connection, values: &str, part: &str, places: &[(usize, i64)]) -> Result<Vec<f64>, Error> {
    let parts: Vec<String> = places.iter().map(|(part, _)| part.to_string()).collect();
    let cells = places.iter().map(|(part, rank)| format!("min(x) FILTER (WHERE p = {part} AND upto > {rank})"));
    let cells: Vec<String> = cells.collect();
    let sql = format!(
        "SELECT {} FROM (SELECT x, p, sum(n) OVER (PARTITION BY p ORDER BY x) AS upto FROM \
         (SELECT x, n, {part} AS p FROM {values}) WHERE p IN ({}))",
        cells.join(", "),
        parts.join(", ")
    );
    Ok(connection.query_row(&sql, [], |row| (0..places.len()).map(|index| row.get(index)).collect())?)
}
