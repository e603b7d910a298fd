//! A question in PromQL to the HTTP API of Prometheus, or of whatever speaks it.
//!
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>: an instant query, whose answer is a scalar or a vector.

use super::{Found, labels};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Where the question is asked.
pub(super) fn address(prometheus: &str, query: &str) -> String {
    let base = format!("{}/api/v1/query", prometheus.trim_end_matches('/'));
    // A base that is no URL is named by the request.
    reqwest::Url::parse_with_params(&base, [("query", query)]).map_or(base, String::from)
}

#[derive(Debug, Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "snake_case")]
enum Data {
    Scalar((f64, String)),
    Vector(Vec<Series>),
    Matrix(serde::de::IgnoredAny),
    String(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
}

/// The figures of an answer.
pub(super) fn read(bytes: &[u8]) -> Result<Found, String> {
    let answer: Answer = serde_json::from_slice(bytes).map_err(|error| format!("no answer of Prometheus: {error}"))?;
    let mut found = Found::default();
    match answer.data {
        _ if answer.status != "success" => return Err(format!("it answered {}: {}", answer.status, answer.error)),
        Some(Data::Scalar((_, value))) => found.add(labels([]), number(&value)),
        Some(Data::Vector(all)) => {
            for Series { metric, value } in &all {
                let pairs = metric.iter().filter(|(name, _)| *name != "__name__");
                let value = value.as_ref().map_or(f64::NAN, |(_, value)| number(value));
                found.add(labels(pairs.map(|(name, value)| (name.as_str(), value.as_str()))), value);
            }
        }
        Some(Data::Matrix(_) | Data::String(_)) | None => {
            return Err("it answered with no vector and no scalar: ask for one moment, not for a range".into());
        }
    }
    Ok(found)
}

/// What is no number is none: such a figure is not there.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_part_of_the_address() {
        for base in ["http://10.0.0.9:9090", "http://10.0.0.9:9090/"] {
            let asked = address(base, "sum(rate(x{a=\"b\"}[1m])) & 1");
            assert_eq!(
                asked,
                "http://10.0.0.9:9090/api/v1/query?query=sum%28rate%28x%7Ba%3D%22b%22%7D%5B1m%5D%29%29+%26+1"
            );
        }
    }

    #[test]
    fn vectors_and_scalars_are_read() {
        let read = |text: &str| {
            let found = read(text.as_bytes())?;
            let figures = found.figures.into_iter().map(|(labels, value)| (labels.to_string(), value));
            Ok::<_, String>(figures.collect::<Vec<_>>())
        };
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"__name__":"up","job":"x","a":"1"},"value":[1435781451.781,"1.5"]},
            {"metric":{},"value":[1435781451.781,"NaN"]}]}}"#;
        assert_eq!(read(vector), Ok(vec![(r#"{a="1",job="x"}"#.to_owned(), 1.5)]));
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"7"]},"warnings":["x"]}"#;
        assert_eq!(read(scalar), Ok(vec![(String::new(), 7.0)]));
        let none = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
        assert_eq!(read(none), Ok(vec![]));
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
        assert!(read(matrix).is_err_and(|why| why.contains("not for a range")));
        let error = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        assert_eq!(read(error), Err("it answered error: parse error".into()));
        assert!(read("<html>").is_err());
    }
}
