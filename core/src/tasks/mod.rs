//! The tasks that move rows on, on threads of the library.

pub(crate) mod backlog;
pub(crate) mod backup_manager;
pub(crate) mod carried;
pub(crate) mod checkpoint_keeper;
pub(crate) mod file_writer;
pub(crate) mod ingestion;
mod isolation;
pub(crate) mod late_ids;
pub(crate) mod link;
pub(crate) mod reingestion;
pub(crate) mod resend;
pub(crate) mod scan;
