//! The formats, each by the library that knows it.

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::{Bounded, DecompressError};

/// Largest window of a zstd frame, as a power of two: 8 MiB, what RFC 8878 asks decoders to support. Only `--ultra` and `--long` ask for more.
pub const MAX_ZSTD_WINDOW_LOG: u32 = 23;

/// The stream identifier chunk that framed snappy begins with.
const SNAPPY_FRAMED: &[u8; 10] = b"\xff\x06\x00\x00sNaPpY";

/// Traces compress about so well; a guess for the first allocation only.
const USUAL_RATIO: usize = 6;

fn guess(body: &[u8]) -> usize {
    body.len().saturating_mul(USUAL_RATIO)
}

pub(super) fn gzip(body: &[u8], out: &mut Bounded<'_>) -> Result<(), DecompressError> {
    out.read_all(&mut MultiGzDecoder::new(body), guess(body))
}

pub(super) fn zlib(body: &[u8], out: &mut Bounded<'_>) -> Result<(), DecompressError> {
    if has_zlib_header(body) {
        out.read_all(&mut ZlibDecoder::new(body), guess(body))
    } else {
        out.read_all(&mut DeflateDecoder::new(body), guess(body))
    }
}

/// RFC 1950: method 8, and the first two bytes are a multiple of 31.
fn has_zlib_header(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => {
            method & 0x0f == 8 && (u16::from(*method) * 256 + u16::from(*flags)).is_multiple_of(31)
        }
        _ => true,
    }
}

pub(super) fn zstd(body: &[u8], out: &mut Bounded<'_>) -> Result<(), DecompressError> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
    out.read_all(&mut decoder, guess(body))
}

pub(super) fn snappy(body: &[u8], out: &mut Bounded<'_>) -> Result<(), DecompressError> {
    if body.starts_with(SNAPPY_FRAMED) {
        return out.read_all(&mut snap::read::FrameDecoder::new(body), guess(body));
    }
    let corrupt = |error: snap::Error| DecompressError::Corrupt(error.to_string());
    let len = snap::raw::decompress_len(body).map_err(corrupt)?;
    out.fill(len, |room| snap::raw::Decoder::new().decompress(body, room).map(drop).map_err(corrupt))
}

pub(super) fn lz4(body: &[u8], out: &mut Bounded<'_>) -> Result<(), DecompressError> {
    let mut decoder = lz4_flex::frame::FrameDecoder::new(body);
    // A decoder ends with its frame; another frame may follow.
    loop {
        let frame = *decoder.get_ref();
        out.read_all(&mut decoder, guess(body))?;
        let left = decoder.get_ref().len();
        if !ends_lz4_frame(&frame[..frame.len() - left]) {
            return Err(DecompressError::Corrupt("lz4 frame has no end".into()));
        }
        if left == 0 {
            return Ok(());
        }
    }
}

/// Whether a frame has its end mark (four zeros, and a checksum behind them where the flags say so): the decoder takes the end of the input for
/// the end of the frame.
fn ends_lz4_frame(frame: &[u8]) -> bool {
    const FLAGS: usize = 4;
    const CONTENT_CHECKSUM: u8 = 1 << 2;
    let checksum = frame.get(FLAGS).map_or(0, |flags| if flags & CONTENT_CHECKSUM == 0 { 0 } else { 4 });
    frame.len().checked_sub(checksum).is_some_and(|end| frame[..end].ends_with(&[0; 4]))
}
