//! Drives the core: log in, batches out.
