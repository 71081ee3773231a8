//! The native side of an `AbortSignal`.

use napi_derive::napi;
use siftstream::{Error, ErrorCode};
use tokio::sync::watch;

/// Ends the waits that it was given to.
#[napi]
pub struct NativeSignal {
    fired: watch::Sender<bool>,
}

#[napi]
impl NativeSignal {
    #[napi(constructor)]
    #[allow(clippy::new_without_default, reason = "JavaScript makes them")]
    pub fn new() -> Self {
        Self { fired: watch::Sender::new(false) }
    }

    #[napi]
    pub fn fire(&self) {
        self.fired.send_replace(true);
    }
}

/// A signal as a wait sees it.
pub(crate) struct Watch(Option<watch::Receiver<bool>>);

impl Watch {
    pub(crate) fn new(signal: Option<&NativeSignal>) -> Self {
        Self(signal.map(|signal| signal.fired.subscribe()))
    }

    /// Waits for the signal, for ever if there is none or nobody can fire it any more.
    pub(crate) async fn fired(&mut self) -> Error {
        let fired = match &mut self.0 {
            Some(fired) => fired.wait_for(|fired| *fired).await.is_ok(),
            None => false,
        };
        if !fired {
            std::future::pending::<()>().await;
        }
        Error::new(ErrorCode::Cancelled, "the signal was aborted")
    }
}
