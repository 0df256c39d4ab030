//! Where one JSON value ends and the next begins, found without parsing them.

use std::io::{BufRead, Read};

use crate::limits::MAX_RECORD;

/// Why no next piece could be cut off.
#[derive(Debug)]
pub(crate) enum CutError {
    Io(std::io::Error),
    TooLarge,
    Truncated,
    /// Something else than `{` where a value should begin.
    NoObject,
}

impl From<std::io::Error> for CutError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof { Self::Truncated } else { Self::Io(error) }
    }
}

/// A piece of text and the line on which it starts, from 1.
pub(crate) type Text = (Vec<u8>, u64);

/// The next line that is not blank. `lines` counts those read; of one that is too long the rest is still to come.
pub(crate) fn next_line(reader: &mut dyn BufRead, lines: &mut u64) -> Result<Option<Text>, CutError> {
    loop {
        let mut line = Vec::new();
        let read = Read::take(&mut *reader, MAX_RECORD as u64 + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        // Its end is not of it.
        line.pop_if(|last| *last == b'\n');
        if line.len() > MAX_RECORD {
            return Err(CutError::TooLarge);
        }
        *lines += 1;
        if !line.trim_ascii().is_empty() {
            return Ok(Some((line, *lines)));
        }
    }
}

/// Follows the braces of one value.
#[derive(Default)]
struct Scanner {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scanner {
    /// Whether the value ends with this byte.
    fn step(&mut self, byte: u8) -> bool {
        if self.in_string {
            let closes = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.in_string = !closes;
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => return false,
        }
        self.depth == 0 && byte != b'"'
    }
}

/// The next JSON object, however it is laid out. `lines` counts ends of lines read.
pub(crate) fn next_document(reader: &mut dyn BufRead, lines: &mut u64) -> Result<Option<Text>, CutError> {
    let (mut document, mut scanner, mut starts) = (Vec::new(), Scanner::default(), 0);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return if document.is_empty() { Ok(None) } else { Err(CutError::Truncated) };
        }
        let (mut used, mut done) = (0, false);
        for byte in buffer {
            used += 1;
            if document.is_empty() && !byte.is_ascii_whitespace() {
                if *byte != b'{' {
                    return Err(CutError::NoObject);
                }
                starts = *lines + 1;
            }
            *lines += u64::from(*byte == b'\n');
            if document.is_empty() && byte.is_ascii_whitespace() {
                continue;
            }
            document.push(*byte);
            if scanner.step(*byte) {
                done = true;
                break;
            }
        }
        reader.consume(used);
        if done {
            return Ok(Some((document, starts)));
        }
        if document.len() > MAX_RECORD {
            return Err(CutError::TooLarge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(text: &str) -> Vec<(String, u64)> {
        let (mut reader, mut lines, mut found) = (text.as_bytes(), 0, Vec::new());
        while let Some((bytes, line)) = next_document(&mut reader, &mut lines).unwrap() {
            found.push((String::from_utf8(bytes).unwrap(), line));
        }
        found
    }

    #[test]
    fn values_are_told_apart_by_their_braces() {
        let text = "\n{\"a\": [1,\n {}]}{\"b\":\"}\\\"{\"}\n\n  {\"c\":\"\\\\\"} ";
        let expected = [("{\"a\": [1,\n {}]}", 2), ("{\"b\":\"}\\\"{\"}", 3), ("{\"c\":\"\\\\\"}", 5)];
        assert_eq!(documents(text), expected.map(|(text, line)| (text.to_owned(), line)));
    }

    #[test]
    fn an_end_within_a_value_is_truncation_and_other_things_are_no_object() {
        assert!(matches!(next_document(&mut "{\"a\":[".as_bytes(), &mut 0), Err(CutError::Truncated)));
        assert!(matches!(next_document(&mut " 17".as_bytes(), &mut 0), Err(CutError::NoObject)));
        assert!(matches!(next_document(&mut " \n ".as_bytes(), &mut 0), Ok(None)));
    }

    #[test]
    fn lines_are_numbered_blank_ones_too() {
        let (mut reader, mut lines) = ("{}\n\n \n{\"a\":1}".as_bytes(), 0);
        assert_eq!(next_line(&mut reader, &mut lines).unwrap().unwrap().1, 1);
        assert_eq!(next_line(&mut reader, &mut lines).unwrap().unwrap(), (b"{\"a\":1}".to_vec(), 4));
        assert!(next_line(&mut reader, &mut lines).unwrap().is_none());
    }

    #[test]
    fn what_is_over_the_limit_is_refused_before_it_is_read() {
        let mut endless = std::io::BufReader::new(std::io::repeat(b'['));
        assert!(matches!(next_line(&mut endless, &mut 0), Err(CutError::TooLarge)));
        let mut endless = std::io::BufReader::new(b"{\"a\":".chain(std::io::repeat(b'[')));
        assert!(matches!(next_document(&mut endless, &mut 0), Err(CutError::TooLarge)));
    }
}
