//! The two formats in which metrics are read: OpenMetrics 1.0, and Prometheus' older text format 0.0.4.
//!
//! They differ in one thing that matters: OpenMetrics names the family of a counter without the `_total` of its samples,
//! the older format with it, so a reader of the one finds no counter in the other. Whoever names the older one, and not
//! the newer, gets it. Source: OpenMetrics 1.0, "Content negotiation"; Prometheus, "Exposition formats".

use crate::codec::Fields;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    OpenMetrics,
    Text,
}

impl Format {
    /// The format that a reader wants, by its `Accept`.
    pub(crate) fn wanted(fields: &Fields) -> Self {
        let names = |kind: &str| fields.all("accept").any(|value| String::from_utf8_lossy(value).contains(kind));
        if names("text/plain") && !names("openmetrics-text") { Self::Text } else { Self::OpenMetrics }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// What was written as OpenMetrics, in this format.
    pub(crate) fn of(self, open_metrics: String) -> String {
        match self {
            Self::OpenMetrics => open_metrics,
            Self::Text => as_text(&open_metrics),
        }
    }
}

fn as_text(open_metrics: &str) -> String {
    let describing = |line: &'_ str| -> Option<(String, String, String)> {
        let (kind, rest) = line.strip_prefix("# ")?.split_once(' ')?;
        let (family, what) = rest.split_once(' ')?;
        Some((kind.to_owned(), family.to_owned(), what.to_owned()))
    };
    let counters: BTreeSet<String> = open_metrics
        .lines()
        .filter_map(describing)
        .filter_map(|(kind, family, what)| (kind == "TYPE" && what == "counter").then_some(family))
        .collect();
    let mut out = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        // Writing to a string cannot fail.
        let _ = match describing(line) {
            Some((kind, ..)) if kind == "UNIT" => Ok(()),
            Some((kind, family, what)) if counters.contains(&family) => {
                writeln!(out, "# {kind} {family}_total {what}")
            }
            None if line == "# EOF" => Ok(()),
            Some(_) | None => writeln!(out, "{line}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_only_the_older_format_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let table = [
            (None, Format::OpenMetrics),
            (Some("*/*"), Format::OpenMetrics),
            (Some("text/plain"), Format::Text),
            (Some("text/plain;version=0.0.4, */*;q=0.1"), Format::Text),
            (Some(prometheus), Format::OpenMetrics),
        ];
        for (accept, expected) in table {
            let pairs = accept.iter().map(|value| (&b"Accept"[..], value.as_bytes()));
            assert_eq!(Format::wanted(&Fields::from_pairs(pairs)), expected, "{accept:?}");
        }
    }

    #[test]
    fn counters_have_their_samples_name_in_the_older_format() {
        let open_metrics = "# HELP a Things that were done.\n# TYPE a counter\na_total{b=\"# TYPE a counter\"} 1\n\
                            # HELP c_bytes Size.\n# TYPE c_bytes gauge\n# UNIT c_bytes bytes\nc_bytes 2\n# EOF\n";
        let text = "# HELP a_total Things that were done.\n# TYPE a_total counter\na_total{b=\"# TYPE a counter\"} 1\n\
                    # HELP c_bytes Size.\n# TYPE c_bytes gauge\nc_bytes 2\n";
        assert_eq!(Format::Text.of(open_metrics.to_owned()), text);
        assert_eq!(Format::OpenMetrics.of(open_metrics.to_owned()), open_metrics);
    }
}
