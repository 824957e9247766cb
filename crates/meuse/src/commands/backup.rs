//! `meuse backup` and `meuse restore`: a whole server as one file, and back.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use meuse_app::backup::{self, Manifest, Order, Restored};
use serde_json::json;

use crate::arguments::{Backup, Connection, Restore};
use crate::client::Client;
use crate::output;
use crate::wiring::described;

const CHUNK: usize = 256 << 10;

/// Takes a backup.
pub(super) fn run(order: &Backup, connection: &Connection, json: bool) -> anyhow::Result<ExitCode> {
    if order.file.as_os_str() == "-" {
        let manifest = take(order, connection, &mut std::io::stdout().lock())?;
        eprintln!("wrote {}", told(&manifest));
        return Ok(ExitCode::SUCCESS);
    }
    let mut target = Target::new(&order.file, order.force)?;
    let manifest = take(order, connection, &mut target.file)?;
    target.keep()?;
    let bytes = std::fs::metadata(&order.file)?.len();
    if json {
        let answer = json!({
            "file": order.file.display().to_string(), "bytes": bytes, "taken_at": manifest.taken_at,
            "records": manifest.records(), "blobs": manifest.blobs,
        });
        output::json(&answer)?;
    } else {
        output::line(&format!("{}: {}", order.file.display(), told(&manifest)));
        output::line("It opens all that the server holds: keep it as you keep the server's home.");
    }
    Ok(ExitCode::SUCCESS)
}

fn told(manifest: &Manifest) -> String {
    format!(
        "a backup of meuse {} as of {}: {} records and {} blobs, {}",
        manifest.meuse,
        manifest.taken_at,
        manifest.records(),
        manifest.blobs,
        output::bytes(manifest.content_bytes)
    )
}

fn take(order: &Backup, connection: &Connection, to: &mut dyn Write) -> anyhow::Result<Manifest> {
    let bar = output::byte_bar(0, "backup");
    let taken = match &order.home {
        Some(home) => take_apart(home, order.database.as_deref(), to, &bar),
        None => take_from_server(connection, to, &bar),
    };
    bar.finish_and_clear();
    taken
}

/// What arrives is read as a restore would read it while it is written, so that a bad backup is never kept.
fn take_from_server(connection: &Connection, to: &mut dyn Write, bar: &ProgressBar) -> anyhow::Result<Manifest> {
    let mut stream = Client::new(connection)?.post_stream("/api/v1/backup")?;
    let mut copied = Copied { from: &mut stream, to, bar, failed: None };
    let checked = backup::check(&mut copied, &mut |manifest| bar.set_length(manifest.content_bytes));
    if let Some(error) = copied.failed {
        return Err(error).context("the backup cannot be written");
    }
    checked.map_err(described)
}

/// Passes bytes on as they are read.
struct Copied<'a> {
    from: &'a mut dyn Read,
    to: &'a mut dyn Write,
    bar: &'a ProgressBar,
    failed: Option<std::io::Error>,
}

impl Read for Copied<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.bar.inc(count as u64);
        if let Err(error) = self.to.write_all(&buffer[..count]) {
            self.failed = Some(error);
            return Err(std::io::Error::other("the copy failed"));
        }
        Ok(count)
    }
}

fn take_apart(home: &Path, database: Option<&str>, to: &mut dyn Write, bar: &ProgressBar) -> anyhow::Result<Manifest> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut manifest = None;
    let mut told = |found: &Manifest| {
        bar.set_length(found.content_bytes);
        manifest = Some(found.clone());
    };
    let mut counted = Counted { to, bar };
    backup::backup_home(runtime.handle(), home, database, &mut counted, &mut told).map_err(described)?;
    manifest.context("the backup has no manifest")
}

struct Counted<'a> {
    to: &'a mut dyn Write,
    bar: &'a ProgressBar,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.bar.inc(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// A file that appears when it is whole: it is written beside, under the name with `.part`. Dropped before, it is gone.
struct Target {
    path: PathBuf,
    part: PathBuf,
    file: File,
    force: bool,
}

impl Target {
    fn new(path: &Path, force: bool) -> anyhow::Result<Self> {
        if path.is_dir() {
            bail!("{} is a folder: name a file in it", path.display());
        }
        if !force && path.exists() {
            bail!("{} is there already: name another file, or write over it with --force", path.display());
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        // What a backup left that was killed.
        let _ = std::fs::remove_file(&part);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
        let file = file.with_context(|| format!("cannot write {}", part.display()))?;
        Ok(Self { path: path.to_owned(), part, file, force })
    }

    fn keep(self) -> anyhow::Result<()> {
        let failed = || format!("cannot write {}", self.path.display());
        self.file.sync_all().with_context(failed)?;
        // Unlike a rename, a link does not replace a file that came meanwhile; not every file system has links.
        match std::fs::hard_link(&self.part, &self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && !self.force => {
                return Err(error).with_context(failed);
            }
            Ok(()) => {}
            Err(_) => std::fs::rename(&self.part, &self.path).with_context(failed)?,
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.part);
    }
}

/// Restores a backup, or only checks it.
pub(super) fn restore(order: &Restore, json: bool) -> anyhow::Result<ExitCode> {
    let (mut from, length) = open(&order.file)?;
    let bar = output::byte_bar(length, if order.home.is_some() { "restore" } else { "check" });
    let mut from = bar.wrap_read(&mut from);
    let Some(home) = &order.home else {
        let checked = backup::check(&mut from, &mut |manifest| bar.set_length(length.max(manifest.content_bytes)));
        bar.finish_and_clear();
        return checked.map_err(described).and_then(|manifest| show_checked(&manifest, json));
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let target = Order { home: home.clone(), database: order.database.clone() };
    let told = &mut |manifest: &Manifest| bar.set_length(length.max(manifest.content_bytes));
    let restored = backup::restore(runtime.handle(), &target, &mut from, told);
    bar.finish_and_clear();
    show_restored(&restored.map_err(described)?, order.database.is_some(), json)
}

fn open(path: &Path) -> anyhow::Result<(Box<dyn Read>, u64)> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(std::io::stdin().lock()), 0));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let length = file.metadata()?.len();
    Ok((Box::new(std::io::BufReader::with_capacity(CHUNK, file)), length))
}

fn show_checked(manifest: &Manifest, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        output::json(manifest)?;
    } else {
        output::line(&format!("whole: {}", told(manifest)));
    }
    Ok(ExitCode::SUCCESS)
}

fn show_restored(restored: &Restored, has_database: bool, json: bool) -> anyhow::Result<ExitCode> {
    let code = if restored.audit.intact { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        output::json(restored)?;
        return Ok(code);
    }
    let Restored { home, taken_at, meuse, records, blobs, bytes, requeued, audit } = restored;
    let size = output::bytes(*bytes);
    output::line(&format!("{}: {records} records and {blobs} blobs, {size}", home.display()));
    output::line(&format!("restored from a backup of meuse {meuse} as of {taken_at}"));
    if *requeued > 0 {
        output::line(&format!("jobs that ran then and will begin again: {requeued}"));
    }
    if audit.intact {
        output::line(&format!("the audit trail is intact: {} entries", audit.entries));
    } else {
        output::line("the audit trail is NOT intact, as it was when the backup was taken:");
        for finding in &audit.findings {
            output::line(&format!("  entry {}: {}: {}", finding.seq, finding.kind, finding.message));
        }
    }
    let database = if has_database { " --database …" } else { "" };
    output::line(&format!("start it: meuse serve --home {}{database}", home.display()));
    Ok(code)
}
