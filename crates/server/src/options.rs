//! The limits of the listening side. Where they were said (flag, file, variable) is the concern of `meuse`.

use std::time::Duration;

/// What a client may take of the server's time and memory.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// From the first byte, or the last answer, to the end of the next request's headers.
    pub header_timeout: Duration,
    /// How long a connection may be open after its last answer without a new request. HTTP/1 knows `header_timeout`
    /// before that.
    pub idle_timeout: Duration,
    /// How long a request's body may be silent, and over how long the least rate is measured.
    pub body_timeout: Duration,
    /// The least bytes a second, on average over `body_timeout`, of a body that comes and of an answer that goes:
    /// slower than any line that people still use, and faster than somebody who only means to sit there.
    pub least_rate: u64,
    /// The most bytes of a request's line and headers.
    pub max_header_bytes: usize,
    /// The most bytes of a request's body. Uploads have a limit of their own, `AppConfig::max_upload_bytes`.
    pub max_body_bytes: u64,
    /// The memory for all bodies together, in bytes.
    pub bodies_memory: usize,
    /// The most connections; for one more, one that only sits is closed.
    pub max_connections: usize,
    /// The most requests that are answered at once, health checks apart; more are told when to come back. One
    /// principal has at most half of them.
    pub max_requests: usize,
    /// How long requests in flight may go on after the server was asked to stop.
    pub grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_mins(2),
            body_timeout: Duration::from_secs(30),
            least_rate: 1024,
            max_header_bytes: 64 << 10,
            max_body_bytes: 16 << 20,
            bodies_memory: 256 << 20,
            max_connections: 1024,
            max_requests: 512,
            grace: Duration::from_secs(20),
        }
    }
}

impl ServeOptions {
    /// The least bytes that must have passed in this time.
    pub(crate) fn least_bytes(&self, time: Duration) -> u64 {
        (self.least_rate as f64 * time.as_secs_f64()) as u64
    }
}
