//! A local Sift endpoint with scripted faults.
