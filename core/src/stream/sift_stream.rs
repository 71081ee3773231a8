//! The handle that callers hold.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::intake::Refusal;
use super::level::{Level, Watermarks};
use super::report::{FinishError, Report};
use super::send_error::{SendError, TrySendError, full};
use crate::connect::{ApiKey, ApiKeySource};
use crate::control::SiftControl;
use crate::encode::{Encodeable, Encoder, IngestionConfigEncoder};
use crate::error::{Error, ErrorCode, Result};
use crate::events::{EventKind, Events};
use crate::metrics::SiftStreamMetricsSnapshot;
use crate::registration::Coming;
use crate::schema::{FlowConfig, RunSelector};
use crate::seams::runtime::StreamRuntime;
use crate::spool::pending::is_placeholder;
use crate::transport::{FileBackup, FileBackupConfig, Transport};

/// Ends a wait that has no bound of its own before the clock overflows.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A stream to Sift: encodes with `E`, delivers with `T`.
///
/// Cheap to clone, `Send + Sync`, all calls take `&self`. It runs on threads of its own, so callers need no runtime,
/// and being inside one is fine too. Calls that are not `async` and take a timeout block the calling thread.
///
/// In a child that was forked after the stream was made, the threads are missing: calls fail with
/// [`ErrorCode::Forked`], or tell of no rows if they cannot fail, and dropping the stream does nothing. The parent's
/// stream goes on.
pub struct SiftStream<E: Encoder, T: Transport> {
    pub(crate) inner: Arc<Inner<E, T>>,
}

/// What the clones of a stream share. The transport goes before the threads it runs on.
pub(crate) struct Inner<E, T> {
    pub(crate) encoder: E,
    pub(crate) transport: T,
    pub(crate) registration: Registration,
    pub(crate) runtime: StreamRuntime,
}

/// What the stream has registered with Sift, and how.
pub(crate) struct Registration {
    pub(crate) control: SiftControl,
    pub(crate) key: ApiKeySource,
    pub(crate) run_id: Mutex<Option<String>>,
    /// What the slot remembers of the schema is changed by one call at a time.
    pub(crate) slot_changes: Mutex<()>,
}

impl Registration {
    pub(crate) fn new(control: SiftControl, key: ApiKeySource, run_id: Option<String>) -> Self {
        Self { control, key, run_id: Mutex::new(run_id), slot_changes: Mutex::default() }
    }
}

impl<E: Encoder, T: Transport> Clone for SiftStream<E, T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<E: Encoder, T: Transport> Drop for SiftStream<E, T> {
    /// What a forked child holds of the stream stays as it is: it waits for threads, and may be locked by them.
    fn drop(&mut self) {
        if self.inner.runtime.origin().is_elsewhere() {
            std::mem::forget(Arc::clone(&self.inner));
        }
    }
}

impl<E: Encoder, T: Transport> SiftStream<E, T> {
    /// Sends, waiting for room as long as it takes. On an error nothing was accepted and the data comes back.
    ///
    /// Dropping the future before it is ready leaves the row not accepted.
    pub async fn send<M: Encodeable<E>>(&self, message: M) -> Result<(), SendError<M>> {
        let announced = match self.announce(&message) {
            Ok(Some(coming)) => coming.until_told().await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        let pushed = match announced.and_then(|()| self.prepare(&message)) {
            Ok(mut row) => self.inner.transport.intake().push(&mut row).await.map_err(refusal),
            Err(error) => Err(error),
        };
        pushed.map(drop).map_err(|error| SendError { data: message, error })
    }

    /// Sends, blocking the calling thread for at most `timeout` until there is room.
    pub fn send_timeout<M: Encodeable<E>>(&self, message: M, timeout: Duration) -> Result<(), SendError<M>> {
        let (announced, timeout) = self.announced_within(&message, timeout);
        let pushed = match announced.and_then(|()| self.prepare(&message)) {
            Ok(mut row) => match self.inner.transport.intake().push_until(&mut row, timeout) {
                Ok(()) => Ok(()),
                Err(Refusal::Full) => Err(self.no_room_within(timeout)),
                Err(refused) => Err(refusal(refused)),
            },
            Err(error) => Err(error),
        };
        pushed.map_err(|error| SendError { data: message, error })
    }

    /// Sends without ever waiting. While the flow of the row is being registered, there is no room for it.
    #[inline(always)]
    pub fn try_send<M: Encodeable<E>>(&self, message: M) -> Result<(), TrySendError<M>> {
        match self.try_push(&message) {
            Ok(()) => Ok(()),
            Err(Refusal::Full) => Err(TrySendError::Full(message)),
            Err(Refusal::Closed(error) | Refusal::Invalid(error)) => {
                Err(TrySendError::Refused(SendError { data: message, error }))
            }
        }
    }

    /// Sends all in order, waiting for room. On an error everything that was not accepted comes back.
    pub async fn send_requests<M, I>(&self, messages: I) -> Result<(), SendError<Vec<M>>>
    where
        M: Encodeable<E>,
        I: IntoIterator<Item = M>,
    {
        let mut messages = messages.into_iter();
        while let Some(message) = messages.next() {
            if let Err(SendError { data, error }) = self.send(message).await {
                return Err(SendError { data: std::iter::once(data).chain(messages).collect(), error });
            }
        }
        Ok(())
    }

    /// Sends in order as many as there is room for, without waiting; the rest comes back.
    pub fn try_send_requests<M, I>(&self, messages: I) -> Result<(), TrySendError<Vec<M>>>
    where
        M: Encodeable<E>,
        I: IntoIterator<Item = M>,
    {
        let mut messages = messages.into_iter();
        while let Some(message) = messages.next() {
            match self.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(data)) => {
                    return Err(TrySendError::Full(std::iter::once(data).chain(messages).collect()));
                }
                Err(TrySendError::Refused(SendError { data, error })) => {
                    let data = std::iter::once(data).chain(messages).collect();
                    return Err(TrySendError::Refused(SendError { data, error }));
                }
            }
        }
        Ok(())
    }

    /// Brings everything accepted so far to `level`, and waits for it; and until the [marks](Self::mark) made so far are
    /// stored as a checkpoint of that level. Blocks the calling thread.
    pub fn flush(&self, level: Level, timeout: Duration) -> Result<()> {
        self.check_process()?;
        let (deadline, marks) = (deadline(timeout), self.inner.transport.marks());
        let made = marks.made();
        self.inner.transport.flush(level, deadline)?;
        marks.wait_stored(level, made, deadline, || {
            self.inner.transport.intake().wake_consumers();
            self.inner.transport.marked(true).ok();
        })
    }

    /// Makes everything accepted so far confirmed, and waits for it. Blocks the calling thread.
    pub fn flush_confirmed(&self, timeout: Duration) -> Result<()> {
        self.flush(Level::Confirmed, timeout)
    }

    /// Ends the stream: delivers what was accepted and says what became of each row. Blocks the calling thread, never
    /// longer than `timeout` plus 250 ms. Calling it again is harmless.
    pub fn finish(&self, timeout: Duration) -> Result<Report, FinishError> {
        self.check_process().map_err(|error| FinishError { error, report: Box::default() })?;
        self.inner.transport.finish(deadline(timeout))
    }

    /// The same as [`flush`](Self::flush) without blocking the thread: for callers in an async runtime, whichever it is.
    /// Dropping the future does not undo the request.
    pub async fn flush_async(&self, level: Level, timeout: Duration) -> Result<()> {
        self.check_process()?;
        let inner = Arc::clone(&self.inner);
        let flush = async move { inner.transport.flush_async(level, task_deadline(timeout)).await };
        self.on_own_threads(flush).await
    }

    /// The same as [`finish`](Self::finish) without blocking the thread: for callers in an async runtime, whichever it
    /// is. Dropping the future does not undo it: the stream ends all the same.
    pub async fn finish_async(&self, timeout: Duration) -> Result<Report, FinishError> {
        let untold = |error| FinishError { error, report: Box::default() };
        self.check_process().map_err(untold)?;
        let inner = Arc::clone(&self.inner);
        let finish = async move { Ok(inner.transport.finish_async(task_deadline(timeout)).await) };
        self.on_own_threads(finish).await.unwrap_or_else(|error| Err(untold(error)))
    }

    /// Asks Sift to confirm what was accepted so far, and waits for nothing; an event and the watermarks tell when it did.
    pub fn checkpoint(&self) -> Result<()> {
        self.check_process()?;
        self.inner.transport.checkpoint()
    }

    /// What happened to the stream: to poll, to wait for, or to be called from.
    pub fn events(&self) -> &Arc<Events> {
        self.inner.transport.events()
    }

    /// Ends the stream now. Waiting calls get `reason`.
    pub fn cancel(&self, reason: &str) {
        if self.check_process().is_err() {
            return;
        }
        let message = format!("the stream was cancelled: {reason}");
        self.inner.transport.cancel(Error::new(ErrorCode::Cancelled, message));
    }

    /// How many rows, from the first one on, are confirmed without a gap.
    pub fn confirmed_watermark(&self) -> u64 {
        self.watermarks().confirmed.unwrap_or(0)
    }

    /// How far the rows have come.
    pub fn watermarks(&self) -> Watermarks {
        match self.check_process() {
            Ok(()) => self.inner.transport.watermarks(),
            Err(_) => Watermarks::default(),
        }
    }

    /// The counters of this moment.
    pub fn get_metrics_snapshot(&self) -> SiftStreamMetricsSnapshot {
        match self.check_process() {
            Ok(()) => self.inner.transport.snapshot(),
            Err(_) => SiftStreamMetricsSnapshot::default(),
        }
    }

    /// Makes memory for `bytes` of encoded rows ready, so that the first rows neither allocate nor meet page faults. At
    /// most 1 GiB.
    pub fn prefault(&self, bytes: u64) -> Result<()> {
        self.check_process()?;
        self.inner.transport.intake().prefault(bytes);
        Ok(())
    }

    /// What keeps rows from being delivered at this moment, if anything is known to. If it is retryable the stream goes on
    /// trying.
    pub fn trouble(&self) -> Option<Error> {
        self.check_process().err().or_else(|| self.inner.transport.trouble())
    }

    /// An error with [`ErrorCode::Forked`] in a child that was forked after the stream was made. Makes no system call.
    pub fn check_process(&self) -> Result<()> {
        self.inner.runtime.origin().check()
    }

    /// The encoder, which knows the flows.
    pub fn encoder(&self) -> &E {
        &self.inner.encoder
    }

    /// Replaces the API key; requests that begin later carry the new one.
    pub fn set_api_key(&self, key: &str) -> Result<()> {
        self.check_process()?;
        self.inner.registration.key.set_api_key(ApiKey::new(key)?);
        Ok(())
    }

    /// The ID of the run that rows are attached to.
    pub fn run_id(&self) -> Option<String> {
        self.check_process().ok()?;
        self.inner.registration.run_id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Attaches rows sent from now on to a run, which is looked up, or created or updated by its client key.
    pub async fn attach_run(&self, selector: RunSelector) -> Result<()> {
        self.check_process()?;
        let control = self.inner.registration.control.clone();
        let run_id = self.on_own_threads(async move { control.ensure_run(&selector).await }).await?;
        self.set_run(Some(run_id));
        Ok(())
    }

    /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
    pub fn attach_run_blocking(&self, selector: RunSelector, timeout: Duration) -> Result<()> {
        self.check_process()?;
        let control = self.inner.registration.control.clone();
        let run_id = self
            .inner
            .runtime
            .handle()
            .run_blocking(async move { control.ensure_run(&selector).await }, timeout)?;
        self.set_run(Some(run_id));
        Ok(())
    }

    /// Rows sent from now on belong to no run.
    pub fn detach_run(&self) {
        if self.check_process().is_ok() {
            self.set_run(None);
        }
    }

    #[inline(always)]
    fn try_push<M: Encodeable<E>>(&self, message: &M) -> Result<(), Refusal> {
        let announced = match self.announce(message) {
            Ok(Some(coming)) => coming.outcome().unwrap_or(Err(full())),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match announced.and_then(|()| self.prepare(message)) {
            Ok(mut row) => self.inner.transport.intake().try_push(&mut row),
            Err(error) if error.code() == ErrorCode::Full => Err(Refusal::Full),
            Err(error) => Err(Refusal::Invalid(error)),
        }
    }

    fn prepare<'a, M: Encodeable<E>>(&self, message: &'a M) -> Result<M::Row<'a>> {
        message.prepare(&self.inner.encoder)
    }

    /// What the row has to wait for before it can be prepared.
    #[inline]
    fn announce<M: Encodeable<E>>(&self, message: &M) -> Result<Option<Arc<Coming>>> {
        self.check_process()?;
        message.announce(&self.inner.encoder)
    }

    /// Waits for that, and says how much of `timeout` is left.
    #[inline]
    fn announced_within<M: Encodeable<E>>(&self, message: &M, timeout: Duration) -> (Result<()>, Duration) {
        match self.announce(message) {
            Ok(None) => (Ok(()), timeout),
            Ok(Some(coming)) => {
                let began = Instant::now();
                let told = coming.wait(timeout).unwrap_or_else(|| Err(not_registered_within(timeout)));
                (told, timeout.saturating_sub(began.elapsed()))
            }
            Err(error) => (Err(error), timeout),
        }
    }

    fn set_run(&self, run_id: Option<String>) {
        let mut current = self.inner.registration.run_id.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.transport.intake().set_suffix(self.inner.encoder.suffix(run_id.as_deref()));
        *current = run_id;
    }

    #[cold]
    pub(super) fn no_room_within(&self, timeout: Duration) -> Error {
        let cause = self.inner.transport.trouble();
        let cause = cause.map(|why| format!("; the cause: {why}")).unwrap_or_default();
        let message = format!("no room within {timeout:?}: send again later, or wait longer{cause}");
        Error::new(ErrorCode::Timeout, message)
    }

    async fn on_own_threads<R: Send + 'static>(
        &self,
        work: impl Future<Output = Result<R>> + Send + 'static,
    ) -> Result<R> {
        self.inner.runtime.handle().run(work).await
    }
}

impl<T: Transport> SiftStream<IngestionConfigEncoder, T> {
    /// Says what the IDs are that the stream began without. A run that was attached or detached meanwhile stays so.
    pub(crate) fn learn_ids(&self, config_id: Option<&str>, run_id: Option<&str>) {
        if let Some(id) = config_id {
            self.inner.encoder.learn_id(id);
        }
        let mut current = self.inner.registration.run_id.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(id), true) = (run_id, current.as_ref().is_some_and(|id| is_placeholder(id.as_bytes()))) {
            self.inner.transport.intake().set_suffix(self.inner.encoder.suffix(Some(id)));
            *current = Some(id.to_owned());
        }
    }

    /// Registers flows with Sift, so that their rows can be sent. A flow that exists with other channels is an error
    /// that shows the difference, and then none is added.
    pub async fn add_new_flows(&self, flows: &[FlowConfig]) -> Result<()> {
        let adding = self.adding(flows)?;
        self.on_own_threads(adding).await
    }

    /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
    pub fn add_new_flows_blocking(&self, flows: &[FlowConfig], timeout: Duration) -> Result<()> {
        let adding = self.adding(flows)?;
        self.inner.runtime.handle().run_blocking(adding, timeout)
    }

    fn adding(&self, flows: &[FlowConfig]) -> Result<impl Future<Output = Result<()>> + Send + use<T>> {
        self.check_process()?;
        let Some(config_id) = self.inner.encoder.registrar().config_id() else {
            let message = "the stream started without a network, so its ingestion config has no ID yet: \
                           add the flows to the schema, or try again once Sift can be reached";
            return Err(Error::new(ErrorCode::Unavailable, message));
        };
        let (inner, flows) = (Arc::clone(&self.inner), flows.to_vec());
        Ok(async move {
            inner.registration.control.add_new_flows(&config_id, &flows).await?;
            let runtime = inner.runtime.handle();
            let admit = move || {
                inner.transport.admit(&flows)?;
                inner.encoder.add(&flows);
                inner.encoder.registrar().registered(&flows);
                for flow in &flows {
                    inner.transport.events().emit(EventKind::FlowRegistered { name: flow.name.clone() });
                }
                Ok(())
            };
            runtime.run_beside(admit).await
        })
    }

    /// Keeps the config of a flow that is registered when its first row is sent: with units, names of enum values and
    /// what else a row does not tell. Needs `auto_register_flows`.
    pub fn stage_flow(&self, flow: FlowConfig) -> Result<()> {
        self.check_process()?;
        self.inner.encoder.registrar().stage(flow)
    }

    /// The descriptor of the flow `name`, for building rows by channel index.
    pub fn get_flow_descriptor(&self, name: &str) -> Result<crate::flow::FlowDescriptor> {
        self.check_process()?;
        self.inner.encoder.get_flow_descriptor(name)
    }
}

impl<E: Encoder> SiftStream<E, FileBackup> {
    /// The choices in force, whoever made them.
    pub fn config(&self) -> &FileBackupConfig {
        self.inner.transport.config()
    }
}

pub(super) fn refusal(refused: Refusal) -> Error {
    match refused {
        Refusal::Full => full(),
        Refusal::Closed(error) | Refusal::Invalid(error) => error,
    }
}

#[cold]
fn not_registered_within(timeout: Duration) -> Error {
    let message = format!("the flow was not registered within {timeout:?}: it goes on; send again later");
    Error::new(ErrorCode::Timeout, message)
}

fn task_deadline(timeout: Duration) -> tokio::time::Instant {
    let now = tokio::time::Instant::now();
    now.checked_add(timeout).unwrap_or(now + FOREVER)
}

fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + FOREVER)
}
