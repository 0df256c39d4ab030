//! The console: one page, its script and its style, all of them in the binary. It asks the JSON side like any other client.

use axum::{
    Router,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
    response::{IntoResponse, Response},
    routing::get,
};

/// Nothing from elsewhere, nothing that is written into the page: names in spans are hostile.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Its routes.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let file = |kind: &'static str, text: &'static str| get(move || async move { answer(kind, text) });
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("../console/index.html")))
        .route("/console.js", file("text/javascript; charset=utf-8", include_str!("../console/console.js")))
        .route("/console.css", file("text/css; charset=utf-8", include_str!("../console/console.css")))
}

fn answer(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_of_an_answer_is_read_as_markup() {
        let script = include_str!("../console/console.js");
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "setHTML",
        ] {
            assert!(!script.contains(word), "{word}");
        }
        let page = include_str!("../console/index.html");
        assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
        assert_eq!(
            page.matches("<script").count(),
            1,
            "the script is a file of its own: the policy allows no other"
        );
    }
}
