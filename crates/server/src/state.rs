//! What every handler can reach.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use meuse_app::App;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::ServeOptions;
use crate::limits::{DOORS, Shares};
use crate::memory::Memory;
use crate::metrics::Metrics;

/// The product, and the listening side's own things. Each layer of each request holds one of these.
#[derive(Clone)]
pub(crate) struct ServerState(Arc<Parts>);

/// What [`ServerState`] gives.
pub(crate) struct Parts {
    /// What the product does.
    pub(crate) app: Arc<App>,
    /// The limits of the listening side.
    pub(crate) options: Arc<ServeOptions>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Places for requests that are answered at once.
    pub(crate) places: Arc<Semaphore>,
    /// Places for those who sign in.
    pub(crate) doors: Arc<Semaphore>,
    /// How many of them each principal has.
    pub(crate) shares: Shares,
    /// The memory for bodies.
    pub(crate) memory: Arc<Memory>,
    /// Cancelled when the server was asked to stop: streams end.
    pub(crate) shutdown: CancellationToken,
}

impl ServerState {
    pub(crate) fn new(app: Arc<App>, options: ServeOptions, shutdown: CancellationToken) -> Self {
        let metrics = Arc::new(Metrics::new(&app.serving.statistics));
        let places = Arc::new(Semaphore::new(options.max_requests.max(1)));
        let doors = Arc::new(Semaphore::new(DOORS));
        let shares = Shares::new(options.max_requests);
        let memory = Arc::new(Memory::new(options.bodies_memory, metrics.bodies_memory.clone()));
        Self(Arc::new(Parts { app, options: Arc::new(options), metrics, places, doors, shares, memory, shutdown }))
    }
}

impl Deref for ServerState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<ServerState> for Arc<App> {
    fn from_ref(state: &ServerState) -> Self {
        Arc::clone(&state.app)
    }
}
