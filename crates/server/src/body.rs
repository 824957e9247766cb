//! Reading request bodies: whole ones up to a limit, and streams that are counted on the way.
//!
//! A body that says it is too large is refused before it is read. Bodies that fall silent are given up.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt};
use meuse_app::Error;

use crate::failure::Failure;
use crate::state::ServerState;

/// How much of a refused body is read and thrown away, and for how long, so that a client that writes before it reads
/// sees the answer instead of a broken pipe.
const LINGER_BYTES: usize = 64 << 20;
const LINGER_TIME: Duration = Duration::from_secs(5);

/// A whole body of at most `max_body_bytes`, with the request's headers.
pub(crate) struct Whole {
    /// The body.
    pub(crate) bytes: Bytes,
    /// The headers.
    pub(crate) headers: HeaderMap,
}

impl FromRequest<ServerState> for Whole {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let limit = Limit {
            bytes: state.options.max_body_bytes,
            silence: state.options.body_timeout,
            remedy: "send less at once, as in fewer rows per call",
        };
        let mut stream = Box::pin(open(&parts.headers, body, limit)?);
        let announced = content_length(&parts.headers).unwrap_or(0);
        let mut bytes = BytesMut::with_capacity(announced.min(1 << 20) as usize);
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(Self { bytes: bytes.freeze(), headers: parts.headers })
    }
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// The most bytes.
    pub(crate) bytes: u64,
    /// How long it may be silent.
    pub(crate) silence: Duration,
    /// What to do when it is too large.
    pub(crate) remedy: &'static str,
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
            linger(body);
        }
        return Err(too_large(&limit));
    }
    let mut read: u64 = 0;
    let chunks = Box::pin(timely(body, limit.silence));
    Ok(chunks.map(move |chunk| {
        let chunk = chunk?;
        read += chunk.len() as u64;
        if read > limit.bytes { Err(too_large(&limit)) } else { Ok(chunk) }
    }))
}

/// Chunks, each of which comes within `timeout`. Ends after the first error.
fn timely(body: Body, timeout: Duration) -> impl Stream<Item = Result<Bytes, Failure>> + Send {
    let chunks = body.into_data_stream();
    futures::stream::try_unfold(chunks, move |mut chunks| async move {
        match tokio::time::timeout(timeout, chunks.try_next()).await {
            Ok(Ok(Some(chunk))) => Ok(Some((chunk, chunks))),
            Ok(Ok(None)) => Ok(None),
            Ok(Err(_)) => {
                Err(Error::invalid("body", "the connection broke off before its end", "send it again").into())
            }
            Err(_) => Err(silent(timeout)),
        }
    })
}

/// The announced length.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
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

fn linger(body: Body) {
    tokio::spawn(async move {
        let mut chunks = body.into_data_stream();
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
