//! Removes now and then what crashes left in the blobs (see `store::blobs::sweep` for what that is), and what was kept
//! for long enough.

use std::sync::Arc;
use std::time::Duration;

use crate::App;
use crate::compute::kept;

/// How often.
const EVERY: Duration = Duration::from_hours(6);

/// Sweeps at the start and then now and then, until the app stops.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        // What a backup has still to read is not swept meanwhile, whatever becomes of the records that named it.
        let turn = app.backups.acquire().await;
        match app.store.sweep().await {
            Ok(swept) if swept == meuse_store::Swept::default() => {}
            Ok(swept) => tracing::info!(
                blobs = swept.blobs,
                drafts = swept.drafts,
                bytes = swept.bytes,
                "what crashes had left of blobs was removed"
            ),
            // What is left takes room and harms nothing.
            Err(error) => tracing::warn!(%error, "the blobs cannot be swept now"),
        }
        drop(turn);
        kept::sweep(&app).await;
        tokio::select! {
            () = app.stop().cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
