//! Policies over transaction facts. Core: no I/O, no clock.
