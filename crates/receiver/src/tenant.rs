//! Whose spans they are.

use std::sync::{Arc, LazyLock};

use http::HeaderMap;

/// The header that names a tenant, as Grafana's databases do.
pub(crate) const TENANT_HEADER: &str = "x-scope-orgid";

/// Longest name of a tenant, bytes: what those databases take.
const MAX_TENANT_BYTES: usize = 150;

static DEFAULT_TENANT: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));

/// The tenant that the headers name; the default one (empty) where they name none, or one whose name is not allowed.
pub(crate) fn tenant_of(headers: &HeaderMap) -> Arc<str> {
    headers
        .get(TENANT_HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|name| is_valid(name))
        .map_or_else(|| Arc::clone(&DEFAULT_TENANT), Arc::from)
}

fn is_valid(name: &str) -> bool {
    (1..=MAX_TENANT_BYTES).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!-_.*'()".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(value: &str) -> Arc<str> {
        let mut headers = HeaderMap::new();
        headers.insert(TENANT_HEADER, value.parse().unwrap());
        tenant_of(&headers)
    }

    #[test]
    fn only_valid_names_name_a_tenant() {
        assert_eq!(&*tenant("retail-1"), "retail-1");
        assert_eq!(&*tenant(&"a".repeat(150)), "a".repeat(150));
        for bad in ["", "..", "a/b", "a b", "a|b", &"a".repeat(151)] {
            assert_eq!(&*tenant(bad), "", "{bad:?}");
        }
        assert_eq!(&*tenant_of(&HeaderMap::new()), "");
    }
}
