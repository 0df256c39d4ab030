//! Recorded OTLP: reads it from files, and replays it to a server.
