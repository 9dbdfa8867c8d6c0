//! Messages over a byte stream: frames of a length and that many bytes, the length bounded before anything
//! is allocated.

use crate::codec::{self, CodecError};
use crate::protocol::MAX_FRAME;
use serde::{Serialize, de::DeserializeOwned};
use std::io;
use std::marker::PhantomData;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

/// Any stream of bytes that a connection can be made over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The stream broke.
    #[error(transparent)]
    Broken(#[from] io::Error),
    /// The other side announced more than a frame may hold.
    #[error("a frame of {0} bytes was announced, more than the limit of {MAX_FRAME}")]
    TooLarge(u32),
    /// The bytes are not the message that belongs here.
    #[error("a message cannot be read: {0}")]
    Unreadable(#[from] CodecError),
}

/// The half that sends messages of type `M`.
pub struct Sender<M> {
    stream: WriteHalf<Box<dyn Stream>>,
    message: PhantomData<fn(M)>,
}

/// The half that receives messages of type `M`.
pub struct Receiver<M> {
    stream: ReadHalf<Box<dyn Stream>>,
    message: PhantomData<fn() -> M>,
}

/// Makes the two halves of a connection that sends `S` and receives `R`.
pub fn split<S, R>(stream: Box<dyn Stream>) -> (Sender<S>, Receiver<R>) {
    let (read, write) = tokio::io::split(stream);
    (Sender { stream: write, message: PhantomData }, Receiver { stream: read, message: PhantomData })
}

impl<M: Serialize> Sender<M> {
    /// Sends one message and flushes it. Not to be cancelled half-way: a frame may be cut.
    pub async fn send(&mut self, message: &M) -> Result<(), ConnectionError> {
        let frame = frame(message)?;
        self.stream.write_all(&frame).await?;
        Ok(self.stream.flush().await?)
    }

    /// Tells the other side that nothing follows.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

impl<M: DeserializeOwned> Receiver<M> {
    /// The next message, or `None` where the other side has ended in order. Not to be cancelled half-way.
    pub async fn receive(&mut self) -> Result<Option<M>, ConnectionError> {
        self.frame().await?.map(Frame::message).transpose()
    }

    /// The next message as it came: what is made of it may be much larger.
    pub async fn frame(&mut self) -> Result<Option<Frame<M>>, ConnectionError> {
        let mut length = [0; 4];
        if self.stream.read(&mut length[..1]).await? == 0 {
            return Ok(None);
        }
        self.stream.read_exact(&mut length[1..]).await?;
        let length = u32::from_le_bytes(length);
        if length > MAX_FRAME {
            return Err(ConnectionError::TooLarge(length));
        }
        // Grown as bytes arrive: an announcement alone costs nothing.
        let mut body = Vec::with_capacity(length.min(4096) as usize);
        (&mut self.stream).take(u64::from(length)).read_to_end(&mut body).await?;
        if body.len() < length as usize {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(Some(Frame { body, message: PhantomData }))
    }
}

/// A message of type `M` that has arrived and is not decoded yet.
pub struct Frame<M> {
    body: Vec<u8>,
    message: PhantomData<fn() -> M>,
}

impl<M: DeserializeOwned> Frame<M> {
    /// Decodes it.
    pub fn message(self) -> Result<M, ConnectionError> {
        Ok(codec::decode(&self.body, u64::from(MAX_FRAME))?)
    }
}

/// A message as it travels: the length of the body as four bytes, least significant first, and the body.
fn frame<M: Serialize>(message: &M) -> Result<Vec<u8>, CodecError> {
    let body = codec::encode(message, u64::from(MAX_FRAME))?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&body);
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{FromWorker, ToWorker};

    fn pair() -> (Sender<ToWorker>, Receiver<ToWorker>) {
        let (here, there) = tokio::io::duplex(1 << 16);
        let (sender, _): (_, Receiver<FromWorker>) = split(Box::new(here));
        let (_, receiver): (Sender<FromWorker>, _) = split(Box::new(there));
        (sender, receiver)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_sent_is_received_until_the_end() {
        let (mut sender, mut receiver) = pair();
        let lease = ToWorker::Lease { lease: 7, first: 0, end: u64::MAX };
        sender.send(&lease).await.expect("sent");
        sender.shutdown().await.expect("ended");
        assert_eq!(receiver.receive().await.expect("received"), Some(lease));
        assert_eq!(receiver.receive().await.expect("ended"), None);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_announced_frame_of_4_gb_is_refused_unread() {
        let (mut here, there) = tokio::io::duplex(64);
        let (_, mut receiver) = split::<FromWorker, ToWorker>(Box::new(there));
        here.write_all(&u32::MAX.to_le_bytes()).await.expect("written");
        assert!(matches!(receiver.receive().await, Err(ConnectionError::TooLarge(u32::MAX))));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_frame_cut_short_is_not_an_end_in_order() {
        let (mut here, there) = tokio::io::duplex(64);
        let (_, mut receiver) = split::<FromWorker, ToWorker>(Box::new(there));
        here.write_all(&[9, 0, 0, 0, 1, 2]).await.expect("written");
        drop(here);
        assert!(matches!(receiver.receive().await, Err(ConnectionError::Broken(_))));
    }

    #[test]
    fn frozen_bytes_of_messages_are_those_of_this_version() {
        let lease = ToWorker::Lease { lease: 300, first: 5, end: 70_000 };
        assert_eq!(frame(&lease).expect("small"), [10, 0, 0, 0, 1, 251, 44, 1, 5, 252, 112, 17, 1, 0]);
        assert_eq!(frame(&FromWorker::Leave).expect("small"), [1, 0, 0, 0, 5]);
    }
}
