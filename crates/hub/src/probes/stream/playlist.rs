//! Playlists of HTTP Live Streaming (RFC 8216): what there is to play, in which order, and how long it is heard.
//!
//! Read as a player reads them: tags that are not known are passed over, what a player could not play is refused with
//! the line that says so.

use std::time::Duration;

/// No segment is longer: what claims to be is a mistake, and would be waited for.
const SEGMENT_SECONDS_MAX: f64 = 3_600.0;

/// A playlist of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Playlist {
    /// The same music at several rates; where each rate is, the first one first.
    Master(Vec<String>),
    /// The music.
    Media(Media),
}

/// What there is to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    /// No segment lasts longer, to the second.
    pub(super) target: Duration,
    /// The number of the first segment.
    pub(super) first: u64,
    /// True when nothing will be added.
    pub(super) is_whole: bool,
    pub(super) segments: Vec<Segment>,
}

/// One piece of the music.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) piece: Piece,
    /// How long it is heard.
    pub(super) lasts: Duration,
    /// What has to be known before it can be decoded (`EXT-X-MAP`).
    pub(super) opening: Option<Piece>,
    /// Where the key to it is, when it is locked.
    pub(super) key: Option<String>,
    /// True when the playlist itself says that there is nothing there (`EXT-X-GAP`).
    pub(super) is_missing: bool,
}

/// A resource, or some bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) uri: String,
    pub(super) range: Option<Range>,
}

/// Bytes from a place on, one at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: u64,
    /// The place behind the last of them; to the end of the resource without.
    pub(super) end: Option<u64>,
}

impl Range {
    /// As a request asks for it.
    pub(super) fn field(self) -> String {
        let last = self.end.map_or(String::new(), |end| (end - 1).to_string());
        format!("bytes={}-{last}", self.from)
    }

    /// How many bytes that is, when it is known.
    pub(super) fn length(self) -> Option<u64> {
        self.end.map(|end| end - self.from)
    }

    fn of((length, from): (u64, u64)) -> Result<Self, String> {
        let end = from.checked_add(length).ok_or("a range leads beyond every file")?;
        Ok(Self { from, end: Some(end) })
    }
}

/// Why a text cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the playlist: {why}")]
pub(super) struct PlaylistError {
    line: usize,
    why: String,
}

impl Media {
    /// Where a player begins: at the front, or where three targets are left when more is still to come (RFC 8216, 6.3.3).
    pub(super) fn beginning(&self) -> u64 {
        if self.is_whole {
            return self.first;
        }
        let (mut left, mut before) = (Duration::ZERO, self.segments.len());
        while before > 0 && left < self.target * 3 {
            before -= 1;
            left += self.segments[before].lasts;
        }
        self.first + before as u64
    }

    /// The number behind the last segment.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(self.segments.len() as u64)
    }

    /// A segment by its number.
    pub(super) fn segment(&self, number: u64) -> Option<&Segment> {
        self.segments.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}

/// Reads a playlist.
///
/// # Errors
/// [`PlaylistError`] for what no player could play.
pub(super) fn read(text: &str) -> Result<Playlist, PlaylistError> {
    let mut reader = Reader::default();
    let mut lines = text.lines().enumerate();
    if lines.next().is_none_or(|(_, first)| first.trim_end() != "#EXTM3U") {
        return Err(PlaylistError { line: 1, why: "it does not begin with #EXTM3U".into() });
    }
    for (number, line) in lines {
        reader.take(line.trim()).map_err(|why| PlaylistError { line: number + 1, why })?;
    }
    reader.end().map_err(|why| PlaylistError { line: text.lines().count(), why })
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Reader {
    target: Option<Duration>,
    first: u64,
    is_whole: bool,
    segments: Vec<Segment>,
    variants: Vec<String>,
    /// What the next line with a URI is.
    awaited: Awaited,
    /// Bytes of the next segment: how many, and from where if that is said.
    range: Option<(u64, Option<u64>)>,
    is_missing: bool,
    opening: Option<Piece>,
    key: Option<String>,
}

#[derive(Debug, Default)]
enum Awaited {
    #[default]
    Nothing,
    Segment(Duration),
    Variant,
}

impl Reader {
    fn take(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        if !line.starts_with('#') {
            return self.take_uri(line);
        }
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXTINF" => self.awaited = Awaited::Segment(duration(value.split(',').next().unwrap_or_default())?),
            "#EXT-X-STREAM-INF" => self.awaited = Awaited::Variant,
            "#EXT-X-TARGETDURATION" => self.target = Some(duration(value)?),
            "#EXT-X-MEDIA-SEQUENCE" => self.first = whole(value)?,
            "#EXT-X-ENDLIST" => self.is_whole = true,
            "#EXT-X-BYTERANGE" => self.range = Some(range(value)?),
            "#EXT-X-GAP" => self.is_missing = true,
            "#EXT-X-MAP" => self.opening = Some(opening(value)?),
            "#EXT-X-KEY" => self.key = key(value)?,
            // The music goes on by other clocks; how long it is heard stays what it is.
            "#EXT-X-DISCONTINUITY" => {}
            _ => {}
        }
        Ok(())
    }

    fn take_uri(&mut self, uri: &str) -> Result<(), String> {
        match std::mem::take(&mut self.awaited) {
            Awaited::Variant => self.variants.push(uri.into()),
            Awaited::Segment(lasts) => {
                let range = self.range.take().map(|range| self.placed(range, uri)).transpose()?;
                let (opening, key) = (self.opening.clone(), self.key.clone());
                let (piece, is_missing) = (Piece { uri: uri.into(), range }, std::mem::take(&mut self.is_missing));
                self.segments.push(Segment { piece, lasts, opening, key, is_missing });
            }
            Awaited::Nothing => return Err(format!("nothing says how long {uri:?} lasts (#EXTINF)")),
        }
        Ok(())
    }

    /// A range without a place goes on where the one before it, of the same resource, ended.
    fn placed(&self, (length, from): (u64, Option<u64>), uri: &str) -> Result<Range, String> {
        let before = self.segments.last().filter(|segment| segment.piece.uri == uri);
        let follows = before.and_then(|segment| segment.piece.range?.end);
        let from = from.or(follows).ok_or("a range without a place follows no range of the same resource")?;
        Range::of((length, from))
    }

    fn end(self) -> Result<Playlist, String> {
        match (self.variants.is_empty(), self.segments.is_empty()) {
            (false, true) => Ok(Playlist::Master(self.variants)),
            (false, false) => Err("it has both variants and segments".into()),
            (true, _) => {
                let target = self.target.ok_or("there is no #EXT-X-TARGETDURATION, and no variant")?;
                self.first.checked_add(self.segments.len() as u64).ok_or("its numbers lead beyond every number")?;
                Ok(Playlist::Media(Media {
                    target,
                    first: self.first,
                    is_whole: self.is_whole,
                    segments: self.segments,
                }))
            }
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| (0.0..=SEGMENT_SECONDS_MAX).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("{text:?} is no length in seconds"))
}

fn whole(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no whole number"))
}

/// `LENGTH[@FROM]`.
fn range(text: &str) -> Result<(u64, Option<u64>), String> {
    let (length, from) = text.split_once('@').map_or((text, None), |(length, from)| (length, Some(from)));
    match whole(length)? {
        0 => Err("a range of no bytes".into()),
        length => Ok((length, from.map(whole).transpose()?)),
    }
}

fn opening(attributes: &str) -> Result<Piece, String> {
    let uri = attribute(attributes, "URI").ok_or("#EXT-X-MAP has no URI")?;
    let range = attribute(attributes, "BYTERANGE").map(range).transpose()?;
    let range = range.map(|(length, from)| Range::of((length, from.unwrap_or(0)))).transpose()?;
    Ok(Piece { uri: uri.into(), range })
}

/// Where the key is, if it is fetched over HTTP; other ways to keys are the business of players.
fn key(attributes: &str) -> Result<Option<String>, String> {
    match attribute(attributes, "METHOD") {
        Some("NONE") => Ok(None),
        Some("AES-128") => {
            attribute(attributes, "URI").map(|uri| Some(uri.into())).ok_or("#EXT-X-KEY has no URI".into())
        }
        Some(_) => Ok(None),
        None => Err("#EXT-X-KEY has no METHOD".into()),
    }
}

/// The value of one attribute of `NAME=VALUE,NAME="VALUE"`, without its quotes.
fn attribute<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if key.trim() == name {
            return Some(value);
        }
        rest = next.trim_start_matches(',');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn media(text: &str) -> Media {
        match read(text) {
            Ok(Playlist::Media(media)) => media,
            other => panic!("{other:?}"),
        }
    }

    const LIVE: &str = "#EXTM3U\r\n#EXT-X-VERSION:3\r\n#EXT-X-TARGETDURATION:4\r\n#EXT-X-MEDIA-SEQUENCE:70\r\n\
        #EXTINF:4.0,\r\na.ts\r\n#EXTINF:4,title, with commas\r\nb.ts\r\n#EXT-X-DISCONTINUITY\r\n#EXTINF:3.5,\r\nc.ts\r\n\
        #EXTINF:4,\r\nd.ts\r\n#EXT-X-GAP\r\n#EXTINF:4,\r\ne.ts\r\n";

    #[test]
    fn a_live_playlist_is_joined_near_its_end() {
        let live = media(LIVE);
        assert_eq!((live.first, live.end(), live.is_whole), (70, 75, false));
        assert_eq!(live.beginning(), 71, "12 s are left behind it, three targets");
        assert_eq!(live.segment(72).map(|segment| segment.lasts), Some(Duration::from_millis(3_500)));
        assert!(live.segment(74).is_some_and(|segment| segment.is_missing));
        assert_eq!((live.segment(69), live.segment(75)), (None, None));
        let whole = media(&format!("{LIVE}#EXT-X-ENDLIST\r\n"));
        assert_eq!((whole.is_whole, whole.beginning()), (true, 70));
    }

    #[test]
    fn ranges_keys_and_openings() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"720@0\"\n\
            #EXT-X-KEY:METHOD=AES-128,IV=0x1,URI=\"key?a=1,2\"\n#EXTINF:2,\n#EXT-X-BYTERANGE:100@720\nall.mp4\n\
            #EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\n#EXT-X-BYTERANGE:50\nall.mp4\n#EXT-X-ENDLIST\n";
        let media = media(text);
        let [one, two] = &media.segments[..] else { panic!("{media:?}") };
        assert_eq!(one.opening, Some(Piece { uri: "init.mp4".into(), range: Some(Range { from: 0, end: Some(720) }) }));
        assert_eq!((one.key.as_deref(), two.key.as_deref()), (Some("key?a=1,2"), None));
        assert_eq!(one.piece.range.map(Range::field).as_deref(), Some("bytes=720-819"));
        assert_eq!(two.piece.range, Some(Range { from: 820, end: Some(870) }));
    }

    #[test]
    fn a_master_playlist_has_its_variants_in_order() {
        let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=96000,CODECS=\"mp4a.40.2\"\nlow/a.m3u8\n\
            #EXT-X-I-FRAME-STREAM-INF:URI=\"still.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=320000\nhigh/a.m3u8\n";
        assert_eq!(read(text), Ok(Playlist::Master(vec!["low/a.m3u8".into(), "high/a.m3u8".into()])));
    }

    #[test]
    fn what_cannot_be_played_says_where() {
        let head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n";
        let table = [
            ("", "line 1 of the playlist: it does not begin with #EXTM3U"),
            ("<html>", "does not begin with #EXTM3U"),
            ("#EXTM3U\n#EXTINF:4,\na.ts\n", "no #EXT-X-TARGETDURATION"),
            (&format!("{head}a.ts\n"), "line 3 of the playlist: nothing says how long \"a.ts\" lasts"),
            (&format!("{head}#EXTINF:long,\na.ts\n"), "\"long\" is no length"),
            (&format!("{head}#EXTINF:-1,\na.ts\n"), "\"-1\" is no length"),
            (&format!("{head}#EXTINF:1e300,\na.ts\n"), "is no length"),
            (&format!("{head}#EXTINF:NaN,\na.ts\n"), "is no length"),
            (&format!("{head}#EXT-X-MEDIA-SEQUENCE:x\n"), "no whole number"),
            (&format!("{head}#EXT-X-MEDIA-SEQUENCE:{}\n#EXTINF:1,\na\n", u64::MAX), "beyond every number"),
            (&format!("{head}#EXTINF:4,\n#EXT-X-BYTERANGE:5\na.ts\n"), "follows no range"),
            (&format!("{head}#EXTINF:4,\n#EXT-X-BYTERANGE:0@5\na.ts\n"), "no bytes"),
            (&format!("{head}#EXTINF:4,\n#EXT-X-BYTERANGE:5@{}\na.ts\n", u64::MAX), "beyond every file"),
            (&format!("{head}#EXT-X-MAP:BYTERANGE=\"5\"\n"), "has no URI"),
            (&format!("{head}#EXT-X-KEY:METHOD=AES-128\n"), "has no URI"),
            (&format!("{head}#EXT-X-STREAM-INF:\nb\n#EXTINF:4,\na.ts\n"), "both variants and segments"),
        ];
        for (text, says) in table {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    /// Lines of a playlist in any order, with anything in them.
    fn soup() -> impl Strategy<Value = String> {
        let tag = prop::sample::select(vec![
            "#EXTM3U",
            "#EXTINF:",
            "#EXT-X-TARGETDURATION:",
            "#EXT-X-MEDIA-SEQUENCE:",
            "#EXT-X-BYTERANGE:",
            "#EXT-X-MAP:URI=",
            "#EXT-X-KEY:METHOD=AES-128,URI=",
            "#EXT-X-STREAM-INF:",
            "#EXT-X-ENDLIST",
            "#EXT-X-GAP",
            "",
        ]);
        let value = prop_oneof!["[0-9]{0,20}(@[0-9]{1,20})?", "\"?[a-z=,]{0,8}\"?", "\\PC{0,12}", Just(String::new())];
        let line = (tag, value).prop_map(|(tag, value)| format!("{tag}{value}\n"));
        prop::collection::vec(line, 0..24).prop_map(|lines| format!("#EXTM3U\n{}", lines.concat()))
    }

    proptest! {
        /// Garbage is refused or played; where it can be played, it begins and ends somewhere.
        #[test]
        fn garbage_is_no_reason_to_panic(text in prop_oneof![soup(), "\\PC*"]) {
            if let Ok(Playlist::Media(media)) = read(&text) {
                prop_assert!(media.first <= media.beginning() && media.beginning() <= media.end());
                for segment in &media.segments {
                    prop_assert!(segment.piece.range.is_none_or(|range| range.length() > Some(0)));
                }
            }
        }
    }
}
