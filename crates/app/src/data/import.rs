//! An upload becomes a blob and a queued import, or is recognised as a version that is there already.
//!
//! The body is written and hashed as it comes, on a thread that may wait for the disk. An upload that breaks off, or
//! is refused, leaves nothing.

use std::path::Path;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use meuse_core::api::ImportAnswer;
use meuse_core::job::ImportOptions;
use meuse_core::names::DatasetName;
use meuse_store::records::datasets::{self, SourceRow};
use meuse_store::{Arrived, Arriving};
use tokio::sync::mpsc;

use crate::access::{Action, Caller};
use crate::compute::task::{Task, canonical};
use crate::home::UPLOAD_PREFIX;
use crate::{App, Error, compute, disk};

/// How many chunks of a body wait for the disk.
const QUEUE: usize = 16;
/// The longest name of a file, in bytes.
const MAX_FILE_NAME: usize = 255;

/// What is said about an upload before its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    /// The dataset that it becomes a version of; made when it is not there.
    pub dataset: DatasetName,
    /// The file's name; folders are left out.
    pub file: String,
    /// How to read it.
    pub options: ImportOptions,
    /// The length that the caller declared, in bytes.
    pub length: Option<u64>,
}

impl App {
    /// Imports an upload: queues a job that makes a version, or answers with the version that these bytes, read in
    /// this way, are already.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past the limit, [`Error::Invalid`] for an empty or broken body or a name with `..`.
    pub async fn import(
        &self,
        caller: &Caller,
        request: ImportRequest,
        body: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + Unpin,
    ) -> Result<ImportAnswer, Error> {
        caller.require(Action::ImportData)?;
        let file = file_name(&request.file)?;
        let (options, options_text) = canonical(&request.options)?;
        let limit = self.config.max_upload_bytes;
        if request.length.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let upload = receive(self.compute.work(), body, limit).await?;
        meuse_faults::reach("upload.received");
        check_length(upload.length, request.length)?;
        let bytes = upload.length;
        let source = SourceRow { file, sha256: upload.digest.to_string(), bytes, options: options_text };
        let (project, dataset) = (caller.project_id(), request.dataset.as_str());
        if let Some(version) = datasets::version_of_source(&self.store.db, project, dataset, &source).await? {
            return Ok(ImportAnswer::Unchanged { version: self.shown_version(&version).await? });
        }
        let blob = self.store.blobs.keep(upload).await?;
        let task =
            Task::Import { dataset: request.dataset, file: source.file, source: blob.to_string(), bytes, options };
        let job = self.queue(caller, "dataset.import", &task).await?;
        Ok(ImportAnswer::Started { job: compute::shown(&job)? })
    }
}

/// The last part of a path.
///
/// # Errors
/// When the path leads upwards, or its last part is no name.
fn file_name(given: &str) -> Result<String, Error> {
    let hint = "give the file's name without folders";
    let refused = |reason: String| Err(Error::invalid("file", reason, hint));
    if given.split(['/', '\\']).any(|part| part == "..") {
        return refused(format!("`{given}` leads out of its folder"));
    }
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if name.is_empty() || name == "." {
        return refused(format!("`{given}` names no file"));
    }
    if name.len() > MAX_FILE_NAME || name.chars().any(char::is_control) {
        return refused(format!("a name has at most {MAX_FILE_NAME} bytes and no control characters"));
    }
    Ok(name.to_owned())
}

fn check_length(received: u64, declared: Option<u64>) -> Result<(), Error> {
    if let Some(declared) = declared.filter(|declared| *declared != received) {
        return Err(cut_short(received, &format!("{declared} were declared")));
    }
    if received == 0 {
        return Err(Error::invalid("body", "the file is empty", "send the bytes of a CSV or Parquet file"));
    }
    Ok(())
}

fn too_large(limit: u64) -> Error {
    let megabytes = limit / (1 << 20);
    Error::TooLarge(format!(
        "the file is larger than the {limit} bytes ({megabytes} MiB) that this server takes: split it, send Parquet \
         instead of CSV, or have the limit raised"
    ))
}

/// What became of a body whose stream ended in an error.
fn broken_off(received: u64, limit: u64, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::FileTooLarge => too_large(limit),
        std::io::ErrorKind::TimedOut => Error::DeadlineExceeded(error.to_string()),
        _ => cut_short(received, &error.to_string()),
    }
}

fn cut_short(received: u64, reason: &str) -> Error {
    Error::invalid("body", format!("the upload broke off after {received} bytes: {reason}"), "send it again")
}

/// Takes the body. It lies in the work folder, from which what a killed server left is removed at its next start.
async fn receive(
    folder: &Path,
    body: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + Unpin,
    limit: u64,
) -> Result<Arrived, Error> {
    let arriving = Arriving::begin(folder, UPLOAD_PREFIX).map_err(|error| not_kept(folder, &error))?;
    let (chunks, received) = mpsc::channel(QUEUE);
    let writer = tokio::task::spawn_blocking(move || write(arriving, received));
    let passed = pass_on(body, chunks, limit).await;
    // Waited for in any case, so that a refused upload has left nothing when its refusal is answered.
    let written = writer.await.map_err(|_| Error::Internal("writing an upload panicked".into()))?;
    passed?;
    written.map_err(|error| not_kept(folder, &error))
}

async fn pass_on(
    mut body: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + Unpin,
    chunks: mpsc::Sender<Bytes>,
    limit: u64,
) -> Result<(), Error> {
    let mut bytes = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| broken_off(bytes, limit, &error))?;
        bytes += chunk.len() as u64;
        if bytes > limit {
            return Err(too_large(limit));
        }
        if chunks.send(chunk).await.is_err() {
            // The writer has stopped, and will say why.
            break;
        }
    }
    Ok(())
}

fn write(mut arriving: Arriving, mut chunks: mpsc::Receiver<Bytes>) -> std::io::Result<Arrived> {
    while let Some(chunk) = chunks.blocking_recv() {
        arriving.write(&chunk)?;
    }
    arriving.finish()
}

fn not_kept(folder: &Path, error: &std::io::Error) -> Error {
    Error::Unavailable(format!("the upload cannot be kept: {}", disk::refused(folder, error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_the_last_part_and_never_leads_upwards() {
        let good = [("german.csv", "german.csv"), ("data/german.csv", "german.csv"), ("C:\\data\\a b.csv", "a b.csv")];
        for (given, expected) in good {
            assert_eq!(file_name(given).expect(given), expected);
        }
        for given in ["../german.csv", "data/../../x", "..\\x", "", "data/", ".", "a\0b", &"x".repeat(256)] {
            let error = file_name(given).expect_err(given);
            assert_eq!(error.field(), Some("file"), "{given}");
        }
    }
}
