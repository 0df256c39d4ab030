//! Any bytes as a request in JSON: no panic, and what comes out is protobuf, no larger than what went in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_fuzz::{check, plan};
use throughline_otlp::{Scanner, json::to_protobuf};

fuzz_target!(|body: &[u8]| {
    let Ok(request) = to_protobuf(body) else { return };
    assert!(request.len() <= body.len());
    let plan = plan();
    let scanned = Scanner::new(plan.clone()).scan(request.into(), 3).expect("JSON becomes a valid request");
    check(&scanned, 3, &plan);
});
