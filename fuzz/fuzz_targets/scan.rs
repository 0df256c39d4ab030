//! Any bytes as a request: no panic, and what prost reads too is read alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_fuzz::{plan, spans_by_prost};
use throughline_otlp::{Fault, Scanner, walk_spans, wire::WireError};

fuzz_target!(|request: &[u8]| {
    let scanned = Scanner::new(plan()).rescan(request);
    match (scanned, spans_by_prost(request)) {
        (Ok(scanned), Some(spans)) => {
            assert_eq!(scanned.facts.spans.len() as u64 + scanned.rejected.total(), spans);
        }
        // A span's bad text refuses that span only.
        (Ok(scanned), None) => assert!(!scanned.rejected.is_empty()),
        // Prost allows deeper values and groups.
        (Err(error), Some(_)) => {
            assert!(matches!(error.fault, Fault::Wire(WireError::Depth) | Fault::Depth), "{error}");
        }
        (Err(_), None) => {}
    }
    let _ = walk_spans(request, &[4, 8, 12], |_| ());
});
