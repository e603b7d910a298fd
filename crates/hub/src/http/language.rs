//! In which language an answer is: the one that was asked for, else the first of the reader's that there is, else the page's own.
//!
//! A language of the reader's matches by its first part, so that `de-AT` is read in German (RFC 4647, 3.4); weights are those
//! of RFC 9110, 12.5.4. Nothing is remembered: what was asked for stands in the address.

use axum::http::{HeaderMap, header};
use downbeat_core::model::Language;

/// The language of an answer; `offered` are those that there are, the page's own first.
pub(crate) fn choose(asked: &str, headers: &HeaderMap, offered: &[Language]) -> Language {
    let explicit = named(asked, offered);
    explicit.or_else(|| preferred(headers, offered)).or(offered.first().copied()).unwrap_or_default()
}

/// The language that was asked for by its code, when there is that.
pub(crate) fn named(asked: &str, offered: &[Language]) -> Option<Language> {
    let code = asked.split('-').next().unwrap_or_default().trim();
    Language::by_code(code).filter(|language| offered.contains(language))
}

/// The first of the reader's languages that there is.
fn preferred(headers: &HeaderMap, offered: &[Language]) -> Option<Language> {
    let fields = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let mut wishes: Vec<(f32, Language)> = fields
        .flat_map(|field| field.split(','))
        .filter_map(|wish| {
            let (range, weight) = wish.split_once(';').unwrap_or((wish, ""));
            Some((weight_of(weight)?, named(range, offered)?))
        })
        .filter(|(weight, _)| *weight > 0.0)
        .collect();
    // Stable: of equal wishes the first one said is the first one meant.
    wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
    wishes.first().map(|(_, language)| *language)
}

/// `q=0.8`; 1 where nothing is said, none where nothing can be read.
fn weight_of(text: &str) -> Option<f32> {
    match text.trim() {
        "" => Some(1.0),
        text => text.strip_prefix("q=")?.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use downbeat_core::model::Language::{De, En, Es, Fr};

    #[test]
    fn what_was_asked_for_then_what_the_reader_speaks_then_the_pages_own() {
        let offered = [Es, En, De];
        let table = [
            ("de", "en", De),
            ("DE", "", De),
            ("fr", "en", En),
            ("<script>", "de", De),
            ("", "de-AT,de;q=0.9,en;q=0.8", De),
            ("", "fr, en;q=0.3, de;q=0.7", De),
            ("", "en;q=0, de;q=0.001", De),
            ("", "de;q=x, en;q=0.1", En),
            ("", "fr", Es),
            ("", "*", Es),
            ("", "", Es),
        ];
        for (asked, accepted, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            assert_eq!(choose(asked, &headers, &offered), expected, "{asked:?} {accepted:?}");
        }
        assert_eq!((choose("", &HeaderMap::new(), &[]), named("fr", &offered)), (En, None));
        assert_eq!(named("fr-CA", &[Fr]), Some(Fr));
    }
}
