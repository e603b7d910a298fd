//! Where in a JSON document: `$.db.replicas[0]["state of it"]`, the singular queries of RFC 9535, which lead to one value
//! or to none.

use serde_json::Value;
use std::str::FromStr;

/// Longest path: nothing that people write comes near.
const STEPS_MAX: usize = 64;

/// A path to one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    /// From the front, or from the end: -1 is the last one.
    Index(i64),
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is no path into JSON: {why}")]
pub(super) struct JsonPathError {
    path: String,
    why: &'static str,
}

impl JsonPath {
    /// The value that the path leads to.
    pub(super) fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Name(name) => value.as_object()?.get(name),
            Step::Index(index) => {
                let items = value.as_array()?;
                let length = i64::try_from(items.len()).ok()?;
                items.get(usize::try_from(if *index < 0 { length + index } else { *index }).ok()?)
            }
        })
    }
}

impl FromStr for JsonPath {
    type Err = JsonPathError;

    fn from_str(text: &str) -> Result<Self, JsonPathError> {
        let wrong = |why| JsonPathError { path: text.into(), why };
        let mut rest = text.strip_prefix('$').ok_or_else(|| wrong("it does not begin with $"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = next_step(rest).map_err(wrong)?;
            steps.push(step);
            rest = after;
        }
        if steps.len() > STEPS_MAX { Err(wrong("it has too many steps")) } else { Ok(Self(steps)) }
    }
}

fn next_step(rest: &str) -> Result<(Step, &str), &'static str> {
    if let Some(rest) = rest.strip_prefix('.') {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        return match name {
            "" => Err("a name is missing behind a dot"),
            name => Ok((Step::Name(name.into()), after)),
        };
    }
    let inner = rest.strip_prefix('[').ok_or("after $ there are steps such as .name, [0] or [\"name\"]")?;
    if inner.starts_with('"') {
        let mut names = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let name = names.next().and_then(Result::ok).ok_or("a name in brackets does not end")?;
        let after = inner[names.byte_offset()..].strip_prefix(']').ok_or("a bracket does not end")?;
        return Ok((Step::Name(name), after));
    }
    let (index, after) = inner.split_once(']').ok_or("a bracket does not end")?;
    let index = index.parse().map_err(|_| "in brackets there is a whole number or a name in double quotes")?;
    Ok((Step::Index(index), after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn where_paths_lead() {
        let document = json!({"db": {"state": "up", "a b": [1, {"c": null}]}, "x-y": true, "": 0});
        let table = [
            ("$", Some(document.clone())),
            ("$.db.state", Some(json!("up"))),
            ("$.x-y", Some(json!(true))),
            ("$[\"db\"][\"a b\"][0]", Some(json!(1))),
            ("$.db[\"a b\"][1].c", Some(json!(null))),
            ("$.db[\"a b\"][-1].c", Some(json!(null))),
            ("$[\"\"]", Some(json!(0))),
            ("$.db[\"a b\"][2]", None),
            ("$.db[\"a b\"][-3]", None),
            ("$.db[0]", None),
            ("$.nothing.here", None),
        ];
        for (path, expected) in table {
            let path: JsonPath = path.parse().expect(path);
            assert_eq!(path.find(&document), expected.as_ref(), "{path:?}");
        }
    }

    #[test]
    fn what_is_no_path() {
        let long = format!("${}", ".a".repeat(65));
        for text in [
            "",
            "db",
            ".db",
            "$.",
            "$..a",
            "$[",
            "$[a]",
            "$[\"a]",
            "$[\"a\"",
            "$[*]",
            "$.a b",
            "$[99999999999999999999]",
            &long,
        ] {
            assert!(text.parse::<JsonPath>().is_err(), "{text}");
        }
    }
}
