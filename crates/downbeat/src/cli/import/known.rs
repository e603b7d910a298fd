//! The components that the hub has, and which of them another page means.

use crate::cli::client::{ClientError, HubClient};
use serde::Deserialize;

/// All of them.
#[derive(Debug, Deserialize)]
pub(super) struct Known {
    components: Vec<Component>,
}

#[derive(Debug, Deserialize)]
struct Component {
    name: String,
    title: String,
    statuspage_id: Option<String>,
}

impl Known {
    /// As the hub has them.
    pub(super) async fn of(hub: &HubClient) -> Result<Self, ClientError> {
        hub.read("/v1/components").await
    }

    /// The name of the one that is meant: by its id there, by its name, or by its title.
    pub(super) fn find(&self, code: &str, title: &str) -> Option<&str> {
        let by_id = self.components.iter().find(|it| it.statuspage_id.as_deref() == Some(code));
        let by_name = || self.components.iter().find(|it| it.name == code);
        let by_title = || self.components.iter().find(|it| !title.is_empty() && it.title == title);
        by_id.or_else(by_name).or_else(by_title).map(|it| it.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_goes_before_a_name_and_a_name_before_a_title() {
        let component = |name: &str, title: &str, id: Option<&str>| Component {
            name: name.into(),
            title: title.into(),
            statuspage_id: id.map(Into::into),
        };
        let components = vec![
            component("login", "Log-in", None),
            component("search", "Search", Some("rhznvxg4v7yh")),
            component("radio", "login", Some("r1")),
        ];
        let known = Known { components };
        for (code, title, found) in [
            ("rhznvxg4v7yh", "Log-in", Some("search")),
            ("login", "Search", Some("login")),
            ("x", "Log-in", Some("login")),
            ("x", "login", Some("radio")),
            ("x", "", None),
            ("x", "Weather", None),
        ] {
            assert_eq!(known.find(code, title), found, "{code} {title}");
        }
    }
}
