//! What has to be true of an answer, written as one would say it: `json $.db.state == "up"`.
//!
//! First what is looked at (`body`, `header NAME`, `json PATH`), then how (`==`, `!=`, `<`, `<=`, `>`, `>=`, `contains`,
//! `lacks`, `matches`, `exists`, `absent`), then a JSON value, which `exists` and `absent` have none of. Patterns are those
//! of the regex crate, which takes time linear in the text whatever the pattern (no backtracking), and bounded in size.

use super::json_path::JsonPath;
use super::veil::Veil;
use regex::{Regex, RegexBuilder};
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A compiled pattern takes so much memory at most: twenty thousand letters' worth.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// So much of what came is shown to people.
const SHOWN_MAX: usize = 80;

/// A condition on an answer.
#[derive(Debug, Clone)]
pub struct Condition {
    text: String,
    subject: Subject,
    test: Test,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Body,
    Header(HeaderName),
    Json(JsonPath),
}

/// What has to hold of it.
#[derive(Debug, Clone)]
enum Test {
    Is(Value),
    IsNot(Value),
    /// With the orders that are right.
    Compares(&'static [Ordering], f64),
    Contains(String),
    Lacks(String),
    Matches(Regex),
    Exists,
    Absent,
}

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConditionError(String);

impl ConditionError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// What conditions look at.
pub(super) struct Seen<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Cow<'a, str>,
    /// The body as JSON, or why it is none.
    pub(super) json: &'a Result<Value, String>,
    /// What nobody is shown of it.
    pub(super) veil: &'a Veil,
}

/// Conditions are what was written.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Condition {
    /// That the body has a text in it.
    pub fn body_contains(text: &str) -> Self {
        let written = format!("body contains {}", Value::from(text));
        Self { text: written, subject: Subject::Body, test: Test::Contains(text.into()) }
    }

    /// True when the body has to be read as JSON.
    pub(super) fn reads_json(&self) -> bool {
        self.subject.reads_json()
    }

    /// Says what is wrong, if it does not hold.
    pub(super) fn judge(&self, seen: &Seen<'_>) -> Result<(), String> {
        let found = self.subject.find(seen).map_err(|why| format!("expected {self}, but {why}"))?;
        if self.test.holds(found.as_deref()) {
            return Ok(());
        }
        let came = found.map_or("there is none".into(), |value| format!("it is {}", shown(&value, seen.veil)));
        Err(format!("expected {self}, but {came}"))
    }
}

impl Subject {
    /// True when the body has to be read as JSON.
    pub(super) fn reads_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// What is there.
    pub(super) fn find<'v>(&self, seen: &'v Seen<'_>) -> Result<Option<Cow<'v, Value>>, String> {
        match self {
            Self::Body => Ok(Some(Cow::Owned(Value::from(seen.body.as_ref())))),
            Self::Header(name) => {
                let value = seen.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
                Ok(value.map(|value| Cow::Owned(Value::from(value))))
            }
            Self::Json(path) => {
                let document = seen.json.as_ref().map_err(|why| format!("the body is no JSON: {why}"))?;
                Ok(path.find(document).map(Cow::Borrowed))
            }
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return matches!(self, Self::Absent | Self::Lacks(_) | Self::IsNot(_)) };
        match self {
            Self::Exists => true,
            Self::Absent => false,
            Self::Is(wanted) => is(value, wanted),
            Self::IsNot(wanted) => !is(value, wanted),
            Self::Compares(right, bound) => {
                number(value).and_then(|n| n.partial_cmp(bound)).is_some_and(|order| right.contains(&order))
            }
            Self::Contains(part) => text(value).contains(part.as_str()),
            Self::Lacks(part) => !text(value).contains(part.as_str()),
            Self::Matches(pattern) => pattern.is_match(&text(value)),
        }
    }
}

fn is(value: &Value, wanted: &Value) -> bool {
    match (number(value), wanted.as_f64()) {
        // 1 and 1.0 are the same number, and a header field of "5" is 5.
        (Some(came), Some(wanted)) => came == wanted,
        _ => value == wanted,
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Texts are themselves, whatever else is its JSON.
fn text(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed)
}

fn shown(value: &Value, veil: &Veil) -> String {
    // First hidden, then cut: a part of a secret is too much.
    let whole = veil.over(value.to_string());
    let short: String = whole.chars().take(SHOWN_MAX).collect();
    if short.len() < whole.len() { short + "…" } else { short }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(written: &str) -> Result<Self, ConditionError> {
        let (subject, rest) = read_subject(written.trim())?;
        let test = read_test(rest)?;
        Ok(Self { text: written.trim().into(), subject, test })
    }
}

pub(super) fn read_subject(written: &str) -> Result<(Subject, &str), ConditionError> {
    let (word, rest) = word(written);
    match word {
        "body" => Ok((Subject::Body, rest)),
        "header" => {
            let (name, rest) = self::word(rest);
            let odd = |_| ConditionError(format!("{name:?} is no name of a header field"));
            Ok((Subject::Header(name.parse().map_err(odd)?), rest))
        }
        "json" => {
            let (path, rest) = rest.split_at(end_of_path(rest));
            let path =
                path.parse().map_err(|error: super::json_path::JsonPathError| ConditionError(error.to_string()))?;
            Ok((Subject::Json(path), rest.trim_start()))
        }
        other => Err(ConditionError(format!("a condition begins with body, header or json, not with {other:?}"))),
    }
}

/// The first word, and what follows.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// A path ends at the first space that stands in no quotes.
fn end_of_path(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn read_test(written: &str) -> Result<Test, ConditionError> {
    use Ordering::{Equal, Greater, Less};
    let (how, rest) = word(written);
    match how {
        "exists" | "absent" if !rest.is_empty() => Err(ConditionError(format!("nothing may follow {how}"))),
        "exists" => Ok(Test::Exists),
        "absent" => Ok(Test::Absent),
        "==" => Ok(Test::Is(read_value(how, rest)?)),
        "!=" => Ok(Test::IsNot(read_value(how, rest)?)),
        "<" => Ok(Test::Compares(&[Less], read_number(how, rest)?)),
        "<=" => Ok(Test::Compares(&[Less, Equal], read_number(how, rest)?)),
        ">" => Ok(Test::Compares(&[Greater], read_number(how, rest)?)),
        ">=" => Ok(Test::Compares(&[Greater, Equal], read_number(how, rest)?)),
        "contains" => Ok(Test::Contains(read_text(how, rest)?)),
        "lacks" => Ok(Test::Lacks(read_text(how, rest)?)),
        "matches" => Ok(Test::Matches(read_pattern(&read_text(how, rest)?)?)),
        other => Err(ConditionError(format!(
            "{other:?} is none of ==, !=, <, <=, >, >=, contains, lacks, matches, exists and absent"
        ))),
    }
}

fn read_value(how: &str, rest: &str) -> Result<Value, ConditionError> {
    let wrong =
        |_| ConditionError(format!("behind {how} there is a JSON value such as \"up\", 5 or true, not {rest:?}"));
    serde_json::from_str(rest).map_err(wrong)
}

fn read_number(how: &str, rest: &str) -> Result<f64, ConditionError> {
    let wrong = || ConditionError(format!("behind {how} there is a number, not {rest:?}"));
    read_value(how, rest).ok().and_then(|value| value.as_f64()).ok_or_else(wrong)
}

pub(super) fn read_text(how: &str, rest: &str) -> Result<String, ConditionError> {
    match read_value(how, rest) {
        Ok(Value::String(text)) => Ok(text),
        _ => Err(ConditionError(format!("behind {how} there is a text in double quotes, not {rest:?}"))),
    }
}

pub(super) fn read_pattern(pattern: &str) -> Result<Regex, ConditionError> {
    let built = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => ConditionError(format!("the pattern {pattern:?} is too large")),
        other => {
            // The last line says what, those before it show where.
            let text = other.to_string();
            let what = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            ConditionError(format!("{pattern:?} is no pattern: {what}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn what_holds_of_an_answer() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("x-queue", HeaderValue::from_static("12"));
        let body = r#"{"db":{"state":"up","lag":1.0},"queue":[3,4],"version":"v1.12"}"#;
        let json = serde_json::from_str(body).map_err(|e| e.to_string());
        let seen = Seen { headers: &headers, body: body.into(), json: &json, veil: &Veil::default() };
        let table = [
            (r#"body contains "up""#, None),
            (r#"body lacks "error""#, None),
            (r#"body lacks "up""#, Some("it is \"{\\\"db\\\"")),
            (r#"body matches "v[0-9]+[.][0-9]+""#, None),
            (r#"header content-type contains "json""#, None),
            (r#"header Content-Type == "text/html""#, Some("it is \"application/json\"")),
            (r#"header x-queue < 13"#, None),
            (r#"header x-queue == 12"#, None),
            (r#"header x-none absent"#, None),
            (r#"header x-none lacks "a""#, None),
            (r#"header x-none exists"#, Some("there is none")),
            (r#"json $.db.state == "up""#, None),
            (r#"json $.db.state != "up""#, Some("it is \"up\"")),
            (r#"json $.db.lag == 1"#, None),
            (r#"json $["db"]["lag"] >= 1"#, None),
            (r#"json $.queue[-1] > 4"#, Some("it is 4")),
            (r#"json $.queue == [3, 4]"#, None),
            (r#"json $.queue contains "3,4""#, None),
            (r#"json $.db.state < 5"#, Some("it is \"up\"")),
            (r#"json $["a b"] exists"#, Some("there is none")),
            (r#"json $.version matches "^v1[.]""#, None),
        ];
        for (text, expected) in table {
            let condition: Condition = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            match (condition.judge(&seen), expected) {
                (Ok(()), None) => {}
                (Err(why), Some(says)) => assert!(why.contains(says) && why.contains(text), "{why}"),
                (came, _) => panic!("{text}: {came:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_json_says_so() {
        let headers = HeaderMap::new();
        let json = serde_json::from_str("<html>").map_err(|error| error.to_string());
        let seen = Seen { headers: &headers, body: "<html>".into(), json: &json, veil: &Veil::default() };
        let condition: Condition = "json $.a exists".parse().expect("a condition");
        assert!(condition.judge(&seen).expect_err("no JSON").contains("the body is no JSON: expected value"));
    }

    #[test]
    fn what_is_no_condition() {
        let huge = format!("body matches \"{}\"", "(a{100}){100}".repeat(9));
        let table = [
            ("", "begins with body, header or json"),
            ("status == 200", "not with \"status\""),
            ("body", "is none of"),
            ("body is \"x\"", "is none of"),
            ("body contains x", "a text in double quotes"),
            ("body contains 5", "a text in double quotes"),
            ("body contains \"a\" or \"b\"", "a text in double quotes"),
            ("header a\u{e9} exists", "no name of a header"),
            ("header exists", "is none of"),
            ("json a == 1", "does not begin with $"),
            ("json $.a == up", "a JSON value such as"),
            ("json $.a < \"5\"", "a number"),
            ("json $.a exists now", "nothing may follow exists"),
            ("body matches \"(\"", "is no pattern: unclosed group"),
            (&huge, "too large"),
        ];
        for (text, says) in table {
            let error = text.parse::<Condition>().expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    /// A pattern that takes other engines for ever takes this one a moment: it is done before the test's runner loses patience.
    #[test]
    fn hostile_patterns_end() {
        let condition: Condition = r#"body matches "^(a+)+$""#.parse().expect("a condition");
        let body = "a".repeat(60_000) + "b";
        let (headers, veil, json) = (HeaderMap::new(), Veil::default(), Err(String::new()));
        let seen = Seen { headers: &headers, body: body.into(), json: &json, veil: &veil };
        assert!(condition.judge(&seen).is_err());
    }
}
