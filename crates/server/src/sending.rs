//! An answer on its way: who has taken it is known to the connection, and what is large counts as memory until then.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connections::{Line, Owed, Sending};
use crate::memory::Share;

/// The body of an answer. Between a piece that was taken and the next that is asked for, the client is behind; while
/// the answer itself is not ready, as in a stream of events, it is not.
pub(crate) struct Outgoing {
    body: Body,
    line: Arc<Line>,
    share: Option<Share>,
    owed: Option<Owed>,
    _sending: Sending,
}

impl Outgoing {
    /// An answer that nobody has taken any of; `share` is the memory that it counts as.
    pub(crate) fn new(body: Body, line: &Arc<Line>, share: Option<Share>) -> Self {
        Self { body, line: Arc::clone(line), share, owed: Some(line.owe()), _sending: line.answer() }
    }

    /// A piece that lets go of what it holds once it is written.
    fn piece(&mut self, bytes: Bytes) -> Bytes {
        let owed = self.owed.take().unwrap_or_else(|| self.line.owe());
        if !self.body.is_end_stream() {
            self.owed = Some(self.line.owe());
        }
        Bytes::from_owner(Piece { bytes, _owed: owed, _share: self.share.clone() })
    }
}

struct Piece {
    bytes: Bytes,
    _owed: Owed,
    _share: Option<Share>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match polled {
            Poll::Pending => {
                self.owed = None;
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => {
                let frame = frame.map_data(|bytes| if bytes.is_empty() { bytes } else { self.piece(bytes) });
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(other) => {
                self.owed = None;
                Poll::Ready(other)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that tells its connection how much the client's side has taken.
pub(crate) struct Counted {
    /// The socket.
    pub(crate) stream: TcpStream,
    /// Its connection.
    pub(crate) line: Arc<Line>,
}

impl Counted {
    fn count(&self, written: Poll<std::io::Result<usize>>) -> Poll<std::io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.line.took(*bytes);
        }
        written
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
