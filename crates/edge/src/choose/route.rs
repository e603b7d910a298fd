//! Which component a request belongs to: the rule for its host, and among those the longest fitting prefix.
//!
//! Decided on the normalised path, the one that is forwarded (invariant H6), in whole segments.

use crate::change::settings::RouteRule;
use crate::change::site::{ComponentId, SettingsFault};
use downbeat_core::model::Name;

/// All rules, the most particular first.
#[derive(Debug)]
pub(crate) struct Router(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    /// In lower case, without a port.
    host: Option<String>,
    prefix: String,
    component: ComponentId,
}

impl Router {
    /// Checks and orders the rules.
    pub(crate) fn of(rules: &[RouteRule], components: &[Name]) -> Result<Self, SettingsFault> {
        let mut ordered = rules.iter().map(|rule| Rule::of(rule, components)).collect::<Result<Vec<_>, _>>()?;
        ordered.sort_by_key(|r| (r.host.is_none(), std::cmp::Reverse(r.prefix.len())));
        Ok(Self(ordered))
    }

    /// The component of a request, if any rule fits.
    pub(crate) fn route(&self, host: &[u8], path: &[u8]) -> Option<ComponentId> {
        let host = without_port(host);
        self.0.iter().find(|rule| rule.fits(host, path)).map(|rule| rule.component)
    }
}

impl Rule {
    fn of(rule: &RouteRule, components: &[Name]) -> Result<Self, SettingsFault> {
        if !rule.prefix.starts_with('/') {
            return Err(SettingsFault::Prefix(rule.prefix.clone()));
        }
        let fault = || SettingsFault::Route { prefix: rule.prefix.clone(), component: rule.component.clone() };
        let at = components.iter().position(|name| *name == rule.component).ok_or_else(fault)?;
        let host = rule.host.as_ref().map(|host| host.to_ascii_lowercase());
        Ok(Self { host, prefix: rule.prefix.trim_end_matches('/').to_owned(), component: ComponentId(at) })
    }

    fn fits(&self, host: &[u8], path: &[u8]) -> bool {
        let host_fits = self.host.as_ref().is_none_or(|wanted| host.eq_ignore_ascii_case(wanted.as_bytes()));
        host_fits && covers(&self.prefix, path)
    }
}

/// True when a path starts with a prefix, in whole segments; the prefix has no slash at its end.
pub(crate) fn covers(prefix: &str, path: &[u8]) -> bool {
    path.strip_prefix(prefix.as_bytes()).is_some_and(|rest| rest.first().is_none_or(|next| *next == b'/'))
}

fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|b| *b == b':') {
        Some(colon) if host[colon..].iter().skip(1).all(u8::is_ascii_digit) => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_rule_wins() {
        let names = ["playback", "login", "rest", "static"].map(|n| Name::new(n).expect("a good name"));
        let rule = |component: usize, host: Option<&str>, prefix: &str| RouteRule {
            component: names[component].clone(),
            host: host.map(str::to_owned),
            prefix: prefix.to_owned(),
        };
        let rules = [
            rule(3, None, "/"),
            rule(2, None, "/rest"),
            rule(0, None, "/rest/stream"),
            rule(1, Some("Login.example"), "/"),
        ];
        let router = Router::of(&rules, &names).expect("good rules");
        let table = [
            ("a", "/", 3),
            ("a", "/restful", 3),
            ("a", "/rest", 2),
            ("a", "/rest/ping", 2),
            ("a", "/rest/streams", 2),
            ("a", "/rest/stream", 0),
            ("a", "/rest/stream/1", 0),
            ("login.example:8000", "/rest/stream", 1),
        ];
        for (host, path, component) in table {
            let got = router.route(host.as_bytes(), path.as_bytes());
            assert_eq!(got, Some(ComponentId(component)), "{host}{path}");
        }
        let narrow = Router::of(&rules[1..2], &names).expect("good rules");
        assert_eq!(narrow.route(b"a", b"/"), None);
    }
}
