//! The work itself: reads `job.json`, calls the room that does it, and sees that its outputs are on the disk.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use meuse_core::events::Failure;
use meuse_core::job::{self, JobSpec, TrainSpec};

use crate::events::EventLog;

/// How a job ends that does not end well.
pub(crate) enum Ended {
    /// Trying again does not help.
    Failed(Failure),
    /// Trying again may help.
    Crashed(anyhow::Error),
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Self {
        Self::Crashed(error)
    }
}

impl From<meuse_data::Error> for Ended {
    fn from(error: meuse_data::Error) -> Self {
        match error {
            meuse_data::Error::Refused(failure) => Self::Failed(failure),
            other => Self::Crashed(other.into()),
        }
    }
}

impl From<meuse_train::Error> for Ended {
    fn from(error: meuse_train::Error) -> Self {
        match error.failure() {
            Some(failure) => Self::Failed(failure),
            None => Self::Crashed(error.into()),
        }
    }
}

/// Does what `job.json` in `folder` says and writes into its folder `out`.
pub(crate) fn perform(folder: &Path, events: &EventLog) -> Result<(), Ended> {
    let spec = read_spec(folder)?;
    let out = folder.join(job::OUT);
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    meuse_data::require_version()?;
    meuse_faults::reach("child.ready");
    match spec {
        JobSpec::Import(mut spec) => {
            spec.source = folder.join(spec.source);
            meuse_data::import(&spec, &out, events)?;
        }
        JobSpec::Export(mut spec) => {
            spec.data = folder.join(spec.data);
            meuse_data::export_csv(&spec, &out, events)?;
        }
        JobSpec::Train(mut spec) => {
            spec.data = folder.join(&spec.data);
            spec.native = folder.join(&spec.native);
            train(&spec, &out, events)?;
        }
    }
    meuse_faults::reach("child.worked");
    sync(&out)?;
    Ok(())
}

fn read_spec(folder: &Path) -> Result<JobSpec, Ended> {
    let file = folder.join(job::FILE);
    let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).map_err(|error| {
        Ended::Failed(Failure {
            field: job::FILE.to_owned(),
            message: format!("it describes no job that this meuse-job knows: {error}"),
            hint: "use the meuse-job of the same release as the server".to_owned(),
        })
    })
}

fn train(spec: &TrainSpec, out: &Path, events: &EventLog) -> Result<(), Ended> {
    events.progress("read data", 0, 0);
    let table = meuse_data::read_table(&spec.data, &spec.schema, spec.limits)?;
    events.progress("read data", table.rows as u64, table.rows as u64);
    Ok(meuse_train::train(spec, &table, events, out)?)
}

/// Brings every output to the disk, so that `done` is true after a power cut too.
fn sync(out: &Path) -> anyhow::Result<()> {
    let paths = std::fs::read_dir(out)?.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    for path in paths.iter().map(PathBuf::as_path).chain([out]) {
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.with_context(|| format!("cannot sync {}", path.display()))?;
        meuse_faults::reach("child.output");
    }
    Ok(())
}
