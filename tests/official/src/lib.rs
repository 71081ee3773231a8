//! The tests of this package are in its `tests` directory.
