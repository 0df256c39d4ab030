//! The decompressors: what was compressed comes back, whatever else comes is refused, and memory stays within what was asked for.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use common::compressed;
use proptest::prelude::*;
use throughline_receiver::{
    Budget,
    decompress::{DecompressError, Encoding, decompress},
};

const MIB: usize = 1 << 20;

fn decode(name: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let budget = Budget::new(4 * MIB);
    let mut held = budget.hold();
    let result = decompress(Encoding::from_name(name).unwrap(), body, limit, &mut held);
    result.map(|plain| {
        assert!(plain.len() <= held.bytes());
        plain.to_vec()
    })
}

/// Text that compresses and bytes that do not.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100_000),
        ("[a-z/.]{1,40}", 0_usize..20_000).prop_map(|(text, times)| text.repeat(times).into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_compressed_comes_back(body in bodies()) {
        for (name, compressed) in compressed(&body) {
            prop_assert_eq!(&decode(name, &compressed, body.len()).unwrap(), &body, "{}", name);
        }
    }

    #[test]
    fn one_byte_over_the_limit_is_too_large(body in bodies()) {
        prop_assume!(!body.is_empty());
        for (name, compressed) in compressed(&body) {
            let result = decode(name, &compressed, body.len() - 1);
            prop_assert!(matches!(result, Err(DecompressError::TooLarge { .. })), "{} {:?}", name, result.map(|b| b.len()));
        }
    }

    #[test]
    fn hostile_bytes_never_panic_nor_pass_the_limit(body in prop::collection::vec(any::<u8>(), 0..2000), limit in 0_usize..100_000) {
        for name in ["gzip", "zstd", "deflate", "snappy", "lz4"] {
            if let Ok(plain) = decode(name, &body, limit) {
                prop_assert!(plain.len() <= limit);
            }
        }
    }

    #[test]
    fn damaged_bodies_never_panic_nor_pass_the_limit(body in bodies(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        for (name, mut compressed) in compressed(&body) {
            let at = at.index(compressed.len());
            compressed[at] ^= 1 << bit;
            if let Ok(plain) = decode(name, &compressed, body.len()) {
                prop_assert!(plain.len() <= body.len());
            }
        }
    }
}

#[test]
fn bodies_that_are_cut_short_are_corrupt() {
    let body = b"a span, another span, and one more span of it ".repeat(5000);
    for (name, compressed) in compressed(&body) {
        for len in [1, compressed.len() / 2, compressed.len() - 1] {
            let result = decode(name, &compressed[..len], body.len());
            assert!(
                matches!(result, Err(DecompressError::Corrupt(_))),
                "{name} {len} {:?}",
                result.map(|b| b.len())
            );
        }
    }
}

#[test]
fn gzip_members_and_lz4_and_zstd_frames_may_follow_each_other() {
    for (name, one) in
        compressed(b"half ").into_iter().filter(|(name, _)| ["gzip", "zstd", "lz4"].contains(name))
    {
        assert_eq!(decode(name, &[one.clone(), one].concat(), 100).unwrap(), b"half half ", "{name}");
    }
}

#[test]
fn a_budget_that_is_used_up_is_not_the_clients_fault() {
    let budget = Budget::new(1000);
    let (_, body) = compressed(&[7; 5000]).remove(0);
    let error = decompress(Encoding::Gzip, &body, MIB, &mut budget.hold()).unwrap_err();
    assert!(matches!(error, DecompressError::Exhausted(_)) && error.is_retryable());
}

#[test]
fn zstd_windows_beyond_eight_mebibytes_are_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    std::io::Write::write_all(&mut encoder, &[1; 1000]).unwrap();
    let body = encoder.finish().unwrap();
    assert!(matches!(decode("zstd", &body, MIB), Err(DecompressError::Corrupt(_))));
}
