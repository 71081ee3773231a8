//! The threads that the library owns: one tokio runtime per stream, and the only place that spawns tasks.
//!
//! A stream can also run on the runtime that its caller is in, with all it does: a simulated network is such a
//! runtime, and its clock is then the only one.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_listener::{Event, Listener as _};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::clock::{Clock, RuntimeClock, SystemClock};
use super::connector::BoxFuture;
use super::process::Origin;
use super::threads::ThreadOptions;
use super::worker::log_scope;
use crate::error::{Error, ErrorCode, Result};

/// Where a stream runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunsOn {
    /// On threads of its own.
    OwnThreads(ThreadOptions),
    /// On the runtime of the caller, without a thread of its own.
    CallersRuntime,
}

/// Spawns tasks on the threads of a stream. Cheap to clone; does not keep the threads alive.
///
/// What is spawned is boxed: a task of tokio's is some 4 KB of code for each type of future.
#[derive(Debug, Clone)]
pub(crate) struct RuntimeHandle {
    handle: tokio::runtime::Handle,
    is_callers: bool,
}

impl RuntimeHandle {
    /// The runtime that the caller is in.
    pub(crate) fn current() -> Result<Self> {
        let handle = tokio::runtime::Handle::try_current().map_err(|error| {
            Error::new(ErrorCode::InvalidArgument, format!("the caller is in no tokio runtime: {error}"))
        })?;
        Ok(Self { handle, is_callers: true })
    }

    /// Whether it is the caller's runtime: then nothing may start or block a thread.
    pub(crate) fn is_callers(&self) -> bool {
        self.is_callers
    }

    /// Makes it the runtime that the caller is in, for as long as the guard lives.
    pub(crate) fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.handle.enter()
    }

    /// The clock by which the stream lives.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        if self.is_callers { Arc::new(RuntimeClock::new()) } else { Arc::new(SystemClock::new()) }
    }

    /// Runs a task on the stream's threads, whatever runtime the caller is in.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task: BoxFuture<'static, F::Output> = Box::pin(task);
        self.handle.spawn(task)
    }

    /// Runs `work` on the stream's threads and awaits its result, whatever executor the caller uses.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl Future<Output = Result<R>> + Send + 'static,
    ) -> Result<R> {
        let (tell, told) = oneshot::channel();
        self.spawn(async move {
            // A caller that stopped waiting takes no result.
            tell.send(work.await).ok();
        });
        told.await.unwrap_or_else(|_| Err(died()))
    }

    /// Runs `work` that may wait for a disk, and awaits its result; the stream's threads go on meanwhile.
    pub(crate) async fn run_beside<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<R> + Send + 'static,
    ) -> Result<R> {
        if self.is_callers {
            return work();
        }
        let (tell, told) = oneshot::channel();
        let work: Box<dyn FnOnce() + Send> = Box::new(move || {
            tell.send(work()).ok();
        });
        self.handle.spawn_blocking(work);
        told.await.unwrap_or_else(|_| Err(died()))
    }

    /// Runs `work` on the stream's threads and blocks the calling thread for it, at most until `timeout`.
    pub(crate) fn run_blocking<R: Send + 'static>(
        &self,
        work: impl Future<Output = Result<R>> + Send + 'static,
        timeout: Duration,
    ) -> Result<R> {
        let result = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&result);
        let in_time = self.block_on(
            async move {
                let result = work.await;
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            },
            timeout,
        );
        match result.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(result) => result,
            None if in_time => Err(died()),
            None => Err(Error::new(ErrorCode::Timeout, format!("not done within {timeout:?}: wait longer"))),
        }
    }

    /// Whether `work` was over, be it by its death, before it was aborted after `timeout`.
    fn block_on(&self, work: impl Future<Output = ()> + Send + 'static, timeout: Duration) -> bool {
        let end = TellsItsEnd(Arc::new(Event::new()));
        let ended = end.0.listen();
        let task = self.spawn(async move {
            let _end = end;
            work.await;
        });
        let in_time = ended.wait_timeout(timeout).is_some();
        if !in_time {
            task.abort();
        }
        in_time
    }
}

/// Tells whoever listens when it is dropped.
struct TellsItsEnd(Arc<Event>);

impl Drop for TellsItsEnd {
    fn drop(&mut self) {
        self.0.notify(usize::MAX);
    }
}

fn died() -> Error {
    Error::new(ErrorCode::WorkerDied, "a task of the library died: create the stream again")
}

/// The threads of one stream. Dropping it ends them without waiting.
#[derive(Debug)]
pub(crate) struct StreamRuntime {
    handle: RuntimeHandle,
    /// None if it is the caller's.
    owned: Option<Runtime>,
    origin: Origin,
}

impl StreamRuntime {
    /// Takes the caller's runtime, or starts one on threads named `siftstream-0`, `siftstream-1`, …
    pub(crate) fn start(runs_on: RunsOn) -> Result<Self> {
        match runs_on {
            RunsOn::OwnThreads(threads) => Self::own(threads),
            RunsOn::CallersRuntime => Self::callers(),
        }
    }

    fn callers() -> Result<Self> {
        Ok(Self { handle: RuntimeHandle::current()?, owned: None, origin: Origin::here()? })
    }

    fn own(threads: ThreadOptions) -> Result<Self> {
        let origin = Origin::here()?;
        threads.check()?;
        let number = Arc::new(AtomicUsize::new(0));
        let logs = log_scope();
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.workers.max(1))
            .thread_name_fn(move || {
                threads.name_of(&format!("siftstream-{}", number.fetch_add(1, Ordering::Relaxed)))
            })
            .on_thread_start(move || {
                if let Some(logs) = &logs {
                    // For as long as the thread lives.
                    std::mem::forget(tracing::dispatcher::set_default(logs));
                }
                threads.take_effect();
            })
            .enable_all()
            .build()
            .map_err(|error| {
                Error::new(ErrorCode::Internal, format!("cannot start the threads of a stream: {error}"))
            })?;
        let handle = RuntimeHandle { handle: runtime.handle().clone(), is_callers: false };
        Ok(Self { handle, owned: Some(runtime), origin })
    }

    /// The process that the threads are in.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn handle(&self) -> RuntimeHandle {
        self.handle.clone()
    }
}

impl Drop for StreamRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.owned.take() {
            runtime.shutdown_background();
        }
    }
}
