//! A project at one glance: what serves now, what runs now, what needs attention.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meuse_core::api::{Attention, Counts, Key, Model, Overview, Serving, VersionSummary};
use meuse_core::recipe::MetricName;
use meuse_core::time::Micros;
use meuse_store::records::{datasets, jobs};
use serde_json::json;

use crate::access::{Action, Caller};
use crate::compute::shown;
use crate::serving::VersionLabels;
use crate::{App, Error};

const DAY: Duration = Duration::from_hours(24);
/// How long a failed job is worth a look.
const RECENT: Duration = DAY.saturating_mul(7);
/// How long before its end a key is worth a look.
const SOON: Duration = DAY.saturating_mul(14);
/// Less free space than either is worth a look.
const LOW_BYTES: u64 = 5_000_000_000;
const LOW_SHARE: f64 = 0.05;

impl App {
    /// The caller's project at one glance.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; what the database says.
    pub async fn overview(&self, caller: &Caller) -> Result<Overview, Error> {
        caller.require(Action::ReadJobs)?;
        let models = self.models(caller).await?;
        let (db, project) = (&self.store.db, caller.project_id());
        let counts = Counts {
            datasets: datasets::list(db, project).await?.len() as u64,
            models: models.len() as u64,
            jobs: jobs::count(db, project).await?,
        };
        let running = jobs::open(db, project).await?;
        Ok(Overview {
            serving: models.iter().filter_map(|model| self.serving_of(caller, model)).collect(),
            running: running.iter().map(shown).collect::<Result<_, _>>()?,
            attention: self.attention(caller, &models).await?,
            counts,
        })
    }

    fn serving_of(&self, caller: &Caller, model: &Model) -> Option<Serving> {
        let route = model.route.as_ref()?;
        let version = model.versions.iter().find(|version| version.version == route.version)?;
        let (project, name) = (caller.project().to_owned(), model.name.clone());
        let labels = VersionLabels { project, model: name.clone(), version: route.version };
        Some(self.serving.statistics.tally(&labels, |tally| Serving {
            model: name,
            version: route.version,
            since: route.at,
            by: route.by.clone(),
            task: version.task,
            calls: tally.calls(),
            errors: tally.errors(),
            rows: tally.rows(),
            p50_ms: tally.quantile(0.5),
            p99_ms: tally.quantile(0.99),
        }))
    }

    async fn attention(&self, caller: &Caller, models: &[Model]) -> Result<Vec<Attention>, Error> {
        let now = self.clock.now();
        let mut found: Vec<Attention> = self.low_disk().await.into_iter().collect();
        let since = Micros(now.0.saturating_sub(RECENT.as_micros() as i64));
        for row in jobs::failures(&self.store.db, caller.project_id(), since).await? {
            let job = shown(&row)?;
            let why = job.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default();
            found.push(Attention {
                kind: "job_failed".into(),
                at: job.finished_at,
                message: format!("the {} of {} failed: {why}", job.kind, job.subject),
                data: json!({ "job": job.id, "kind": job.kind, "failure": job.failure }),
                subject: job.subject,
            });
        }
        found.extend(models.iter().filter_map(nothing_deployed));
        found.extend(models.iter().filter_map(version_waiting));
        if caller.require(Action::ManageKeys).is_ok() {
            found.extend(self.keys(caller)?.into_iter().filter_map(|key| key_expires(key, now)));
        }
        Ok(found)
    }

    async fn low_disk(&self) -> Option<Attention> {
        let folders: Vec<PathBuf> =
            [Some(&self.config.home), self.config.blobs.as_ref()].into_iter().flatten().cloned().collect();
        let spaces = tokio::task::spawn_blocking(move || folders.iter().filter_map(|folder| space(folder)).collect());
        let spaces: Vec<Space> = spaces.await.ok()?;
        let low = spaces.into_iter().filter(Space::is_low).min_by_key(|space| space.free)?;
        Some(Attention {
            kind: "disk_low".into(),
            subject: "disk".into(),
            at: None,
            message: format!(
                "{:.1} GB of {:.1} GB are free on the server's disk",
                low.free as f64 / 1e9,
                low.total as f64 / 1e9
            ),
            data: json!({ "free_bytes": low.free, "total_bytes": low.total }),
        })
    }
}

/// What a file system has left for us.
#[derive(Debug, Clone, Copy)]
struct Space {
    free: u64,
    total: u64,
}

impl Space {
    fn is_low(&self) -> bool {
        self.total > 0 && (self.free < LOW_BYTES || (self.free as f64) < self.total as f64 * LOW_SHARE)
    }
}

fn space(folder: &Path) -> Option<Space> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Space { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
}

/// A model that has versions, none of which answers.
fn nothing_deployed(model: &Model) -> Option<Attention> {
    let newest = model.versions.first().filter(|_| model.route.is_none())?;
    Some(Attention {
        kind: "nothing_deployed".into(),
        subject: model.name.clone(),
        at: Some(newest.created_at),
        message: format!("no version of {} is deployed: it answers no calls", model.name),
        data: json!({ "model": model.name, "version": newest.version }),
    })
}

/// A version that is newer than the one that answers, and better by the metric of that one.
fn version_waiting(model: &Model) -> Option<Attention> {
    let serving = model.route.as_ref()?.version;
    let now = model.versions.iter().find(|version| version.version == serving)?;
    let metric: MetricName = serde_json::from_value(now.metric.clone().into()).ok()?;
    let value = |version: &VersionSummary| {
        version.validation.map(|value| if metric.larger_is_better() { value } else { -value })
    };
    let rivals = model.versions.iter().filter(|version| version.version > serving && version.metric == now.metric);
    let rivals = rivals.filter(|version| version.task == now.task && value(version) > value(now));
    let best =
        rivals.max_by(|one, other| value(one).partial_cmp(&value(other)).unwrap_or(std::cmp::Ordering::Equal))?;
    let (before, after) = (now.validation?, best.validation?);
    Some(Attention {
        kind: "version_waiting".into(),
        subject: format!("{}:{}", model.name, best.version),
        at: Some(best.created_at),
        message: format!(
            "{name}:{} has a better {} than {name}:{serving}, which answers: {after:.4} instead of {before:.4}",
            best.version,
            now.metric,
            name = model.name,
        ),
        data: json!({
            "model": model.name, "version": best.version, "serving": serving, "metric": now.metric,
            "value": after, "serving_value": before,
        }),
    })
}

fn key_expires(key: Key, now: Micros) -> Option<Attention> {
    let at = key.expires_at.filter(|at| key.revoked_at.is_none() && now < *at && *at <= now.plus(SOON))?;
    Some(Attention {
        kind: "key_expires".into(),
        subject: key.principal.clone(),
        at: Some(at),
        message: format!("the key mk_{}… of {} expires at {at}", key.prefix, key.principal),
        data: json!({ "id": key.id, "prefix": key.prefix, "principal": key.principal, "note": key.note }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_low_by_bytes_or_by_share() {
        let low = |free, total| Space { free, total }.is_low();
        assert!(low(4_999_999_999, 20_000_000_000) && low(40_000_000_000, 1_000_000_000_000));
        assert!(!low(5_000_000_000, 20_000_000_000) && !low(50_000_000_000, 1_000_000_000_000));
        // A file system that does not say how large it is says nothing.
        assert!(!low(0, 0));
    }
}
