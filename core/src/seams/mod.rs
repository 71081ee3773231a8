//! What a test can replace: everything through which the library meets the world.

pub mod connector;
pub(crate) mod runtime;
