//! What an [`crate::App`] needs to know. Where it was said (flag, file, variable) is the concern of `meuse`.

use std::path::PathBuf;

use meuse_core::time::Clock;

use crate::compute::{gpus, memory};

/// Less memory than this is no help to a job.
const SMALLEST_JOB_MIB: usize = 512;

/// The configuration of one server.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// The home folder: lock, secret, SQLite file, blobs, work folders.
    pub home: PathBuf,
    /// A database URL, `postgres://…`; absent: SQLite in the home folder.
    pub database: Option<String>,
    /// The folder of blobs; absent: in the home folder. Servers that share a database share it too.
    pub blobs: Option<PathBuf>,
    /// The program that runs one job from a work folder: `meuse-job`.
    pub job_program: PathBuf,
    /// The program that learns networks: `meuse-deep`. It may be missing; then no network is learnt.
    pub deep_program: PathBuf,
    /// The folder of pretrained weights that recipes name files of.
    pub pretrained: PathBuf,
    /// The folder of native libraries.
    pub native: PathBuf,
    /// Where the time comes from.
    pub clock: Clock,
    /// The largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// How many jobs run at once.
    pub job_slots: usize,
    /// How many threads one job may compute with.
    pub job_threads: usize,
    /// How much memory one job's DuckDB may use, in MiB.
    pub job_memory_mib: usize,
    /// How much memory one job's processes may take in all, in MiB; one that takes more is ended.
    pub job_max_memory_mib: usize,
    /// How many GPUs trainings of networks compute on; 0: on the processor.
    pub gpus: usize,
    /// How many predict calls run at once; more wait shortly, then are told when to come back.
    pub predict_permits: usize,
    /// The most rows of one predict call.
    pub max_predict_rows: usize,
    /// How many bundles stay loaded.
    pub loaded_bundles: usize,
}

impl AppConfig {
    /// The defaults for a home folder: two job slots that share the machine's cores, uploads up to 2 GiB.
    pub fn new(home: impl Into<PathBuf>, job_program: impl Into<PathBuf>, native: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let job_slots = if cores >= 4 { 2 } else { 1 };
        let job_program = job_program.into();
        let (home, native) = (home.into(), native.into());
        Self {
            pretrained: home.join("pretrained"),
            home,
            database: None,
            blobs: None,
            deep_program: job_program.with_file_name("meuse-deep"),
            job_program,
            gpus: gpus::usable(&native),
            native,
            clock: Clock::system(),
            max_upload_bytes: 2 << 30,
            job_slots,
            job_threads: (cores / job_slots).max(1),
            job_memory_mib: 2048,
            job_max_memory_mib: max_memory_mib(job_slots),
            predict_permits: cores * 4,
            max_predict_rows: 10_000,
            loaded_bundles: 32,
        }
    }
}

/// Three quarters of the machine's memory, shared by the jobs that may run at once (one import beside the trainings).
fn max_memory_mib(job_slots: usize) -> usize {
    let machine = memory::of_machine_mib().unwrap_or(8192) as usize;
    (machine * 3 / 4 / (job_slots + 1)).max(SMALLEST_JOB_MIB)
}
