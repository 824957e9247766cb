//! Our own accept loop: HTTP/1.1 and HTTP/2 on one port, with the time limits that `axum::serve` lacks.
//!
//! The end has an order: stop accepting, let requests in flight finish within the grace, close what is left, then
//! [`App::shutdown`], which ends the background loops and closes the database.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use meuse_app::App;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::ServeOptions;
use crate::routes;
use crate::state::ServerState;

/// How long to wait after an accept that failed for want of file descriptors or memory.
const BREATHER: Duration = Duration::from_millis(50);
/// The most streams of one HTTP/2 connection.
const HTTP2_STREAMS: u32 = 128;

/// Answers requests until `shutdown` is cancelled and everything has ended in order.
pub async fn serve(app: Arc<App>, listener: TcpListener, options: ServeOptions, shutdown: CancellationToken) {
    let state = ServerState::new(Arc::clone(&app), options.clone(), shutdown.clone());
    let server = Server {
        router: routes::router(state),
        http: http(&options),
        places: Arc::new(Semaphore::new(options.max_connections.max(1))),
        connections: TaskTracker::new(),
        // Cancelled when the grace is over.
        hurry: CancellationToken::new(),
        shutdown,
        options,
    };
    server.accept(&listener).await;
    drop(listener);
    server.finish().await;
    app.shutdown().await;
}

struct Server {
    router: Router,
    http: Arc<Builder<TokioExecutor>>,
    places: Arc<Semaphore>,
    connections: TaskTracker,
    hurry: CancellationToken,
    shutdown: CancellationToken,
    options: ServeOptions,
}

fn http(options: &ServeOptions) -> Arc<Builder<TokioExecutor>> {
    // Below 8 KiB hyper panics.
    let header_bytes = options.max_header_bytes.max(8 << 10);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(options.header_timeout).max_buf_size(header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(options.header_timeout)
        .keep_alive_timeout(options.header_timeout)
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX));
    Arc::new(builder)
}

impl Server {
    async fn accept(&self, listener: &TcpListener) {
        while let Some(place) = self.until_shutdown(Arc::clone(&self.places).acquire_owned()).await {
            let Ok(place) = place else { return };
            match self.until_shutdown(listener.accept()).await {
                None => return,
                Some(Ok((stream, _))) => self.attend(stream, place),
                Some(Err(error)) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATHER).await;
                }
            }
        }
    }

    async fn until_shutdown<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.shutdown.run_until_cancelled(work).await
    }

    fn attend(&self, stream: TcpStream, place: OwnedSemaphorePermit) {
        // Answers are small and whole: nothing is won by waiting for more to send.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            router: self.router.clone(),
            http: Arc::clone(&self.http),
            header_timeout: self.options.header_timeout,
            shutdown: self.shutdown.clone(),
        };
        let hurry = self.hurry.clone();
        self.connections.spawn(async move {
            hurry.run_until_cancelled(connection.attend(stream)).await;
            drop(place);
        });
    }

    async fn finish(&self) {
        self.connections.close();
        let open = self.connections.len();
        tracing::info!(connections = open, "stopped accepting; requests in flight finish");
        if tokio::time::timeout(self.options.grace, self.connections.wait()).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "the grace is over; closing what is still open");
            self.hurry.cancel();
            self.connections.wait().await;
        }
    }
}

struct Connection {
    router: Router,
    http: Arc<Builder<TokioExecutor>>,
    header_timeout: Duration,
    shutdown: CancellationToken,
}

impl Connection {
    async fn attend(self, stream: TcpStream) {
        let was_asked = Arc::new(AtomicBool::new(false));
        let (router, asked) = (self.router, Arc::clone(&was_asked));
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            let answer = router.clone().oneshot(request.map(axum::body::Body::new));
            async move { answer.await.map_err(|never: Infallible| match never {}) }
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        let mut first_request = pin!(tokio::time::sleep(self.header_timeout));
        let (mut waiting_for_first, mut stopping) = (true, false);
        loop {
            tokio::select! {
                // What goes wrong here is the client's connection; the requests on it have been answered or logged.
                _ = connection.as_mut() => return,
                // Hyper's own header timeout begins after the bytes that tell HTTP/1 from HTTP/2.
                () = first_request.as_mut(), if waiting_for_first => {
                    if !was_asked.load(Ordering::Relaxed) {
                        return;
                    }
                    waiting_for_first = false;
                }
                () = self.shutdown.cancelled(), if !stopping => {
                    connection.as_mut().graceful_shutdown();
                    stopping = true;
                }
            }
        }
    }
}
