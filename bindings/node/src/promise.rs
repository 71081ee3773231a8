//! Waiting beside the JavaScript thread.
//!
//! A promise keeps the process alive until it is settled, as those of Node's own do: somebody waits for it.

use std::sync::OnceLock;

use napi::bindgen_prelude::{Env, Object, ToNapiValue};
use siftstream::{Error, ErrorCode, Result};
use tokio::runtime::{Builder, Runtime};

use crate::error::{Failure, thrown};

type Settle<T> = Box<dyn FnOnce(Env) -> napi::Result<T> + Send>;

/// The thread on which everything waits, and those for what cannot wait without blocking.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("siftstream-node")
            .enable_time()
            .build()
            .map_err(|error| error.to_string())
    });
    runtime.as_ref().map_err(|why| {
        Error::new(ErrorCode::Internal, format!("cannot start the thread on which promises wait: {why}"))
    })
}

/// A promise for what `work` gives.
pub(crate) fn promise<T, F>(env: &Env, work: F) -> napi::Result<Object<'_>>
where
    T: ToNapiValue + Send + 'static,
    F: Future<Output = std::result::Result<T, Failure>> + Send + 'static,
{
    let runtime = runtime().map_err(thrown)?;
    let (deferred, promise) = env.create_deferred::<T, Settle<T>>()?;
    let work = runtime.spawn(work);
    runtime.spawn(async move {
        match work.await.unwrap_or_else(|_| Err(died())) {
            Ok(value) => deferred.resolve(Box::new(move |_| Ok(value))),
            Err(failure) => deferred.reject(failure.into()),
        }
    });
    Ok(promise)
}

/// The same for work that blocks its thread.
pub(crate) fn promise_blocking<T, F>(env: &Env, work: F) -> napi::Result<Object<'_>>
where
    T: ToNapiValue + Send + 'static,
    F: FnOnce() -> std::result::Result<T, Failure> + Send + 'static,
{
    let work = runtime().map_err(thrown)?.spawn_blocking(work);
    promise(env, async move { work.await.unwrap_or_else(|_| Err(died())) })
}

fn died() -> Failure {
    Error::new(ErrorCode::Internal, "a wait of the library died: this is a defect of siftstream").into()
}
