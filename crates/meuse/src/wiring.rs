//! Builds one server from its configuration: native libraries, the product, the protocols, the order of stopping.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use meuse_app::compute::gpus;
use meuse_app::{App, AppConfig};
use meuse_core::api::AuditVerification;
use meuse_core::native;
use meuse_server::ServeOptions;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::arguments::Serve;
use crate::config::Config;

/// Files that are open beside connections: database, blobs, work folders, logs.
const FILES_OF_OUR_OWN: usize = 200;

/// Runs a server until it is told to stop.
pub(crate) fn serve(flags: &Serve) -> anyhow::Result<ExitCode> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let config = Config::load(
        flags.config.as_deref(),
        &[
            ("server", "home", path(&flags.home)),
            ("server", "listen", flags.listen.clone()),
            ("server", "admin_key_file", path(&flags.admin_key_file)),
            ("server", "database", flags.database.clone()),
        ],
    )?;
    start_logging(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&config, flags.address_file.as_deref()))?;
    Ok(ExitCode::SUCCESS)
}

async fn run(config: &Config, address_file: Option<&Path>) -> anyhow::Result<()> {
    let settings = app_config(config)?;
    meuse_engine::init(&settings.native)?;
    let listen = config.text("server", "listen").context("server.listen is empty; write an address and a port")?;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!("cannot listen on {listen}: another server is running there"),
        std::io::ErrorKind::InvalidInput => {
            anyhow::anyhow!("`{listen}` is not an address and a port: write it as in 127.0.0.1:8080")
        }
        _ => anyhow::anyhow!("cannot listen on {listen}: {error}"),
    })?;
    let wants_gpus = settings.deep_program.exists() && config.count("compute", "gpus")? != Some(0);
    if wants_gpus && gpus::present() > 0 && !gpus::has_libraries(&settings.native) {
        tracing::warn!("this machine has a GPU, and not the libraries that compute on it: run scripts/setup --gpu");
    }
    let home = settings.home.clone();
    let key_file = config.text("server", "admin_key_file").map(Path::new);
    // Heard from here on, so that whoever reads the address can ask for an orderly stop.
    let stop = stop_on_signal()?;
    // The first start makes a key that cannot be shown twice, so its place is tried before there is one.
    let tried = key_file.filter(|_| !home.exists());
    if let Some(file) = tried {
        write_whole(file, "", 0o600)?;
    }
    let hand_over = |key: &str| hand_over_admin_key(key, key_file);
    let app = App::open_handing_over(settings, &hand_over).await.map_err(|error| {
        tried.map(std::fs::remove_file);
        described(error)
    })?;
    app.start();
    let address = listener.local_addr()?;
    if let Some(file) = address_file {
        write_whole(file, &format!("http://{address}\n"), 0o644)?;
    }
    tracing::info!(address = %address, home = %home.display(), version = env!("CARGO_PKG_VERSION"), "meuse is serving");
    meuse_server::serve(app, listener, serve_options(config)?, stop).await;
    tracing::info!("meuse has stopped");
    Ok(())
}

fn app_config(config: &Config) -> anyhow::Result<AppConfig> {
    let home = config.text("server", "home").context("server.home is empty; write the path of a folder")?;
    let home = std::path::absolute(home).with_context(|| format!("`{home}` is not a path"))?;
    let mut settings = AppConfig::new(home, job_program()?, native_folder()?);
    if let Some(program) = std::env::var_os("MEUSE_DEEP") {
        settings.deep_program = program.into();
    }
    settings.database = config.text("server", "database").map(str::to_owned);
    let is_known = |url: &String| ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    if settings.database.as_ref().is_some_and(|url| !is_known(url)) {
        bail!("server.database is neither postgres://… nor postgresql://…; leave it out for SQLite in the home folder");
    }
    let number = |section, key| config.number(section, key);
    if let Some(mebibytes) = number("server", "max_upload_mib")? {
        settings.max_upload_bytes = (mebibytes as u64) << 20;
    }
    settings.job_slots = number("compute", "slots")?.unwrap_or(settings.job_slots);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    settings.job_threads = number("compute", "threads")?.unwrap_or((cores / settings.job_slots).max(1));
    settings.job_memory_mib = number("compute", "memory_mib")?.unwrap_or(settings.job_memory_mib);
    settings.job_max_memory_mib = number("compute", "max_memory_mib")?.unwrap_or(settings.job_max_memory_mib);
    settings.gpus = config.count("compute", "gpus")?.unwrap_or(settings.gpus);
    if let Some(folder) = config.text("compute", "pretrained") {
        settings.pretrained = folder.into();
    }
    settings.predict_permits = number("serving", "concurrency")?.unwrap_or(settings.predict_permits);
    settings.max_predict_rows = number("serving", "max_rows")?.unwrap_or(settings.max_predict_rows);
    settings.loaded_bundles = number("serving", "loaded_models")?.unwrap_or(settings.loaded_bundles);
    Ok(settings)
}

fn serve_options(config: &Config) -> anyhow::Result<ServeOptions> {
    let mut options = ServeOptions::default();
    let seconds = |key| config.number("server", key).map(|seconds| seconds.map(|s| Duration::from_secs(s as u64)));
    options.header_timeout = seconds("header_timeout_s")?.unwrap_or(options.header_timeout);
    options.body_timeout = seconds("body_timeout_s")?.unwrap_or(options.body_timeout);
    options.idle_timeout = seconds("idle_timeout_s")?.unwrap_or(options.idle_timeout);
    options.grace = seconds("shutdown_grace_s")?.unwrap_or(options.grace);
    let number = |key| config.number("server", key);
    options.least_rate = number("least_rate")?.map_or(options.least_rate, |rate| rate as u64);
    options.bodies_memory = number("bodies_memory_mib")?.map_or(options.bodies_memory, |mebibytes| mebibytes << 20);
    options.max_requests = number("max_requests")?.unwrap_or(options.max_requests);
    options.max_connections = within_reach(number("max_connections")?.unwrap_or(options.max_connections));
    if let Some(mebibytes) = config.number("server", "max_body_mib")? {
        options.max_body_bytes = (mebibytes as u64) << 20;
    }
    Ok(options)
}

/// How many connections the system lets us open: each is a file, and the database and the blobs need some as well.
fn within_reach(wanted: usize) -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    // The soft limit is for programs that keep files in a fixed table; we do not.
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    let Some(files) = getrlimit(Resource::Nofile).current else { return wanted };
    let reach = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(FILES_OF_OUR_OWN).max(1);
    if reach < wanted {
        tracing::warn!(files, connections = reach, "the system allows fewer files than server.max_connections needs");
    }
    wanted.min(reach)
}

/// The sentence of an error, with what to do.
pub(crate) fn described(error: meuse_app::Error) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error} ({hint})"),
        None => anyhow::anyhow!("{error}"),
    }
}

/// Gives the first start's admin key to a file of mode 600, or shows it once.
fn hand_over_admin_key(key: &str, file: Option<&Path>) -> Result<(), meuse_app::Error> {
    match file {
        Some(file) => {
            let written = write_whole(file, &format!("{key}\n"), 0o600);
            written.map_err(|error| meuse_app::Error::Unavailable(format!("{error:#}")))?;
            tracing::info!(file = %file.display(), "this is the first start: the admin key is in this file");
        }
        None => eprintln!("This is the first start. The admin key, which is not shown again:\n\n    {key}\n"),
    }
    Ok(())
}

fn write_whole(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let temporary = path.with_extension("part");
    let _ = std::fs::remove_file(&temporary);
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(&temporary);
    let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(|| refused(path))?;
    meuse_faults::reach("file.drafted");
    std::fs::rename(&temporary, path).with_context(|| refused(path))?;
    meuse_faults::reach("file.renamed");
    Ok(())
}

fn refused(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// A token that is cancelled by SIGINT or SIGTERM.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("asked to stop: no new connections, calls in progress may finish");
        told.cancel();
    });
    Ok(stop)
}

fn start_logging(config: &Config) -> anyhow::Result<()> {
    use tracing_subscriber::EnvFilter;
    let level = config.text("log", "level").unwrap_or("info");
    if !["error", "warn", "info", "debug", "trace"].contains(&level) {
        bail!("log.level is `{level}`; write error, warn, info, debug or trace");
    }
    // ONNX Runtime and SQLite tell their life stories at INFO; they are asked for warnings only. What h2 warns of is
    // what clients do: they could fill the log with it.
    let filter = EnvFilter::new(format!("{level},ort=warn,sqlx=warn,h2=error"));
    // A line that cannot be written is dropped: to say so there, on a standard error that nobody reads any more, would
    // panic in every request, and in the end.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    match config.text("log", "format") {
        Some("json") => builder.json().flatten_event(true).init(),
        Some("text") | None => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        Some(other) => bail!("log.format is `{other}`; write text or json"),
    }
    Ok(())
}

/// The folders in which native libraries are looked for.
pub(crate) fn native_folders() -> anyhow::Result<Vec<PathBuf>> {
    let executable = std::env::current_exe().context("cannot tell where this program stands")?;
    let absolute = |folder: PathBuf| std::path::absolute(&folder).unwrap_or(folder);
    let variable = std::env::var(native::VARIABLE).ok();
    Ok(native::folders(variable.as_deref(), &executable).into_iter().map(absolute).collect())
}

/// The first folder that holds ONNX Runtime.
pub(crate) fn native_folder() -> anyhow::Result<PathBuf> {
    let folders = native_folders()?;
    let found = folders.iter().find(|folder| folder.join(native::ONNX_RUNTIME).exists());
    let list = || folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
    found.cloned().with_context(|| {
        format!("{} is in none of {}: run scripts/setup, then `meuse doctor`", native::ONNX_RUNTIME, list())
    })
}

/// The program that runs one job: `MEUSE_JOB`, else `meuse-job` beside this one.
pub(crate) fn job_program() -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe().context("cannot tell where this program stands")?;
    let named = std::env::var_os("MEUSE_JOB").map(PathBuf::from);
    let path = named.unwrap_or_else(|| executable.with_file_name("meuse-job"));
    if path.exists() {
        return Ok(std::path::absolute(&path)?);
    }
    bail!("{} is missing: put meuse-job beside meuse, or name it in MEUSE_JOB", path.display())
}

/// The program that learns networks, where it is there: `MEUSE_DEEP`, else `meuse-deep` beside this one.
pub(crate) fn deep_program() -> Option<PathBuf> {
    let named = std::env::var_os("MEUSE_DEEP").map(PathBuf::from);
    let path = named.or_else(|| Some(std::env::current_exe().ok()?.with_file_name("meuse-deep")))?;
    path.exists().then(|| std::path::absolute(&path).ok())?
}

/// Verifies the audit trail of a home folder that no server needs to hold.
pub(crate) fn verify_home(home: &Path) -> anyhow::Result<AuditVerification> {
    if !home.join("secret").exists() {
        bail!("{} is not the home folder of a Meuse server: it has no `secret`", home.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(meuse_app::audit::verify_home(home)).map_err(described)
}
