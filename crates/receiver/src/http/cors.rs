//! Which browsers may send: the settings turned into tower-http's layer.

use http::{HeaderName, HeaderValue, Method, request::Parts};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::settings::CorsSettings;

/// `None` where no origin is allowed: then there is no preflight either.
pub(crate) fn layer(settings: &CorsSettings) -> Option<CorsLayer> {
    if settings.allowed_origins.is_empty() {
        return None;
    }
    let origins = settings.allowed_origins.clone();
    let allowed = move |origin: &HeaderValue, _: &Parts| {
        origin.to_str().is_ok_and(|origin| origins.iter().any(|pattern| matches(pattern, origin)))
    };
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(allowed))
            .allow_methods([Method::POST])
            .allow_headers(headers(settings))
            // `navigator.sendBeacon`, which exporters use when a page closes, always sends with credentials.
            .allow_credentials(true)
            .max_age(settings.max_age),
    )
}

fn headers(settings: &CorsSettings) -> AllowHeaders {
    if settings.allowed_headers.iter().any(|name| name == "*") {
        return AllowHeaders::mirror_request();
    }
    AllowHeaders::list(settings.allowed_headers.iter().filter_map(|name| name.parse::<HeaderName>().ok()))
}

/// Whether an origin matches a pattern in which each `*` stands for any text. Without regard to case, as hosts are.
fn matches(pattern: &str, origin: &str) -> bool {
    let (pattern, origin) = (pattern.to_ascii_lowercase(), origin.to_ascii_lowercase());
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == origin };
    let Some(mut left) = origin.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').map_or(("", rest), |(middle, tail)| (middle, tail));
    for part in middle.split('*') {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_text() {
        let yes = [
            ("*", "https://a.example"),
            ("https://a.example", "https://A.example"),
            ("https://*.example", "https://a.b.example"),
            ("http://localhost:*", "http://localhost:3000"),
            ("https://*.bank.*", "https://m.bank.example"),
            ("*a*b*", "xaxbx"),
        ];
        for (pattern, origin) in yes {
            assert!(matches(pattern, origin), "{pattern} {origin}");
        }
        let no = [
            ("https://a.example", "https://b.example"),
            ("https://*.example", "https://a.example.evil"),
            ("https://*.example", "http://a.example"),
            ("aba*ba", "aba"),
            ("*a*b*", "ba"),
        ];
        for (pattern, origin) in no {
            assert!(!matches(pattern, origin), "{pattern} {origin}");
        }
    }
}
