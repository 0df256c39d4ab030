//! The connection to ClickHouse, shared by the sink and the questions, and what its errors mean.

use std::time::Duration;

use clickhouse::query::Query;
use clickhouse::{Client, Compression};
use serde::de::DeserializeOwned;
use thiserror::Error;

/// What a statement of the schema or a question may take. The engine is told, and the client gives up a little later.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// A ClickHouse server, or the embedded engine: the same to all who ask.
#[derive(Clone)]
pub struct Store {
    client: Client,
    /// Without the database: it may have to be created.
    bare: Client,
    database: String,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("database", &self.database).finish_non_exhaustive()
    }
}

/// Why the store did not do as asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// ClickHouse refused; its code and message.
    #[error("ClickHouse refused with code {code}: {message}")]
    Refused {
        /// As in ClickHouse's `ErrorCodes.cpp`.
        code: u32,
        /// Its words.
        message: String,
    },
    /// No answer, or none that can be read: what was asked may or may not have been done.
    #[error("ClickHouse cannot be reached: {0}")]
    Unreachable(String),
    /// Took longer than its limit.
    #[error("ClickHouse did not answer within {0:?}")]
    Timeout(Duration),
    /// An answer of another shape than asked for.
    #[error("answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
    /// A newer binary has upgraded the store.
    #[error("the store has schema version {found}, this binary knows {known}: use the newer binary")]
    NewerSchema {
        /// In the store.
        found: u32,
        /// In this binary.
        known: u32,
    },
}

/// Codes of ClickHouse that pass by themselves, by name.
const PASSING: [(u32, &str); 19] = [
    (3, "UNEXPECTED_END_OF_FILE"),
    (74, "CANNOT_READ_FROM_FILE_DESCRIPTOR"),
    (76, "CANNOT_OPEN_FILE"),
    (159, "TIMEOUT_EXCEEDED"),
    (164, "READONLY"),
    (173, "CANNOT_ALLOCATE_MEMORY"),
    (202, "TOO_MANY_SIMULTANEOUS_QUERIES"),
    (209, "SOCKET_TIMEOUT"),
    (210, "NETWORK_ERROR"),
    (236, "ABORTED"),
    (241, "MEMORY_LIMIT_EXCEEDED"),
    (242, "TABLE_IS_READ_ONLY"),
    (243, "NOT_ENOUGH_SPACE"),
    (252, "TOO_MANY_PARTS"),
    (285, "TOO_FEW_LIVE_REPLICAS"),
    (319, "UNKNOWN_STATUS_OF_INSERT"),
    (394, "QUERY_WAS_CANCELLED"),
    (425, "SYSTEM_ERROR"),
    (999, "KEEPER_EXCEPTION"),
];

/// `UNKNOWN_TABLE` and `UNKNOWN_DATABASE`.
const MISSING: [u32; 2] = [60, 81];

impl StoreError {
    /// Whether the same may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout(_) => true,
            Self::Refused { code, .. } => PASSING.iter().any(|(passing, _)| passing == code),
            Self::Answer(_) | Self::NewerSchema { .. } => false,
        }
    }

    /// Whether a table or the database is not there.
    #[must_use]
    pub fn is_missing_schema(&self) -> bool {
        match self {
            Self::Refused { code, .. } => MISSING.contains(code),
            Self::Unreachable(_) | Self::Timeout(_) | Self::Answer(_) | Self::NewerSchema { .. } => false,
        }
    }
}

impl From<clickhouse::error::Error> for StoreError {
    fn from(error: clickhouse::error::Error) -> Self {
        match error {
            clickhouse::error::Error::BadResponse(message) => match code_of(&message) {
                Some(code) => Self::Refused { code, message },
                None => Self::Unreachable(message),
            },
            clickhouse::error::Error::TimedOut => Self::Timeout(STATEMENT_TIMEOUT),
            other => Self::Unreachable(chain(&other)),
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// The number in `Code: 60. DB::Exception: …`.
fn code_of(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("Code: ")?;
    rest.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}

impl Store {
    /// A store at an HTTP address. Nothing is sent yet.
    #[must_use]
    pub fn connect(url: &str, database: &str, user: &str, password: &str) -> Self {
        let mut bare = Client::default().with_url(url).with_compression(Compression::None);
        if !user.is_empty() {
            bare = bare.with_user(user).with_password(password);
        }
        Self { client: bare.clone().with_database(database), bare, database: database.to_owned() }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The client, for what is asked of the database.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// A statement about the database itself.
    pub(crate) fn unbound(&self, sql: &str) -> Query {
        self.bare.query_raw(sql)
    }

    /// The server's version, such as `26.7.2.1`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn version(&self) -> Result<String, StoreError> {
        #[derive(serde::Deserialize)]
        struct Version {
            version: String,
        }
        let rows = self.rows::<Version>(self.unbound("SELECT version() AS version")).await?;
        Ok(rows.into_iter().next().map(|row| row.version).unwrap_or_default())
    }

    /// Runs a statement that answers nothing.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        within(async { Ok(self.unbound(sql).execute().await?) }).await
    }

    /// All rows of a question, by the names of its columns.
    pub(crate) async fn rows<T: DeserializeOwned>(&self, query: Query) -> Result<Vec<T>, StoreError> {
        let answer = within(async {
            let query = query
                .with_setting("output_format_json_quote_64bit_integers", "0")
                .with_setting("output_format_json_quote_denormals", "0")
                .with_setting("output_format_json_validate_utf8", "1")
                .with_setting("date_time_output_format", "simple");
            Ok(query.fetch_bytes("JSONEachRow")?.collect().await?)
        })
        .await?;
        answer
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).map_err(StoreError::from))
            .collect()
    }
}

async fn within<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(STATEMENT_TIMEOUT, work).await.unwrap_or(Err(StoreError::Timeout(STATEMENT_TIMEOUT)))
}
