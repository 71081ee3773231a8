//! The threads that the library owns: one tokio runtime per stream, and the only place that spawns tasks.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::process::Origin;
use crate::error::{Error, ErrorCode, Result};

/// Spawns tasks on the threads of a stream. Cheap to clone; does not keep the threads alive.
#[derive(Debug, Clone)]
pub(crate) struct RuntimeHandle {
    handle: tokio::runtime::Handle,
}

impl RuntimeHandle {
    /// Runs a task on the stream's threads, whatever runtime the caller is in.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(task)
    }

    /// Runs `work` on the stream's threads and awaits its result, whatever executor the caller uses.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl Future<Output = Result<R>> + Send + 'static,
    ) -> Result<R> {
        self.spawn(work).await.unwrap_or_else(|_| Err(died()))
    }

    /// Runs `work` that may wait for a disk, and awaits its result; the stream's threads go on meanwhile.
    pub(crate) async fn run_beside<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.handle.spawn_blocking(work).await.unwrap_or_else(|_| Err(died()))
    }

    /// Runs `work` on the stream's threads and blocks the calling thread for it, at most until `timeout`.
    pub(crate) fn run_blocking<R: Send + 'static>(
        &self,
        work: impl Future<Output = Result<R>> + Send + 'static,
        timeout: Duration,
    ) -> Result<R> {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let task = self.spawn(async move {
            // A caller that stopped waiting takes no result.
            send.send(work.await).ok();
        });
        receive.recv_timeout(timeout).unwrap_or_else(|why| {
            task.abort();
            Err(match why {
                RecvTimeoutError::Timeout => {
                    Error::new(ErrorCode::Timeout, format!("not done within {timeout:?}: wait longer"))
                }
                RecvTimeoutError::Disconnected => died(),
            })
        })
    }
}

fn died() -> Error {
    Error::new(ErrorCode::WorkerDied, "a task of the library died: create the stream again")
}

/// The threads of one stream. Dropping it ends them without waiting.
#[derive(Debug)]
pub(crate) struct StreamRuntime {
    runtime: Option<Runtime>,
    origin: Origin,
}

impl StreamRuntime {
    /// Starts `workers` threads named `siftstream-0`, `siftstream-1`, …
    pub(crate) fn start(workers: usize) -> Result<Self> {
        let origin = Origin::here()?;
        let number = Arc::new(AtomicUsize::new(0));
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.max(1))
            .thread_name_fn(move || format!("siftstream-{}", number.fetch_add(1, Ordering::Relaxed)))
            .enable_all()
            .build()
            .map_err(|error| {
                Error::new(ErrorCode::Internal, format!("cannot start the threads of a stream: {error}"))
            })?;
        Ok(Self { runtime: Some(runtime), origin })
    }

    /// The process that the threads are in.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn handle(&self) -> RuntimeHandle {
        match &self.runtime {
            Some(runtime) => RuntimeHandle { handle: runtime.handle().clone() },
            None => unreachable!("the runtime is there until it is dropped"),
        }
    }
}

impl Drop for StreamRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
