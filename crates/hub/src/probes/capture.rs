//! What is taken from an answer, for later steps to use: `json $.token`, `header location`, `body "csrf=([a-z0-9]+)"`. First what
//! is looked at, as in a condition, then a pattern where only a part is meant: its first group, or all of it without one.

use super::condition::{ConditionError, Seen, Subject, read_pattern, read_subject, read_text};
use regex::Regex;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A longer value is no token, no name and no place.
const VALUE_MAX: usize = 8 * 1024;

/// What to take from an answer.
#[derive(Debug, Clone)]
pub struct Capture {
    text: String,
    subject: Subject,
    pattern: Option<Regex>,
}

/// Captures are what was written.
impl PartialEq for Capture {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Capture {
    type Err = ConditionError;

    fn from_str(written: &str) -> Result<Self, ConditionError> {
        let (subject, rest) = read_subject(written.trim())?;
        let pattern = match rest {
            "" if subject == Subject::Body => {
                return Err(ConditionError::new(
                    "a whole body is no value: a pattern in double quotes says which part",
                ));
            }
            "" => None,
            rest => Some(read_pattern(&read_text("what is looked at", rest)?)?),
        };
        Ok(Self { text: written.trim().into(), subject, pattern })
    }
}

impl Capture {
    /// True when the body has to be read as JSON.
    pub(super) fn reads_json(&self) -> bool {
        self.subject.reads_json()
    }

    /// The value; or why there is none, without showing anything of the answer, which may be a credential in disguise.
    pub(super) fn take(&self, seen: &Seen<'_>) -> Result<String, String> {
        let found = self.subject.find(seen)?.ok_or("there is none")?;
        let whole = match found.as_ref() {
            Value::String(text) => text.clone(),
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return Err("it is no text and no number".into()),
        };
        let value = match &self.pattern {
            None => whole,
            Some(pattern) => {
                let found = pattern.captures(&whole).ok_or("the pattern does not match")?;
                let part = found.get(1).or(found.get(0)).ok_or("the pattern's group does not match")?;
                part.as_str().to_owned()
            }
        };
        match value.len() {
            0 => Err("it is empty".into()),
            length if length > VALUE_MAX => Err(format!("it has {length} bytes, at most {VALUE_MAX} are taken")),
            // It goes into heads of requests, where a line's end would begin something else.
            _ if value.chars().any(char::is_control) => Err("it has a control character in it".into()),
            _ => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::veil::Veil;
    use super::*;
    use reqwest::header::{HeaderMap, HeaderValue};

    #[test]
    fn what_is_taken() {
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_static("/items/42?a=b"));
        let body = format!(
            r#"{{"token": "t-1", "n": 5, "on": true, "list": [], "line": "a\nb", "empty": "", "long": "{}"}}"#,
            "x".repeat(VALUE_MAX + 1)
        );
        let json = serde_json::from_str(&body).map_err(|error| error.to_string());
        let veil = Veil::default();
        let seen = Seen { headers: &headers, body: body.as_str().into(), json: &json, veil: &veil };
        let table = [
            ("json $.token", Ok("t-1")),
            ("json $.n", Ok("5")),
            ("json $.on", Ok("true")),
            ("header location", Ok("/items/42?a=b")),
            (r#"header location "/items/([0-9]+)""#, Ok("42")),
            (r#"header location "items""#, Ok("items")),
            (r#"body "\"token\": \"([^\"]+)\"""#, Ok("t-1")),
            (r#"body "(nothing)|token""#, Ok("token")),
            (r#"body "absent""#, Err("does not match")),
            ("json $.list", Err("no text and no number")),
            ("json $.absent", Err("there is none")),
            ("json $.line", Err("a control character")),
            ("json $.empty", Err("it is empty")),
            ("json $.long", Err("at most 8192")),
            ("header x-none", Err("there is none")),
        ];
        for (text, expected) in table {
            let capture: Capture = text.parse().expect(text);
            match (capture.take(&seen), expected) {
                (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{text}"),
                (Err(why), Err(says)) => assert!(why.contains(says), "{text}: {why}"),
                (came, _) => panic!("{text}: {came:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_capture() {
        let table = [
            ("", "begins with body, header or json"),
            ("body", "a whole body is no value"),
            ("body x", "a text in double quotes"),
            ("json token", "does not begin with $"),
            ("json $.a \"(\"", "unclosed group"),
        ];
        for (text, says) in table {
            let error = text.parse::<Capture>().expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
