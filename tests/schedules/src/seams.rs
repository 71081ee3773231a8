//! What the library finds in the place of its seams.

/// Locks and events that the scheduler knows.
pub(crate) mod sync {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use std::time::Instant;

    use shuttle::sync::Condvar;
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;

    /// Tells all who listen.
    #[derive(Debug, Default)]
    pub(crate) struct Event {
        told: Arc<Told>,
    }

    #[derive(Debug, Default)]
    struct Told {
        times: Mutex<(u64, Vec<Waker>)>,
        again: Condvar,
    }

    impl Event {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn listen(&self) -> EventListener {
            EventListener { heard: self.told.lock().0, told: Arc::clone(&self.told) }
        }

        /// The library only ever tells all.
        pub(crate) fn notify(&self, _all: usize) {
            let mut times = self.told.lock();
            times.0 += 1;
            times.1.drain(..).for_each(Waker::wake);
            drop(times);
            self.told.again.notify_all();
        }
    }

    impl Told {
        fn lock(&self) -> MutexGuard<'_, (u64, Vec<Waker>)> {
            self.times.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// Hears what is told from now on.
    pub(crate) struct EventListener {
        heard: u64,
        told: Arc<Told>,
    }

    /// As in `event_listener`.
    pub(crate) trait Listener {
        fn wait_deadline(self, deadline: Instant) -> Option<()>;
    }

    impl Listener for EventListener {
        /// No time passes here: who is not told waits for ever.
        fn wait_deadline(self, _deadline: Instant) -> Option<()> {
            let mut times = self.told.lock();
            while times.0 == self.heard {
                times = self.told.again.wait(times).unwrap_or_else(PoisonError::into_inner);
            }
            Some(())
        }
    }

    impl Future for EventListener {
        type Output = ();

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let mut times = self.told.lock();
            if times.0 != self.heard {
                return Poll::Ready(());
            }
            times.1.push(cx.waker().clone());
            Poll::Pending
        }
    }
}

/// Threads of the scheduler.
pub(crate) mod threads {
    use shuttle::thread::JoinHandle;

    use crate::error::Result;

    #[derive(Debug, Clone, Copy, Default)]
    pub(crate) struct Threads;

    impl Threads {
        pub(crate) fn spawn(
            self,
            _name: &str,
            work: impl FnOnce() + Send + 'static,
        ) -> Result<JoinHandle<()>> {
            Ok(shuttle::thread::spawn(work))
        }
    }
}
