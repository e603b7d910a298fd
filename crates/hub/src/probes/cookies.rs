//! Cookies of one walk (RFC 6265): what answers set goes back to where it came from, and is forgotten with the walk.

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use std::time::SystemTime;

/// More are not kept.
const COOKIES_MAX: usize = 50;
/// A longer one is not kept.
const BYTES_MAX: usize = 4096;

/// What answers have set so far.
#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<Cookie>);

#[derive(Debug, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    domain: Domain,
    path: String,
    /// True when it goes over TLS only.
    is_secure: bool,
}

/// Where a cookie belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Domain {
    Host(String),
    /// This one, and what is below it.
    Below(String),
}

impl Domain {
    fn holds(&self, host: &str) -> bool {
        match self {
            Self::Host(own) => own == host,
            Self::Below(domain) => is_below(host, domain),
        }
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|front| front.ends_with('.'))
}

impl Cookies {
    /// Keeps what an answer sets; what is malformed, too long or for somebody else is passed over.
    pub(super) fn keep(&mut self, url: &Url, headers: &HeaderMap, now: SystemTime) {
        for field in headers.get_all(SET_COOKIE) {
            let Some((cookie, is_over)) = field.to_str().ok().and_then(|text| read(text, url, now)) else { continue };
            let is_same = |other: &Cookie| {
                (&other.name, &other.domain, &other.path) == (&cookie.name, &cookie.domain, &cookie.path)
            };
            self.0.retain(|other| !is_same(other));
            if !is_over && self.0.len() < COOKIES_MAX {
                self.0.push(cookie);
            }
        }
    }

    /// What a request of this URL says, the longest path first.
    pub(super) fn field(&self, url: &Url) -> Option<HeaderValue> {
        let host = url.host_str().unwrap_or_default();
        let belongs = |cookie: &&Cookie| {
            cookie.domain.holds(host)
                && is_within(url.path(), &cookie.path)
                && (!cookie.is_secure || url.scheme() == "https")
        };
        let mut sent: Vec<&Cookie> = self.0.iter().filter(belongs).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        let field = (!pairs.is_empty()).then(|| HeaderValue::from_str(&pairs.join("; ")).ok());
        field.flatten()
    }

    /// The values, which nobody is shown.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|cookie| (cookie.name.as_str(), cookie.value.as_str()))
    }
}

/// A cookie, and whether it is over already: that is how one is taken back.
fn read(text: &str, url: &Url, now: SystemTime) -> Option<(Cookie, bool)> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value, host) = (name.trim(), value.trim(), url.host_str()?);
    if name.is_empty() || text.len() > BYTES_MAX || text.chars().any(char::is_control) {
        return None;
    }
    let mut cookie = Cookie {
        name: name.into(),
        value: value.into(),
        domain: Domain::Host(host.into()),
        path: folder(url.path()).into(),
        is_secure: false,
    };
    let (mut age, mut until) = (None, None);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" => cookie.domain = domain(value, host)?,
            "path" if value.starts_with('/') => cookie.path = value.into(),
            "secure" => cookie.is_secure = true,
            "max-age" => age = value.parse::<i64>().ok(),
            "expires" => until = httpdate::parse_http_date(value).ok(),
            _ => {}
        }
    }
    let is_over = age.map_or(until.is_some_and(|until| until <= now), |age| age <= 0);
    Some((cookie, is_over))
}

/// A domain that a host may speak for: itself, or one above it that is no top of its own.
fn domain(value: &str, host: &str) -> Option<Domain> {
    let domain = value.trim_start_matches('.').to_ascii_lowercase();
    let is_address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    match domain.as_str() {
        "" => Some(Domain::Host(host.into())),
        domain if domain == host => {
            Some(if is_address { Domain::Host(host.into()) } else { Domain::Below(host.into()) })
        }
        domain if !is_address && domain.contains('.') && is_below(host, domain) => Some(Domain::Below(domain.into())),
        _ => None,
    }
}

/// Where a cookie without a path belongs: the folder of what set it.
fn folder(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sent(set_by: &str, fields: &[&str], to: &str) -> Option<String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let mut cookies = Cookies::default();
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(SET_COOKIE, HeaderValue::from_bytes(field.as_bytes()).expect("a field"));
        }
        let url = |text: &str| Url::parse(text).expect("a URL");
        cookies.keep(&url(set_by), &headers, now);
        cookies.field(&url(to)).map(|field| field.to_str().expect("visible").to_owned())
    }

    #[test]
    fn what_goes_back_where() {
        let (here, page) = ("https://shop.example/in/login", "https://shop.example/in/page");
        let table = [
            (here, vec!["a=1"], page, Some("a=1")),
            (here, vec!["a=1; Path=/", "b=2"], page, Some("b=2; a=1")),
            (here, vec!["a=1", "a=2"], page, Some("a=2")),
            (here, vec!["a=1"], "https://shop.example/out", None),
            (here, vec!["a=1"], "https://shop.example/inner", None),
            (here, vec!["a=1; Path=/"], "https://api.shop.example/", None),
            (here, vec!["a=1; Path=/; Domain=shop.example"], "https://api.shop.example/", Some("a=1")),
            (here, vec!["a=1; Path=/; Domain=shop.example"], "https://noshop.example/", None),
            (here, vec!["a=1; Domain=example"], page, None),
            (here, vec!["a=1; Domain=other.example"], page, None),
            (here, vec!["a=1; Secure"], "http://shop.example/in/page", None),
            (here, vec!["a=1; Max-Age=0"], page, None),
            (here, vec!["a=1", "a=; Max-Age=0"], page, None),
            (here, vec!["a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], page, Some("a=1")),
            (here, vec!["a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], page, None),
            (here, vec!["nonsense", "=1", "a"], page, None),
            ("http://127.0.0.1:1/", vec!["a=1; Domain=127.0.0.1"], "http://127.0.0.1:2/", Some("a=1")),
            ("http://127.0.0.1/", vec!["a=1; Domain=0.0.1"], "http://127.0.0.1/", None),
        ];
        for (set_by, fields, to, expected) in table {
            assert_eq!(sent(set_by, &fields, to).as_deref(), expected, "{fields:?} to {to}");
        }
    }

    #[test]
    fn no_more_is_kept_than_fits() {
        let many: Vec<String> = (0..90).map(|n| format!("c{n}=1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let field = sent("http://a.example/", &many, "http://a.example/").expect("some");
        assert_eq!(field.split("; ").count(), COOKIES_MAX);
        let long = format!("a={}", "1".repeat(BYTES_MAX));
        assert_eq!(sent("http://a.example/", &[&long], "http://a.example/"), None);
    }
}
