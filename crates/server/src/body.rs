//! Reading request bodies: whole ones up to a limit, and streams that are counted on the way.
//!
//! A body that says it is too large is refused before it is read. A body that falls silent, or comes more slowly than
//! any line that people use, is given up: by default after 30 seconds without a byte, or with less than 30 KiB.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt};
use meuse_app::Error;

use crate::ServeOptions;
use crate::failure::Failure;
use crate::memory::{self, Holding};
use crate::state::ServerState;

/// How much of a refused body is read and thrown away, and for how long, so that a client that writes before it reads
/// sees the answer instead of a broken pipe.
const LINGER_BYTES: usize = 64 << 20;
const LINGER_TIME: Duration = Duration::from_secs(5);

/// How long a body of a request without a key may be silent.
const KEYLESS_SILENCE: Duration = Duration::from_secs(5);
/// What an upload takes of the memory for bodies: what waits for the disk.
const UPLOAD_BYTES: usize = 1 << 20;

/// A whole body of at most `max_body_bytes`, with the request's headers.
pub(crate) struct Whole {
    /// The body.
    pub(crate) bytes: Bytes,
    /// The headers.
    pub(crate) headers: HeaderMap,
    holding: Option<Arc<Holding>>,
}

impl Whole {
    /// Holds the memory that the values of this JSON, a part of the body, will take.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Overloaded`].
    pub(crate) async fn weigh(&self, json: &[u8]) -> Result<(), Error> {
        self.hold(memory::weight(json)).await
    }

    /// Holds at least so much memory for what is made of the body.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Overloaded`].
    pub(crate) async fn hold(&self, bytes: usize) -> Result<(), Error> {
        match &self.holding {
            Some(holding) => holding.grow(bytes).await,
            None => Ok(()),
        }
    }
}

impl FromRequest<ServerState> for Whole {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let options = &state.options;
        let limit = Limit::new(options, options.max_body_bytes, "send less at once, as in fewer rows per call");
        let holding = parts.extensions.get::<Arc<Holding>>().cloned();
        let mut stream = Box::pin(open(&parts.headers, body, limit)?);
        let announced = content_length(&parts.headers).unwrap_or(0);
        let mut bytes = BytesMut::with_capacity(announced.min(64 << 10) as usize);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            if let Some(holding) = &holding
                && let Err(error) = holding.grow(bytes.len() + chunk.len()).await
            {
                linger(stream);
                return Err(error.into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Self { bytes: bytes.freeze(), headers: parts.headers, holding })
    }
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// The most bytes.
    pub(crate) bytes: u64,
    /// How long it may be silent, and over how long its rate is measured.
    pub(crate) silence: Duration,
    /// The least bytes a second.
    pub(crate) least_rate: u64,
    /// What to do when it is too large.
    pub(crate) remedy: &'static str,
}

impl Limit {
    /// So many bytes at most, at the pace that the options ask for.
    pub(crate) fn new(options: &ServeOptions, bytes: u64, remedy: &'static str) -> Self {
        Self { bytes, silence: options.body_timeout, least_rate: options.least_rate, remedy }
    }

    /// The same for a request without a key, which has less time.
    pub(crate) fn keyless(options: &ServeOptions, bytes: u64, remedy: &'static str) -> Self {
        Self { silence: options.body_timeout.min(KEYLESS_SILENCE), ..Self::new(options, bytes, remedy) }
    }
}

/// Holds the memory that an upload takes while it passes.
///
/// # Errors
/// 429.
pub(crate) async fn hold_upload(extensions: &Extensions) -> Result<(), Failure> {
    match extensions.get::<Arc<Holding>>() {
        Some(holding) => Ok(holding.grow(UPLOAD_BYTES).await?),
        None => Ok(()),
    }
}

/// The chunks of a body within the limit.
///
/// # Errors
/// 413 at once when the announced length is over the limit. The stream ends with the same when a body without an
/// announced length grows over it, with 408 when the body falls silent, and with 400 when the connection breaks off.
pub(crate) fn open(
    headers: &HeaderMap,
    body: Body,
    limit: Limit,
) -> Result<impl Stream<Item = Result<Bytes, Failure>> + Send + use<>, Failure> {
    check_encoding(headers)?;
    let announced = content_length(headers).or(body.size_hint().exact());
    if announced.is_some_and(|length| length > limit.bytes) {
        // Whoever asks first is answered before they send; reading would be telling them to go on.
        if !headers.contains_key(header::EXPECT) {
            linger(body.into_data_stream());
        }
        return Err(too_large(&limit));
    }
    let mut read: u64 = 0;
    let chunks = Box::pin(timely(body, limit));
    Ok(chunks.map(move |chunk| {
        let chunk = chunk?;
        read += chunk.len() as u64;
        if read > limit.bytes { Err(too_large(&limit)) } else { Ok(chunk) }
    }))
}

/// Chunks, each of which comes within the limit's silence, and all of them at no less than its rate. Ends after the
/// first error.
fn timely(body: Body, limit: Limit) -> impl Stream<Item = Result<Bytes, Failure>> + Send {
    let pace = Pace { limit, waited: Duration::ZERO, bytes: 0 };
    futures::stream::try_unfold((body.into_data_stream(), pace), |(mut chunks, mut pace)| async move {
        let begin = Instant::now();
        match tokio::time::timeout(pace.limit.silence, chunks.try_next()).await {
            Ok(Ok(Some(chunk))) => {
                pace.came(chunk.len(), begin.elapsed())?;
                Ok(Some((chunk, (chunks, pace))))
            }
            Ok(Ok(None)) => Ok(None),
            Ok(Err(_)) => {
                Err(Error::invalid("body", "the connection broke off before its end", "send it again").into())
            }
            Err(_) => Err(silent(pace.limit.silence)),
        }
    })
}

/// How fast a body comes. Only the time is counted in which we waited for it: what the disk takes is not its fault.
struct Pace {
    limit: Limit,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    fn came(&mut self, bytes: usize, after: Duration) -> Result<(), Failure> {
        self.waited += after;
        self.bytes += bytes as u64;
        if self.waited < self.limit.silence {
            return Ok(());
        }
        let rate = self.bytes as f64 / self.waited.as_secs_f64();
        if rate < self.limit.least_rate as f64 {
            return Err(too_slow(&self.limit, rate));
        }
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        Ok(())
    }
}

/// The announced length.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    let transfer = headers.get_all(header::TRANSFER_ENCODING).iter().map(|value| value.to_str().unwrap_or("?").trim());
    if let Some(other) = transfer.into_iter().find(|transfer| !transfer.eq_ignore_ascii_case("chunked")) {
        let message = format!("the transfer encoding `{other}` is not known here: send the body plain, or in chunks");
        return Err(Failure::with_status(Error::Unsupported(message), StatusCode::NOT_IMPLEMENTED));
    }
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("identity");
    if encoding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    let message = format!("the body is compressed with {encoding}, which this server does not read: send it plain");
    Err(Failure::with_status(Error::Unsupported(message), StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

fn too_large(limit: &Limit) -> Failure {
    let Limit { bytes, remedy, .. } = limit;
    Error::TooLarge(format!("the body is larger than the limit of {bytes} bytes: {remedy}")).into()
}

fn silent(timeout: Duration) -> Failure {
    let message = format!("the body was silent for {} seconds: send it again", timeout.as_secs_f32());
    Failure::with_status(Error::DeadlineExceeded(message), StatusCode::REQUEST_TIMEOUT)
}

fn too_slow(limit: &Limit, rate: f64) -> Failure {
    let message = format!(
        "the body came with {rate:.0} bytes a second, and the least is {}: send it over a better line, or in parts",
        limit.least_rate
    );
    Failure::with_status(Error::DeadlineExceeded(message), StatusCode::REQUEST_TIMEOUT)
}

fn linger<E: Send + 'static>(mut chunks: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static) {
    tokio::spawn(async move {
        let mut read = 0;
        let drain = async {
            while let Some(Ok(chunk)) = chunks.next().await {
                read += chunk.len();
                if read > LINGER_BYTES {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(LINGER_TIME, drain).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        let limit = Limit { bytes: u64::MAX, silence: Duration::from_secs(30), least_rate: 1024, remedy: "" };
        Pace { limit, waited: Duration::ZERO, bytes: 0 }
    }

    #[test]
    fn a_slow_line_is_waited_for_and_a_trickle_is_not() {
        let second = Duration::from_secs(1);
        let mut slow = pace();
        for _ in 0..3600 {
            slow.came(1500, second).expect("1,500 bytes a second are an honest line");
        }
        let mut trickle = pace();
        let failed = (0..60).find_map(|_| trickle.came(100, second).err()).expect("100 bytes a second are not");
        assert_eq!(failed.status, StatusCode::REQUEST_TIMEOUT);
        assert!(failed.message().contains("100 bytes a second, and the least is 1024"), "{}", failed.message());
    }

    #[test]
    fn what_came_fast_earns_no_right_to_trickle_later() {
        let mut pace = pace();
        pace.came(100 << 20, Duration::from_secs(31)).expect("fast");
        assert!((0..60).any(|_| pace.came(1, Duration::from_secs(1)).is_err()));
    }

    #[test]
    fn a_pause_within_the_window_is_no_trickle() {
        let mut pace = pace();
        pace.came(1, Duration::from_secs(25)).expect("it was silent for a while");
        pace.came(100_000, Duration::from_secs(6)).expect("and caught up");
    }
}
