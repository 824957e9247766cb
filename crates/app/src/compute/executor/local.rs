//! Prepares a work folder and starts a child in it.
//!
//! The child leads a process group of its own, sees nothing of the server's environment, and writes its output to
//! files: so it outlives the server, and the next server finds it.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use meuse_core::events::Failure;
use meuse_core::job::{
    self, DatasetIdentity, ExportSpec, ImportSpec, JobSpec, Limits, MediaFiles, StartingWords, TrainSpec,
};
use meuse_core::recipe::network::Device;
use meuse_core::recipe::{Algorithm, Recipe};
use meuse_core::{media, native, recipe};
use meuse_store::{Blobs, Digest};
use tokio::process::Command;

use super::memory;
use super::process::Child;
use crate::compute::task::{Task, TaskMedia, TaskWords};
use crate::compute::{gpus, handed};
use crate::{AppConfig, disk};

const OUTPUT: &str = "output.txt";
const SOURCE: &str = "source";
const DATA: &str = "data.parquet";
/// When a child has printed more than this, what it printed so far is thrown away.
const MAX_OUTPUT: u64 = 1 << 20;
/// How much of what a child printed last goes into a failure.
const LAST_WORDS: u64 = 2000;

/// Why an attempt could not begin.
#[derive(Debug)]
pub(crate) enum CannotStart {
    /// Trying again does not help.
    Never(Failure),
    /// It may work the next time.
    Now(String),
}

impl From<meuse_store::Error> for CannotStart {
    fn from(error: meuse_store::Error) -> Self {
        use meuse_store::Error as Store;
        match error {
            Store::NoBlob(_) | Store::DamagedBlob { .. } | Store::Full(_) => never(error.to_string()),
            error => Self::Now(error.to_string()),
        }
    }
}

/// Makes the work folder with everything that the child needs, and starts the child.
pub(crate) async fn start(
    config: &AppConfig,
    blobs: &Blobs,
    folder: &Path,
    order: &Order<'_>,
) -> Result<Child, CannotStart> {
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => never(disk::full(folder)),
        _ => CannotStart::Now(format!("the work folder cannot be prepared: {}", disk::refused(folder, &error))),
    };
    std::fs::DirBuilder::new().mode(0o700).create(folder).map_err(refused)?;
    meuse_faults::reach("attempt.folder");
    let spec = prepare(config, blobs, folder, order).await?;
    let text = serde_json::to_vec(&spec).map_err(|error| CannotStart::Now(error.to_string()))?;
    std::fs::write(folder.join(job::FILE), text).map_err(refused)?;
    std::fs::create_dir(folder.join(job::OUT)).map_err(refused)?;
    meuse_faults::reach("attempt.prepared");
    let child = spawn(config, &spec, folder)?;
    meuse_faults::reach("attempt.spawned");
    Ok(Child::Own(child))
}

/// What is to be done, and for whom.
pub(crate) struct Order<'a> {
    /// What is to be done.
    pub(crate) task: &'a Task,
    /// Who asked for it.
    pub(crate) by: &'a str,
    /// The GPU that it may use.
    pub(crate) gpu: Option<usize>,
}

async fn prepare(config: &AppConfig, blobs: &Blobs, folder: &Path, order: &Order<'_>) -> Result<JobSpec, CannotStart> {
    let limits = Limits { threads: config.job_threads, memory_mib: config.job_memory_mib };
    Ok(match order.task {
        Task::Import { source, options, file, .. } => {
            let what = format!("the uploaded file `{file}`");
            let begins_at = lend(blobs, source, folder, SOURCE, &what).await?;
            JobSpec::Import(ImportSpec { source: SOURCE.into(), begins_at, options: options.clone(), limits })
        }
        Task::Export { data, dataset, version } => {
            fetch(blobs, data, folder, DATA, &format!("the data of {dataset}:{version}")).await?;
            JobSpec::Export(ExportSpec { data: DATA.into(), limits })
        }
        Task::Train { model, recipe, dataset, version, data, schema, media, words } => {
            fetch(blobs, data, folder, DATA, &format!("the data of {dataset}:{version}")).await?;
            let schema = blobs.read(&schema.parse()?).await;
            let schema = schema.map_err(|error| named(&format!("the schema of {dataset}:{version}"), error.into()))?;
            let media = match media {
                Some(media) => Some(fetch_media(blobs, media, folder, &format!("{dataset}:{version}")).await?),
                None => None,
            };
            let words = fetch_words(blobs, words, folder).await?;
            let parsed = recipe::parse(recipe).map_err(|problems| never(problems.to_string()))?;
            if device_of(&parsed.recipe) == Some(Device::Gpu) && order.gpu.is_none() {
                return Err(CannotStart::Never(Failure {
                    field: "algorithm.device".into(),
                    message: "this server computes on no GPU".into(),
                    hint: "remove `device`, or use a machine with an NVIDIA GPU after scripts/setup --gpu; `meuse \
                           doctor` shows what it finds"
                        .into(),
                }));
            }
            JobSpec::Train(Box::new(TrainSpec {
                recipe: parsed.recipe,
                recipe_text: recipe.clone(),
                data: DATA.into(),
                media,
                schema: serde_json::from_slice(&schema).map_err(|error| CannotStart::Now(error.to_string()))?,
                dataset: DatasetIdentity { name: dataset.to_string(), version: *version, sha256: data.clone() },
                model: model.to_string(),
                operator: order.by.to_owned(),
                native: absolute(&config.native),
                pretrained: absolute(&config.pretrained),
                words,
                gpu: order.gpu,
                limits,
            }))
        }
    })
}

/// Copies the list and the packs of pictures into the work folder.
async fn fetch_media(
    blobs: &Blobs,
    media: &TaskMedia,
    folder: &Path,
    version: &str,
) -> Result<MediaFiles, CannotStart> {
    let what = format!("the pictures of {version}");
    fetch(blobs, &media.index, folder, media::INDEX, &what).await?;
    let mut packs = Vec::with_capacity(media.packs.len());
    for (number, digest) in media.packs.iter().enumerate() {
        let name = format!("pack-{number}");
        fetch(blobs, digest, folder, &name, &what).await?;
        packs.push(name.into());
    }
    Ok(MediaFiles { index: media::INDEX.into(), packs })
}

/// Copies the words and vectors of models into the work folder.
async fn fetch_words(blobs: &Blobs, words: &[TaskWords], folder: &Path) -> Result<Vec<StartingWords>, CannotStart> {
    let mut fetched = Vec::with_capacity(words.len());
    for (number, words) in words.iter().enumerate() {
        let what = format!("the word vectors of {}:{}", words.version.model, words.version.version);
        let [prep, model] = [format!("words-{number}.json"), format!("words-{number}.onnx")];
        fetch(blobs, &words.prep, folder, &prep, &what).await?;
        fetch(blobs, &words.model, folder, &model, &what).await?;
        let (reference, version) = (words.reference.clone(), words.version.clone());
        fetched.push(StartingWords { reference, version, prep: prep.into(), model: model.into() });
    }
    Ok(fetched)
}

/// Copies a blob into the work folder; `what` is what a person calls it.
async fn fetch(blobs: &Blobs, digest: &str, folder: &Path, name: &str, what: &str) -> Result<(), CannotStart> {
    let digest: Digest = digest.parse()?;
    let copied = blobs.copy_to(&digest, folder.join(name)).await;
    copied.map_err(|error| named(what, error.into()))
}

/// As [`fetch`], without a copy where none is needed; answers from which byte on the file is to be read.
async fn lend(blobs: &Blobs, digest: &str, folder: &Path, name: &str, what: &str) -> Result<u64, CannotStart> {
    let linked = blobs.link(&digest.parse()?, &folder.join(name)).await;
    match linked.map_err(|error| named(what, error.into()))? {
        Some(begins_at) => Ok(begins_at),
        None => fetch(blobs, digest, folder, name, what).await.map(|()| 0),
    }
}

fn named(what: &str, reason: CannotStart) -> CannotStart {
    match reason {
        CannotStart::Now(reason) => CannotStart::Now(format!("{what} cannot be read: {reason}")),
        CannotStart::Never(failure) => never(format!("{what} cannot be read: {}", failure.message)),
    }
}

/// What is to compute the training of a network, which is another program's work; nothing for other tasks.
pub(crate) fn device(task: &Task) -> Option<Device> {
    let Task::Train { recipe, .. } = task else { return None };
    device_of(&recipe::parse(recipe).ok()?.recipe)
}

fn device_of(recipe: &Recipe) -> Option<Device> {
    match &recipe.algorithm {
        Algorithm::Network(network) => Some(network.device),
        _ => None,
    }
}

fn spawn(config: &AppConfig, spec: &JobSpec, folder: &Path) -> Result<tokio::process::Child, CannotStart> {
    let (learns_network, gpu) = match spec {
        JobSpec::Train(spec) => (device_of(&spec.recipe).is_some(), spec.gpu),
        _ => (false, None),
    };
    let (program, remedy) = if learns_network {
        let remedy = "networks are learnt by `meuse-deep`: run scripts/setup --deep and cargo build --workspace, put it \
                      beside `meuse`, or set MEUSE_DEEP to it";
        (absolute(&config.deep_program), remedy)
    } else {
        (absolute(&config.job_program), "install `meuse-job` beside `meuse`, or set MEUSE_JOB to it")
    };
    let native = absolute(&config.native);
    let output = || {
        // Appending, so that the file can be cut while the child writes.
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(folder.join(OUTPUT));
        file.map_err(|error| CannotStart::Now(disk::refused(folder, &error)))
    };
    let mut command = Command::new(&program);
    command.arg(folder).current_dir(folder).process_group(0).kill_on_drop(false);
    command.stdin(Stdio::null()).stdout(output()?).stderr(output()?);
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
    command.env("LANG", "C.UTF-8").env("HOME", folder).env("TMPDIR", folder);
    command.env("LD_LIBRARY_PATH", libraries(&native, gpu)).env(native::VARIABLE, &native);
    if let Some(gpu) = gpu {
        command.env(gpus::VISIBLE, gpus::name_of(gpu));
        // What is computed in 32-bit floats is not to be computed in fewer bits.
        command.env("NVIDIA_TF32_OVERRIDE", "0");
    }
    command.env("OMP_NUM_THREADS", config.job_threads.to_string());
    // GNU's OpenMP waits by spinning. On a busy machine every barrier then burns the core that another thread needs to
    // reach it; not to spin at all costs a quarter on a quiet one. A short spin is good on both (benches/README.md).
    command.env("GOMP_SPINCOUNT", "1000");
    if learns_network {
        // Tensors of megabytes come and go in every step; glibc would give each back to the system, and clearing the
        // pages anew took a quarter of the time.
        command.env("MALLOC_MMAP_THRESHOLD_", (1_u64 << 30).to_string());
        command.env("MALLOC_TRIM_THRESHOLD_", (1_u64 << 32).to_string());
        // All threads share what one of them has let go.
        command.env("MALLOC_ARENA_MAX", "1");
    }
    command.envs(meuse_faults::environment());
    let child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied => {
            never(format!("the program that runs this job cannot be started: {}: {error}; {remedy}", program.display()))
        }
        _ => CannotStart::Now(format!("{} cannot be started: {error}", program.display())),
    })?;
    if let Some(pid) = child.id() {
        memory::give_up_first(pid);
        // CUDA reserves far more addresses than it uses memory.
        if gpu.is_none() {
            memory::fence(pid, config.job_max_memory_mib);
        }
    }
    Ok(child)
}

/// Where a child looks for libraries. A container may have those of a GPU's driver where only the server was told.
fn libraries(native: &Path, gpu: Option<usize>) -> OsString {
    let mut folders = native.as_os_str().to_owned();
    if let Some(own) = std::env::var_os("LD_LIBRARY_PATH").filter(|own| gpu.is_some() && !own.is_empty()) {
        folders.push(":");
        folders.push(own);
    }
    folders
}

fn never(message: String) -> CannotStart {
    CannotStart::Never(Failure { field: String::new(), message, hint: String::new() })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Throws away what a child printed when it is too much; answers how many bytes that were.
pub(crate) fn limit_output(folder: &Path) -> u64 {
    let cut = || -> std::io::Result<u64> {
        let file = handed::open_for_writing(folder, OUTPUT)?;
        let length = file.metadata()?.len();
        if length <= MAX_OUTPUT {
            return Ok(0);
        }
        file.set_len(0)?;
        Ok(length)
    };
    // What cannot be cut now will be at the next look.
    cut().unwrap_or(0)
}

/// The last lines that a child printed, at most `count`; empty when it printed nothing.
pub(crate) fn last_words(folder: &Path, count: usize) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = handed::open(folder, OUTPUT)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
