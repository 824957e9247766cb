//! Backups: one file that holds every record and every blob of a server as of one instant, and its secret; taken while
//! the server works, restored into an empty home.
//!
//! `write` makes the file, `walk` reads one from start to end and checks every byte, `restore` builds a home from it;
//! `archive` and `manifest` are the format, which `docs/reference/backup-format.md` describes.

mod archive;
mod manifest;
mod restore;
mod walk;
mod write;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use meuse_core::time::{Clock, Micros};
use meuse_store::backup::Picture;
use meuse_store::records::audit::{self, NewEntry};
use meuse_store::{Blobs, DatabaseAddress};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

pub use manifest::Manifest;
pub use restore::{Order, Restored, restore};
use walk::Nothing;
use write::{Channel, Plan};

use crate::access::{Action, Caller};
use crate::{App, Error};

/// How long whoever takes a backup may take nothing of it.
const STALL: Duration = Duration::from_mins(2);
/// How long a backup waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many chunks wait for whoever takes a backup.
const QUEUE: usize = 4;

/// A backup on its way out.
pub struct Backup {
    /// What it may be called, as in `meuse-2026-11-28T031500Z.tar`.
    pub file: String,
    /// Its bytes. What goes wrong while they are read is told in the file itself, as its last entry.
    pub stream: BoxStream<'static, Result<Bytes, std::io::Error>>,
}

impl App {
    /// Hands out a backup of the whole server, all projects of it.
    ///
    /// # Errors
    /// [`Error::Overloaded`] while another one is being taken; [`Error::Unavailable`] for a blob that is not there.
    pub async fn backup(self: &Arc<Self>, caller: &Caller) -> Result<Backup, Error> {
        caller.require(Action::Backup)?;
        // A sweep of the blobs takes its turn here too, and is soon over.
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.backups).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(|| Error::Overloaded {
            message: "another backup is being taken: wait until it is finished".into(),
            retry_after: Duration::from_mins(1),
        })?;
        let at = self.clock.now();
        self.note_backup(caller, at).await?;
        let (app, runtime) = (Arc::clone(self), Handle::current());
        let planned = tokio::task::spawn_blocking(move || {
            let picture = runtime.block_on(Picture::of(&app.store))?;
            let source = write::Source {
                blobs: app.store.blobs.clone(),
                secret: app.home.path("secret"),
                spool: app.compute.work().clone(),
            };
            Plan::make(&runtime, picture, source, at)
        });
        let plan = planned.await.map_err(|_| Error::Internal("planning a backup panicked".into()))??;
        let (chunks, received) = mpsc::channel(QUEUE);
        let mut channel = Channel::new(Handle::current(), chunks, STALL);
        tokio::task::spawn_blocking(move || {
            let bytes = plan.manifest.content_bytes;
            match plan.write(&mut channel) {
                Ok(()) => tracing::info!(bytes, "a backup was handed out"),
                Err(error) => tracing::warn!(%error, "a backup was not handed out whole"),
            }
            drop(turn);
        });
        let stream = futures::stream::unfold(received, async |mut received: mpsc::Receiver<Bytes>| {
            received.recv().await.map(|chunk| (Ok(chunk), received))
        });
        Ok(Backup { file: file_name(at), stream: Box::pin(stream) })
    }

    /// Before the picture is taken, so that a backup tells of itself.
    async fn note_backup(&self, caller: &Caller, at: Micros) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        let entry = NewEntry {
            at,
            actor: caller.principal().to_owned(),
            project: caller.project().to_owned(),
            action: "server.backup".into(),
            subject: "all projects".into(),
            details: json!({ "key": caller.me().key_prefix }),
        };
        audit::append(&mut tx, entry);
        Ok(tx.commit().await?)
    }
}

fn file_name(at: Micros) -> String {
    let seconds = at.to_string();
    let seconds = seconds.split('.').next().unwrap_or_default().trim_end_matches('Z').replace(':', "");
    format!("meuse-{seconds}Z.tar")
}

/// Writes a backup of a home folder, whether or not a server runs on it; changes nothing there.
///
/// # Errors
/// [`Error::Unavailable`] for what is no home, and for a database or blob that cannot be read.
pub fn backup_home(
    runtime: &Handle,
    home: &Path,
    database: Option<&str>,
    to: &mut dyn std::io::Write,
    told: &mut dyn FnMut(&Manifest),
) -> Result<(), Error> {
    // The database's connections are let go of where the runtime is, whichever way this ends.
    let _context = runtime.enter();
    let database = match database {
        Some(url) => DatabaseAddress::parse(url),
        None => DatabaseAddress::Sqlite(home.join("meuse.db")),
    };
    if let DatabaseAddress::Sqlite(file) = &database
        && !file.exists()
    {
        return Err(Error::Unavailable(format!(
            "{} is not there: name the home folder of a server, and its --database if that is Postgres",
            file.display()
        )));
    }
    let picture = runtime.block_on(Picture::apart(&database))?;
    let blobs = Blobs::reading(home.join("blobs"));
    let source = write::Source { blobs, secret: home.join("secret"), spool: std::env::temp_dir() };
    let plan = Plan::make(runtime, picture, source, Clock::system().now())?;
    told(&plan.manifest);
    plan.write(to)
}

/// Reads a backup from start to end and checks every byte of it; keeps nothing.
///
/// # Errors
/// [`Error::Invalid`], which tells where the backup is damaged, cut, or not one; [`Error::Unsupported`] for one of a
/// newer Meuse.
pub fn check(from: &mut dyn Read, told: &mut dyn FnMut(&Manifest)) -> Result<Manifest, Error> {
    walk::walk(from, &mut Nothing(told))
}
