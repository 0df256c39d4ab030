//! Any bytes as a compressed body, the first byte choosing the encoding: no panic, never more than the limit, and never more memory than was asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_receiver::{
    Budget,
    decompress::{DecompressError, Encoding, decompress},
};

/// Small, so that the fuzzer meets it.
const LIMIT: usize = 100_000;

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    let encoding = Encoding::ALL[usize::from(*first) % Encoding::ALL.len()];
    let budget = Budget::new(LIMIT);
    let mut held = budget.hold();
    match decompress(encoding, body, LIMIT, &mut held) {
        Ok(plain) => assert!(plain.len() <= LIMIT && plain.len() <= held.bytes()),
        Err(DecompressError::TooLarge { limit }) => assert_eq!(limit, LIMIT),
        Err(DecompressError::Corrupt(_)) => {}
        Err(DecompressError::Exhausted(_)) => panic!("the limit is the budget"),
    }
    drop(held);
    assert_eq!(budget.used(), 0);
});
