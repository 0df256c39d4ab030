//! Any bytes as a request in JSON: no panic, and what comes out is protobuf, no larger than what went in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_fuzz::{check, plan};
use throughline_otlp::{Scanner, json};

fuzz_target!(|body: &[u8]| {
    let Ok(json::Converted { request, rejected }) = json::convert(body.to_vec().into()) else {
        assert!(json::to_protobuf(body).is_err());
        return;
    };
    assert!(request.len() <= body.len());
    assert_eq!(json::to_protobuf(body).ok(), rejected.is_empty().then(|| request.clone()));
    let plan = plan();
    let scanned = Scanner::new(plan.clone()).scan(request.into(), 3).expect("JSON becomes a valid request");
    check(&scanned, 3, &plan);
});
