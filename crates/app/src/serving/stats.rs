//! What is counted about calls. Names and meanings for Prometheus stand in `server/src/metrics.rs`.

use std::collections::HashMap;
use std::sync::Arc;
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
    /// The same by version, to be read here.
    tallies: Arc<RwLock<HashMap<VersionLabels, Arc<Tally>>>>,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            rows: Family::default(),
            stages: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            loads: Counter::default(),
            tallies: Arc::default(),
        }
    }
}

impl Statistics {
    /// A call that was answered.
    pub(super) fn answered(&self, who: &VersionLabels, rows: usize, timings: &Timings) {
        self.tally(who).answered(rows, timings.total);
        self.count(who, "ok");
        self.rows.get_or_create(who).inc_by(rows as u64);
        let stages =
            [("queue", timings.queue), ("prep", timings.prep), ("compute", timings.compute), ("post", timings.post)];
        for (stage, milliseconds) in stages {
            let VersionLabels { project, model, version } = who.clone();
            self.stages.get_or_create(&StageLabels { project, model, version, stage }).observe(milliseconds / 1e3);
        }
    }

    /// A call that went another way than answered.
    pub(super) fn failed(&self, who: &VersionLabels, kind: &'static str) {
        self.tally(who).failed();
        self.count(who, kind);
    }

    /// How a version did so far.
    pub fn tally(&self, who: &VersionLabels) -> Arc<Tally> {
        if let Some(tally) = self.tallies.read().get(who) {
            return Arc::clone(tally);
        }
        Arc::clone(self.tallies.write().entry(who.clone()).or_default())
    }

    fn count(&self, who: &VersionLabels, outcome: &'static str) {
        let VersionLabels { project, model, version } = who.clone();
        self.calls.get_or_create(&CallLabels { project, model, version, outcome }).inc();
    }

    /// One more call is in flight until the answer is dropped.
    pub(super) fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }
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
