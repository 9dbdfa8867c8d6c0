//! One connection to the driver, from registration to its end.

use crate::plan::Stage;
use crate::protocol::{
    ConnectionError, FromWorker, HEARTBEAT_SECONDS, Receiver, Registration, Sender, Stream, ToWorker, split,
};
use crate::worker::compute::{Answer, Answers, Failure, Lease, LeaseQueue};
use crate::worker::{Ending, peak_memory};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

/// How long a worker that was asked to end by someone else waits for the driver to take what it hands in.
const HAND_IN: Duration = Duration::from_secs(2);
/// Messages that may wait to be sent: two answers, and heartbeats for two minutes of a blocked connection.
const OUTGOING: usize = 64;

/// How a session ended.
pub(super) enum Ended {
    /// The worker is to end.
    Over(Ending),
    /// The connection is gone; the driver had not been heard for `silent`.
    Lost { cause: String, silent: Duration },
}

/// What a session works with.
pub(super) struct Session<'a> {
    queue: &'a mut LeaseQueue,
    answers: &'a mut Answers,
    terminations: &'a mut mpsc::Receiver<String>,
    /// How long the driver may be silent.
    silence: Duration,
    stage: Option<Arc<Stage>>,
    /// Once it was asked to end: when it does, whatever happens.
    leave_by: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        queue: &'a mut LeaseQueue,
        answers: &'a mut Answers,
        terminations: &'a mut mpsc::Receiver<String>,
        silence: Duration,
    ) -> Self {
        Session { queue, answers, terminations, silence, stage: None, leave_by: None }
    }

    /// Registers and works until the driver or the connection ends it.
    pub(super) async fn run(mut self, stream: Box<dyn Stream>, registration: Registration) -> Ended {
        let (sender, receiver) = split::<FromWorker, ToWorker>(stream);
        let (outgoing, writer) = write(sender);
        let (mut incoming, reader) = read(receiver);
        // The channel is new and empty, so this cannot fail.
        let _ = outgoing.try_send(FromWorker::Register(registration));
        let ended = match self.converse(&outgoing, &mut incoming).await {
            // One that is to end does not look for its driver again.
            Ended::Lost { .. } if self.leave_by.is_some() => Ended::Over(Ending::Terminated),
            ended => ended,
        };
        if let Ended::Over(ending) = &ended {
            self.queue.clear();
            if let Ending::Failed(cause) = ending {
                let _ =
                    outgoing.try_send(FromWorker::Failed { lease: None, cause: cause.clone(), defect: true });
            }
            let _ = outgoing.try_send(FromWorker::Leave);
            drop(outgoing);
            // The driver reads on until the end; a dead one is not waited for.
            let _ = timeout(HAND_IN, writer).await;
        } else {
            writer.abort();
        }
        reader.abort();
        ended
    }

    async fn converse(
        &mut self,
        outgoing: &mpsc::Sender<FromWorker>,
        incoming: &mut mpsc::Receiver<Result<ToWorker, String>>,
    ) -> Ended {
        let beat = Duration::from_secs(HEARTBEAT_SECONDS);
        let mut heartbeat = interval(beat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Counted in beats of its own: while it is stopped itself nobody else is silent.
        let mut silent = Duration::ZERO;
        loop {
            let leave_by = self.leave_by;
            let sent = tokio::select! {
                message = incoming.recv() => match message {
                    Some(Ok(message)) => {
                        silent = Duration::ZERO;
                        match self.told(message) {
                            Some(ending) => return Ended::Over(ending),
                            None => continue,
                        }
                    }
                    Some(Err(cause)) => return Ended::Lost { cause, silent },
                    None => return Ended::Lost { cause: "the driver closed the connection".to_owned(), silent },
                },
                answer = self.answers.next() => outgoing.try_send(message(answer)),
                _ = heartbeat.tick() => {
                    if silent >= self.silence && leave_by.is_none() {
                        let cause = "the driver has been silent for too long".to_owned();
                        return Ended::Over(Ending::Orphaned(cause));
                    }
                    silent += beat;
                    outgoing.try_send(FromWorker::Heartbeat { peak_memory: peak_memory() })
                }
                Some(cause) = self.terminations.recv(), if leave_by.is_none() => {
                    self.leave_by = Some(Instant::now() + HAND_IN);
                    outgoing.try_send(FromWorker::Drain { cause })
                }
                () = sleep_until(leave_by.unwrap_or_else(Instant::now).into()), if leave_by.is_some() => {
                    return Ended::Over(Ending::Terminated);
                }
            };
            if sent.is_err() {
                return Ended::Lost { cause: "the connection takes nothing more".to_owned(), silent };
            }
        }
    }

    /// Does what the driver says; returns how the worker ends if it does.
    fn told(&mut self, message: ToWorker) -> Option<Ending> {
        match message {
            ToWorker::Heartbeat => {}
            ToWorker::Stage(stage) => match stage.validate() {
                Ok(()) => self.stage = Some(Arc::new(stage)),
                Err(error) => return Some(Ending::Failed(error.to_string())),
            },
            ToWorker::Lease { lease, first, end } => {
                let Some(stage) = self.stage.clone().filter(|stage| first <= end && end <= stage.tasks())
                else {
                    return Some(Ending::Failed(format!("lease {lease} is of no known stage")));
                };
                self.queue.push(Lease {
                    id: lease,
                    stage,
                    tasks: first..end,
                    answers: self.answers.sender(),
                });
            }
            ToWorker::Yield { lease } => self.queue.hand_in(lease),
            ToWorker::Dismiss => {
                let terminated = self.leave_by.is_some();
                return Some(if terminated { Ending::Terminated } else { Ending::Dismissed });
            }
        }
        None
    }
}

fn message(answer: Answer) -> FromWorker {
    match answer.done {
        Ok((finished, partial)) => {
            let microseconds = u64::try_from(answer.took.as_micros()).unwrap_or(u64::MAX);
            let (lease, peak_memory) = (answer.id, peak_memory());
            FromWorker::Answer { lease, finished, microseconds, partial, peak_memory }
        }
        Err(Failure { cause, defect }) => FromWorker::Failed { lease: Some(answer.id), cause, defect },
    }
}

/// Sends from a task of its own, so that a blocked connection never blocks the conversation.
fn write(mut sender: Sender<FromWorker>) -> (mpsc::Sender<FromWorker>, JoinHandle<()>) {
    let (outgoing, mut messages) = mpsc::channel(OUTGOING);
    let task = tokio::spawn(async move {
        while let Some(message) = messages.recv().await {
            if sender.send(&message).await.is_err() {
                return;
            }
        }
        let _ = sender.shutdown().await;
    });
    (outgoing, task)
}

/// Receives in a task of its own, because receiving must not be cancelled half-way.
fn read(mut receiver: Receiver<ToWorker>) -> (mpsc::Receiver<Result<ToWorker, String>>, JoinHandle<()>) {
    let (messages, incoming) = mpsc::channel(OUTGOING);
    let task = tokio::spawn(async move {
        loop {
            let message = match receiver.receive().await {
                Ok(Some(message)) => Ok(message),
                Ok(None) => return,
                Err(error) => Err::<_, ConnectionError>(error),
            };
            let end = message.is_err();
            if messages.send(message.map_err(|error| error.to_string())).await.is_err() || end {
                return;
            }
        }
    });
    (incoming, task)
}
