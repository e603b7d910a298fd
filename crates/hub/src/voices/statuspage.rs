//! What a status page in the shape of Statuspage's API says: how it is, and what it calls the trouble.

use crate::channel::text;
use downbeat_core::model::UpstreamHealth;
use serde::Deserialize;

/// So much of an incident's name is kept.
const SAID_MAX: usize = 120;
/// Most components and incidents that are looked at.
const ROWS_MAX: usize = 1_000;

/// `summary.json`, as far as it matters.
#[derive(Debug, Deserialize)]
struct Summary {
    status: Status,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    incidents: Vec<Incident>,
}

#[derive(Debug, Deserialize)]
struct Status {
    indicator: String,
}

#[derive(Debug, Deserialize)]
struct Component {
    name: String,
    status: String,
}

#[derive(Debug, Deserialize)]
struct Incident {
    name: String,
}

/// How it is, and the name of its first open incident. Where parts are named, only those count: the worst of them.
pub(super) fn read(bytes: &[u8], parts: &[String]) -> Result<(UpstreamHealth, String), String> {
    let summary: Summary = serde_json::from_slice(bytes).map_err(|error| format!("no summary.json: {error}"))?;
    let health = if parts.is_empty() { of_page(&summary.status.indicator) } else { of_parts(&summary, parts)? };
    let said = summary.incidents.first().map(|incident| incident.name.as_str()).unwrap_or_default();
    Ok((health, text::cut(&text::line(said), SAID_MAX)))
}

fn of_page(indicator: &str) -> UpstreamHealth {
    match indicator {
        "none" => UpstreamHealth::Works,
        "major" | "critical" => UpstreamHealth::Down,
        "minor" | "maintenance" => UpstreamHealth::Ails,
        _ => UpstreamHealth::Unknown,
    }
}

fn of_parts(summary: &Summary, parts: &[String]) -> Result<UpstreamHealth, String> {
    let named = |component: &&Component| parts.contains(&component.name);
    let worst = summary.components.iter().take(ROWS_MAX).filter(named).map(|it| match it.status.as_str() {
        "operational" => UpstreamHealth::Works,
        "degraded_performance" | "under_maintenance" => UpstreamHealth::Ails,
        "partial_outage" | "major_outage" => UpstreamHealth::Down,
        _ => UpstreamHealth::Unknown,
    });
    worst.max().ok_or_else(|| format!("it has no component {}", parts.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn how_an_upstream_is() {
        let page = |indicator: &str, api: &str| {
            let named = |name: &str, status: &str| json!({"name": name, "status": status});
            json!({"page": {"id": "x"}, "status": {"indicator": indicator, "description": "…"},
                "components": [named("API", api), named("CDN", "operational")],
                "incidents": [{"name": "API errors\u{7}", "status": "investigating"}]})
            .to_string()
        };
        let (api, cdn, both) =
            (vec!["API".to_owned()], vec!["CDN".to_owned()], vec!["CDN".to_owned(), "API".to_owned()]);
        for (indicator, status, parts, health) in [
            ("none", "operational", &[][..], UpstreamHealth::Works),
            ("critical", "operational", &[], UpstreamHealth::Down),
            ("minor", "operational", &[], UpstreamHealth::Ails),
            ("sunny", "operational", &[], UpstreamHealth::Unknown),
            ("critical", "degraded_performance", &api, UpstreamHealth::Ails),
            ("critical", "major_outage", &cdn, UpstreamHealth::Works),
            ("none", "major_outage", &both, UpstreamHealth::Down),
        ] {
            let read = read(page(indicator, status).as_bytes(), parts).expect("read");
            assert_eq!(read, (health, "API errors".to_owned()), "{indicator} {status} {parts:?}");
        }
    }

    #[test]
    fn what_it_says_is_one_short_line_that_turns_nothing_around() {
        let name = format!("API \u{202e}errors\r\n<b>{}", "x".repeat(10_000));
        let page = json!({"status": {"indicator": "none"}, "incidents": [{"name": name}]}).to_string();
        let (_, said) = read(page.as_bytes(), &[]).expect("read");
        assert!(said.starts_with("API errors <b>xxx") && said.ends_with('…'), "{said}");
        assert_eq!(said.chars().count(), SAID_MAX);
    }

    #[test]
    fn garbage_is_an_error() {
        let deep = format!("{{\"status\":{{\"indicator\":\"none\"}},\"x\":{}", "[".repeat(100_000));
        for text in ["", "<html>", "{}", "{\"status\": 3}", "[[[[", deep.as_str(), "\u{0}"] {
            assert!(read(text.as_bytes(), &[]).is_err(), "{text:.60}");
        }
        assert!(read(&[0xff, 0xfe, 0x7b], &[]).is_err());
        let page = json!({"status": {"indicator": "none"}}).to_string();
        assert!(read(page.as_bytes(), &["API".into()]).expect_err("it has none").contains("no component API"));
    }
}
