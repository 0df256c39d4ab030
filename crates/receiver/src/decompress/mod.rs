//! Every encoding that OTLP clients use, out of hostile bytes, into memory that was asked for first.
//!
//! The output is never larger than `limit`, and each step of its growth is taken from the budget before it is allocated. What a decoder needs
//! besides is bounded by its format: 32 KiB for deflate, 64 KiB for framed snappy, 4 MiB blocks for lz4, and for zstd the window that
//! [`MAX_ZSTD_WINDOW_LOG`] allows.

use std::io;

use bytes::Bytes;
use thiserror::Error;

use crate::budget::{Exhausted, Held};

mod bounded;
mod formats;

use bounded::Bounded;
pub use formats::MAX_ZSTD_WINDOW_LOG;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// RFC 1950, which HTTP calls `deflate`; bare RFC 1951 is told by its first bytes and taken too.
    Zlib,
    /// Block or framed, told by the first ten bytes.
    Snappy,
    /// Frames.
    Lz4,
}

/// Why a body could not be decompressed.
#[derive(Debug, Error)]
pub enum DecompressError {
    /// The limit of one request was passed.
    #[error("decompressed body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, bytes.
        limit: usize,
    },
    /// The memory of all requests is used up.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The bytes are not what their encoding says.
    #[error("{0}")]
    Corrupt(String),
}

impl DecompressError {
    /// Whether the same bytes may be accepted later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Exhausted(_) => true,
            Self::TooLarge { .. } | Self::Corrupt(_) => false,
        }
    }
}

impl From<io::Error> for DecompressError {
    fn from(error: io::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gzip, Self::Zstd, Self::Zlib, Self::Snappy, Self::Lz4];

    /// The encoding of a `content-encoding` or `grpc-encoding` header; `None` where the name is not known. `identity` is not asked for here.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let known = [
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("zstd", Self::Zstd),
            ("zlib", Self::Zlib),
            ("deflate", Self::Zlib),
            ("snappy", Self::Snappy),
            ("x-snappy-framed", Self::Snappy),
            ("lz4", Self::Lz4),
        ];
        known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, encoding)| encoding)
    }
}

/// Decompresses `body` into at most `limit` bytes, which are taken from `held`'s budget as they are needed.
///
/// # Errors
/// [`DecompressError`]; memory that was taken meanwhile stays with `held`.
pub fn decompress(
    encoding: Encoding,
    body: &[u8],
    limit: usize,
    held: &mut Held,
) -> Result<Bytes, DecompressError> {
    let mut out = Bounded::new(limit, held);
    match encoding {
        Encoding::Gzip => formats::gzip(body, &mut out)?,
        Encoding::Zstd => formats::zstd(body, &mut out)?,
        Encoding::Zlib => formats::zlib(body, &mut out)?,
        Encoding::Snappy => formats::snappy(body, &mut out)?,
        Encoding::Lz4 => formats::lz4(body, &mut out)?,
    }
    Ok(out.finish())
}
