//! Who may press a button: only a page of the console itself.
//!
//! The console has no sessions; whoever reaches its address is an operator. So a page of a stranger, open in an
//! operator's browser, must not be able to post here. Browsers say where a request comes from; a request that
//! says nothing comes from no browser, and programs have the API.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// True when the request comes from the console's own page, or was typed in by the user.
pub(super) fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text(ORIGIN.as_str()), text(HOST.as_str())) {
        (Some(site), ..) => matches!(site, "same-origin" | "none"),
        (None, Some(origin), Some(host)) => names(origin, host),
        _ => false,
    }
}

fn names(origin: &str, host: &str) -> bool {
    let of = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    of.is_some_and(|of| of.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn asked(headers: &[(&'static str, &'static str)]) -> bool {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        is_own(&headers.iter().map(pair).collect())
    }

    #[test]
    fn only_the_own_page_may_post() {
        let host = ("host", "127.0.0.1:8080");
        let table: [(&[(&str, &str)], bool); 9] = [
            (&[host, ("sec-fetch-site", "same-origin")], true),
            (&[host, ("sec-fetch-site", "none")], true),
            (&[host, ("sec-fetch-site", "same-site")], false),
            (&[host, ("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8080")], false),
            (&[host, ("origin", "http://127.0.0.1:8080")], true),
            (&[host, ("origin", "http://127.0.0.1:8081")], false),
            (&[host, ("origin", "null")], false),
            (&[host], false),
            (&[("origin", "http://127.0.0.1:8080")], false),
        ];
        for (headers, expected) in table {
            assert_eq!(asked(headers), expected, "{headers:?}");
        }
    }
}
