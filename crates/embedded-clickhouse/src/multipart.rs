//! `multipart/form-data`: the `clickhouse` crate and clickhouse-connect send a statement and its parameters so.

use crate::exception::{Exception, code};

fn bad(message: &str) -> Exception {
    Exception::new(code::BAD_ARGUMENTS, "BAD_ARGUMENTS", format!("multipart/form-data: {message}"))
}

/// Reads a whole form: names and values in order.
///
/// # Errors
/// A form that is cut or has a file in it: external tables are not supported here.
pub(crate) fn fields(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, Exception> {
    let delimiter = format!("--{boundary}");
    let mut fields = Vec::new();
    let start = find(body, delimiter.as_bytes()).ok_or_else(|| bad("no boundary"))?;
    let mut rest = &body[start + delimiter.len()..];
    loop {
        if rest.starts_with(b"--") {
            return Ok(fields);
        }
        let part = rest.strip_prefix(b"\r\n").ok_or_else(|| bad("boundary without a line break"))?;
        let next =
            find(part, format!("\r\n{delimiter}").as_bytes()).ok_or_else(|| bad("a part is cut short"))?;
        fields.push(field(&part[..next])?);
        rest = &part[next + 2 + delimiter.len()..];
    }
}

fn field(part: &[u8]) -> Result<(String, String), Exception> {
    let head_end = find(part, b"\r\n\r\n").ok_or_else(|| bad("a part without headers"))?;
    let head = String::from_utf8_lossy(&part[..head_end]);
    let disposition = head
        .lines()
        .find_map(|line| {
            line.split_once(':').filter(|(n, _)| n.trim().eq_ignore_ascii_case("content-disposition"))
        })
        .map(|(_, value)| value)
        .ok_or_else(|| bad("a part without Content-Disposition"))?;
    let attribute = |name: &str| {
        disposition
            .split(';')
            .find_map(|p| p.trim().strip_prefix(name)?.strip_prefix('='))
            .map(|v| v.trim_matches('"'))
    };
    if attribute("filename").is_some() {
        let message = "external tables are not supported by the embedded engine";
        return Err(Exception::new(code::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message));
    }
    let name = attribute("name").ok_or_else(|| bad("a part without a name"))?;
    let value = std::str::from_utf8(&part[head_end + 4..]).map_err(|_| bad("a value is not UTF-8"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_and_a_cut_one_refused() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {a:String}\r\n--x\r\n\
            content-disposition: form-data; name=\"param_a\"\r\nContent-Type: text/plain\r\n\r\nl1\r\nl2\r\n--x--\r\n";
        let got = fields(body, "x").unwrap();
        assert_eq!(got[0], ("query".to_owned(), "SELECT {a:String}".to_owned()));
        assert_eq!(got[1], ("param_a".to_owned(), "l1\r\nl2".to_owned()));
        for cut in 0..body.len() - 4 {
            assert!(fields(&body[..cut], "x").is_err(), "cut at {cut}");
        }
        let file = b"--x\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t\"\r\n\r\n1\r\n--x--\r\n";
        assert_eq!(fields(file, "x").unwrap_err().code, 48);
    }
}
