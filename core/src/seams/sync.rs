//! What threads meet at. `tests/schedules` puts its own in this place and tries the orders in which threads can run.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use event_listener::{Event, Listener};
