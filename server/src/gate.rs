//! Gates across the wires of a server: while one is shut nothing passes, as if a cable had been pulled.

use crate::shared::lock;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

/// Which way a blackhole swallows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blackhole {
    /// Nothing is read and nothing is written.
    Both,
    /// Nothing that clients send is read; what the server says still reaches them.
    FromClients,
    /// Clients are heard, but no answer reaches them.
    ToClients,
}

/// One gate for each way.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    pub(crate) from_clients: Gate,
    pub(crate) to_clients: Gate,
}

impl Gates {
    pub(crate) fn shut(&self, way: Blackhole) {
        if way != Blackhole::ToClients {
            self.from_clients.shut.store(true, SeqCst);
        }
        if way != Blackhole::FromClients {
            self.to_clients.shut.store(true, SeqCst);
        }
    }

    pub(crate) fn open(&self) {
        self.from_clients.open();
        self.to_clients.open();
    }
}

/// What every wire passes through in one direction.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    shut: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Gate {
    fn open(&self) {
        let mut waiting = lock(&self.waiting);
        self.shut.store(false, SeqCst);
        waiting.drain(..).for_each(Waker::wake);
    }

    /// Ready while the gate is open.
    pub(crate) fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.shut.load(SeqCst) {
            return Poll::Ready(());
        }
        let mut waiting = lock(&self.waiting);
        // Who opens it does so under the lock, and has woken only those that were waiting by then.
        if !self.shut.load(SeqCst) {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
