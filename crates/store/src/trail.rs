//! The audit trail's key, and its head outside the database: a file in the home that notes the newest entry, so that
//! entries cut from the end of the trail are missed.
//!
//! The file is written after the commit. A crash in between leaves the database ahead of the file, which is fine: the
//! noted entry is in the chain. A database behind the file is not.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::db::{Db, on};
use crate::error::Error;
use crate::secret::{MacKey, Secret};

/// The newest entry of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 when there is none.
    pub seq: i64,
    /// Its code, hexadecimal; empty when there is none.
    pub mac: String,
}

/// What it takes to extend the trail, and to check it.
#[derive(Debug)]
pub struct Trail {
    key: MacKey,
    file: Arc<HeadFile>,
}

/// The file, and what it holds. Written by one thread at a time.
#[derive(Debug)]
struct HeadFile {
    path: PathBuf,
    noted: Mutex<Noted>,
}

#[derive(Debug)]
struct Noted {
    head: Head,
    /// The database lacks the noted entry: the evidence must not be written over.
    frozen: bool,
}

impl Trail {
    /// Reads the head file, or makes it.
    pub(crate) async fn open(db: &Db, secret: &Secret, path: PathBuf) -> Result<Self, Error> {
        let (head, frozen) = match read_head(&path)? {
            Some(noted) => {
                let frozen = !holds(db, &noted).await?;
                (noted, frozen)
            }
            None => (begin(db, &path).await?, false),
        };
        if frozen {
            tracing::error!(
                audit.seq = head.seq,
                file = %path.display(),
                "the database lacks the audit entry that was noted as the newest: entries were cut, or an older \
                 database was put back; run `meuse audit verify`. The file stays as it is until someone moves it away"
            );
        }
        let file = HeadFile { path, noted: Mutex::new(Noted { head, frozen }) };
        Ok(Self { key: secret.derive("audit"), file: Arc::new(file) })
    }

    pub(crate) fn key(&self) -> &MacKey {
        &self.key
    }

    /// Where the head is noted outside the database.
    pub(crate) fn head_file(&self) -> &Path {
        &self.file.path
    }

    /// Whether the database lacks the entry that was noted as the newest: an older one was put in its place.
    pub fn is_frozen(&self) -> bool {
        self.file.noted.lock().unwrap_or_else(PoisonError::into_inner).frozen
    }

    /// Notes that this entry was committed. The file never moves backwards: writers come here in any order.
    pub(crate) async fn note(&self, head: Head) {
        let file = Arc::clone(&self.file);
        let written = tokio::task::spawn_blocking(move || file.note(head)).await;
        // What was committed stands: the note falls behind, and the next entry brings it up again.
        if let Ok(Err(error)) = written {
            tracing::error!(%error, "the newest audit entry could not be noted outside the database");
        }
    }
}

impl HeadFile {
    fn note(&self, head: Head) -> Result<(), Error> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.frozen || head.seq <= noted.head.seq {
            return Ok(());
        }
        write_head(&self.path, &head)?;
        noted.head = head;
        Ok(())
    }
}

/// Makes the file, at the first start.
async fn begin(db: &Db, path: &Path) -> Result<Head, Error> {
    let head = present(db).await?;
    if head.seq > 0 {
        tracing::warn!(
            audit.seq = head.seq,
            file = %path.display(),
            "the note of the newest audit entry was not there and is made anew: it shows no cut before this one"
        );
    }
    write_head(path, &head)?;
    Ok(head)
}

/// The head that the file notes, if there is a file.
pub(crate) fn read_head(path: &Path) -> Result<Option<Head>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file(path)(error)),
    };
    let (seq, mac) = text.trim_end_matches('\n').split_once(' ').unwrap_or_default();
    let seq = seq.parse().map_err(|_| Error::record(path.display().to_string(), "it is not `NUMBER CODE`"))?;
    Ok(Some(Head { seq, mac: mac.to_owned() }))
}

pub(crate) fn write_head(path: &Path, head: &Head) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut draft = NamedTempFile::new_in(folder).map_err(Error::file(folder))?;
    writeln!(draft, "{} {}", head.seq, head.mac).map_err(Error::file(path))?;
    draft.as_file().sync_all().map_err(Error::file(path))?;
    meuse_faults::pass("head.drafted").map_err(Error::file(path))?;
    draft.persist(path).map_err(|error| Error::file(path)(error.error))?;
    meuse_faults::reach("head.renamed");
    Ok(())
}

/// The head as the database has it.
pub(crate) async fn present(db: &Db) -> Result<Head, Error> {
    const SQL: &str = "SELECT seq, mac FROM audit_head";
    let (seq, mac) = on!(db, pool => sqlx::query_as(SQL).fetch_one(pool).await)?;
    Ok(Head { seq, mac })
}

async fn holds(db: &Db, head: &Head) -> Result<bool, Error> {
    const SQL: &str = "SELECT COUNT(*) FROM audit_entry WHERE seq = $1 AND mac = $2";
    if head.seq == 0 {
        return Ok(true);
    }
    let count: i64 = on!(db, pool => sqlx::query_scalar(SQL).bind(head.seq).bind(&head.mac).fetch_one(pool).await)?;
    Ok(count > 0)
}
