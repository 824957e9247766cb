//! The last checkpoint of a training that has failed: put aside in the home for a week, so that the work of hours is not
//! lost with the work folder. It is a safetensors file, which any program for networks reads.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use meuse_store::records::jobs::JobRow;

use crate::App;

/// The folder in the home.
const FOLDER: &str = "checkpoints";
/// How the names of checkpoints end.
const ENDING: &str = ".checkpoint.safetensors";
/// How long one is kept.
const WEEK: Duration = Duration::from_hours(7 * 24);

/// Puts the checkpoint of the job's last attempt aside; its place, where there is one.
pub(super) async fn keep(app: &App, job: &JobRow) -> Option<PathBuf> {
    let work = app.compute.folder(&job.id, job.attempts);
    let place = app.home.path(FOLDER).join(format!("{}.safetensors", job.id));
    let kept = tokio::task::spawn_blocking(move || put_aside(&work, &place).then_some(place)).await;
    kept.unwrap_or_default()
}

/// Whether the attempt has written a checkpoint of its own. One that it took over is the same file as that of the attempt
/// before.
pub(super) async fn came_further(app: &App, job: &JobRow) -> bool {
    let [own, before] = [job.attempts, job.attempts - 1].map(|attempt| app.compute.folder(&job.id, attempt));
    let came = tokio::task::spawn_blocking(move || {
        let file = |folder: &Path| {
            let file = checkpoint(folder)?.metadata().ok()?;
            Some((file.dev(), file.ino()))
        };
        let own = file(&own);
        own.is_some() && own != file(&before)
    });
    came.await.unwrap_or_default()
}

/// The checkpoint in a work folder.
fn checkpoint(work: &Path) -> Option<std::fs::DirEntry> {
    let is_checkpoint = |entry: &std::fs::DirEntry| {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        is_file && entry.file_name().to_string_lossy().ends_with(ENDING)
    };
    std::fs::read_dir(work).into_iter().flatten().flatten().find(is_checkpoint)
}

fn put_aside(work: &Path, place: &Path) -> bool {
    let Some(found) = checkpoint(work) else { return false };
    let Some(folder) = place.parent() else { return false };
    // It may be there from a try whose commit failed.
    let _ = std::fs::remove_file(place);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.is_ok() && (std::fs::hard_link(found.path(), place).is_ok() || std::fs::copy(found.path(), place).is_ok())
}

/// Removes what was kept for long enough.
pub(crate) async fn sweep(app: &App) {
    let folder = app.home.path(FOLDER);
    let swept = tokio::task::spawn_blocking(move || {
        let old = |entry: &std::fs::DirEntry| {
            let changed = entry.metadata().and_then(|file| file.modified());
            changed.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > WEEK))
        };
        let old = std::fs::read_dir(&folder).into_iter().flatten().flatten().filter(old);
        old.filter(|entry| std::fs::remove_file(entry.path()).is_ok()).count()
    });
    if let Ok(count @ 1..) = swept.await {
        tracing::info!(checkpoints = count, "checkpoints of failed trainings were removed after a week");
    }
}
