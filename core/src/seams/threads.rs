//! How the threads of a stream are named, where they run and how urgent they are.
//!
//! A new thread has the CPUs and the priority of the thread that starts it. So it is enough to set up the first threads
//! of a stream, which start the others; threads that a caller's thread starts later are set up like those.

use std::cell::Cell;
use std::thread::{self, JoinHandle};

use super::worker::log_scope;
use crate::error::{Error, ErrorCode, Result};

/// The longest name: with `-events` behind it, it is as long as the kernel shows.
const NAME_BYTES: usize = 8;
/// What a name of ours begins with, unless the caller chose something else.
const NAME: &str = "siftstream";
/// CPUs that can be chosen.
const CPUS: usize = 1_024;
const WORDS: usize = CPUS / 64;

/// How urgent the threads of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    /// As ordinary threads, also if the thread that starts them is a real-time thread.
    Ordinary,
    /// As ordinary threads with this nice value.
    Nice(i32),
    /// As real-time threads (SCHED_FIFO) of this priority.
    Fifo(u32),
}

/// What a caller chose about the threads of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadOptions {
    /// How many threads run the stream's tasks.
    pub(crate) workers: usize,
    name: Option<([u8; NAME_BYTES], usize)>,
    /// A bit for each CPU.
    cpus: Option<[u64; WORDS]>,
    urgency: Urgency,
    /// What was chosen and cannot be.
    wrong: Option<&'static str>,
}

impl ThreadOptions {
    pub(crate) const fn with_workers(workers: usize) -> Self {
        Self { workers, name: None, cpus: None, urgency: Urgency::Ordinary, wrong: None }
    }

    /// What the names of threads begin with.
    pub(crate) fn set_name(&mut self, name: &str) {
        let usable = (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        if !usable {
            self.wrong = Some("the name of the threads is not 1 to 8 visible ASCII characters: shorten it");
            return;
        }
        let mut bytes = [0; NAME_BYTES];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        self.name = Some((bytes, name.len()));
    }

    /// On which CPUs threads run; on those of the thread that creates the stream if there are none.
    pub(crate) fn set_cpus(&mut self, cpus: &[usize]) {
        let mut mask = [0; WORDS];
        for &cpu in cpus {
            match mask.get_mut(cpu / 64) {
                Some(word) => *word |= 1 << (cpu % 64),
                None => self.wrong = Some("there is no CPU of that number: use 0 to 1023"),
            }
        }
        self.cpus = (!cpus.is_empty()).then_some(mask);
    }

    /// Makes them ordinary threads with this nice value.
    pub(crate) fn set_nice(&mut self, nice: i32) {
        if !(-20..=19).contains(&nice) {
            self.wrong = Some("the nice value of the threads is not from -20 to 19: use such a number");
        }
        self.urgency = Urgency::Nice(nice);
    }

    /// Makes them real-time threads of this priority.
    pub(crate) fn set_fifo_priority(&mut self, priority: u32) {
        if !(1..=99).contains(&priority) {
            self.wrong =
                Some("the SCHED_FIFO priority of the threads is not from 1 to 99: use such a number");
        }
        self.urgency = Urgency::Fifo(priority);
    }

    /// The name of a thread whose usual name is `name`.
    pub(crate) fn name_of(&self, name: &str) -> String {
        match (&self.name, name.strip_prefix(NAME)) {
            (Some((bytes, len)), Some(rest)) => format!("{}{rest}", String::from_utf8_lossy(&bytes[..*len])),
            _ => name.to_owned(),
        }
    }

    /// An error if a thread could not be set up like this. Tries it, on a thread that then ends.
    pub(crate) fn check(self) -> Result<()> {
        if let Some(wrong) = self.wrong {
            return Err(Error::new(ErrorCode::InvalidArgument, wrong));
        }
        if self.cpus.is_none() && self.urgency == Urgency::Ordinary {
            return Ok(());
        }
        let tried = thread::Builder::new().spawn(move || self.apply()).map(JoinHandle::join);
        let refused = |why: String| Err(Error::new(ErrorCode::InvalidArgument, why));
        match tried {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err((what, why)))) => refused(format!("the system refuses {what} for threads: {why}")),
            Ok(Err(_)) | Err(_) => Err(Error::new(ErrorCode::Internal, "cannot start a thread")),
        }
    }

    /// Sets up the calling thread, and those that it starts. [`check`](Self::check) said whether that works.
    pub(crate) fn take_effect(self) {
        OF_THIS_THREAD.set(Some(self));
        if let Err((what, why)) = self.apply() {
            tracing::warn!(target: "siftstream::threads", "the system refuses {what} for a thread: {why}");
        }
    }

    fn apply(self) -> Result<(), (&'static str, std::io::Error)> {
        if let Some(mask) = self.cpus {
            system::run_on(&mask).map_err(|why| ("the CPUs", why))?;
        }
        match self.urgency {
            Urgency::Ordinary => system::be_ordinary().map_err(|why| ("an ordinary priority", why)),
            Urgency::Nice(nice) => system::be_ordinary()
                .and_then(|()| system::be_nice(nice))
                .map_err(|why| ("the nice value", why)),
            Urgency::Fifo(priority) => {
                system::be_fifo(priority).map_err(|why| ("the real-time priority", why))
            }
        }
    }
}

thread_local! {
    static OF_THIS_THREAD: Cell<Option<ThreadOptions>> = const { Cell::new(None) };
}

/// Starts threads that are set up as those of one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Threads(Option<ThreadOptions>);

impl Threads {
    /// Those of the stream that the calling thread belongs to.
    pub(crate) fn of_this_thread() -> Self {
        Self(OF_THIS_THREAD.get())
    }

    /// Runs `work` on a thread of its own, which logs where the calling thread does.
    pub(crate) fn spawn(self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
        let name = self.0.map_or_else(|| name.to_owned(), |options| options.name_of(name));
        let logs = log_scope();
        // Boxed, as a thread of the standard library's is some 2 KB of code for each type of work.
        let work: Box<dyn FnOnce() + Send> = Box::new(work);
        let work = move || {
            let _scope = logs.as_ref().map(tracing::dispatcher::set_default);
            if let Some(options) = self.0 {
                options.take_effect();
            }
            work();
        };
        thread::Builder::new()
            .name(name)
            .spawn(work)
            .map_err(|error| Error::new(ErrorCode::Internal, format!("cannot start a thread: {error}")))
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self::of_this_thread()
    }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "no crate offers sched_setscheduler for a thread behind a safe function")]
mod system {
    use std::io;

    use rustix::process::setpriority_process;
    use rustix::thread::{CpuSet, gettid, sched_setaffinity};

    pub(super) fn run_on(mask: &[u64]) -> io::Result<()> {
        let mut cpus = CpuSet::new();
        for cpu in 0..mask.len() * 64 {
            if mask[cpu / 64] >> (cpu % 64) & 1 == 1 {
                cpus.set(cpu);
            }
        }
        Ok(sched_setaffinity(None, &cpus)?)
    }

    /// Leaves an ordinary thread as it is.
    pub(super) fn be_ordinary() -> io::Result<()> {
        // SAFETY: it takes a number and returns one.
        match unsafe { libc::sched_getscheduler(0) } {
            libc::SCHED_FIFO | libc::SCHED_RR => schedule(libc::SCHED_OTHER, 0),
            _ => Ok(()),
        }
    }

    pub(super) fn be_nice(nice: i32) -> io::Result<()> {
        // On Linux a nice value belongs to a thread.
        Ok(setpriority_process(Some(gettid()), nice)?)
    }

    pub(super) fn be_fifo(priority: u32) -> io::Result<()> {
        schedule(libc::SCHED_FIFO, priority.cast_signed())
    }

    fn schedule(policy: i32, priority: i32) -> io::Result<()> {
        let parameters = libc::sched_param { sched_priority: priority };
        // SAFETY: it reads the parameters, which live until it returns, and changes the calling thread's scheduling.
        match unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    fn unsupported() -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    pub(super) fn run_on(_mask: &[u64]) -> io::Result<()> {
        unsupported()
    }

    pub(super) fn be_ordinary() -> io::Result<()> {
        Ok(())
    }

    pub(super) fn be_nice(_nice: i32) -> io::Result<()> {
        unsupported()
    }

    pub(super) fn be_fifo(_priority: u32) -> io::Result<()> {
        unsupported()
    }
}
