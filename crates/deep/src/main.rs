//! `meuse-deep DIR` runs the one training that `DIR/job.json` describes, when its algorithm is a network.
//!
//! It speaks with its server as `meuse-job` does: events in `DIR/events.jsonl`, outputs in `DIR/out`, exit code 0 for
//! done, 3 for failed for good. It keeps checkpoints in `DIR`, and goes on from those that it finds there.
//! `meuse-deep --version` says which libraries it runs with.

mod learner;

use std::path::Path;
use std::process::ExitCode;

use meuse_child::{Ended, EventLog};
use meuse_core::events::{EventKind, Failure, Level};
use meuse_core::job::{JobSpec, TrainSpec};
use meuse_core::recipe::{Algorithm, network as recipe};
use meuse_deep::{Device, checkpoint, gpu};

use crate::learner::{Learner, Told};

fn main() -> ExitCode {
    meuse_child::main("meuse-deep", || Ok(versions()), without_memory, perform)
}

/// libtorch, and how many GPUs it finds where it could compute on some.
fn versions() -> String {
    let gpus = gpu::count().map(|count| format!(", {count} GPU{}", if count == 1 { "" } else { "s" }));
    format!("libtorch {}{}", meuse_deep::LIBTORCH_VERSION, gpus.unwrap_or_default())
}

/// What libtorch says when it is refused memory, of the machine or of a GPU.
const REFUSED: [&str; 5] = [
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "can't allocate memory",
];

/// Where libtorch is refused memory, `tch` panics with the text of the error in quotes, and behind it libtorch's stack.
fn without_memory(panic: &str) -> Option<Failure> {
    let at = REFUSED.iter().find_map(|words| panic.find(words))?;
    let line = panic[at..].split("\\n").next()?.lines().next()?;
    let reason = line.strip_suffix("\")").unwrap_or(line);
    Some(Failure {
        field: "algorithm.batch_size".into(),
        message: format!("no memory is left to compute a batch with: {reason}"),
        hint: "use a smaller batch_size, smaller pictures or fewer units, or wait until nothing else computes there"
            .into(),
    })
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
    // First of all: libtorch looks for a GPU once, at the first call that asks.
    let device = device(&spec, events)?;
    meuse_deep::set_threads(spec.limits.threads.max(1));
    take_over(folder);
    train(folder, &spec, device, out, events)
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

fn train(folder: &Path, spec: &TrainSpec, device: Device, out: &Path, events: &EventLog) -> Result<(), Ended> {
    events.progress("read data", 0, 0);
    let table =
        meuse_data::read_table(&spec.data, &spec.read_schema(), spec.media.as_ref(), spec.limits).map_err(of_data)?;
    events.progress("read data", table.rows as u64, table.rows as u64);
    let learner = Learner { folder, device, pretrained: &spec.pretrained, words: &spec.words };
    let trained = meuse_train::train_with(spec, &table, &Told(events), out, Some(&learner));
    trained.map_err(|error| match error.failure() {
        Some(failure) => Ended::Failed(failure),
        None => Ended::Crashed(error.into()),
    })
}

/// What computes: the GPU that the server has given, where it can be used.
fn device(spec: &TrainSpec, events: &EventLog) -> Result<Device, Ended> {
    let Some(number) = spec.gpu else { return Ok(Device::Cpu) };
    let Err(reason) = gpu::count() else {
        events.tell(EventKind::Log { level: Level::Info, message: format!("computes on GPU {number}") });
        // The only one that the server lets this process see.
        return Ok(Device::Cuda(0));
    };
    let message = format!("GPU {number} cannot be used: {reason}");
    if matches!(&spec.recipe.algorithm, Algorithm::Network(network) if network.device == recipe::Device::Gpu) {
        let hint = "remove `device`, and the processor computes; `meuse doctor` shows what is there";
        return Err(Ended::Failed(Failure { field: "algorithm.device".into(), message, hint: hint.into() }));
    }
    events.tell(EventKind::Log { level: Level::Warning, message: format!("{message}; the processor computes") });
    Ok(Device::Cpu)
}

fn of_data(error: meuse_data::Error) -> Ended {
    match error {
        meuse_data::Error::Refused(failure) => Ended::Failed(failure),
        other => Ended::Crashed(other.into()),
    }
}
