//! Requests as they lie on a wire, framed by a reader that knows one form only.

/// One request, framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Request line and fields, without the empty line.
    pub(crate) head: String,
    /// Bytes of the body, the coding taken off.
    pub(crate) length: usize,
}

impl Message {
    /// `METHOD TARGET LENGTH`.
    pub(crate) fn told(&self) -> String {
        let mut words = self.head.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        format!("{method} {target} {}", self.length)
    }

    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// Values of a field.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Why this is not in the one form in which the edge may write a request; `None` when it is.
    pub(crate) fn offence(&self) -> Option<&'static str> {
        const ENDS_HERE: [&str; 4] = ["keep-alive", "proxy-connection", "http2-settings", "expect"];
        let line = self.head.split("\r\n").next().unwrap_or_default();
        let words: Vec<&str> = line.split(' ').collect();
        let [method, target, "HTTP/1.1"] = words[..] else { return Some("a request line of another form") };
        let fields = || self.head.split("\r\n").skip(1);
        let count = |name: &str| fields().filter(|l| l.to_ascii_lowercase().starts_with(&format!("{name}:"))).count();
        if method.is_empty() || !target.starts_with('/') || target.starts_with("//") || target.contains('#') {
            return Some("a method or target of another form");
        }
        if count("host") != 1 || count("content-length") + count("transfer-encoding") > 1 {
            return Some("not exactly one host, or more than one length");
        }
        if ENDS_HERE.iter().any(|name| count(name) > 0) {
            return Some("a field that ends at the edge");
        }
        let all = |name| self.values(name).collect::<Vec<_>>();
        match (&all("connection")[..], &all("upgrade")[..], &all("te")[..]) {
            ([], [], []) | (["TE"], [], ["trailers"]) => {}
            (["Upgrade"], [protocol], []) if !protocol.contains("h2") && self.length == 0 => {}
            _ => return Some("a switch that must not be"),
        }
        if fields().any(|l| l.bytes().any(|b| (b < 0x20 && b != b'\t') || b == 0x7f) || !is_field(l)) {
            return Some("a line that is no field");
        }
        let coding = self.values("transfer-encoding").any(|v| v != "chunked");
        coding.then_some("a coding of another name")
    }
}

fn is_field(line: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    line.split_once(": ").is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(token))
}

/// Takes one whole request off the front; `None` while it is not whole.
pub(crate) fn take(buffer: &mut Vec<u8>) -> Option<Message> {
    let end = buffer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let message = Message { head, length: 0 };
    let rest = &buffer[end + 4..];
    let (length, used) = match (message.values("transfer-encoding").next(), message.values("content-length").next()) {
        (Some(_), _) => chunks(rest)?,
        (None, Some(length)) => length.parse().map(|length| (length, length)).ok()?,
        (None, None) => (0, 0),
    };
    if rest.len() < used {
        return None;
    }
    buffer.drain(..end + 4 + used);
    Some(Message { length, ..message })
}

/// Bytes of data and bytes on the wire of a whole chunked body, trailers included.
fn chunks(wire: &[u8]) -> Option<(usize, usize)> {
    let (mut data, mut at) = (0, 0);
    loop {
        let line = wire.get(at..)?.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&wire[at..at + line]).ok()?, 16).ok()?;
        at += line + 2;
        if size == 0 {
            // The empty line ends the trailers, or follows at once.
            let from = at - 2;
            return wire[from..].windows(4).position(|w| w == b"\r\n\r\n").map(|end| (data, from + end + 4));
        }
        at += size + 2;
        if wire.get(at - 2..at)? != b"\r\n" {
            return None;
        }
        data += size;
    }
}
