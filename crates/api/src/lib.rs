//! The query API: gRPC and JSON on one port.
