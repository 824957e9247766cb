//! Our own accept loop: HTTP/1.1 and HTTP/2 on one port, with the time limits that `axum::serve` lacks.
//!
//! The end has an order: stop accepting, let requests in flight finish within the grace, close what is left, then
//! [`App::shutdown`], which ends the background loops and closes the database.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use meuse_app::App;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::ServeOptions;
use crate::connections::{Connections, Line, Place};
use crate::memory::Share;
use crate::routes;
use crate::sending::{Counted, Outgoing};
use crate::state::ServerState;

/// How long to wait after an accept that failed for want of file descriptors or memory.
const BREATHER: Duration = Duration::from_millis(50);
/// The most streams of one HTTP/2 connection.
const HTTP2_STREAMS: u32 = 128;
/// How many bytes of one HTTP/2 stream may come before a handler asks for them.
const HTTP2_STREAM_WINDOW: u32 = 256 << 10;
/// How many bytes of all streams of an HTTP/2 connection may.
const HTTP2_CONNECTION_WINDOW: u32 = 512 << 10;
/// How many bytes of an answer are buffered for an HTTP/2 stream that the client does not read.
const HTTP2_SEND_BUFFER: usize = 64 << 10;
/// How many streams a client may reset before they were begun, and how many of our own resets are remembered: past
/// that the connection is closed, which ends what is known as rapid reset.
const HTTP2_RESETS: usize = 32;

/// Answers requests until `shutdown` is cancelled and everything has ended in order.
pub async fn serve(app: Arc<App>, listener: TcpListener, options: ServeOptions, shutdown: CancellationToken) {
    let state = ServerState::new(Arc::clone(&app), options, shutdown.clone());
    let server = Server {
        http: http(&state.options),
        places: Connections::new(Arc::clone(&state.options), Arc::clone(&state.metrics)),
        grace: state.options.grace,
        router: routes::router(state),
        connections: TaskTracker::new(),
        // Cancelled when the grace is over.
        hurry: CancellationToken::new(),
        shutdown,
    };
    let places = Arc::clone(&server.places);
    let accepting = async {
        server.accept(&listener).await;
        drop(listener);
        server.finish().await;
    };
    // The watch never ends by itself: it goes on until the last connection has gone.
    tokio::select! {
        () = accepting => {}
        () = places.watch() => {}
    }
    app.shutdown().await;
}

struct Server {
    router: Router,
    http: Arc<Builder<TokioExecutor>>,
    places: Arc<Connections>,
    connections: TaskTracker,
    hurry: CancellationToken,
    shutdown: CancellationToken,
    grace: Duration,
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
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
        .max_send_buf_size(HTTP2_SEND_BUFFER)
        .max_pending_accept_reset_streams(HTTP2_RESETS)
        .max_local_error_reset_streams(HTTP2_RESETS)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX));
    Arc::new(builder)
}

impl Server {
    async fn accept(&self, listener: &TcpListener) {
        while let Some(accepted) = self.until_shutdown(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    let Some(place) = self.until_shutdown(self.places.place()).await else { return };
                    self.attend(stream, place);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATHER).await;
                }
            }
        }
    }

    async fn until_shutdown<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.shutdown.run_until_cancelled(work).await
    }

    fn attend(&self, stream: TcpStream, place: Place) {
        // Answers are small and whole: nothing is won by waiting for more to send.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            router: self.router.clone(),
            http: Arc::clone(&self.http),
            line: Arc::clone(&place.line),
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
        if tokio::time::timeout(self.grace, self.connections.wait()).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "the grace is over; closing what is still open");
            self.hurry.cancel();
            self.connections.wait().await;
        }
    }
}

struct Connection {
    router: Router,
    http: Arc<Builder<TokioExecutor>>,
    line: Arc<Line>,
    shutdown: CancellationToken,
}

impl Connection {
    async fn attend(self, stream: TcpStream) {
        let (router, line) = (self.router, Arc::clone(&self.line));
        let service = hyper::service::service_fn(move |request| answer(router.clone(), Arc::clone(&line), request));
        let socket = Counted { stream, line: Arc::clone(&self.line) };
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(socket), service));
        let mut stopping = false;
        loop {
            tokio::select! {
                // What goes wrong here is the client's connection; the requests on it have been answered or logged.
                _ = connection.as_mut() => return,
                () = self.line.told_to_leave() => return,
                () = self.shutdown.cancelled(), if !stopping => {
                    connection.as_mut().graceful_shutdown();
                    stopping = true;
                }
            }
        }
    }
}

async fn answer(
    router: Router,
    line: Arc<Line>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Outgoing>, Infallible> {
    let working = line.request();
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Arc::clone(&line));
    let mut response = router.oneshot(request).await?;
    let share = response.extensions_mut().remove::<Share>();
    let response = response.map(|body| Outgoing::new(body, &line, share));
    drop(working);
    Ok(response)
}
