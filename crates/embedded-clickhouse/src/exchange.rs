//! Between a connection and the thread that runs its statement: bounded channels of bytes, both ways, with a time limit
//! on each wait.

use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::cancel::CancelGuard;
use crate::codec::Sink;
use crate::options::limits::{BREAK_PAUSE, PIECES_AHEAD, SEND_BYTES, STALL_TIMEOUT};

/// The answer's status line and headers.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

fn stalled() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the client has stalled for {STALL_TIMEOUT:?}"))
}

/// Waits for `future` from a thread outside the runtime, no longer than a client may stall.
fn wait<T>(runtime: &Handle, future: impl Future<Output = T>) -> io::Result<T> {
    runtime.block_on(async { tokio::time::timeout(STALL_TIMEOUT, future).await }).map_err(|_| stalled())
}

/// The request's body, read by the thread.
pub(crate) struct BodyReader {
    runtime: Handle,
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            let next = match self.pieces.try_recv() {
                Ok(piece) => Some(piece),
                Err(_) => wait(&self.runtime, self.pieces.recv())?,
            };
            match next {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let count = into.len().min(self.current.len());
        into[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

/// Carries a request's body over to a reader. A body that breaks off, or is over `limit` bytes, ends in an error, never
/// in an end: half an insert must not be taken for a whole one.
pub(crate) fn carry_body<B>(body: B, limit: u64) -> BodyReader
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
    tokio::spawn(pump(body, limit, sender));
    BodyReader { runtime: Handle::current(), pieces, current: Bytes::new() }
}

async fn pump<B>(mut body: B, limit: u64, sender: mpsc::Sender<io::Result<Bytes>>)
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let mut left = limit;
    while let Some(frame) = body.frame().await {
        let piece = match frame {
            Ok(frame) => match frame.into_data() {
                Ok(data) => data,
                Err(_trailers) => continue,
            },
            Err(error) => {
                let _ = sender.send(Err(io::Error::new(io::ErrorKind::ConnectionAborted, error))).await;
                return;
            }
        };
        let Some(rest) = left.checked_sub(piece.len() as u64) else {
            metrics::counter!(crate::metrics::REFUSED, "reason" => "body_size").increment(1);
            let error =
                io::Error::new(io::ErrorKind::FileTooLarge, format!("the body is over {limit} bytes"));
            let _ = sender.send(Err(error)).await;
            return;
        };
        left = rest;
        if sender.send(Ok(piece)).await.is_err() {
            return;
        }
    }
}

/// The thread's end of an answer.
pub(crate) struct Answer {
    runtime: Handle,
    head: Option<oneshot::Sender<Head>>,
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
}

/// The answer broke off after its head: the connection is cut, so that no client takes it for whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub(crate) struct Broken;

/// The connection's end of an answer.
pub(crate) struct Answered {
    pub(crate) head: oneshot::Receiver<Head>,
    pub(crate) pieces: mpsc::Receiver<Result<Bytes, Broken>>,
}

/// Makes both ends of an answer.
pub(crate) fn answer() -> (Answer, Answered) {
    let (head_sender, head) = oneshot::channel();
    let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
    (
        Answer { runtime: Handle::current(), head: Some(head_sender), pieces: sender },
        Answered { head, pieces },
    )
}

impl Answer {
    /// Sends the head; what follows goes through the sink that this gives back.
    pub(crate) fn begin(&mut self, head: Head) -> io::Result<Box<dyn Sink>> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let sender = self.head.take().ok_or_else(gone)?;
        sender.send(head).map_err(|_| gone())?;
        Ok(Box::new(Pieces { runtime: self.runtime.clone(), sender: self.pieces.clone(), held: Vec::new() }))
    }

    /// Whether the head is still to be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.head.is_some()
    }

    /// Cuts the connection after what was sent so far.
    pub(crate) fn break_off(self) {
        let _ = wait(&self.runtime, self.pieces.send(Err(Broken)));
    }
}

/// Gathers small writes into pieces and sends them.
struct Pieces {
    runtime: Handle,
    sender: mpsc::Sender<Result<Bytes, Broken>>,
    held: Vec<u8>,
}

impl Pieces {
    fn send(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let piece = Ok(Bytes::from(std::mem::take(&mut self.held)));
        let sent = match self.sender.try_send(piece) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(piece)) => {
                wait(&self.runtime, self.sender.send(piece))?.map_err(|_| ())
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(()),
        };
        sent.map_err(|()| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(SEND_BYTES - self.held.len());
        self.held.extend_from_slice(&bytes[..count]);
        if self.held.len() == SEND_BYTES {
            self.send()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl Sink for Pieces {
    fn close(mut self: Box<Self>) -> io::Result<()> {
        self.send()
    }
}

/// An answer's body as hyper takes it. Dropped before its end, it cancels the statement.
pub(crate) struct AnswerBody {
    pieces: mpsc::Receiver<Result<Bytes, Broken>>,
    guard: Option<CancelGuard>,
    breaking: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl AnswerBody {
    pub(crate) fn new(pieces: mpsc::Receiver<Result<Bytes, Broken>>, guard: CancelGuard) -> Self {
        Self { pieces, guard: Some(guard), breaking: None }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(pause) = &mut self.breaking {
            std::task::ready!(pause.as_mut().poll(cx));
            return Poll::Ready(Some(Err(Broken)));
        }
        let next = std::task::ready!(self.pieces.poll_recv(cx));
        if matches!(next, Some(Err(Broken))) {
            // hyper throws away what it has not written yet when a body fails: let it write first
            self.breaking = Some(Box::pin(tokio::time::sleep(BREAK_PAUSE)));
            return self.poll_frame(cx);
        }
        if next.is_none()
            && let Some(guard) = self.guard.take()
        {
            guard.disarm();
        }
        Poll::Ready(next.map(|piece| piece.map(Frame::data)))
    }
}

/// Set once the client has gone; looked at by the thread between steps.
#[derive(Debug, Default, Clone)]
pub(crate) struct Gone(Arc<AtomicBool>);

impl Gone {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
