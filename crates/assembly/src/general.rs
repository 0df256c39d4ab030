//! Names of operations without what changes from call to call: `GET /orders/8213` is `GET /orders/*`. Where each call has a name of its own nothing has a
//! normal to be held against. Rows keep the names as they came, as long as a fold has room for them.

use std::borrow::Cow;

/// Stands for what was left out.
const ANY: &str = "*";
/// Digits in a part of a word from which on it is a number and no name: `op-1` is one, `order-8213` is not.
const MIN_NUMBER: usize = 3;
/// Digits after letters, such as `user10423`: `http2`, `sha256` and `v1` are names.
const MIN_TAIL: usize = 4;
/// Length from which on letters and digits in one are an id if all are hexadecimal, and of any letters.
const MIN_HEX: usize = 8;
const MIN_RANDOM: usize = 16;
/// Digits that such an id has at least.
const MIN_DIGITS: usize = 3;

/// The name without ids, numbers, literals of SQL and values of a query.
#[must_use]
pub fn general(name: &str) -> Cow<'_, str> {
    if is_plain(name) {
        return Cow::Borrowed(name);
    }
    let made = read(name);
    if made == name { Cow::Borrowed(name) } else { Cow::Owned(made) }
}

/// The same, word by word.
fn read(name: &str) -> String {
    let mut made = String::with_capacity(name.len());
    let (mut rest, mut in_query) = (name, false);
    let last_equals = name.rfind('=').unwrap_or(0);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => quoted(rest, first),
            _ if is_edge(first) => {
                in_query |= first == '?' && name.len() - rest.len() < last_equals;
                in_query &= !first.is_whitespace();
                made.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
            _ => rest.find(is_edge).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(length);
        let is_value = in_query && made.ends_with('=');
        if is_value || matches!(first, '\'' | '"') {
            made.push_str(ANY);
        } else {
            word_of(word, &mut made);
        }
        rest = after;
    }
    made
}

/// Whether nothing in it changes from call to call, as most names are: a look at each byte. Of what it is not sure it says no.
fn is_plain(name: &str) -> bool {
    let mut word = Word::default();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => word.push(0, true, true),
            b'0'..=b'9' => word.push(1, true, false),
            b'.' | b'+' => word.push(0, false, false),
            b'-' | b'_' => {
                if word.part_may_change() {
                    return false;
                }
                word = Word {
                    hyphens: word.hyphens + 1,
                    is_name: word.is_name,
                    any: word.any,
                    ..Word::default()
                };
            }
            // Literals, addresses, queries, and letters of which some are edges.
            b'\'' | b'"' | b'@' | b'?' | 0x80.. => return false,
            _ if is_edge(char::from(byte)) => {
                if word.may_change() {
                    return false;
                }
                word = Word::default();
            }
            _ => word.push(0, false, true),
        }
    }
    !word.may_change()
}

/// A word as far as it is read, and its last part.
#[derive(Default)]
struct Word {
    /// Of the part: digits, those at its end, bytes, and whether other than letters and digits are in it.
    digits: usize,
    tail: usize,
    length: usize,
    is_mixed: bool,
    /// Of the word: what stands between its parts, whether any digit is in it, and whether anything that is in no number.
    hyphens: usize,
    any: bool,
    is_name: bool,
}

impl Word {
    fn push(&mut self, digit: usize, is_alphanumeric: bool, is_name: bool) {
        self.digits += digit;
        self.tail = if digit == 1 { self.tail + 1 } else { 0 };
        self.length += 1;
        self.is_mixed |= !is_alphanumeric;
        self.any |= digit == 1;
        self.is_name |= is_name;
    }

    fn part_may_change(&self) -> bool {
        let is_long = !self.is_mixed && self.length >= MIN_HEX;
        self.digits >= MIN_NUMBER && (self.digits == self.length || is_long || self.tail >= MIN_TAIL)
    }

    fn may_change(&self) -> bool {
        self.part_may_change() || (self.any && !self.is_name) || self.hyphens >= 4
    }
}

/// What stands between words.
fn is_edge(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '/' | '?'
                | '&'
                | '='
                | ','
                | ';'
                | ':'
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '<'
                | '>'
                | '\''
                | '"'
                | '#'
                | '|'
        )
}

/// Length of a literal with its quotes: to the end where it is not closed.
fn quoted(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |at| at + 2)
}

fn word_of(word: &str, made: &mut String) {
    let is_number =
        word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b'+'));
    if (is_number && word.bytes().any(|byte| byte.is_ascii_digit())) || is_uuid(word) || word.contains('@') {
        made.push_str(ANY);
        return;
    }
    for (number, part) in word.split_inclusive(['-', '_']).enumerate() {
        let bare = part.trim_end_matches(['-', '_']);
        match variable_from(bare) {
            // What follows an id is one with it.
            Some(0) if number > 0 && made.ends_with("*-") => {
                made.pop();
            }
            Some(from) => {
                made.push_str(&bare[..from]);
                made.push_str(ANY);
            }
            None => made.push_str(bare),
        }
        made.push_str(&part[bare.len()..]);
    }
}

/// From where on a part of a word changes from call to call.
fn variable_from(part: &str) -> Option<usize> {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    if digits == part.len() {
        return (digits >= MIN_NUMBER).then_some(0);
    }
    let is_plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_plain && digits >= MIN_DIGITS && (is_hex && part.len() >= MIN_HEX || part.len() >= MIN_RANDOM) {
        return Some(0);
    }
    let name = part.trim_end_matches(|c: char| c.is_ascii_digit());
    (part.len() - name.len() >= MIN_TAIL).then_some(name.len())
}

fn is_uuid(word: &str) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let mut groups = word.split('-');
    GROUPS.iter().all(|length| {
        groups
            .next()
            .is_some_and(|group| group.len() == *length && group.bytes().all(|b| b.is_ascii_hexdigit()))
    }) && groups.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_call_to_call_is_left_out() {
        for (name, expected) in [
            ("GET /orders/8213", "GET /orders/*"),
            ("/api/v1/users/42/items/7?page=2&sort=name", "/api/v1/users/*/items/*?page=*&sort=*"),
            ("POST /cart/1f0c8a52-9d5b-4c3f-8f60-2a6d1f2f7c11/items", "POST /cart/*/items"),
            ("SELECT * FROM t WHERE id = 815 AND code='a b'", "SELECT * FROM t WHERE id = * AND code=*"),
            ("get order-8213", "get order-*"),
            ("/u/user10423", "/u/user*"),
            ("/files/5f2b9c0e7a31", "/files/*"),
            ("/s/aZ9kQ0pR7xW2mL4b", "/s/*"),
            ("mail to anna@example.com", "mail to *"),
            ("http://10.0.3.17:8080/x", "http://*:*/x"),
            ("key 'not closed", "key *"),
        ] {
            assert_eq!(general(name), expected, "{name}");
        }
    }

    #[test]
    fn names_with_digits_stay_names() {
        for name in [
            "POST /transfers",
            "pacs.008 receive",
            "GET /api/v2/cart",
            "op05-1",
            "s3.PutObject",
            "sha256 of http2",
            "oauth2/token",
            "hipstershop.AdService/GetAds",
            "Größe/ermitteln?",
            "",
        ] {
            assert!(matches!(general(name), Cow::Borrowed(same) if same == name), "{name}");
        }
    }

    #[test]
    fn what_is_told_at_a_look_is_what_reading_it_tells() {
        let parts = [
            "a", "get", "1", "12", "815", "00ab12cd", "v2", "/", "-", "_", ".", " ", "+", "ü", "$", "x9y8z7",
            ":",
        ];
        let mut state = 7_u64;
        for _ in 0..200_000 {
            let mut name = String::new();
            for _ in 0..8 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                name.push_str(parts[(state >> 33) as usize % parts.len()]);
            }
            assert!(!is_plain(&name) || read(&name) == name, "{name}");
        }
        for plain in
            ["POST /transfers", "pacs.008 receive", "GET /api/v2/cart", "settlement.confirm", "sha256-x"]
        {
            assert!(is_plain(plain), "{plain}");
        }
    }
}
