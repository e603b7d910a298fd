//! Streams that are listened to: `kind = "stream"`, of a probe or of a step.

use super::payload::Fields;
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::units::Span;
use crate::config::value::{FromValue, mismatch};
use downbeat_hub::settings::{Pace, StreamTask, Trust, value_names};
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// How much is listened to unless configured: longer than what players keep ahead of themselves at the start.
const LISTEN: Span = Span(Duration::from_secs(5));
/// The silence that is put up with unless configured: two gaps that listeners just notice.
const SILENCE: Span = Span(Duration::from_millis(500));
/// Longest listening: a song and more.
const LISTEN_MAX: Duration = Duration::from_secs(600);

/// Reads all but the URL, which is another one in a step.
pub(super) fn read_stream(reader: &Reader<'_>, trust: Trust, url: Option<String>) -> Option<StreamTask> {
    let headers = reader.or("headers", Fields::default()).0;
    let pace = read_pace(reader);
    let from = reader.get::<Span>("from");
    if let Some(from) = &from
        && !matches!(pace, Pace::BytesPerSecond(_) | Pace::Length { bytes: Some(_), .. })
    {
        let complaint = Complaint::new("from: which byte that is, is not known");
        reader.complain(from.span(), complaint.hint("add bytes_per_second, or seconds and bytes"));
    }
    let listen = reader.get::<Span>("listen");
    if let Some(long) = listen.as_ref().filter(|it| it.get_ref().0 > LISTEN_MAX || it.get_ref().0.is_zero()) {
        reader.complain(long.span(), Complaint::new("listen: between a moment and 10 minutes are listened to"));
    }
    let listen = listen.map_or(LISTEN.0, |it| it.into_inner().0);
    let start_within = reader.get::<Span>("start_within").map(|it| it.into_inner().0);
    let silence_max = reader.or("silence", SILENCE).0;
    let from = from.map(|it| it.into_inner().0).unwrap_or_default();
    Some(StreamTask { url: url?, headers, pace, from, listen, start_within, silence_max, trust })
}

/// HLS where nothing says how bytes become seconds.
fn read_pace(reader: &Reader<'_>) -> Pace {
    let (seconds, bytes) = (reader.get::<Figure>("seconds"), reader.get::<Figure>("bytes"));
    let speed = reader.get::<f64>("bytes_per_second");
    if let (Some(seconds), Some(_)) = (&seconds, &speed) {
        let complaint = Complaint::new("there is seconds and bytes_per_second").hint("keep one of them");
        reader.complain(seconds.span(), complaint);
    }
    if let (None, Some(bytes)) = (&seconds, &bytes) {
        let complaint = Complaint::new("bytes: how long they are heard is not known");
        reader.complain(bytes.span(), complaint.hint("add seconds: the length of the whole"));
    }
    if let Some(none) = speed.as_ref().filter(|speed| *speed.get_ref() <= 0.0) {
        reader.complain(none.span(), Complaint::new("bytes_per_second: no music is so slow"));
    }
    match (speed, seconds) {
        (Some(speed), _) => Pace::BytesPerSecond(speed.into_inner()),
        (None, Some(seconds)) => Pace::Length { seconds: seconds.into_inner().0, bytes: bytes.map(figure) },
        (None, None) => Pace::Hls,
    }
}

fn figure(figure: Spanned<Figure>) -> String {
    figure.into_inner().0
}

/// A number above zero, or a place for one.
struct Figure(String);

impl FromValue for Figure {
    const EXPECTED: &'static str = "a number above zero such as 240, or a captured one such as \"{length}\"";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        if let Some(text) = value.as_str() {
            let is_place = value_names(text).next().is_some_and(|name| text.len() == name.len() + 2);
            return if is_place { Ok(Self(text.into())) } else { Err(mismatch::<Self>(value)) };
        }
        match f64::from_value(value) {
            Ok(number) if number > 0.0 => Ok(Self(number.to_string())),
            _ => Err(mismatch::<Self>(value)),
        }
    }
}
