//! spool
pub mod ids;
pub mod journal;
pub mod pbfs;
pub mod slot;
