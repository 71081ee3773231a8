//! A stream with backups in a world that is simulated: network, clock, disk and chance all follow from one seed.
//!
//! [`Scenario`] says what happens in the world of a seed; [`run`] lets it happen, heals everything, and holds what the
//! server received against what the stream promised ([`oracle`]). The same seed is the same run, to the last byte.

mod chance;
mod client;
mod line;
pub mod oracle;
mod promises;
pub mod rows;
mod run;
mod scenario;
mod server;

pub use chance::with_seed;
pub use run::{Outcome, run};
pub use scenario::{Action, Disk, End, Planned, Scenario};
