//! What each output format needs beyond the engine's bytes: its content type, whether chunks of it may simply follow each
//! other, the header that every chunk repeats, and the header of an empty Native result.

/// The format of answers where neither request nor statement names one.
pub(crate) const DEFAULT: &str = "TabSeparated";

/// The content type that ClickHouse answers for a format.
pub(crate) fn content_type(format: &str) -> &'static str {
    match format {
        f if f.starts_with("JSON") && f.contains("EachRow") => "application/x-ndjson; charset=UTF-8",
        "JSONLines" | "NDJSON" => "application/x-ndjson; charset=UTF-8",
        f if f.starts_with("JSON") => "application/json; charset=UTF-8",
        f if f.starts_with("CSVWithNames") => "text/csv; charset=UTF-8; header=present",
        f if f.starts_with("CSV") => "text/csv; charset=UTF-8; header=absent",
        f if f.starts_with("TabSeparated") || f.starts_with("TSV") => {
            "text/tab-separated-values; charset=UTF-8"
        }
        f if f.starts_with("Pretty") || matches!(f, "Vertical" | "Values" | "TSKV" | "Null") => {
            "text/plain; charset=UTF-8"
        }
        "XML" => "application/xml; charset=UTF-8",
        "Markdown" => "text/markdown; charset=UTF-8",
        _ => "application/octet-stream",
    }
}

/// How chunks of a streamed result make one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// They simply follow each other.
    Plain,
    /// Each repeats this many lines (of CSV: quotes may hold line breaks).
    Lines(usize),
    /// Each repeats the names of `RowBinaryWithNames`, and the types too where `true`.
    Binary {
        /// Types follow the names.
        types: bool,
    },
    /// Each is a document of its own: the result must be made in one piece.
    Whole,
}

impl Chunks {
    pub(crate) fn of(format: &str) -> Self {
        match format {
            "Native"
            | "RowBinary"
            | "TabSeparated"
            | "TSV"
            | "TabSeparatedRaw"
            | "TSVRaw"
            | "Raw"
            | "CSV"
            | "JSONEachRow"
            | "JSONLines"
            | "NDJSON"
            | "JSONCompactEachRow"
            | "JSONStringsEachRow"
            | "JSONCompactStringsEachRow"
            | "LineAsString"
            | "RawBLOB"
            | "MsgPack"
            | "TSKV"
            | "Null" => Self::Plain,
            "TabSeparatedWithNames"
            | "TSVWithNames"
            | "CSVWithNames"
            | "JSONCompactEachRowWithNames"
            | "JSONCompactStringsEachRowWithNames" => Self::Lines(1),
            "TabSeparatedWithNamesAndTypes"
            | "TSVWithNamesAndTypes"
            | "CSVWithNamesAndTypes"
            | "JSONCompactEachRowWithNamesAndTypes"
            | "JSONCompactStringsEachRowWithNamesAndTypes" => Self::Lines(2),
            "RowBinaryWithNames" => Self::Binary { types: false },
            "RowBinaryWithNamesAndTypes" => Self::Binary { types: true },
            _ => Self::Whole,
        }
    }

    /// The bytes at the front of a chunk that the first one had already.
    pub(crate) fn repeated(self, chunk: &[u8]) -> usize {
        match self {
            Self::Plain | Self::Whole => 0,
            Self::Lines(count) => lines(chunk, count),
            Self::Binary { types } => binary_header(chunk, types).unwrap_or(0),
        }
    }
}

fn lines(chunk: &[u8], count: usize) -> usize {
    let (mut quoted, mut left) = (false, count);
    for (i, byte) in chunk.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                left -= 1;
                if left == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
    }
    chunk.len()
}

fn binary_header(chunk: &[u8], types: bool) -> Option<usize> {
    let (columns, mut at) = varint(chunk, 0)?;
    for _ in 0..columns * (1 + usize::from(types)) {
        let (length, next) = varint(chunk, at)?;
        at = next.checked_add(length).filter(|end| *end <= chunk.len())?;
    }
    Some(at)
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let (mut value, mut shift) = (0_usize, 0_u32);
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
        shift += 7;
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A Native block of no rows, made from the header of an empty `RowBinaryWithNamesAndTypes` result: number of columns,
/// number of rows (0), then name and type of each.
pub(crate) fn empty_native(header: &[u8]) -> Option<Vec<u8>> {
    let (columns, mut at) = varint(header, 0)?;
    let mut texts: Vec<&[u8]> = Vec::new();
    for _ in 0..columns * 2 {
        let (length, next) = varint(header, at)?;
        texts.push(header.get(next..next.checked_add(length)?)?);
        at = next + length;
    }
    let mut block = Vec::new();
    put_varint(&mut block, columns);
    block.push(0);
    for column in 0..columns {
        for text in [texts[column], texts[columns + column]] {
            put_varint(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    Some(block)
}

/// Protocol revision since which each Native column says whether it is serialized in a custom way.
const WITH_CUSTOM_SERIALIZATION: u64 = 54454;
/// Block info: field 1 (no overflow rows), field 2 (bucket -1), end of fields.
const BLOCK_INFO: [u8; 8] = [1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0];

/// One row in the Native form of `revision`, made from a `RowBinaryWithNamesAndTypes` result of one row whose columns are
/// all `String` or `UInt32`. `None` where the result is anything else.
pub(crate) fn native_row(result: &[u8], revision: u64) -> Option<Vec<u8>> {
    let header = result.get(..binary_header(result, true)?)?;
    let mut row = result.get(header.len()..)?;
    let (columns, mut at) = varint(header, 0)?;
    let mut texts: Vec<&[u8]> = Vec::new();
    for _ in 0..columns * 2 {
        let (length, next) = varint(header, at)?;
        texts.push(header.get(next..next + length)?);
        at = next + length;
    }
    let mut block = if revision > 0 { BLOCK_INFO.to_vec() } else { Vec::new() };
    put_varint(&mut block, columns);
    block.push(1);
    for column in 0..columns {
        let (name, kind) = (texts[column], texts[columns + column]);
        for text in [name, kind] {
            put_varint(&mut block, text.len());
            block.extend_from_slice(text);
        }
        if revision >= WITH_CUSTOM_SERIALIZATION {
            block.push(0);
        }
        // both types are the same bytes in a row and in a column of one
        let length = match kind {
            b"UInt32" => 4,
            b"String" => varint(row, 0).map(|(length, prefix)| prefix + length)?,
            _ => return None,
        };
        block.extend_from_slice(row.get(..length)?);
        row = &row[length..];
    }
    row.is_empty().then_some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_headers_are_measured() {
        let binary = b"\x02\x01a\x01b\x05UInt8\x06Stringrows";
        assert_eq!(Chunks::of("RowBinaryWithNamesAndTypes").repeated(binary), binary.len() - 4);
        assert_eq!(Chunks::of("RowBinaryWithNames").repeated(b"\x01\x01ax"), 3);
        assert_eq!(Chunks::of("CSVWithNames").repeated(b"\"a\nb\",c\n1,2\n"), 8);
        assert_eq!(Chunks::of("TSVWithNamesAndTypes").repeated(b"a\tb\nx\ty\n1\t2\n"), 8);
        assert_eq!(Chunks::of("CSV").repeated(b"1\n"), 0);
        assert_eq!(Chunks::of("JSON"), Chunks::Whole);
    }

    #[test]
    fn a_row_of_a_later_revision_carries_block_info_and_serialization() {
        let result = b"\x02\x01a\x01b\x06String\x06UInt32\x02xy\x01\0\0\0";
        assert_eq!(native_row(result, 0).unwrap(), b"\x02\x01\x01a\x06String\x02xy\x01b\x06UInt32\x01\0\0\0");
        let later = b"\x01\0\x02\xff\xff\xff\xff\0\x02\x01\x01a\x06String\0\x02xy\x01b\x06UInt32\0\x01\0\0\0";
        assert_eq!(native_row(result, 54460).unwrap(), later);
        assert_eq!(native_row(b"\x01\x01a\x05UInt8\x01", 54460), None);
    }

    #[test]
    fn an_empty_native_block_names_its_columns() {
        let block = empty_native(b"\x02\x01a\x01b\x05UInt8\x06String").unwrap();
        assert_eq!(block, b"\x02\x00\x01a\x05UInt8\x01b\x06String");
        assert_eq!(empty_native(b"\x02\x01a"), None);
    }
}
