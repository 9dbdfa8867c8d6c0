//! A computation under way.

use crate::driver::died;
use crate::error::Result;
use crate::plan::Finished;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// What turns that which all stages have made into the value.
type Finish<T> = Box<dyn FnOnce(Finished) -> Result<T> + Send>;

/// A value that is being computed: a future for any executor, or [`Computation::wait`] for none. Dropping it
/// does not stop the computation.
#[must_use = "the value comes out of `.await` or `.wait()`"]
pub struct Computation<T> {
    finished: oneshot::Receiver<Result<Finished>>,
    finish: Option<Finish<T>>,
}

impl<T: 'static> Computation<T> {
    pub(super) fn new(
        finished: oneshot::Receiver<Result<Finished>>,
        finish: impl FnOnce(Finished) -> Result<T> + Send + 'static,
    ) -> Self {
        Computation { finished, finish: Some(Box::new(finish)) }
    }

    pub(super) fn map<U>(self, then: impl FnOnce(T) -> U + Send + 'static) -> Computation<U> {
        let finish = self.finish.expect("not yet awaited");
        Computation {
            finished: self.finished,
            finish: Some(Box::new(move |finished| finish(finished).map(then))),
        }
    }

    /// Blocks until the value is there. Not to be called on an executor's thread.
    pub fn wait(self) -> Result<T> {
        let finish = self.finish.expect("not yet awaited");
        finish(self.finished.blocking_recv().unwrap_or_else(|_| Err(died()))?)
    }
}

impl<T> Future for Computation<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let received = std::task::ready!(Pin::new(&mut self.finished).poll(context));
        let finish = self.finish.take().expect("polled once after the end");
        Poll::Ready(received.unwrap_or_else(|_| Err(died())).and_then(finish))
    }
}
