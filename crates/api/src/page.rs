//! Pages of a list: a word that says where one ended, and asks for the next.
//!
//! It says behind which row to go on, not how many there were before it, so that what comes meanwhile moves nothing; and it holds the window of the first
//! page, which "an hour back from now" would move. It is a question's own: with another question, or changed on its way, it is refused.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use throughline_clickhouse::questions::After;
use xxhash_rust::xxh3::xxh3_64;

use crate::ApiError;

/// Bytes of the sum at a word's end.
const SUM: usize = 8;

/// What a list looks at, and where the page before ended. Times are Unix nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) since: u64,
    pub(crate) until: Option<u64>,
    pub(crate) after: Option<After>,
}

/// A list's question, without its limit and its page: that may differ from page to page.
pub(crate) struct Question {
    name: &'static str,
    asked: Vec<u8>,
}

impl Question {
    /// A question of the list `name`: the request's message without limit and page.
    pub(crate) fn new(name: &'static str, request: &impl prost::Message) -> Self {
        Self { name, asked: request.encode_to_vec() }
    }

    /// The page that `word` asks for; where that is empty, the first one of a window.
    pub(crate) fn page(&self, word: &str, (since, until): (u64, Option<u64>)) -> Result<Page, ApiError> {
        if word.is_empty() {
            return Ok(Page { since, until, after: None });
        }
        self.read(word).ok_or_else(|| {
            ApiError::Invalid(
                "page_token is none of this question: take next_page_token of the answer before as it is, and ask for the rest as before".to_owned(),
            )
        })
    }

    fn read(&self, word: &str) -> Option<Page> {
        let bytes = URL_SAFE_NO_PAD.decode(word).ok()?;
        let (body, sum) = bytes.split_last_chunk::<SUM>()?;
        (u64::from_le_bytes(*sum) == self.sum(body)).then(|| serde_json::from_slice(body).ok())?
    }

    /// Cuts `rows` to `limit`; the word that asks for what stands behind them, empty where nothing does.
    pub(crate) fn cut<T>(
        &self,
        page: &Page,
        rows: &mut Vec<T>,
        limit: u32,
        place: impl Fn(&T) -> After,
    ) -> String {
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let Some(last) = rows.last().filter(|_| has_more) else { return String::new() };
        let next = Page { after: Some(place(last)), ..page.clone() };
        // It is made of numbers and strings: there is nothing in it that could not be written.
        let mut bytes = serde_json::to_vec(&next).unwrap_or_default();
        bytes.extend(self.sum(&bytes).to_le_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn sum(&self, body: &[u8]) -> u64 {
        xxh3_64(&[self.name.as_bytes(), b"\0", &self.asked, b"\0", body].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::ListAlertsRequest;

    fn question(state: &str) -> Question {
        Question::new("alerts", &ListAlertsRequest { state: state.to_owned(), ..Default::default() })
    }

    fn place(row: &u64) -> After {
        After { at: *row, id: format!("id {row}"), tenant: "acme".to_owned() }
    }

    #[test]
    fn a_word_goes_on_behind_the_last_row_in_the_same_window() {
        let asked = question("firing");
        let first = asked.page("", (7, Some(9))).unwrap();
        let mut rows = vec![30, 20, 10];
        let word = asked.cut(&first, &mut rows, 2, place);
        assert_eq!(rows, [30, 20]);
        let next = asked.page(&word, (1_000, None)).unwrap();
        assert_eq!(next, Page { since: 7, until: Some(9), after: Some(place(&20)) });
        let mut rows = vec![10];
        assert_eq!(asked.cut(&next, &mut rows, 2, place), "", "there is no more");
        assert_eq!(asked.cut(&next, &mut Vec::new(), 2, place), "");
    }

    #[test]
    fn a_word_of_another_question_or_none_is_refused() {
        let asked = question("firing");
        let word = asked.cut(&asked.page("", (7, None)).unwrap(), &mut vec![3, 2], 1, place);
        assert!(asked.page(&word, (0, None)).is_ok());
        assert!(question("resolved").page(&word, (0, None)).is_err(), "another filter");
        let other = Question { name: "incidents", ..question("firing") };
        assert!(other.page(&word, (0, None)).is_err(), "another list");
        for at in 0..word.len() {
            let mut changed = word.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(asked.page(&changed, (0, None)).is_err(), "{at}");
        }
        for odd in ["2", "next", "AAAA", "ä", "=", " "] {
            let error = asked.page(odd, (0, None)).unwrap_err();
            assert!(matches!(&error, ApiError::Invalid(why) if why.contains("page_token")), "{odd}: {error}");
        }
    }
}
