//! Music in one body: so many bytes are so many seconds of it.

use super::playlist::Range;
use super::{Listener, Opened, cut, wrong};
use crate::probes::Trouble;
use crate::settings::Pace;
use std::time::Duration;
use tokio::time::Instant;

impl Listener<'_> {
    /// Plays from where the task begins; the speed follows from the length where it is not given.
    pub(super) async fn play_progressive(&mut self, speed: Option<f64>) -> Result<(), Trouble> {
        let (seconds, bytes) = self.length()?;
        let known = speed.or(bytes.zip(seconds).map(|(bytes, seconds)| bytes as f64 / seconds));
        let from = match known {
            Some(speed) => (speed * self.task.from.as_secs_f64()) as u64,
            None => 0,
        };
        if let Some(bytes) = bytes.filter(|bytes| from >= *bytes) {
            return Err(wrong(format!("it has {bytes} bytes, and was to be heard from {from} on")));
        }
        let range = (from > 0).then_some(Range { from, end: None });
        let Opened { mut response, url } = self.open(self.start.clone(), range).await?;
        let length = bytes.map(|bytes| bytes - from).or(response.content_length());
        let speed = known.or(length.zip(seconds).map(|(length, seconds)| length as f64 / seconds));
        let speed = speed.ok_or_else(|| wrong(format!("{url} does not say how long it is (Content-Length)")))?;
        let mut came = 0;
        while !self.playout.has_enough() {
            match self.next(&mut response).await? {
                Some(bytes) => {
                    came += bytes as u64;
                    self.playout.came(Instant::now(), of(bytes as f64 / speed))?;
                }
                None if length == Some(came) => self.playout.ends(Instant::now()),
                None => {
                    let of = length.map_or("a stream without an end".into(), |length| format!("{length} bytes"));
                    return Err(cut(format!("the music ended after {came} of {of}")));
                }
            }
        }
        Ok(())
    }

    /// How long the whole is, in seconds and in bytes, as far as the task says. What it says may come from answers.
    fn length(&self) -> Result<(Option<f64>, Option<u64>), Trouble> {
        let Pace::Length { seconds, bytes } = &self.task.pace else { return Ok((None, None)) };
        let long = seconds.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        let long = long.ok_or_else(|| wrong(format!("{seconds:?} is no length in seconds")))?;
        let bytes = bytes.as_ref().map(|text| match text.trim().parse::<u64>() {
            Ok(bytes) if bytes > 0 => Ok(bytes),
            _ => Err(wrong(format!("{text:?} is no number of bytes"))),
        });
        Ok((Some(long), bytes.transpose()?))
    }
}

/// A span of seconds that may be beyond all measure.
fn of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
