//! Schema, row encoding, outbox, sink, questions in SQL.
