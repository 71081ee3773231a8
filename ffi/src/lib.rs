//! The C ABI of siftstream.
