//! A simulated bank that sends real OTLP.
