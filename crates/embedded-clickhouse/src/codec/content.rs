//! HTTP content encodings, both ways.

use std::io::{self, Read, Write};

use super::Sink;

/// An encoding of HTTP bodies that is spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    Deflate,
    Zstd,
    Lz4,
}

/// Speed over size: the traffic stays on one machine.
const GZIP_LEVEL: u32 = 1;
/// zstd's own default would cost three times as much for a tenth less.
const ZSTD_LEVEL: i32 = 1;

impl Encoding {
    /// The name in `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }

    /// Reads a `Content-Encoding`: `Ok(None)` for none, `Err` for one that is not spoken.
    pub(crate) fn of_body(value: &str) -> Result<Option<Self>, ()> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            "zstd" => Ok(Some(Self::Zstd)),
            "lz4" => Ok(Some(Self::Lz4)),
            _ => Err(()),
        }
    }

    /// Chooses from an `Accept-Encoding`: the first in ClickHouse's order of preference that the client takes.
    pub(crate) fn accepted(value: &str) -> Option<Self> {
        let offered: Vec<(String, bool)> = value
            .split(',')
            .map(|item| {
                let mut parts = item.split(';');
                let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
                let refused = parts
                    .any(|p| matches!(p.trim().strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000")));
                (name, !refused)
            })
            .collect();
        [Self::Zstd, Self::Lz4, Self::Gzip, Self::Deflate]
            .into_iter()
            .find(|e| offered.iter().any(|(name, taken)| *taken && name == e.name()))
    }
}

/// Unpacks a body.
pub(crate) fn decoder<'r>(
    encoding: Option<Encoding>,
    body: impl Read + Send + 'r,
) -> io::Result<Box<dyn Read + Send + 'r>> {
    Ok(match encoding {
        None => Box::new(body),
        Some(Encoding::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(body)),
        Some(Encoding::Deflate) => Box::new(flate2::read::ZlibDecoder::new(body)),
        Some(Encoding::Zstd) => Box::new(zstd::stream::read::Decoder::new(body)?),
        Some(Encoding::Lz4) => Box::new(lz4_flex::frame::FrameDecoder::new(body)),
    })
}

/// Packs an answer.
pub(crate) fn encoder(encoding: Option<Encoding>, out: Box<dyn Sink>) -> io::Result<Box<dyn Sink>> {
    Ok(match encoding {
        None => out,
        Some(Encoding::Gzip) => {
            Box::new(Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL))))
        }
        Some(Encoding::Deflate) => {
            Box::new(Zlib(flate2::write::ZlibEncoder::new(out, flate2::Compression::new(GZIP_LEVEL))))
        }
        Some(Encoding::Zstd) => Box::new(Zstd(zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?)),
        Some(Encoding::Lz4) => Box::new(Lz4(lz4_flex::frame::FrameEncoder::new(out))),
    })
}

/// A sink around an encoder of another crate: how it ends is all that differs.
macro_rules! sink {
    ($name:ident, $encoder:ty, $finish:expr) => {
        struct $name($encoder);

        impl Write for $name {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                self.0.flush()
            }
        }

        impl Sink for $name {
            fn close(self: Box<Self>) -> io::Result<()> {
                let finish: fn($encoder) -> io::Result<Box<dyn Sink>> = $finish;
                finish(self.0)?.close()
            }
        }
    };
}

sink!(Gzip, flate2::write::GzEncoder<Box<dyn Sink>>, flate2::write::GzEncoder::finish);
sink!(Zlib, flate2::write::ZlibEncoder<Box<dyn Sink>>, flate2::write::ZlibEncoder::finish);
sink!(Zstd, zstd::stream::write::Encoder<'static, Box<dyn Sink>>, zstd::stream::write::Encoder::finish);
sink!(Lz4, lz4_flex::frame::FrameEncoder<Box<dyn Sink>>, |e| e.finish().map_err(io::Error::other));

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A sink whose bytes can be looked at afterwards.
    #[derive(Default, Clone)]
    pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        pub(crate) fn take(&self) -> Vec<u8> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Shared {
        fn close(self: Box<Self>) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_encoding_comes_back() {
        let bytes: Vec<u8> = (0..300_000_u64).map(|i| (i / 3 * i / 1000) as u8).collect();
        for encoding in
            [None, Some(Encoding::Gzip), Some(Encoding::Deflate), Some(Encoding::Zstd), Some(Encoding::Lz4)]
        {
            let shared = Shared::default();
            let mut out = encoder(encoding, Box::new(shared.clone())).unwrap();
            out.write_all(&bytes).unwrap();
            out.close().unwrap();
            let packed = shared.take();
            let mut back = Vec::new();
            decoder(encoding, &packed[..]).unwrap().read_to_end(&mut back).unwrap();
            assert!(back == bytes, "{encoding:?}");
        }
    }

    #[test]
    fn the_client_gets_what_it_accepts() {
        assert_eq!(Encoding::accepted("gzip"), Some(Encoding::Gzip));
        assert_eq!(Encoding::accepted("gzip, deflate, br, zstd;q=0"), Some(Encoding::Gzip));
        assert_eq!(Encoding::accepted("lz4,zstd,br,gzip"), Some(Encoding::Zstd));
        assert_eq!(Encoding::accepted("identity, br"), None);
        assert_eq!(Encoding::of_body("br"), Err(()));
        assert_eq!(Encoding::of_body(" GZIP "), Ok(Some(Encoding::Gzip)));
    }
}
