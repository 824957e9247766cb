//! The model service: rows in, predictions out, with a version and the milliseconds of each stage.
//!
//! A call reads the snapshots that [`crate::access`] and [`crate::models`] publish and the bundles in `pool`; it
//! never asks the database. The order of a call: right, version, size, permit, bundle, then `answer::compute` on the
//! caller's thread when a call of that size is known to be cheap (`cost`), else on a thread that may compute.

mod answer;
mod columns;
mod cost;
mod limits;
mod pool;
mod stats;
mod tally;
mod words;

use std::sync::Arc;
use std::time::Instant;

use meuse_core::api::{PredictResponse, Prediction, Timings};
use meuse_core::names::{ModelName, ModelRef};
use meuse_core::tensor::Tensor;
use meuse_store::Blobs;
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use crate::access::{Action, Caller};
use crate::models::Resolved;
use crate::{App, AppConfig, Error};
use answer::Given;
use limits::Limits;
pub use pool::Loaded;
use pool::Pool;
use stats::milliseconds;
pub use stats::{CallLabels, StageLabels, Statistics, VersionLabels};
pub use tally::Tally;
pub use words::Asked;

/// Loaded bundles, permits and counters.
pub struct Serving {
    pool: Pool,
    limits: Limits,
    max_rows: usize,
    /// What was counted.
    pub statistics: Statistics,
}

impl Serving {
    /// Nothing is loaded yet.
    pub(crate) fn new(config: &AppConfig, blobs: Blobs) -> Self {
        Self {
            pool: Pool::new(blobs, config.native.clone(), config.loaded_bundles),
            limits: Limits::new(config.predict_permits),
            max_rows: config.max_predict_rows,
            statistics: Statistics::default(),
        }
    }

    /// The bundle of a version, loaded when it is not yet: so that the first caller after a deployment need not wait,
    /// and a damaged bundle is found before it shall answer.
    pub(crate) async fn load(&self, version: &Resolved) -> Result<Arc<Loaded>, Error> {
        let (loaded, was_loaded) = self.pool.get(version).await?;
        if was_loaded {
            self.statistics.loads.inc();
        }
        Ok(loaded)
    }

    /// Opens a bundle and lets go of it again: what cannot answer shall not be registered, and what is not deployed
    /// shall not push out what is.
    pub(crate) async fn check(&self, version: &Resolved) -> Result<(), Error> {
        self.pool.load(version).await.map(drop)
    }
}

/// A model as its callers see it.
pub struct Served {
    /// The model's name.
    pub model: ModelName,
    /// The version that answers.
    pub version: u32,
    /// All versions of the model, ascending.
    pub versions: Vec<u32>,
    /// The bundle of that version.
    pub bundle: Arc<Loaded>,
}

impl App {
    /// Asks a model about rows as people have them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what the caller's project does not have, [`Error::Invalid`] naming row and column,
    /// [`Error::TooLarge`], [`Error::Overloaded`], [`Error::Unavailable`] naming a damaged file.
    pub async fn predict(
        &self,
        caller: &Caller,
        target: &ModelRef,
        rows: Vec<Map<String, Value>>,
        request_id: &str,
    ) -> Result<PredictResponse, Error> {
        self.answer(caller, target, Given::Rows(rows), request_id).await
    }

    /// Asks a model about columns, one tensor each, of shape \[rows\] or \[rows, 1\].
    ///
    /// # Errors
    /// As [`App::predict`].
    pub async fn predict_tensors(
        &self,
        caller: &Caller,
        target: &ModelRef,
        inputs: Vec<Tensor>,
        request_id: &str,
    ) -> Result<PredictResponse, Error> {
        self.answer(caller, target, Given::Tensors(inputs), request_id).await
    }

    /// What a model takes and gives, loading it when it is not in memory: whoever gets an answer can call it.
    ///
    /// # Errors
    /// As [`App::predict`].
    pub async fn served(&self, caller: &Caller, target: &ModelRef) -> Result<Served, Error> {
        caller.require(Action::Predict)?;
        let snapshot = self.models.snapshot();
        let resolved = snapshot.resolve(caller.project_id(), target)?;
        let versions = snapshot.model(caller.project_id(), &target.name)?.versions.keys().copied().collect();
        let bundle = self.serving.load(&resolved).await?;
        Ok(Served { model: resolved.model, version: resolved.version, versions, bundle })
    }

    async fn answer(
        &self,
        caller: &Caller,
        target: &ModelRef,
        given: Given,
        request_id: &str,
    ) -> Result<PredictResponse, Error> {
        let started = Instant::now();
        caller.require(Action::Predict)?;
        let resolved = self.models.snapshot().resolve(caller.project_id(), target)?;
        let labels = VersionLabels {
            project: caller.project().to_owned(),
            model: resolved.model.to_string(),
            version: resolved.version,
        };
        let answer = self.serving.answer(&resolved, given, started).await;
        let (predictions, timings) =
            answer.inspect_err(|error| self.serving.statistics.failed(&labels, error.kind()))?;
        self.serving.statistics.answered(&labels, predictions.len(), &timings);
        Ok(PredictResponse {
            model: labels.model,
            version: labels.version,
            request_id: request_id.to_owned(),
            predictions,
            timings_ms: timings,
        })
    }
}

impl Serving {
    async fn answer(
        &self,
        version: &Resolved,
        given: Given,
        started: Instant,
    ) -> Result<(Vec<Prediction>, Timings), Error> {
        let rows = given.rows();
        self.check_size(rows)?;
        let _in_flight = self.statistics.enter();
        let permit = self.limits.admit().await?;
        let loaded = self.load(version).await?;
        check_numbers(rows, loaded.session.width())?;
        // What a picture costs is in the file, and not in the number of rows.
        let is_cheap = loaded.costs.is_small(rows) && !loaded.fitted.has_pictures();
        let (predictions, mut timings) =
            if is_cheap { answer::compute(&loaded, given)? } else { on_a_thread(loaded, given, permit).await? };
        timings.total = milliseconds(started.elapsed());
        timings.queue = (timings.total - timings.prep - timings.compute - timings.post).max(0.0);
        Ok((predictions, timings))
    }

    fn check_size(&self, rows: usize) -> Result<(), Error> {
        if rows == 0 {
            return Err(Error::invalid("rows", "there are none", "send at least one row"));
        }
        if rows > self.max_rows {
            return Err(Error::TooLarge(format!(
                "{rows} rows are more than the {} that one call may bring: split them over several calls",
                self.max_rows
            )));
        }
        Ok(())
    }
}

/// The most numbers that the rows of one call become: 128 MiB. A picture of a few hundred bytes may become a hundred
/// thousand numbers.
const MOST_NUMBERS: usize = 1 << 25;

fn check_numbers(rows: usize, features: usize) -> Result<(), Error> {
    let most = MOST_NUMBERS / features.max(1);
    if rows > most.max(1) {
        return Err(Error::TooLarge(format!(
            "{rows} rows are more than the {} that one call may bring to this model, which sees {features} numbers of \
             each: split them over several calls",
            most.max(1)
        )));
    }
    Ok(())
}

/// Computes on a thread that may block. The permit goes along, since the thread computes on when the caller hangs up.
async fn on_a_thread(
    loaded: Arc<Loaded>,
    given: Given,
    permit: OwnedSemaphorePermit,
) -> Result<(Vec<Prediction>, Timings), Error> {
    let work = move || {
        let _permit = permit;
        answer::compute(&loaded, given)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal("computing a prediction panicked".into()))?
}
