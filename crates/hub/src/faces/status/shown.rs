//! What the door gives out: the files of one drawing, each with its headers, told apart by a tag, and packed at most once.
//!
//! Nothing here is done for a file that nobody asks for. One that was asked for in the drawing before is made ready when it is
//! drawn again; one that has not changed is taken over as it was.

use super::site::{File, Kind, Site};
use super::{EMBED, FRAMED, Public};
use crate::faces::answer;
use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

/// Below this, what packing saves is less than one packet's worth.
const PACKED_MIN: usize = 1_024;
/// Quick rather than small: a page is drawn once a second, and the next step halves the speed for a tenth of the size.
const EFFORT: Compression = Compression::new(4);
/// Bytes of a digest in a tag: nobody makes two files by chance that share them.
const TAG_BYTES: usize = 12;
/// How long what is drawn anew all the time may be kept; when the hub answers no more, what lies in front of it goes on with
/// what it has (RFC 5861): a page says itself when it was measured.
const OF_NOW: HeaderValue = HeaderValue::from_static("public, max-age=5, stale-if-error=86400");
/// The same for what changes with a release.
const OF_RELEASE: HeaderValue = HeaderValue::from_static("public, max-age=60, stale-if-error=86400");

/// All files of one drawing, by what is asked for.
#[derive(Debug, Default)]
pub(super) struct Shown {
    files: HashMap<String, Arc<Leaf>>,
}

/// One file.
#[derive(Debug)]
struct Leaf {
    file: File,
    is_framed: bool,
    plain: OnceLock<Form>,
    /// None within, where packing saves nothing.
    packed: OnceLock<Option<Form>>,
    /// True once somebody has asked for it as it is now.
    is_asked_for: AtomicBool,
}

/// A file in the one form or the other, ready to be sent.
#[derive(Debug)]
struct Form {
    tag: HeaderValue,
    headers: HeaderMap,
    body: Bytes,
}

impl Shown {
    /// The files of a site; `before` is what was shown last.
    pub(super) fn of(site: &Site, before: &Self) -> Self {
        let leaf = |(path, file): (&str, &File)| {
            let asked = path.strip_suffix("index.html").unwrap_or(path).trim_end_matches('/');
            (asked.to_owned(), Leaf::of(asked, file, before.files.get(asked)))
        };
        Self { files: site.files().map(leaf).collect() }
    }

    /// The answer to who asks for a path, with these headers; `None` when there is no such file.
    pub(super) fn answer(&self, path: &str, asked: &HeaderMap) -> Option<Response> {
        let path = path.trim_matches('/');
        let leaf = self.files.get(path.strip_suffix("/index.html").unwrap_or(path));
        let leaf = leaf.or_else(|| self.files.get("").filter(|_| path == "index.html"))?;
        let form = leaf.form(asked);
        if has_already(asked, &form.tag) {
            return Some(unchanged(form));
        }
        let mut response = Response::new(Body::from(form.body.clone()));
        *response.headers_mut() = form.headers.clone();
        Some(response)
    }

    /// The answer to who asks for what is not there.
    pub(super) fn not_found(&self, asked: &HeaderMap) -> Response {
        let mut response = Response::new(Body::empty());
        if let Some(leaf) = self.files.get(super::site::NOT_FOUND) {
            let form = leaf.form(asked);
            response = Response::new(Body::from(form.body.clone()));
            *response.headers_mut() = form.headers.clone();
            // It is another one for each address, so it has nothing by which to ask for it again.
            response.headers_mut().remove(ETAG);
        }
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}

impl Leaf {
    fn of(path: &str, file: &File, before: Option<&Arc<Self>>) -> Arc<Self> {
        let is_framed = path.rsplit('/').next() == Some(EMBED);
        let before = match before {
            Some(before) if before.file == *file => return Arc::clone(before),
            before => before.is_some_and(|before| before.is_asked_for.load(Relaxed)),
        };
        let leaf = Self {
            file: file.clone(),
            is_framed,
            plain: OnceLock::new(),
            packed: OnceLock::new(),
            is_asked_for: AtomicBool::new(false),
        };
        if before {
            leaf.plain();
            leaf.packed();
        }
        Arc::new(leaf)
    }

    /// The form in which it goes to whoever says what they take.
    fn form(&self, asked: &HeaderMap) -> &Form {
        self.is_asked_for.store(true, Relaxed);
        let packed = if takes_gzip(asked) { self.packed() } else { None };
        packed.unwrap_or_else(|| self.plain())
    }

    fn plain(&self) -> &Form {
        self.plain.get_or_init(|| {
            let digest = Sha256::digest(&self.file.body);
            let tag = digest.iter().take(TAG_BYTES).fold(String::from("\""), |mut tag, byte| {
                write!(tag, "{byte:02x}").expect("a String takes all");
                tag
            });
            self.form_of(self.file.body.clone(), &format!("{tag}\""))
        })
    }

    fn packed(&self) -> Option<&Form> {
        let pack = || {
            let plain = self.plain();
            let body = if self.may_be_packed() { pack(&plain.body) } else { None }?;
            // A tag names bytes, and these are others (RFC 9110, 8.8.3.3).
            let tag = plain.tag.to_str().unwrap_or_default().trim_end_matches('"');
            let mut form = self.form_of(body, &format!("{tag}-gzip\""));
            form.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Some(form)
        };
        self.packed.get_or_init(pack).as_ref()
    }

    /// Pictures are packed in themselves.
    fn may_be_packed(&self) -> bool {
        self.file.body.len() >= PACKED_MIN && !matches!(self.file.kind, Kind::Png | Kind::Jpeg | Kind::Webp)
    }

    fn form_of(&self, body: Bytes, tag: &str) -> Form {
        let tag = HeaderValue::try_from(tag).expect("digits and quotes are a header's value");
        let kind = self.file.kind;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.content_type()));
        headers.insert(CONTENT_LENGTH, body.len().into());
        headers.insert(ETAG, tag.clone());
        headers.insert(CACHE_CONTROL, if is_of_release(kind) { OF_RELEASE } else { OF_NOW });
        if self.may_be_packed() {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if self.is_framed {
            headers.insert(CONTENT_SECURITY_POLICY, FRAMED);
        }
        answer::open_to_machines(&mut headers, kind);
        answer::guard_headers::<Public>(&mut headers);
        Form { tag, headers, body }
    }
}

/// Style sheets, scripts and pictures of a logo; badges change with what they show.
const fn is_of_release(kind: Kind) -> bool {
    matches!(kind, Kind::Css | Kind::Js | Kind::Png | Kind::Jpeg | Kind::Webp)
}

/// The bytes within gzip; `None` when that saves nothing.
fn pack(bytes: &Bytes) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), EFFORT);
    encoder.write_all(bytes).expect("memory takes all");
    let packed = encoder.finish().expect("memory takes all");
    (packed.len() < bytes.len()).then(|| packed.into())
}

/// 304: they have it (RFC 9110, 15.4.5).
fn unchanged(form: &Form) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    headers.clone_from(&form.headers);
    for of_body in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING] {
        headers.remove(of_body);
    }
    response
}

/// All that a header says, in its members.
fn members(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Whether they named this tag, or any (RFC 9110, 13.1.2); weak or not makes no difference here.
fn has_already(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let same = |it: &str| it == "*" || it.trim_start_matches("W/").as_bytes() == tag.as_bytes();
    members(headers, IF_NONE_MATCH).any(same)
}

/// Whether they take gzip by name (RFC 9110, 12.5.3). `*` stays unpacked: whoever writes it is no browser, and unpacks nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let takes = |it: &str| {
        let (coding, weight) = it.split_once(';').unwrap_or((it, "q=1"));
        let weight = weight.trim().trim_start_matches(['q', 'Q']).trim_start().trim_start_matches('=').trim();
        coding.trim().eq_ignore_ascii_case("gzip") && weight.parse().is_ok_and(|weight: f32| weight > 0.0)
    };
    members(headers, ACCEPT_ENCODING).any(takes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::claim::Claims;
    use crate::faces::status::Picture;
    use crate::faces::story;
    use downbeat_core::incident::State;

    fn site(state: State) -> Site {
        Site::draw(&Picture::of(&story::in_state(state), &Claims::new()), None).expect("the story can be drawn")
    }

    fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn who_takes_gzip() {
        for (said, takes) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5, br", true),
            ("gzip ; q = 1.0", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("gzip;q=x", false),
            ("identity", false),
            ("*", false),
            ("xgzip", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(&headers(&[(ACCEPT_ENCODING, said)])), takes, "{said:?}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
        assert!(takes_gzip(&headers(&[(ACCEPT_ENCODING, "br"), (ACCEPT_ENCODING, "gzip")])), "in two lines");
    }

    #[test]
    fn who_has_it_already() {
        let tag = HeaderValue::from_static("\"abc\"");
        for (said, has) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("*", true),
            ("\"abc-gzip\"", false),
            ("abc", false),
            ("", false),
        ] {
            assert_eq!(has_already(&headers(&[(IF_NONE_MATCH, said)]), &tag), has, "{said:?}");
        }
    }

    #[test]
    fn nothing_is_done_for_what_nobody_asks_for_and_nothing_twice() {
        let gzip = headers(&[(ACCEPT_ENCODING, "gzip")]);
        let first = Shown::of(&site(State::Confirmed), &Shown::default());
        assert!(first.files.values().all(|leaf| leaf.plain.get().is_none()));
        first.answer("/", &gzip).expect("the first page is there");
        let next = Shown::of(&site(State::Resolved), &first);
        let ready: Vec<&str> =
            next.files.iter().filter(|(_, leaf)| leaf.packed.get().is_some()).map(|(path, _)| path.as_str()).collect();
        assert_eq!(ready, [""], "what was asked for is made ready with the next drawing");
        assert!(Arc::ptr_eq(&first.files["status.css"], &next.files["status.css"]), "what has not changed stays");
        let after = Shown::of(&site(State::Confirmed), &next);
        assert!(after.files[""].packed.get().is_none(), "nobody has asked for it any more");
    }
}
