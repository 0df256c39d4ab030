//! Any bytes as a request, split: every record keeps what is promised of it. The first byte chooses how many partitions there are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_fuzz::{check, plan, spans_by_prost};
use throughline_otlp::Scanner;

fuzz_target!(|input: &[u8]| {
    let Some((first, request)) = input.split_first() else { return };
    let partitions = u32::from(first % 8) + 1;
    let plan = plan();
    let Ok(scanned) = Scanner::new(plan.clone()).scan(request.to_vec().into(), partitions) else { return };
    check(&scanned, partitions, &plan);
    if let Some(spans) = spans_by_prost(request) {
        assert_eq!(scanned.accepted + scanned.rejected.total(), spans);
    }
});
