//! The work itself: calls the room that does it.

use std::path::Path;

use meuse_child::{Ended, EventLog};
use meuse_core::events::{EventKind, Level};
use meuse_core::job::{JobSpec, TrainSpec};

/// Does what is asked and writes into the folder `out`.
pub(crate) fn perform(folder: &Path, spec: JobSpec, out: &Path, events: &EventLog) -> Result<(), Ended> {
    meuse_faults::reach("child.ready");
    match spec {
        JobSpec::Import(mut spec) => {
            spec.source = folder.join(spec.source);
            meuse_data::import(&spec, out, &Told(events)).map_err(of_data)?;
        }
        JobSpec::Export(mut spec) => {
            spec.data = folder.join(spec.data);
            meuse_data::export_csv(&spec, out, &Told(events)).map_err(of_data)?;
        }
        JobSpec::Train(mut spec) => {
            spec.data = folder.join(&spec.data);
            spec.native = folder.join(&spec.native);
            train(&spec, out, events)?;
        }
    }
    Ok(())
}

fn train(spec: &TrainSpec, out: &Path, events: &EventLog) -> Result<(), Ended> {
    events.progress("read data", 0, 0);
    let table =
        meuse_data::read_table(&spec.data, &spec.read_schema(), spec.media.as_ref(), spec.limits).map_err(of_data)?;
    events.progress("read data", table.rows as u64, table.rows as u64);
    meuse_train::train(spec, &table, &Told(events), out).map_err(of_train)
}

fn of_data(error: meuse_data::Error) -> Ended {
    match error {
        meuse_data::Error::Refused(failure) => Ended::Failed(failure),
        other => Ended::Crashed(other.into()),
    }
}

fn of_train(error: meuse_train::Error) -> Ended {
    match error.failure() {
        Some(failure) => Ended::Failed(failure),
        None => Ended::Crashed(error.into()),
    }
}

/// The event log as the rooms want a listener.
struct Told<'a>(&'a EventLog);

impl meuse_data::Watch for Told<'_> {
    fn progress(&self, stage: &str, done: u64, total: u64) {
        self.0.progress(stage, done, total);
    }

    fn log(&self, level: Level, message: &str) {
        self.0.tell(EventKind::Log { level, message: message.to_owned() });
    }
}

impl meuse_train::Watch for Told<'_> {
    fn progress(&self, stage: &str, done: u64, total: u64) {
        self.0.progress(stage, done, total);
    }

    fn metric(&self, name: &str, part: &str, step: u64, value: f64) {
        self.0.tell(EventKind::Metric { name: name.to_owned(), part: part.to_owned(), step, value });
    }

    fn log(&self, level: Level, message: &str) {
        self.0.tell(EventKind::Log { level, message: message.to_owned() });
    }

    /// A cancelled job is ended by a signal, not asked.
    fn cancelled(&self) -> bool {
        false
    }
}
