//! Which files, of which format, in which order.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::ReadError;

/// How requests follow each other in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON values one after another, with any white space between and within.
    Json,
    /// One JSON value a line.
    JsonLines,
    /// Protobuf, each with its length before it.
    Protobuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

/// What the name of a file says about it.
fn kind(path: &Path) -> Option<(Format, Compression)> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let (name, compression) = match name.rsplit_once('.')? {
        (name, "gz") => (name, Compression::Gzip),
        (name, "zst") => (name, Compression::Zstd),
        _ => (name.as_str(), Compression::None),
    };
    let format = match name.rsplit_once('.')?.1 {
        "json" => Format::Json,
        "jsonl" => Format::JsonLines,
        "pb" => Format::Protobuf,
        _ => return None,
    };
    Some((format, compression))
}

/// Opens a file for reading from its start, decompressed.
pub(crate) fn open(path: &Path) -> Result<(Format, Box<dyn BufRead + Send>), ReadError> {
    let (format, compression) = kind(path).ok_or_else(|| ReadError::Format { path: path.to_owned() })?;
    let failed = |source| ReadError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let reader: Box<dyn BufRead + Send> = match compression {
        Compression::None => Box::new(BufReader::new(file)),
        Compression::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        Compression::Zstd => {
            Box::new(BufReader::new(zstd::stream::read::Decoder::new(file).map_err(failed)?))
        }
    };
    Ok((format, reader))
}

/// The files of a path: itself, or all recorded ones of a directory, by name.
pub(crate) fn expand(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::Io { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if kind(&file).is_some() && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(ReadError::Empty { path: path.to_owned() }) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_format() {
        let of = |name: &str| kind(Path::new(name));
        assert_eq!(of("a/b.jsonl"), Some((Format::JsonLines, Compression::None)));
        assert_eq!(of("2022-08-22_03_53.jsonl.zst"), Some((Format::JsonLines, Compression::Zstd)));
        assert_eq!(of("x.JSON.GZ"), Some((Format::Json, Compression::Gzip)));
        assert_eq!(of("x.pb"), Some((Format::Protobuf, Compression::None)));
        assert_eq!((of("x.txt"), of("x.zst"), of("pb"), of("x.pb.bz2")), (None, None, None, None));
    }
}
