//! Critical path and attribution. Core: no I/O, no clock.
