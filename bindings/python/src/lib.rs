//! The compiled part of the Python package `siftstream`: it converts, `siftstream` (core) decides.
//!
//! The way of a row: [`stream`] gets the call, [`live`] finds the flow, [`flow`] the channels by the names or places given,
//! [`value`] reads each value as its channel's type into a row of the core, which is sent. Rows of flows that are still to
//! be registered go through [`new_flow`]. Whatever can wait does so in [`wait`], without the GIL. Python people see the
//! classes in `python/siftstream`, which stand on these.

mod arguments;
mod backup;
mod columns;
mod command;
mod error;
mod exit;
mod flow;
mod live;
mod log;
mod new_flow;
mod open;
mod schema;
mod server;
mod stream;
mod time;
mod told;
mod value;
mod wait;

use pyo3::prelude::*;

/// Private: use `siftstream`.
#[pymodule]
mod _siftstream {
    #[pymodule_export]
    use super::backup::{BackupTable, read_backup};
    #[pymodule_export]
    use super::command::run_command;
    #[pymodule_export]
    use super::exit::flush_all;
    #[pymodule_export]
    use super::flow::BoundFlow;
    #[pymodule_export]
    use super::log::{forget_logs, next_logs, set_log_level};
    #[pymodule_export]
    use super::open::option_names;
    #[pymodule_export]
    use super::server::LocalServer;
    #[pymodule_export]
    use super::stream::{StreamBase, SyncStreamBase};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
