//! What the product does, in words that no protocol and no database uses: the services behind one concrete [`App`].
//!
//! A service function is a method of [`App`] in its room (`data/`, `compute/`, `models/`, `serving/`, `access/`,
//! `audit.rs`, `overview.rs`): it takes the [`access::Caller`], asks for the right first, and answers in the words of
//! [`meuse_core::api`]. No protocol is spoken here; `server` does that.

pub mod access;
pub mod audit;
pub mod backup;
pub mod compute;
mod config;
pub mod data;
mod disk;
mod error;
mod home;
pub mod models;
mod overview;
pub mod serving;
mod sweep;

use std::sync::Arc;

use meuse_core::time::Clock;
use meuse_store::{DatabaseAddress, Store, StoreConfig};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::AppConfig;
pub use error::Error;

/// The product, built once per process and shared behind an [`Arc`].
pub struct App {
    /// What was meant by flags, files and variables.
    pub config: AppConfig,
    /// Where the time comes from.
    pub clock: Clock,
    /// Records and blobs.
    pub store: Store,
    /// Projects, principals, roles, keys and sessions.
    pub access: access::Access,
    /// The snapshot of models, routes and aliases that answers calls.
    pub models: models::Models,
    /// Loaded bundles, permits and timings.
    pub serving: serving::Serving,
    pub(crate) compute: compute::Compute,
    home: home::Home,
    /// One backup at a time: each reads everything.
    backups: Arc<Semaphore>,
    /// Few thumbnails at a time: each takes the memory of a whole picture.
    thumbnails: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl App {
    /// Opens a home folder, making it at the first start: lock, secret, database with its migrations, blobs.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another process holds the home, naming its pid; [`Error::Unavailable`] when the
    /// database or a folder cannot be opened.
    pub async fn open(config: AppConfig) -> Result<Arc<Self>, Error> {
        Self::open_handing_over(config, &|_| Ok(())).await
    }

    /// As [`App::open`]; the very first start gives its admin key to `hand_over` before the key is valid, and makes none
    /// when that fails.
    ///
    /// # Errors
    /// As [`App::open`], and what `hand_over` says.
    pub async fn open_handing_over(
        config: AppConfig,
        hand_over: &(dyn Fn(&str) -> Result<(), Error> + Sync),
    ) -> Result<Arc<Self>, Error> {
        let home = home::Home::open(&config.home)?;
        let database = match &config.database {
            Some(url) => DatabaseAddress::parse(url),
            None => DatabaseAddress::Sqlite(home.path("meuse.db")),
        };
        let blobs = config.blobs.clone().unwrap_or_else(|| home.path("blobs"));
        let (audit_head, secret) = (home.path("audit.head"), home.secret().clone());
        let store = Store::open(StoreConfig { database, blobs, audit_head, secret }).await?;
        let clock = config.clock.clone();
        let access = access::Access::open(&store, home.secret(), clock.clone(), hand_over).await?;
        let models = models::Models::open(&store).await?;
        let serving = serving::Serving::new(&config, store.blobs.clone());
        let compute = compute::Compute::new(&config, &home);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (backups, thumbnails) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(2)));
        Ok(Arc::new(Self {
            config,
            clock,
            store,
            access,
            models,
            serving,
            compute,
            home,
            backups,
            thumbnails,
            tasks,
            stop,
        }))
    }

    /// Starts the background loops: jobs, and the snapshots of keys and models.
    pub fn start(self: &Arc<Self>) {
        self.spawn(compute::run(Arc::clone(self)));
        self.spawn(sweep::run(Arc::clone(self)));
        self.spawn(models::refresh(Arc::clone(self)));
        self.spawn(access::refresh(Arc::clone(self)));
        self.spawn(access::sweep(Arc::clone(self)));
    }

    /// Ends the background loops and closes the database. Children at work are left running: the next start of a
    /// server on this home adopts them.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
        self.home.release();
    }

    /// The token that tells background work to end.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs background work that [`App::shutdown`] waits for.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }
}
