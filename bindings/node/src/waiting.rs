//! Sends that wait: one after the other, in the order of their calls, until there is room or the caller gives up.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use siftstream::{Encodeable, Error, ErrorCode, IngestionConfigEncoder, Result};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::error::Failure;
use crate::home::Held;
use crate::signal::{NativeSignal, Watch};
use crate::stream::millis;

/// Sends that wait for the same, in their order. Only the thread of JavaScript takes places.
pub(crate) type Queue = Arc<Mutex<()>>;

/// Whether a send that begins now overtakes nobody.
pub(crate) fn nobody_waits(queues: &[Queue]) -> bool {
    queues.iter().all(|queue| queue.try_lock().is_ok())
}

/// The places of a send in its queues. They are taken on the thread of JavaScript: what is called first waits first, in
/// whatever order the waits begin.
pub(crate) struct Turn(Vec<Place>);

enum Place {
    First(OwnedMutexGuard<()>),
    Behind(Pin<Box<dyn Future<Output = OwnedMutexGuard<()>> + Send>>),
}

impl Turn {
    pub(crate) fn queue(queues: &[Queue]) -> Self {
        Self(queues.iter().map(Place::take).collect())
    }

    /// Waits until it is first in all queues, and stays so while the guards live.
    pub(crate) async fn come(self) -> Vec<OwnedMutexGuard<()>> {
        let mut come = Vec::with_capacity(self.0.len());
        for place in self.0 {
            come.push(match place {
                Place::First(turn) => turn,
                Place::Behind(turn) => turn.await,
            });
        }
        come
    }
}

impl Place {
    fn take(queue: &Queue) -> Self {
        let mut turn = Box::pin(Arc::clone(queue).lock_owned());
        match turn.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Self::First(turn),
            Poll::Pending => Self::Behind(turn),
        }
    }
}

/// What makes a caller give up: its signal, or the end of its time.
pub(crate) struct Patience {
    signal: Watch,
    deadline: Option<Instant>,
}

impl Patience {
    /// The time begins now.
    pub(crate) fn new(signal: Option<&NativeSignal>, timeout_ms: Option<f64>) -> Self {
        let deadline = timeout_ms.map(|timeout| Instant::now() + millis(timeout));
        Self { signal: Watch::new(signal), deadline }
    }

    /// What `wait` gives, unless the caller gives up before.
    pub(crate) async fn with<T>(&mut self, held: &Held, wait: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            outcome = wait => Ok(outcome),
            why = self.signal.fired() => Err(why),
            why = expiry(held, self.deadline) => Err(why),
        }
    }
}

/// Waits until the time is up, for ever if there is no end to it, and says why there is no room.
async fn expiry(stream: &Held, deadline: Option<Instant>) -> Error {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
    let cause = stream.trouble().map(|why| format!("; the cause: {why}")).unwrap_or_default();
    Error::new(ErrorCode::Timeout, format!("no room in time: send again later, or wait longer{cause}"))
}

/// Sends one row when its turn has come and there is room.
pub(crate) async fn send<M: Encodeable<IngestionConfigEncoder>>(
    held: Arc<Held>,
    row: M,
    turn: Turn,
    mut patience: Patience,
) -> std::result::Result<(), Failure> {
    let send = async {
        let _turn = turn.come().await;
        held.send(row).await.map_err(|refused| refused.error)
    };
    patience.with(&held, send).await.flatten().map_err(Failure::from)
}
