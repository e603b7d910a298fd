//! The components of another page, as they could stand in a configuration here.
//!
//! Their names, titles, groups and ids are known; what serves them, and at which paths, only a person knows.

use downbeat_core::model::Name;
use downbeat_hub::history::Chapter;
use downbeat_hub::history::statuspage::{Proposed, ProposedGroup};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The tables, with a line on what is missing in each.
pub(super) fn toml(chapter: &Chapter, components: &[Proposed]) -> String {
    let mut text = format!("# The components of {} ({}).\n", one_line(&chapter.title), one_line(&chapter.url));
    text += "# Add to each what serves it: replicas, and the hosts or paths by which it is asked for.\n";
    for Proposed { name, title, group, code } in components {
        put(&mut text, "\n[[component]]\nname", name.as_str());
        put(&mut text, "title", title);
        if let Some(group) = group {
            put(&mut text, "group", &group.title);
        }
        if code != name.as_str() {
            put(&mut text, "statuspage_id", code);
        }
        text += "# paths = [\"/\"]\n# replicas = [\"http://10.0.0.1:9001\"]\n";
    }
    for (title, code) in group_ids(components) {
        put(&mut text, "\n[[status_page.group]]\ntitle", title);
        put(&mut text, "statuspage_id", code);
    }
    text
}

fn put(text: &mut String, key: &str, value: &str) {
    writeln!(text, "{key} = {}", toml::Value::from(value)).expect("a String takes all");
}

/// The ids of the groups by title: of two with one title, which are one group here, the first one's. What is no name was made from
/// the title by a Downbeat, and will be again.
fn group_ids(components: &[Proposed]) -> BTreeMap<&str, &str> {
    let mut ids = BTreeMap::new();
    for ProposedGroup { title, code } in components.iter().filter_map(|it| it.group.as_ref()) {
        if Name::new(code).is_ok() {
            ids.entry(title.as_str()).or_insert(code.as_str());
        }
    }
    ids
}

/// A comment ends with its line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_titles_say_they_stay_titles() {
        let name = |text: &str| Name::new(text).expect("a good name");
        let title = "a\"]\nreplicas = [\"http://evil.example\"]\u{7}";
        let chapter =
            Chapter { source: name("x"), title: "x\ny = 1".into(), url: "https://x.example".into(), stories: vec![] };
        let components = [
            Proposed {
                name: name("api"),
                title: title.into(),
                group: Some(ProposedGroup { title: "Core \"1\"".into(), code: "g1".into() }),
                code: "rhznvxg4v7yh".into(),
            },
            Proposed { name: name("login"), title: "Log-in".into(), group: None, code: "login".into() },
            Proposed {
                name: name("web"),
                title: "Website".into(),
                group: Some(ProposedGroup { title: "Others".into(), code: "group~0123456789ab".into() }),
                code: "web".into(),
            },
        ];
        let text = toml(&chapter, &components);
        let read: toml::Table = text.parse().expect("it is TOML");
        let tables = read["component"].as_array().expect("a list");
        assert_eq!((read.len(), tables.len()), (2, 3), "{text}");
        let keys = |n: usize| tables[n].as_table().expect("a table").keys().cloned().collect::<Vec<_>>();
        assert_eq!(tables[0]["title"].as_str(), Some(title));
        assert_eq!(keys(0), ["group", "name", "statuspage_id", "title"]);
        assert_eq!(keys(1), ["name", "title"]);
        let groups = read["status_page"]["group"].as_array().expect("a list");
        assert_eq!(groups.len(), 1, "{text}");
        assert_eq!(
            (groups[0]["title"].as_str(), groups[0]["statuspage_id"].as_str()),
            (Some("Core \"1\""), Some("g1"))
        );
    }
}
