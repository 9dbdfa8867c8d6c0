//! Messages as the bytes that travel and back, by the production's own senders and receivers, over memory.

use serde::{Serialize, de::DeserializeOwned};
use squall::protocol::{ConnectionError, split};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that never waits: it gives its bytes some at a time, and then its end.
struct Memory {
    unread: Vec<u8>,
    read: usize,
    /// Bytes at a time, as a network cuts them.
    step: usize,
    written: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = self.step.min(buffer.remaining()).min(self.unread.len() - self.read);
        buffer.put_slice(&self.unread[self.read..self.read + most]);
        self.read += most;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.lock().expect("one thread").extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The frame of a message.
pub(crate) fn encode<M: Serialize + 'static>(message: &M) -> Vec<u8> {
    let written = Arc::new(Mutex::new(Vec::new()));
    let memory = Memory { unread: Vec::new(), read: 0, step: 1, written: written.clone() };
    let (mut sender, _) = split::<M, M>(Box::new(memory));
    at_once(sender.send(message)).expect("every message fits a frame");
    let mut written = written.lock().expect("one thread");
    std::mem::take(&mut *written)
}

/// What a receiver makes of these bytes and the end of the stream after them, if `step` arrive at a time.
pub(crate) fn decode<M: DeserializeOwned + 'static>(
    bytes: &[u8],
    step: usize,
) -> Result<Option<M>, ConnectionError> {
    let memory = Memory { unread: bytes.to_vec(), read: 0, step, written: Arc::default() };
    let (_, mut receiver) = split::<M, M>(Box::new(memory));
    at_once(receiver.receive())
}

fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("memory never waits"),
    }
}
