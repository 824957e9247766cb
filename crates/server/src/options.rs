//! The limits of the listening side. Where they were said (flag, file, variable) is the concern of `meuse`.

use std::time::Duration;

/// What a client may take of the server's time and memory.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// From the first byte, or the last answer, to the end of the next request's headers.
    pub header_timeout: Duration,
    /// How long a request's body may be silent.
    pub body_timeout: Duration,
    /// The most bytes of a request's line and headers.
    pub max_header_bytes: usize,
    /// The most bytes of a request's body. Uploads have a limit of their own, `AppConfig::max_upload_bytes`.
    pub max_body_bytes: u64,
    /// The most connections; more wait in the listener's queue.
    pub max_connections: usize,
    /// The most requests that are answered at once, health checks apart; more are told when to come back.
    pub max_requests: usize,
    /// How long requests in flight may go on after the server was asked to stop.
    pub grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(30),
            max_header_bytes: 64 << 10,
            max_body_bytes: 16 << 20,
            max_connections: 1024,
            max_requests: 512,
            grace: Duration::from_secs(20),
        }
    }
}
