//! From a node to a typed value. Each says, where it cannot, what would be right.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::kind::Kind;
use crate::node::{Node, Value};
use crate::secret::Secret;
use crate::units;

/// A type that keys can have.
pub(crate) trait Setting: Sized {
    /// The value, or what would be right.
    fn read(node: &Node, kind: Kind) -> Result<Self, String>;
}

fn scalar<'a>(node: &'a Node, expected: &str) -> Result<&'a str, String> {
    match &node.value {
        Value::Scalar { text, .. } => Ok(text.trim()),
        Value::List(_) | Value::Map(_) => Err(format!("{expected}, not {}", node.form())),
    }
}

impl Setting for String {
    fn read(node: &Node, kind: Kind) -> Result<Self, String> {
        let text = scalar(node, "a text is expected")?;
        match kind {
            Kind::Choice(words) if !words.contains(&text) => {
                let hint = if text == "kafka" { "; this version has no other" } else { "" };
                Err(format!("expected is {}{hint}", words.join(" or ")))
            }
            _ if text.is_empty() => Err("a text that is not empty is expected".to_owned()),
            _ => Ok(text.to_owned()),
        }
    }
}

impl Setting for Secret {
    fn read(node: &Node, _: Kind) -> Result<Self, String> {
        match &node.value {
            Value::Scalar { text, .. } => Ok(Self::new(text.clone())),
            Value::List(_) | Value::Map(_) => Err("a text is expected".to_owned()),
        }
    }
}

impl Setting for PathBuf {
    fn read(node: &Node, kind: Kind) -> Result<Self, String> {
        String::read(node, kind).map(Self::from)
    }
}

impl Setting for bool {
    fn read(node: &Node, _: Kind) -> Result<Self, String> {
        match scalar(node, "true or false is expected")? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("true or false is expected".to_owned()),
        }
    }
}

impl Setting for u64 {
    fn read(node: &Node, kind: Kind) -> Result<Self, String> {
        let (least, most) = match kind {
            Kind::Integer { min, max } => (min, max),
            _ => (0, Self::MAX),
        };
        let expected = format!("a whole number from {least} to {most} is expected");
        let text = scalar(node, &expected)?;
        let number = text.replace('_', "").parse::<Self>().ok();
        number.filter(|number| (least..=most).contains(number)).ok_or(expected)
    }
}

impl Setting for u32 {
    fn read(node: &Node, kind: Kind) -> Result<Self, String> {
        let wide = u64::read(node, kind)?;
        Self::try_from(wide).map_err(|_| format!("at most {} is possible", Self::MAX))
    }
}

impl Setting for f64 {
    fn read(node: &Node, _: Kind) -> Result<Self, String> {
        let expected = "a number above 0, at most 1 is expected";
        let number = scalar(node, expected)?.parse::<Self>().ok();
        number.filter(|number| *number > 0.0 && *number <= 1.0).ok_or_else(|| expected.to_owned())
    }
}

impl Setting for Duration {
    fn read(node: &Node, _: Kind) -> Result<Self, String> {
        let text = scalar(node, units::DURATION)?;
        units::parse_duration(text).ok_or_else(|| match text.parse::<f64>() {
            Ok(_) => format!("the unit is missing; {}; perhaps {text}s", units::DURATION),
            Err(_) => units::DURATION.to_owned(),
        })
    }
}

/// Address of a listener. A type of its own because there is no default address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl Default for Address {
    fn default() -> Self {
        Self(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

impl Setting for Address {
    fn read(node: &Node, _: Kind) -> Result<Self, String> {
        let expected =
            "an IP address and a port are expected, such as 127.0.0.1:4317, 0.0.0.0:4317 or [::1]:4317";
        let text = scalar(node, expected)?;
        match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}").parse(),
            None => text.parse(),
        }
        .map(Self)
        .map_err(|_| expected.to_owned())
    }
}

impl Setting for Vec<String> {
    fn read(node: &Node, _: Kind) -> Result<Self, String> {
        let Value::List(items) = &node.value else {
            return Err(format!("a list is expected, such as [a, b], not {}", node.form()));
        };
        items.iter().map(|item| String::read(item, Kind::Text)).collect()
    }
}

impl Setting for Vec<(String, Vec<String>)> {
    fn read(node: &Node, _: Kind) -> Result<Self, String> {
        let Value::Map(entries) = &node.value else {
            return Err(format!(
                "a map is expected, such as {{ payments: [\"payment-*\"] }}, not {}",
                node.form()
            ));
        };
        entries
            .iter()
            .map(|(name, list)| match Vec::<String>::read(list, Kind::GlobList) {
                Ok(globs) => Ok((name.clone(), globs)),
                Err(message) => Err(format!("{name}: {message}")),
            })
            .collect()
    }
}

impl Setting for Vec<Node> {
    fn read(node: &Node, _: Kind) -> Result<Self, String> {
        let Value::List(items) = &node.value else {
            return Err(format!("a list is expected, not {}", node.form()));
        };
        match items.iter().find(|item| !matches!(item.value, Value::Map(_))) {
            Some(other) => {
                Err(format!("a list of maps is expected, but `{}` is {}", other.shown(), other.form()))
            }
            None => Ok(items.clone()),
        }
    }
}
