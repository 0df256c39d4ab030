//! OTLP over gRPC and HTTP.
