//! The engine behind HTTP, as clients meet it. One engine for all tests here: it is started once and dies with the test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a panic is the report")]

#[path = "../common/child.rs"]
mod child;
mod client;
mod encodings;
mod formats;
mod http;
mod inserts;
mod many;
mod support;
