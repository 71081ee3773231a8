//! Work that may block on a disk: in small turns, so that whoever drives it decides how it rests. A thread of the
//! library does; a simulated network, where time does not pass by itself, drives the same work as a task.

use std::thread::JoinHandle;
use std::time::Duration;

use tracing::subscriber::NoSubscriber;

use super::connector::BoxFuture;
use super::runtime::RuntimeHandle;
use super::threads::Threads;
use crate::error::Result;

/// What a worker wants after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There is more to do.
    Again,
    /// Nothing to do for so long, unless it is woken.
    Rest(Duration),
    /// It is done.
    Over,
}

/// Work in turns.
pub(crate) trait Worker: Send + 'static {
    /// Called once, on the thread that will drive it, if one does.
    fn begin(&mut self) {}

    /// Does what can be done now. May block on the disk, never on the network or on a caller.
    fn turn(&mut self) -> Turn;

    /// Blocks the calling thread until it is woken, for at most `timeout`; may return early for no reason.
    fn rest(&self, timeout: Duration);

    /// The same wait for a worker that is driven as a task; without a bound.
    fn woken(&self) -> BoxFuture<'static, ()>;
}

/// A worker that was started.
pub(crate) enum Running {
    Thread(JoinHandle<()>),
    Task(tokio::task::JoinHandle<()>),
}

/// Starts `worker` where the streams of `runtime` run: on a thread of its own, or as a task. `guard` is dropped when it
/// is over, however that came.
pub(crate) fn start(
    runtime: &RuntimeHandle,
    name: &str,
    mut worker: impl Worker,
    guard: impl Send + 'static,
) -> Result<Running> {
    if runtime.is_callers() {
        let running = runtime.spawn(async move {
            let _guard = guard;
            drive_as_task(&mut worker).await;
            drop(worker);
        });
        return Ok(Running::Task(running));
    }
    let work = move || {
        let _guard = guard;
        drive(&mut worker);
        drop(worker);
    };
    spawn(name, work).map(Running::Thread)
}

/// Drives `worker` on the calling thread until it is over.
pub(crate) fn drive(worker: &mut impl Worker) {
    worker.begin();
    loop {
        match worker.turn() {
            Turn::Again => {}
            Turn::Rest(timeout) => worker.rest(timeout),
            Turn::Over => return,
        }
    }
}

/// Drives `worker` as a task until it is over. Time passes only while it rests.
pub(crate) async fn drive_as_task(worker: &mut impl Worker) {
    loop {
        match worker.turn() {
            Turn::Again => tokio::task::yield_now().await,
            Turn::Rest(timeout) => {
                // Whether it was woken or the time is up: the next turn looks at everything.
                tokio::time::timeout(timeout, worker.woken()).await.ok();
            }
            Turn::Over => return,
        }
    }
}

/// Runs `work` on a thread of its own, which is set up as the calling thread and logs where that does.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Threads::of_this_thread().spawn(name, work)
}

/// Where the calling thread logs; none if nowhere, so that a subscriber that the program installs later is seen.
pub(crate) fn log_scope() -> Option<tracing::Dispatch> {
    let scope = tracing::dispatcher::get_default(Clone::clone);
    (!scope.is::<NoSubscriber>()).then_some(scope)
}
