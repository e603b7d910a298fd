//! Addresses: of replicas, of web pages and receivers, of sockets to probe.

use super::fault::Complaint;
use super::value::FromText;
use reqwest::Url;

/// The root of a replica: `http://host:port`, nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    /// The host name or IP address; IPv6 without brackets.
    pub(crate) host: String,
    /// The port, 80 when none was given.
    pub(crate) port: u16,
    /// Whether the port was written down.
    named_port: bool,
}

impl Origin {
    /// `http://10.0.0.1:9001`, in one spelling however it was written.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// `10.0.0.1:9001`, with the port always.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What a replica is called that has no name but its address.
    pub(crate) fn label(&self) -> String {
        if self.named_port { format!("{}:{}", self.host, self.port) } else { self.host.clone() }
    }

    /// The address, when the host is one and no name.
    pub(crate) fn ip(&self) -> Option<std::net::IpAddr> {
        self.host.parse().ok()
    }
}

impl FromText for Origin {
    const EXPECTED: &'static str = "a URL such as \"http://10.0.0.1:9001\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let url = web_url(text)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if url.scheme() != "http" {
            let hint = "a replica is spoken to in plain HTTP: give its http:// port";
            return Err(Complaint::new(format!("\"{text}\" is not reached by http://")).hint(hint));
        }
        if !bare {
            let hint = "leave host and port only; a component's `paths` say which requests go there";
            return Err(Complaint::new(format!("\"{text}\" has more than a host and a port")).hint(hint));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port: url.port_or_known_default().unwrap_or(80), named_port: url.port().is_some() })
    }
}

/// A page or receiver: `https://example.com/hook`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebUrl(pub(crate) String);

impl FromText for WebUrl {
    const EXPECTED: &'static str = "a URL such as \"https://example.com/page\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        web_url(text).map(|_| Self(text.into()))
    }
}

/// The root of a web site or an API, to which paths are added: without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl(pub(crate) String);

impl FromText for BaseUrl {
    const EXPECTED: &'static str = "a URL such as \"https://status.example.com\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        web_url(text).map(|_| Self(text.trim_end_matches('/').into()))
    }
}

fn web_url(text: &str) -> Result<Url, Complaint> {
    let wrong = |why: &str| {
        Complaint::new(format!("\"{text}\" is no URL: {why}")).hint("write it whole, such as \"http://10.0.0.1:9001\"")
    };
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(wrong("it does not begin with http:// or https://"));
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(wrong("it has a space or a backslash in it"));
    }
    if text.contains(":///") {
        return Err(wrong("it has no host"));
    }
    Url::parse(text).map_err(|error| wrong(&error.to_string()))
}

/// `host:port`, to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint(pub(crate) String);

impl FromText for Endpoint {
    const EXPECTED: &'static str = "a host and a port such as \"10.0.0.1:9001\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let wrong = || Complaint::new(format!("\"{text}\" is no host and port")).hint("such as \"10.0.0.1:9001\"");
        let url = Url::parse(&format!("tcp://{text}")).map_err(|_| wrong())?;
        let whole = url.host_str().is_some_and(|h| !h.is_empty()) && url.port().is_some_and(|p| p > 0);
        let bare = url.path().is_empty() && url.username().is_empty() && url.query().is_none();
        if whole && bare && !text.contains(char::is_whitespace) { Ok(Self(text.into())) } else { Err(wrong()) }
    }
}

/// The beginning of the paths that a component answers: `/media/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PathPrefix(pub(crate) String);

impl FromText for PathPrefix {
    const EXPECTED: &'static str = "the beginning of a path such as \"/media/\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@".contains(c);
        if !text.starts_with('/') {
            return Err(Complaint::new(format!("\"{text}\" does not begin with \"/\"")));
        }
        if let Some(odd) = text.chars().find(|c| !plain(*c)) {
            return Err(Complaint::new(format!("a path has no {odd:?} here"))
                .hint("write it without query, escapes or wildcards"));
        }
        if text.contains("//") || text.split('/').any(|part| part == "." || part == "..") {
            return Err(Complaint::new(format!(
                "\"{text}\" has an empty step, \".\" or \"..\" in it; no request would match"
            )));
        }
        Ok(Self(text.into()))
    }
}

/// A host name that a component answers to: `music.example.com`, without a port, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostName(pub(crate) String);

impl FromText for HostName {
    const EXPECTED: &'static str = "a host name such as \"music.example.com\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let label = |part: &str| {
            !part.is_empty() && part.len() <= 63 && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if text.len() > 253 || !text.split('.').all(label) {
            let hint = "write the name alone, without scheme, port or wildcard, such as \"music.example.com\"";
            return Err(Complaint::new(format!("\"{text}\" is no host name")).hint(hint));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        let table = [
            ("http://10.0.0.1:9001", Some(("http://10.0.0.1:9001", "10.0.0.1:9001"))),
            ("http://10.0.0.1:9001/", Some(("http://10.0.0.1:9001", "10.0.0.1:9001"))),
            ("http://eu.example", Some(("http://eu.example:80", "eu.example"))),
            ("http://[::1]:9001", Some(("http://[::1]:9001", "::1:9001"))),
            ("https://10.0.0.1", None),
            ("10.0.0.1:9001", None),
            ("http://a/b", None),
            ("http://u@a/", None),
            ("http://a:99999", None),
            ("http:///x", None),
            ("http://a b", None),
        ];
        for (text, expected) in table {
            let read = Origin::from_text(text).ok().map(|o| (o.url(), o.label()));
            assert_eq!(read, expected.map(|(u, l)| (u.into(), l.into())), "{text}");
        }
    }

    #[test]
    fn endpoints_hosts_and_paths() {
        for (text, good) in [
            ("a:1", true),
            ("10.0.0.1:9001", true),
            ("[::1]:5", true),
            ("a", false),
            (":80", false),
            ("a:0", false),
            ("a:1/x", false),
        ] {
            assert_eq!(Endpoint::from_text(text).is_ok(), good, "{text}");
        }
        for (text, good) in
            [("a.b", true), ("A-1", true), ("a:80", false), ("*.a", false), ("", false), ("a..b", false)]
        {
            assert_eq!(HostName::from_text(text).is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("/", true),
            ("/api/v1", true),
            ("api", false),
            ("/a?b", false),
            ("/a/../b", false),
            ("/a//b", false),
            ("/a%20", false),
        ] {
            assert_eq!(PathPrefix::from_text(text).is_ok(), good, "{text}");
        }
    }
}
