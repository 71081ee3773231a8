//! Flows that are registered when their first row is sent.
//!
//! ```text
//!   first row ──▶ staged config, or one as the row tells ──▶ written down (with a disk) ──▶ registered ──▶ rows go on
//!                                                                  ▲                        │      │
//!      the row, and all others of the flow, wait with              └─ taken back ◀─ refused ┘      └─ no network:
//!      their senders                                                                 (to the senders)   see below
//! ```
//!
//! Without a disk no row is accepted before Sift has the flow. With a disk a flow that Sift cannot be asked for is
//! written down, and its rows are accepted: they wait on disk until the flow is registered, here or by the next start,
//! and so long nothing goes to the wire. Should Sift refuse the flow then, the stream stops, and the rows stay on disk.

use std::sync::Arc;
use std::time::Duration;

use super::derive::derive;
use super::{Coming, Registrar, gone, lock};
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::events::EventKind;
use crate::flow::Flow;
use crate::retry::{Backoff, RetryPolicy};
use crate::schema::FlowConfig;

/// How long rows of a stream with a disk wait for Sift before they are accepted without it.
const OFFLINE_AFTER: Duration = Duration::from_secs(3);
/// How long one later attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How often it is looked whether the stream still wants the flow.
const LOOK: Duration = Duration::from_millis(20);

impl Registrar {
    /// Keeps the config of a flow for its first row.
    pub(crate) fn stage(&self, flow: FlowConfig) -> Result<()> {
        if !self.registers_unknown {
            let message = "flows are not registered by their first row: switch on auto_register_flows, or call add_new_flows";
            return Err(Error::new(ErrorCode::NotConfigured, message));
        }
        FlowConfig::validate_all(std::slice::from_ref(&flow))?;
        lock(&self.staged).insert(flow.name.clone(), flow);
        Ok(())
    }

    /// Begins to register the flow of `row`, or joins those who wait for that; none if rows of it can be built.
    pub(crate) fn announce(self: &Arc<Self>, row: &Flow) -> Result<Option<Arc<Coming>>> {
        let host = self.host().ok_or_else(gone)?;
        let mut coming = lock(&self.coming);
        if host.knows(&row.flow_name) {
            return Ok(None);
        }
        coming.retain(|_, known| !known.is_known_to_fail());
        if let Some(known) = coming.get(&row.flow_name) {
            return Ok(Some(Arc::clone(known)));
        }
        let staged = lock(&self.staged).get(&row.flow_name).cloned();
        let flow = staged.map_or_else(|| derive(row), Ok)?;
        let begun = Arc::new(Coming::default());
        coming.insert(flow.name.clone(), Arc::clone(&begun));
        let (registrar, told) = (Arc::clone(self), Arc::clone(&begun));
        self.runtime.spawn(async move {
            let outcome = registrar.introduce(&flow).await;
            if outcome.is_ok() {
                lock(&registrar.coming).remove(&flow.name);
            }
            told.tell(outcome);
        });
        Ok(Some(begun))
    }

    /// Brings a flow to where rows of it can be accepted.
    async fn introduce(self: &Arc<Self>, flow: &FlowConfig) -> Result<()> {
        let keeps_rows = self.host().ok_or_else(gone)?.has_disk();
        if !keeps_rows {
            self.register(flow).await?;
        } else {
            self.note(flow, false).await?;
            match within(OFFLINE_AFTER, self.register(flow)).await {
                Ok(()) => self.note(flow, true).await?,
                Err(error) if can_pass(&error) => {
                    tracing::warn!(
                        target: "siftstream::stream",
                        flow = flow.name, %error, "rows wait on disk until the flow can be registered"
                    );
                    self.host().ok_or_else(gone)?.hold(true);
                    self.runtime.spawn(Arc::clone(self).register_later(flow.clone()));
                }
                Err(error) => {
                    let name = flow.name.clone();
                    self.beside(move |host| host.forget(&name)).await?;
                    return Err(error);
                }
            }
        }
        self.registered(std::slice::from_ref(flow));
        self.host().ok_or_else(gone)?.make_sendable(flow);
        Ok(())
    }

    /// Registers a flow whose rows wait on disk, as soon as Sift can be asked.
    async fn register_later(self: Arc<Self>, flow: FlowConfig) {
        let mut backoff = Backoff::new(RetryPolicy::default());
        loop {
            tokio::time::sleep(backoff.next_delay().max(LOOK)).await;
            if self
                .host()
                .is_none_or(|host| host.closed().is_some_and(|why| why.code() == ErrorCode::Cancelled))
            {
                return;
            }
            match within(ATTEMPT, self.register(&flow)).await {
                Ok(()) => break,
                Err(error) if can_pass(&error) => {
                    tracing::debug!(target: "siftstream::stream", flow = flow.name, %error, "not registered yet");
                    if error.code() == ErrorCode::Auth {
                        tokio::time::sleep(backoff.after_auth()).await;
                    }
                }
                Err(error) => {
                    if let Some(host) = self.host() {
                        host.break_with(error.with_data_status(DataStatus::OnDisk));
                    }
                    return;
                }
            }
        }
        if let Err(error) = self.note(&flow, true).await {
            tracing::warn!(target: "siftstream::stream", flow = flow.name, %error, "the next start registers it again");
        }
        if let Some(host) = self.host() {
            host.hold(false);
        }
    }

    /// Registers a flow with Sift, unless the stream ends before.
    async fn register(&self, flow: &FlowConfig) -> Result<()> {
        let Some(id) = self.config_id() else {
            let message = "the stream started without a network, so its ingestion config has no ID yet";
            return Err(Error::new(ErrorCode::Unavailable, message));
        };
        let closed = async {
            loop {
                match self.host() {
                    Some(host) => match host.closed() {
                        Some(why) if !host.has_disk() => break why,
                        _ => {}
                    },
                    None => break gone(),
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            registered = self.control.add_new_flows(&id, std::slice::from_ref(flow)) => registered?,
            why = closed => return Err(why),
        }
        if let Some(host) = self.host() {
            host.emit(EventKind::FlowRegistered { name: flow.name.clone() });
        }
        Ok(())
    }

    async fn note(&self, flow: &FlowConfig, is_registered: bool) -> Result<()> {
        let flow = flow.clone();
        self.beside(move |host| host.remember(&flow, is_registered)).await
    }
}

async fn within(limit: Duration, work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorCode::Timeout, format!("no answer within {limit:?}"))))
}

/// Whether the same flow can be registered later.
fn can_pass(error: &Error) -> bool {
    matches!(error.code(), ErrorCode::Unavailable | ErrorCode::Timeout | ErrorCode::Auth)
}
