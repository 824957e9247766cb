//! What is counted about calls. Names and meanings for Prometheus stand in `server/src/metrics.rs`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use meuse_core::api::Timings;
use parking_lot::RwLock;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::tally::Tally;

/// Upper bounds of the buckets in seconds: from ten microseconds (one row of a linear model) to ten seconds.
const BUCKETS: [f64; 16] =
    [10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 500e-3, 2.5, 10.0];

/// Which version answered. Only versions that exist get here, so there are no more series than versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct VersionLabels {
    /// The project's name.
    pub project: String,
    /// The model's name.
    pub model: String,
    /// The version's number.
    pub version: u32,
}

/// Which version answered, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    /// The project's name.
    pub project: String,
    /// The model's name.
    pub model: String,
    /// The version's number.
    pub version: u32,
    /// `ok`, or the kind of the error.
    pub outcome: &'static str,
}

/// A stage of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StageLabels {
    /// The project's name.
    pub project: String,
    /// The model's name.
    pub model: String,
    /// The version's number.
    pub version: u32,
    /// `queue`, `prep`, `compute` or `post`.
    pub stage: &'static str,
}

/// Counters of the model service since the start of the process.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Calls by version and outcome.
    pub calls: Family<CallLabels, Counter>,
    /// Rows that were answered, by version.
    pub rows: Family<VersionLabels, Counter>,
    /// Seconds per stage of calls that were answered.
    pub stages: Family<StageLabels, Histogram, fn() -> Histogram>,
    /// Calls that wait or are being computed.
    pub in_flight: Gauge,
    /// Bundles that were read from blobs.
    pub loads: Counter,
    /// What belongs to a version, found by one look instead of one for each series.
    versions: Arc<RwLock<HashMap<VersionLabels, Arc<OfVersion>>>>,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            rows: Family::default(),
            stages: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            loads: Counter::default(),
            versions: Arc::default(),
        }
    }
}

impl Statistics {
    /// A call that was answered.
    pub(super) fn answered(&self, who: &VersionLabels, rows: usize, timings: &Timings) {
        let version = self.version(who);
        version.tally.answered(rows, timings.total);
        let series = version.series.get_or_init(|| self.series(who));
        series.calls.inc();
        series.rows.inc_by(rows as u64);
        let milliseconds = [timings.queue, timings.prep, timings.compute, timings.post];
        for (stage, milliseconds) in series.stages.iter().zip(milliseconds) {
            stage.observe(milliseconds / 1e3);
        }
    }

    /// A call that went another way than answered.
    pub(super) fn failed(&self, who: &VersionLabels, kind: &'static str) {
        self.version(who).tally.failed();
        self.calls.get_or_create(&calls(who, kind)).inc();
    }

    /// How a version did so far.
    pub fn tally<T>(&self, who: &VersionLabels, read: impl FnOnce(&Tally) -> T) -> T {
        read(&self.version(who).tally)
    }

    fn version(&self, who: &VersionLabels) -> Arc<OfVersion> {
        if let Some(version) = self.versions.read().get(who) {
            return Arc::clone(version);
        }
        Arc::clone(self.versions.write().entry(who.clone()).or_default())
    }

    fn series(&self, who: &VersionLabels) -> Series {
        let stage = |stage| {
            let VersionLabels { project, model, version } = who.clone();
            self.stages.get_or_create_owned(&StageLabels { project, model, version, stage })
        };
        Series {
            calls: self.calls.get_or_create_owned(&calls(who, "ok")),
            rows: self.rows.get_or_create_owned(who),
            stages: ["queue", "prep", "compute", "post"].map(stage),
        }
    }

    /// One more call is in flight until the answer is dropped.
    pub(super) fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }
}

fn calls(who: &VersionLabels, outcome: &'static str) -> CallLabels {
    let VersionLabels { project, model, version } = who.clone();
    CallLabels { project, model, version, outcome }
}

/// What is counted about one version.
#[derive(Debug, Default)]
struct OfVersion {
    tally: Tally,
    /// Made by the first answer, so that a look at a version makes no series.
    series: OnceLock<Series>,
}

/// The series of a version's answered calls.
#[derive(Debug)]
struct Series {
    calls: Counter,
    rows: Counter,
    /// Queue, prep, compute, post.
    stages: [Histogram; 4],
}

/// One call in flight.
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Milliseconds with fractions.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
