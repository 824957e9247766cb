//! `meuse-deep DIR` runs the one training that `DIR/job.json` describes, when its algorithm is a network.
//!
//! It speaks with its server as `meuse-job` does: events in `DIR/events.jsonl`, outputs in `DIR/out`, exit code 0 for
//! done, 3 for failed for good. It keeps checkpoints in `DIR`, and goes on from those that it finds there.
//! `meuse-deep --version` says which libraries it runs with.

mod learner;

use std::path::Path;
use std::process::ExitCode;

use meuse_child::{Ended, EventLog};
use meuse_core::events::Failure;
use meuse_core::job::{JobSpec, TrainSpec};
use meuse_deep::checkpoint;

use crate::learner::{Learner, Told};

fn main() -> ExitCode {
    meuse_child::main("meuse-deep", || Ok(format!("libtorch {}", meuse_deep::LIBTORCH_VERSION)), perform)
}

fn perform(folder: &Path, spec: JobSpec, out: &Path, events: &EventLog) -> Result<(), Ended> {
    let JobSpec::Train(mut spec) = spec else {
        return Err(Ended::Failed(Failure {
            field: meuse_core::job::FILE.to_owned(),
            message: "meuse-deep trains networks and does nothing else".to_owned(),
            hint: "start meuse-job for it".to_owned(),
        }));
    };
    spec.data = folder.join(&spec.data);
    spec.media = spec.media.map(|media| media.within(folder));
    spec.native = folder.join(&spec.native);
    spec.words = spec.words.iter().map(|words| words.within(folder)).collect();
    meuse_deep::set_threads(spec.limits.threads.max(1));
    take_over(folder);
    train(folder, &spec, out, events)
}

/// Takes over the checkpoints of the attempt before this one, whose folder stands beside ours under the same name with
/// the number before: as links where the file system has them, which take no room and are there whole or not at all. A
/// checkpoint is never changed, only replaced, so the two folders do not meet in it. One that cannot be taken over costs
/// the work that it held, and nothing else.
fn take_over(folder: &Path) -> Option<()> {
    let name = std::path::absolute(folder).ok()?;
    let (job, attempt) = name.file_name()?.to_str()?.rsplit_once('-')?;
    let before = attempt.parse::<u64>().ok()?.checked_sub(1)?;
    let before = name.with_file_name(format!("{job}-{before}"));
    for entry in std::fs::read_dir(before).ok()?.filter_map(Result::ok) {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && entry.file_name().to_string_lossy().ends_with(checkpoint::FILE) {
            let own = folder.join(entry.file_name());
            if std::fs::hard_link(entry.path(), &own).is_err() {
                let _ = std::fs::copy(entry.path(), &own);
            }
        }
    }
    Some(())
}

fn train(folder: &Path, spec: &TrainSpec, out: &Path, events: &EventLog) -> Result<(), Ended> {
    events.progress("read data", 0, 0);
    let table = meuse_data::read_table(&spec.data, &spec.schema, spec.media.as_ref(), spec.limits).map_err(of_data)?;
    events.progress("read data", table.rows as u64, table.rows as u64);
    let learner = Learner { folder, pretrained: &spec.pretrained, words: &spec.words };
    let trained = meuse_train::train_with(spec, &table, &Told(events), out, Some(&learner));
    trained.map_err(|error| match error.failure() {
        Some(failure) => Ended::Failed(failure),
        None => Ended::Crashed(error.into()),
    })
}

fn of_data(error: meuse_data::Error) -> Ended {
    match error {
        meuse_data::Error::Refused(failure) => Ended::Failed(failure),
        other => Ended::Crashed(other.into()),
    }
}
