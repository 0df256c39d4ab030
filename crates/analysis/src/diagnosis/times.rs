//! Unix nanoseconds as RFC 3339 where a person may read it, as a number elsewhere.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// RFC 3339 in UTC, to the millisecond.
pub(crate) fn text(unix_ns: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_nanos(unix_ns)).to_string()
}

fn parse<E: Error>(text: &str) -> Result<u64, E> {
    let time = humantime::parse_rfc3339(text).map_err(E::custom)?;
    let since = time.duration_since(UNIX_EPOCH).map_err(E::custom)?;
    u64::try_from(since.as_nanos()).map_err(E::custom)
}

pub(crate) fn serialize<S: Serializer>(time: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        text(*time).serialize(serializer)
    } else {
        time.serialize(serializer)
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    if deserializer.is_human_readable() {
        parse(&String::deserialize(deserializer)?)
    } else {
        u64::deserialize(deserializer)
    }
}

/// The same for a time that may not be there.
pub(crate) mod optional {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            time.map(super::text).serialize(serializer)
        } else {
            time.serialize(serializer)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        if deserializer.is_human_readable() {
            Option::<String>::deserialize(deserializer)?.as_deref().map(super::parse).transpose()
        } else {
            Option::<u64>::deserialize(deserializer)
        }
    }
}
