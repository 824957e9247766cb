//! A dataset version leaves the house: its Parquet straight from the blob, its CSV from a job that writes it once.

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use meuse_core::api::Job;
use meuse_core::job::{FileFormat, JobState};
use meuse_core::names::DatasetRef;
use meuse_store::Digest;
use meuse_store::records::datasets::{self, VersionRow};
use meuse_store::records::jobs;

use crate::access::{Action, Caller};
use crate::compute::task::Task;
use crate::{App, Error};

/// A file on its way out.
pub struct Export {
    /// What it may be called, as in `credit-1.csv`.
    pub file: String,
    /// Its media type.
    pub content_type: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its bytes. An error at the end says that they are not what was kept.
    pub stream: BoxStream<'static, Result<Bytes, std::io::Error>>,
}

impl App {
    /// Exports a dataset version. A CSV that nobody asked for before is written first, which the call waits for.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`] when the job that writes the CSV fails.
    pub async fn export(&self, caller: &Caller, reference: &DatasetRef, format: FileFormat) -> Result<Export, Error> {
        caller.require(Action::ExportData)?;
        let version = self.find_version(caller, reference).await?;
        let (extension, content_type, digest) = match format {
            FileFormat::Parquet => ("parquet", "application/vnd.apache.parquet", version.contents.data),
            FileFormat::Jsonl | FileFormat::Texts => {
                let hint = "write csv or parquet";
                let what = if format == FileFormat::Jsonl { "JSON lines" } else { "files of text" };
                return Err(Error::invalid("format", format!("a dataset is not exported as {what}"), hint));
            }
            FileFormat::Csv => ("csv", "text/csv; charset=utf-8", self.csv(caller, &version).await?),
            FileFormat::Images => return self.export_pictures(&version).await,
        };
        let blob = self.store.blobs.open(&digest).await?;
        Ok(Export {
            file: format!("{}-{}.{extension}", version.dataset, version.version),
            content_type,
            bytes: blob.length,
            stream: blob.stream().map(|chunk| chunk.map_err(std::io::Error::other)).boxed(),
        })
    }

    /// The file that pictures were imported from, as it came.
    async fn export_pictures(&self, version: &VersionRow) -> Result<Export, Error> {
        if version.contents.media.is_none() {
            let message = format!("{}:{} is a table, and holds no pictures", version.dataset, version.version);
            return Err(Error::invalid("format", message, "export it as `csv` or `parquet`"));
        }
        let digest = version.source.sha256.parse().map_err(|error| Error::Internal(format!("a record: {error}")))?;
        let blob = self.store.blobs.open(&digest).await?;
        Ok(Export {
            file: version.source.file.replace(['"', '\\'], "_"),
            content_type: "application/octet-stream",
            bytes: blob.length,
            stream: blob.stream().map(|chunk| chunk.map_err(std::io::Error::other)).boxed(),
        })
    }

    async fn csv(&self, caller: &Caller, version: &VersionRow) -> Result<Digest, Error> {
        if let Some(csv) = version.csv {
            return Ok(csv);
        }
        let (db, project) = (&self.store.db, caller.project_id());
        let subject = format!("{}:{}", version.dataset, version.version);
        let job = match jobs::open_of_subject(db, project, "export", &subject).await? {
            Some(job) => job,
            None => self.queue(caller, "dataset.export", &export_task(version)?).await?,
        };
        let job = self.ended(&job.id).await?;
        if job.state != JobState::Succeeded {
            let reason = job.failure.map_or_else(|| "it was cancelled".to_owned(), |failure| failure.to_string());
            return Err(Error::Unavailable(format!(
                "`{subject}` could not be written as CSV by job {}: {reason}",
                job.id
            )));
        }
        let written = datasets::version(db, project, &version.dataset, Some(version.version)).await?;
        let csv = written.and_then(|version| version.csv);
        csv.ok_or_else(|| Error::Internal(format!("the CSV of {subject} was written and is not there")))
    }

    /// Waits until a job has ended.
    async fn ended(&self, id: &str) -> Result<Job, Error> {
        let mut changed = self.compute.changes();
        loop {
            let row = jobs::get(&self.store.db, id).await?;
            let row = row.ok_or_else(|| Error::Internal(format!("the record of job {id} is gone")))?;
            let job = crate::compute::shown(&row)?;
            if job.state.is_final() {
                return Ok(job);
            }
            tokio::select! {
                // Another server may run it, whose changes are not announced here.
                () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
                _ = changed.changed() => {}
                () = self.stop().cancelled() => {
                    return Err(Error::Unavailable("the server is shutting down; try again".into()));
                }
            }
        }
    }
}

fn export_task(version: &VersionRow) -> Result<Task, Error> {
    let dataset = version.dataset.parse().map_err(|error: meuse_core::names::NameError| {
        Error::Internal(format!("the record of dataset `{}` is damaged: {error}", version.dataset))
    })?;
    Ok(Task::Export { dataset, version: version.version, data: version.contents.data.to_string() })
}
