//! The shapes of Statuspage's answers, as far as they matter. What may be missing is optional; what is more is passed over.

use super::ReadError;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// `page` of each public answer, and a page of the manage API.
#[derive(Debug, Deserialize)]
pub(super) struct PageDoc {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
}

/// A component or a group of them.
#[derive(Debug, Deserialize)]
pub(super) struct ComponentDoc {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) group: bool,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) group_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) position: Option<i64>,
}

/// An incident, or announced work.
#[derive(Debug, Deserialize)]
pub(super) struct IncidentDoc {
    pub(super) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) impact: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) created_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) started_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) updated_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) monitoring_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) resolved_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) scheduled_for: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) scheduled_until: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) incident_updates: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) components: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) postmortem_body: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) postmortem_published_at: Option<String>,
}

/// One public word.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateDoc {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) body: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) created_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) display_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) affected_components: Option<Vec<AffectedDoc>>,
}

/// What a word meant for a component.
#[derive(Debug, Deserialize)]
pub(super) struct AffectedDoc {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) old_status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) new_status: Option<String>,
}

/// `history.json`: only the codes are of use, the rest is for people.
#[derive(Debug, Deserialize)]
pub(super) struct Months {
    pub(super) months: Vec<MonthDoc>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MonthDoc {
    #[serde(default)]
    pub(super) incidents: Vec<CodeDoc>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CodeDoc {
    #[serde(default)]
    pub(super) code: String,
}

/// Nothing where the source has nothing, or something else.
fn lenient<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

/// The rows of an answer: below a key in the public API, by themselves in the manage API.
pub(super) fn rows(value: &Value, key: &'static str) -> Result<Vec<Value>, ReadError> {
    let list = if value.is_array() { Some(value) } else { value.get(key) };
    list.and_then(Value::as_array).cloned().ok_or(ReadError::Shape(key))
}
