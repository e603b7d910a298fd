//! Keeps other sites' pages from acting through an operator's browser (CSRF).
//!
//! A request that changes something is refused when the browser says that another site sent it
//! (`Sec-Fetch-Site`, else `Origin`). Whoever says neither is no browser of this decade, and passes unless the body
//! is of a type that a form could send: those are `application/json` for programs here.

use super::problem::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The middleware.
pub(crate) async fn refuse_strangers(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || is_ours(request.headers()) {
        return next.run(request).await;
    }
    let detail = "send changes from the console's own pages, or as application/json from a program";
    Problem::forbidden(detail).into_response()
}

fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match (text(FETCH_SITE), text(header::ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text(header::HOST)
        }
        (None, None) => text(header::CONTENT_TYPE).is_none_or(|kind| !a_form_could_send(kind)),
    }
}

fn a_form_could_send(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(kind.as_str(), "application/x-www-form-urlencoded" | "multipart/form-data" | "text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn who_may_change_something() {
        let form = "application/x-www-form-urlencoded";
        let table = [
            ("same-origin", "", form, true),
            ("none", "", form, true),
            ("cross-site", "", "application/json", false),
            ("same-site", "http://hub:8080", "application/json", false),
            ("", "http://hub:8080", form, true),
            ("", "http://evil.example", form, false),
            ("", "http://hub:8081", "application/json", false),
            ("", "null", "", false),
            ("", "", "application/json", true),
            ("", "", "", true),
            ("", "", form, false),
            ("", "", "Text/Plain; charset=utf-8", false),
        ];
        for (site, origin, kind, ours) in table {
            let mut headers = HeaderMap::new();
            let lines = [
                (FETCH_SITE, site),
                (header::ORIGIN, origin),
                (header::CONTENT_TYPE, kind),
                (header::HOST, "hub:8080"),
            ];
            for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
                headers.insert(name, HeaderValue::from_static(value));
            }
            assert_eq!(is_ours(&headers), ours, "{site:?} {origin:?} {kind:?}");
        }
    }
}
