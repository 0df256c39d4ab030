//! Columns of a record as protobuf packs them: many numbers are written and read at once, most of which need few bytes.
//!
//! A record of the summary log is columns for the most part, and each is written for every transaction: a varint at a time, each with its own look at the
//! buffer, that was a tenth of the folds' work. The bytes are protobuf's: whatever reads `proto/` reads them.
//! Source: <https://protobuf.dev/programming-guides/encoding/#packed>.

use prost::encoding::{WireType, decode_varint, encode_key, encode_varint, encoded_len_varint};

/// A number of a column, as the varint that stands for it.
pub(crate) trait Number: Copy {
    fn to_varint(self) -> u64;
    fn of_varint(varint: u64) -> Self;
}

impl Number for u32 {
    fn to_varint(self) -> u64 {
        self.into()
    }

    fn of_varint(varint: u64) -> Self {
        varint as u32
    }
}

impl Number for u64 {
    fn to_varint(self) -> u64 {
        self
    }

    fn of_varint(varint: u64) -> Self {
        varint
    }
}

/// As `sint32`.
impl Number for i32 {
    fn to_varint(self) -> u64 {
        (((self << 1) ^ (self >> 31)) as u32).into()
    }

    fn of_varint(varint: u64) -> Self {
        let varint = varint as u32;
        (varint >> 1) as i32 ^ -((varint & 1) as i32)
    }
}

/// As `sint64`.
impl Number for i64 {
    fn to_varint(self) -> u64 {
        ((self << 1) ^ (self >> 63)) as u64
    }

    fn of_varint(varint: u64) -> Self {
        (varint >> 1) as i64 ^ -((varint & 1) as i64)
    }
}

/// Bytes of the varint that are looked at at once.
const WORD: usize = 8;
/// The bit of each byte that says that another one follows.
const MORE: u64 = 0x8080_8080_8080_8080;
/// Numbers from here on need more bytes than a word has.
const LONG: u64 = 1 << 56;

/// Writes a column; nothing where it has no entry.
pub(crate) fn put<N: Number>(tag: u32, numbers: &[N], out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    encode_key(tag, WireType::LengthDelimited, out);
    let all = numbers.iter().fold(0, |all, number| all | number.to_varint());
    let width = encoded_len_varint(all);
    if width == 1 {
        encode_varint(numbers.len() as u64, out);
        out.extend(numbers.iter().map(|number| number.to_varint() as u8));
        return;
    }
    // How long it gets is known afterwards: the length has room for the most that it can be, and is written with as many bytes.
    let most = width * numbers.len();
    let length = out.len();
    let start = length + encoded_len_varint(most as u64);
    out.resize(start + most + WORD, 0);
    let mut end = start;
    for number in numbers {
        end += write(number.to_varint(), &mut out[end..]);
    }
    out.truncate(end);
    put_length(end - start, &mut out[length..start]);
}

/// Writes a varint to the beginning of `out`, which has room for a word more than it needs; its length.
fn write(varint: u64, out: &mut [u8]) -> usize {
    if varint >= LONG {
        let (mut rest, mut at) = (varint, 0);
        while rest >= 0x80 {
            out[at] = rest as u8 | 0x80;
            (rest, at) = (rest >> 7, at + 1);
        }
        out[at] = rest as u8;
        return at + 1;
    }
    let length = encoded_len_varint(varint);
    let followed = MORE & ((1 << (8 * (length - 1))) - 1);
    out[..WORD].copy_from_slice(&(spread(varint) | followed).to_le_bytes());
    length
}

/// Groups of 7 bits to bytes.
fn spread(x: u64) -> u64 {
    let x = x & 0x0000_0000_0fff_ffff | (x & 0x00ff_ffff_f000_0000) << 4;
    let x = x & 0x0000_3fff_0000_3fff | (x & 0x0fff_c000_0fff_c000) << 2;
    x & 0x007f_007f_007f_007f | (x & 0x3f80_3f80_3f80_3f80) << 1
}

/// Bytes to groups of 7 bits.
fn gather(x: u64) -> u64 {
    let x = x & 0x007f_007f_007f_007f | (x & 0x7f00_7f00_7f00_7f00) >> 1;
    let x = x & 0x0000_3fff_0000_3fff | (x & 0x3fff_0000_3fff_0000) >> 2;
    x & 0x0000_0000_0fff_ffff | (x & 0x0fff_ffff_0000_0000) >> 4
}

/// Writes a length over all of `out`: a varint may have more bytes than it needs.
fn put_length(length: usize, out: &mut [u8]) {
    let mut rest = length;
    let last = out.len() - 1;
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = (rest & 0x7f) as u8 | if at < last { 0x80 } else { 0 };
        rest >>= 7;
    }
}

/// Appends the numbers of a packed column; `None` where bytes are missing or a varint is too long.
pub(crate) fn read<N: Number>(bytes: &[u8], numbers: &mut Vec<N>) -> Option<()> {
    let count = bytes.iter().filter(|byte| **byte < 0x80).count();
    numbers.reserve(count);
    if count == bytes.len() {
        numbers.extend(bytes.iter().map(|byte| N::of_varint((*byte).into())));
        return Some(());
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let ends = rest.first_chunk::<WORD>().map_or(0, |word| !u64::from_le_bytes(*word) & MORE);
        if ends == 0 {
            numbers.push(N::of_varint(decode_varint(&mut rest).ok()?));
            continue;
        }
        let bits = ends.trailing_zeros() + 1;
        let word = rest.first_chunk::<WORD>().map_or(0, |word| u64::from_le_bytes(*word));
        numbers.push(N::of_varint(gather(word & (u64::MAX >> (64 - bits)))));
        rest = &rest[bits as usize / 8..];
    }
    Some(())
}

/// Writes a column of `fixed64`; nothing where it has no entry.
pub(crate) fn put_fixed(tag: u32, numbers: &[u64], out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint((numbers.len() * WORD) as u64, out);
    let start = out.len();
    out.resize(start + numbers.len() * WORD, 0);
    for (place, number) in out[start..].chunks_exact_mut(WORD).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
}

/// Appends the numbers of a packed column of `fixed64`; `None` where bytes are missing.
pub(crate) fn read_fixed(bytes: &[u8], numbers: &mut Vec<u64>) -> Option<()> {
    let (words, rest) = bytes.as_chunks::<WORD>();
    numbers.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
    rest.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::{Message, encoding};

    use super::*;
    use crate::records::Hops;

    /// Numbers of every length.
    fn number() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0u32..64).prop_map(|(number, shift)| number >> shift)
    }

    fn body(bytes: &[u8]) -> &[u8] {
        let mut rest = bytes;
        encoding::decode_key(&mut rest).unwrap();
        let length = decode_varint(&mut rest).unwrap();
        assert_eq!(length, rest.len() as u64);
        rest
    }

    fn there_and_back<N: Number + PartialEq + std::fmt::Debug>(numbers: &[N]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(11, numbers, &mut bytes);
        if !numbers.is_empty() {
            let mut again = Vec::<N>::new();
            read(body(&bytes), &mut again).unwrap();
            assert_eq!(again, numbers);
        }
        bytes
    }

    proptest! {
        /// What is written here prost reads, and the other way round.
        #[test]
        fn it_is_protobuf(
            wide in prop::collection::vec(number(), 0..300),
            small in prop::collection::vec(0u32..200, 0..300),
            signed in prop::collection::vec(any::<i64>().prop_flat_map(|n| (0u32..64).prop_map(move |by| n >> by)), 0..50),
            parent in prop::collection::vec(any::<i32>(), 0..50),
        ) {
            let hops = Hops { duration: wide.clone(), service: small.clone(), start: signed.clone(), parent: parent.clone(), ..Hops::default() };
            let mut ours = there_and_back(&wide);
            put(3, &small, &mut ours);
            put(10, &signed, &mut ours);
            put(8, &parent, &mut ours);
            prop_assert_eq!(&Hops::decode(&ours[..]).unwrap(), &hops);
            there_and_back(&small);
            there_and_back(&signed);
            there_and_back(&parent);
            let mut theirs = Vec::new();
            encoding::uint64::encode_packed(1, &wide, &mut theirs);
            if !wide.is_empty() {
                let mut again = Vec::<u64>::new();
                read(body(&theirs), &mut again).unwrap();
                prop_assert_eq!(again, wide);
            }
        }

        /// Bytes of anyone are refused or read as prost reads them.
        #[test]
        fn bytes_of_any_kind_are_read_as_by_prost(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80u8..=0xff], 0..40)) {
            let mut ours = Vec::<u64>::new();
            let read = read(&bytes, &mut ours).is_some();
            let mut message = Vec::new();
            encoding::bytes::encode(11, &bytes, &mut message);
            match Hops::decode(&message[..]) {
                Ok(theirs) => {
                    prop_assert!(read);
                    prop_assert_eq!(ours, theirs.duration);
                }
                Err(_) => prop_assert!(!read),
            }
        }

        #[test]
        fn fixed_numbers_too(numbers in prop::collection::vec(any::<u64>(), 0..40), cut in 1usize..8) {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            put_fixed(20, &numbers, &mut ours);
            encoding::fixed64::encode_packed(20, &numbers, &mut theirs);
            prop_assert_eq!(&ours, &theirs);
            if !numbers.is_empty() {
                let mut again = Vec::new();
                read_fixed(body(&ours), &mut again).unwrap();
                prop_assert_eq!(again, numbers);
                prop_assert!(read_fixed(&body(&ours)[cut..], &mut Vec::new()).is_none());
            }
        }
    }
}
