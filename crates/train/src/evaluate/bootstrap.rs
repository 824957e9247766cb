//! 95 % percentile bootstrap intervals: rows are drawn with replacement, each metric is computed again, and the middle
//! 95 % of its values is the interval (linear interpolation between order statistics).
//!
//! A resample is a count per row and costs one pass over rows that were sorted once. Each resample has its own stream
//! of chance, so the same seed gives the same bytes on any number of threads.

use std::sync::atomic::{AtomicU32, Ordering};

use meuse_core::evaluation::Bootstrap;
use meuse_core::recipe::MetricName;

use super::binary::Ranked;
use super::detection::{Looked, Matched};
use super::multiclass::Told;
use super::regression::Errors;
use super::{Figure, Metrics};
use crate::random::Random;
use crate::{Error, Watch};

/// Resamples where rows are few.
const MOST: u32 = 1000;
/// Resamples at least; then an interval of a million rows takes a second or two.
const LEAST: u32 = 100;
/// Rows drawn in all, about, between the two.
const DRAWS: u64 = 50_000_000;
/// Up to here 32 bits of chance draw a row evenly enough (relative bias below 2⁻⁸ of a share of one row).
const SMALL: usize = 1 << 24;

/// How resamples are drawn.
#[derive(Clone, Copy)]
pub struct Resampling<'a> {
    /// Every draw follows from it.
    pub seed: u64,
    /// Threads to compute with.
    pub threads: usize,
    /// Says when to stop.
    pub watch: &'a dyn Watch,
}

/// Adds the intervals to metrics that [`super::binary`] made of the same rows.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn binary_intervals(
    rows: (&[bool], &[f64]),
    threshold: f64,
    metrics: &mut Metrics,
    resampling: &Resampling,
) -> Result<Bootstrap, Error> {
    let ranked = Ranked::new(rows.0, rows.1, threshold);
    resampling.run(ranked.len(), &MetricName::BINARY, metrics, |weights| ranked.figures(|i| weights[i]))
}

/// Adds the intervals to metrics that [`super::multiclass`] made of the same rows.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn multiclass_intervals(
    rows: (&[u32], &[f64]),
    classes: usize,
    metrics: &mut Metrics,
    resampling: &Resampling,
) -> Result<Bootstrap, Error> {
    let told = Told::new(rows.0, rows.1, classes);
    resampling.run(told.len(), &MetricName::MULTICLASS, metrics, |weights| told.figures(|i| weights[i]))
}

/// Adds the intervals to metrics that [`super::detection`] made of the same pictures.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn detection_intervals(
    (pictures, classes): (&[Looked], usize),
    score_threshold: f64,
    metrics: &mut Metrics,
    resampling: &Resampling,
) -> Result<Bootstrap, Error> {
    let matched = Matched::new(pictures, classes, score_threshold);
    resampling.run(matched.len(), &MetricName::DETECTION, metrics, |weights| matched.figures(|i| weights[i]))
}

/// Adds the intervals to metrics that [`super::regression`] made of the same rows.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn regression_intervals(
    truth: &[f64],
    predicted: &[f64],
    metrics: &mut Metrics,
    resampling: &Resampling,
) -> Result<Bootstrap, Error> {
    let errors = Errors::new(truth, predicted);
    resampling.run(errors.len(), &MetricName::REGRESSION, metrics, |weights| errors.figures(|i| weights[i]))
}

/// How many resamples so many rows get: 1000 up to 50,000 rows, 100 from half a million on.
fn resamples(rows: usize) -> u32 {
    (DRAWS / rows.max(1) as u64).clamp(u64::from(LEAST), u64::from(MOST)) as u32
}

impl Resampling<'_> {
    fn run<const N: usize>(
        &self,
        rows: usize,
        names: &[MetricName; N],
        metrics: &mut Metrics,
        figures: impl Fn(&[u16]) -> [Figure; N] + Sync,
    ) -> Result<Bootstrap, Error> {
        let bootstrap = Bootstrap { resamples: resamples(rows), seed: self.seed };
        if rows == 0 {
            return Ok(bootstrap);
        }
        let drawn = self.figures(rows, bootstrap.resamples, &figures)?;
        for (column, name) in names.iter().enumerate() {
            let defined: Vec<f64> = drawn.iter().filter_map(|figures| figures[column].ok()).collect();
            let Some(metric) = metrics.get_mut(name.word()).filter(|metric| metric.value.is_some()) else { continue };
            (metric.low, metric.high) = interval(defined, drawn.len());
        }
        Ok(bootstrap)
    }

    /// The figures of every resample, in the order of the resamples.
    fn figures<const N: usize>(
        &self,
        rows: usize,
        resamples: u32,
        figures: &(impl Fn(&[u16]) -> [Figure; N] + Sync),
    ) -> Result<Vec<[Figure; N]>, Error> {
        let next = AtomicU32::new(0);
        let work = || {
            let mut weights = vec![0; rows];
            let mut done = Vec::new();
            loop {
                let resample = next.fetch_add(1, Ordering::Relaxed);
                if resample >= resamples || self.watch.cancelled() {
                    return done;
                }
                draw(&mut weights, &mut Random::new(self.seed, u64::from(resample)));
                done.push((resample, figures(&weights)));
            }
        };
        let mut all = std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..self.threads.max(1)).map(|_| scope.spawn(work)).collect();
            let mut all = work();
            for helper in helpers {
                all.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            all
        });
        if self.watch.cancelled() {
            return Err(Error::Cancelled);
        }
        all.sort_by_key(|(resample, _)| *resample);
        Ok(all.into_iter().map(|(_, figures)| figures).collect())
    }
}

/// How often each row was drawn, in as many draws as there are rows.
fn draw(weights: &mut [u16], random: &mut Random) {
    let rows = weights.len();
    weights.fill(0);
    for _ in 0..rows {
        let row = if rows <= SMALL { random.below_small(rows as u32) } else { random.below(rows) };
        weights[row] = weights[row].saturating_add(1);
    }
}

/// The middle 95 %; nothing when the metric was undefined in half of the resamples or more.
fn interval(mut values: Vec<f64>, resamples: usize) -> (Option<f64>, Option<f64>) {
    if values.len() * 2 <= resamples || values.iter().any(|value| !value.is_finite()) {
        return (None, None);
    }
    values.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        let position = share * (values.len() - 1) as f64;
        let (below, part) = (position.floor() as usize, position.fract());
        let above = (below + 1).min(values.len() - 1);
        values[below] + part * (values[above] - values[below])
    };
    (Some(quantile(0.025)), Some(quantile(0.975)))
}
