//! A page in Prometheus' text format or OpenMetrics, as far as one metric of it goes.
//!
//! Read line by line, and only what is asked for: a page may have anything else in it. The format is that of
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>; exemplars and timestamps are passed over.

use super::{Found, Growth, labels};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The series of a metric that have these labels.
pub(super) fn read(bytes: &[u8], metric: &str, wanted: &BTreeMap<String, String>) -> Result<Found, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
    let (mut found, mut kind, mut samples) = (Found::default(), None, 0);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix('#') {
            kind = kind_of(comment, metric).or(kind);
            continue;
        }
        let Some(sample) = Sample::read(line) else { continue };
        samples += 1;
        let is_wanted =
            |pair: (&String, &String)| sample.labels.iter().any(|(name, value)| name == pair.0 && value == pair.1);
        if sample.name == metric && wanted.iter().all(is_wanted) {
            let others = sample.labels.iter().filter(|(name, _)| !wanted.contains_key(*name));
            found.add(labels(others.map(|(name, value)| (*name, value.as_ref()))), sample.value);
        }
    }
    if samples == 0 {
        return Err("it is no page of metrics".into());
    }
    found.growth = kind.unwrap_or_else(|| by_name(metric));
    Ok(found)
}

/// What a comment says of how the metric moves: `TYPE encore_requests counter`.
fn kind_of(comment: &str, metric: &str) -> Option<Growth> {
    let mut words = comment.split_whitespace();
    let (Some("TYPE"), Some(family), Some(kind)) = (words.next(), words.next(), words.next()) else { return None };
    let suffix = metric.strip_prefix(family)?;
    match (kind, suffix) {
        ("counter", "" | "_total") | ("histogram" | "summary", "_bucket" | "_count" | "_sum") => Some(Growth::Counter),
        (_, "") => Some(Growth::Free),
        _ => None,
    }
}

/// Where the page says nothing, the name does, by convention.
fn by_name(metric: &str) -> Growth {
    let grows = ["_total", "_bucket", "_count", "_sum"].iter().any(|suffix| metric.ends_with(suffix));
    if grows { Growth::Counter } else { Growth::Free }
}

/// One line.
struct Sample<'l> {
    name: &'l str,
    labels: Vec<(&'l str, Cow<'l, str>)>,
    value: f64,
}

impl<'l> Sample<'l> {
    fn read(line: &'l str) -> Option<Self> {
        let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inside) => read_labels(inside)?,
            None => (vec![], rest),
        };
        let value = rest.split_whitespace().next()?.parse().ok()?;
        (!name.is_empty()).then_some(Self { name, labels, value })
    }
}

type Pairs<'l> = Vec<(&'l str, Cow<'l, str>)>;

/// Reads `a="b",c="d"}`, and what comes after it.
fn read_labels(mut rest: &str) -> Option<(Pairs<'_>, &str)> {
    let mut pairs = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((pairs, after));
        }
        let (name, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let end = closing_quote(quoted)?;
        pairs.push((name.trim(), unescaped(&quoted[..end])));
        rest = &quoted[end + 1..];
    }
}

/// The place of the quote that is not escaped.
fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let (mut plain, mut is_escaped) = (String::with_capacity(text.len()), false);
    for c in text.chars() {
        match (c, is_escaped) {
            ('\\', false) => is_escaped = true,
            ('n', true) => {
                plain.push('\n');
                is_escaped = false;
            }
            (c, _) => {
                plain.push(c);
                is_escaped = false;
            }
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: &str = r#"# HELP http_requests Requests.
# TYPE http_requests counter
http_requests_total{code="200",path="/a b"} 1027 1395066363000
http_requests_total{ code="500", path="say \"hi\\\"" , } 3 # {trace="x"} 1 2
# TYPE queue gauge
queue{queue="mail"} 7.5e1
queue{queue="push"} NaN
# TYPE wait histogram
wait_bucket{le="+Inf"} 4
wait_sum 2.5
up 1
# EOF
"#;

    fn read_of(metric: &str, wanted: &[(&str, &str)]) -> (Vec<(String, f64)>, Growth) {
        let wanted = wanted.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = read(PAGE.as_bytes(), metric, &wanted).expect("a page");
        (found.figures.into_iter().map(|(labels, value)| (labels.to_string(), value)).collect(), found.growth)
    }

    #[test]
    fn a_metric_is_read_off_its_page() {
        let all = read_of("http_requests_total", &[]);
        let first = r#"{code="200",path="/a b"}"#.to_owned();
        let second = r#"{code="500",path="say \"hi\\\""}"#.to_owned();
        assert_eq!(all, (vec![(first, 1_027.0), (second, 3.0)], Growth::Counter));
        let one = read_of("http_requests_total", &[("code", "500"), ("path", "say \"hi\\\"")]);
        assert_eq!(one, (vec![(String::new(), 3.0)], Growth::Counter));
        assert_eq!(read_of("queue", &[]), (vec![(r#"{queue="mail"}"#.to_owned(), 75.0)], Growth::Free));
        assert_eq!(read_of("wait_sum", &[]), (vec![(String::new(), 2.5)], Growth::Counter));
        assert_eq!(read_of("up", &[]), (vec![(String::new(), 1.0)], Growth::Free));
        assert_eq!(read_of("up", &[("job", "x")]).0, vec![]);
        assert_eq!(read_of("nothing_total", &[]), (vec![], Growth::Counter));
    }

    #[test]
    fn what_is_no_page_is_an_error_and_many_series_are_bounded() {
        for text in ["", "<html><p>x</p></html>", "# only comments", "{}"] {
            assert!(read(text.as_bytes(), "up", &BTreeMap::new()).is_err(), "{text}");
        }
        assert!(read(&[0xff, 0xfe], "up", &BTreeMap::new()).is_err());
        let many: String = (0..super::super::FIGURES_MAX + 5).map(|n| format!("up{{user=\"{n}\"}} 1\n")).collect();
        let found = read(many.as_bytes(), "up", &BTreeMap::new()).expect("a page");
        assert_eq!((found.figures.len(), found.left_out), (super::super::FIGURES_MAX, 5));
    }

    proptest! {
        #[test]
        fn no_page_makes_it_panic(text in "[a-z_{}\"\\\\=, #\n0-9.+-]{0,80}") {
            drop(read(text.as_bytes(), "up", &BTreeMap::new()));
        }
    }
}
