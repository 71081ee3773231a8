//! Where streams live, and how they leave: when they are collected, when a worker ends, when the process exits.
//!
//! To end a stream may wait for a disk, up to a second. So a collected stream leaves on a thread of its own, and the end
//! of an environment waits until what its streams hold in memory is in their files.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use napi::bindgen_prelude::Env;
use siftstream::{AnyTransport, IngestionConfigEncoder, Level, SiftStream};

use crate::open::Opened;
use crate::waiting::Queue;

/// The stream of core whose transport is chosen at run time.
pub(crate) type AnyStream = SiftStream<IngestionConfigEncoder, AnyTransport>;

/// How long the end of an environment waits for the disk.
const AT_EXIT: Duration = Duration::from_secs(1);

/// The process exits: streams stay as they are until it is gone.
static EXITING: AtomicBool = AtomicBool::new(false);

/// The streams of one environment: of the main thread, or of a worker.
#[derive(Default)]
pub(crate) struct Home {
    streams: Mutex<Vec<Weak<Held>>>,
    leaving: Mutex<Vec<JoinHandle<()>>>,
}

/// A stream that JavaScript holds, or a wait for it.
pub(crate) struct Held {
    stream: ManuallyDrop<AnyStream>,
    home: Arc<Home>,
    /// In which sends wait for room.
    queue: Queue,
    /// In which they wait, flow by flow, until it is registered.
    queues_of_new: Mutex<HashMap<String, Queue>>,
    /// Whether a flow is registered when its first row is sent.
    pub(crate) registers_new: bool,
}

impl Deref for Held {
    type Target = AnyStream;

    fn deref(&self) -> &AnyStream {
        &self.stream
    }
}

impl Held {
    pub(crate) fn new(opened: Opened, home: Arc<Home>) -> Arc<Self> {
        let held = Arc::new(Self {
            stream: ManuallyDrop::new(opened.stream),
            home: Arc::clone(&home),
            queue: Queue::default(),
            queues_of_new: Mutex::default(),
            registers_new: opened.registers_new,
        });
        let mut streams = lock(&home.streams);
        streams.retain(|known| known.strong_count() > 0);
        streams.push(Arc::downgrade(&held));
        drop(streams);
        held
    }

    /// Where a row of a known flow waits: also behind those that were sent when it was not known.
    pub(crate) fn queues_of(&self, flow: &str) -> Vec<Queue> {
        let of_new = lock(&self.queues_of_new).get(flow).cloned();
        of_new.into_iter().chain([Arc::clone(&self.queue)]).collect()
    }

    /// Where a row of a flow waits that is still to be registered: rows of other flows do not wait for that.
    pub(crate) fn queues_of_new(&self, flow: &str) -> Vec<Queue> {
        vec![Arc::clone(lock(&self.queues_of_new).entry(flow.to_owned()).or_default())]
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if EXITING.load(Ordering::SeqCst) {
            return;
        }
        // SAFETY: this is the only place that takes it, and nobody can reach it after the drop.
        let stream = unsafe { ManuallyDrop::take(&mut self.stream) };
        let farewell = move || {
            stream.events().close();
            drop(stream);
        };
        // Without a thread the stream leaves here: the closure is dropped with it.
        let thread = std::thread::Builder::new().name("siftstream-leave".to_owned()).spawn(farewell);
        if let Ok(thread) = thread {
            let mut leaving = lock(&self.home.leaving);
            leaving.retain(|thread| !thread.is_finished());
            leaving.push(thread);
        }
    }
}

thread_local! {
    static HOME: OnceCell<Arc<Home>> = const { OnceCell::new() };
}

impl Home {
    /// The home of the environment that runs on this thread.
    pub(crate) fn of(env: &Env) -> napi::Result<Arc<Self>> {
        HOME.with(|cell| {
            if let Some(home) = cell.get() {
                return Ok(Arc::clone(home));
            }
            let home = Arc::new(Self::default());
            env.add_env_cleanup_hook(Arc::clone(&home), |home| home.settle())?;
            Ok(Arc::clone(cell.get_or_init(|| home)))
        })
    }

    /// Brings to the disk what its streams hold in memory. Blocks the calling thread, about a second at most.
    fn settle(&self) {
        let streams: Vec<_> = lock(&self.streams).iter().filter_map(Weak::upgrade).collect();
        let writing = streams.into_iter().filter_map(|stream| {
            let write = move || {
                // A stream without a disk has nothing to write, and a disk that fails has had its time.
                stream.flush(Level::Written, AT_EXIT).ok();
            };
            std::thread::Builder::new().name("siftstream-exit".to_owned()).spawn(write).ok()
        });
        let writing: Vec<_> = writing.collect();
        let leaving = std::mem::take(&mut *lock(&self.leaving));
        for thread in writing.into_iter().chain(leaving) {
            thread.join().ok();
        }
    }
}

/// Settles the streams of this thread. After the end of the process was announced they are left alone.
pub(crate) fn settle_at_exit(of_process: bool) {
    HOME.with(|cell| {
        if let Some(home) = cell.get() {
            home.settle();
        }
    });
    if of_process {
        EXITING.store(true, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
