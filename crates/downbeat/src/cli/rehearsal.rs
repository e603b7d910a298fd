//! The rehearsal of a new configuration: a process of its own loads it in full before the running one takes it.
//!
//! The program that runs is started once more as `downbeat check --stdin`, with the very text that is to be taken. What
//! makes it crash, hang or grow does so there, and not where clients are served (invariant C2). Only then is the text
//! read here.

use super::failure::EXIT_USAGE;
use crate::config::{self, ConfigError, Settings};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// This program as it runs, whatever lies at its path by now (proc(5)).
const THIS_PROGRAM: &str = "/proc/self/exe";
/// A rehearsal takes a few milliseconds; a thousand replicas and certificates, a second.
const WITHIN: Duration = Duration::from_secs(10);
/// What is quoted of the last words of one that failed.
const LAST_WORDS: usize = 1_000;

/// Why a text did not get through its rehearsal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RehearsalError {
    /// It could not be held.
    #[error("cannot rehearse the configuration in a process of its own")]
    Start(#[source] io::Error),
    /// It did not end.
    #[error("rehearsing the configuration did not end within {} s", .0.as_secs())]
    Late(Duration),
    /// It ended badly.
    #[error("the rehearsal of the configuration ended with {status}: {words}")]
    Failed {
        /// How.
        status: ExitStatus,
        /// The end of what it said.
        words: String,
    },
}

impl RehearsalError {
    /// The configuration is a bad one, and nothing else is wrong.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Failed { status, .. } if status.code() == Some(EXIT_USAGE.into()))
    }
}

/// Whose rehearsals: what is started, and how long it may take.
#[derive(Debug, Clone)]
pub(crate) struct Rehearsal {
    program: PathBuf,
    /// Before those of `downbeat check`.
    arguments: Vec<OsString>,
    within: Duration,
}

impl Default for Rehearsal {
    fn default() -> Self {
        Self { program: THIS_PROGRAM.into(), arguments: Vec::new(), within: WITHIN }
    }
}

impl Rehearsal {
    /// Reads the configuration at a path, once it has got through its rehearsal; else all that is wrong with it. Blocks.
    pub(crate) fn load(&self, path: &Path) -> Result<(Settings, String), Vec<String>> {
        let text = config::read(path).map_err(ConfigError::faults)?;
        let told = |error: RehearsalError| vec![format!("{:#}", anyhow::Error::new(error))];
        let settings = || config::load_text(path, &text).map_err(ConfigError::faults);
        match self.hold(path, &text) {
            Ok(()) => settings().map(|settings| (settings, text.clone())),
            // What was refused in good order can be read here without harm, to tell its faults one by one.
            Err(error) if error.is_refusal() => Err(settings().err().unwrap_or_else(|| told(error))),
            Err(error) => Err(told(error)),
        }
    }

    fn hold(&self, path: &Path, text: &str) -> Result<(), RehearsalError> {
        let (mut ours, theirs) = UnixStream::pair().map_err(RehearsalError::Start)?;
        let out = |stream: &UnixStream| stream.try_clone().map(OwnedFd::from).map(Stdio::from);
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(["check", "--stdin", "--config"]).arg(path).env(super::DIE_WITH_PARENT, "1");
        command.stdout(out(&theirs).map_err(RehearsalError::Start)?);
        command.stderr(out(&theirs).map_err(RehearsalError::Start)?);
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        let mut child = command.spawn().map_err(RehearsalError::Start)?;
        // With the command go our copies of their end, so that its end is heard.
        drop(command);
        let words = converse(&mut ours, text, self.within);
        if words.is_err() {
            // One that has ended by itself cannot be killed, which is as well.
            let _ = child.kill();
        }
        let status = child.wait().map_err(RehearsalError::Start)?;
        match words {
            Err(_) => Err(RehearsalError::Late(self.within)),
            Ok(_) if status.success() => Ok(()),
            Ok(words) => Err(RehearsalError::Failed { status, words: last(&words) }),
        }
    }
}

/// Says the text, and hears all that the other side says, in so much time.
fn converse(stream: &mut UnixStream, text: &str, within: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + within;
    stream.set_write_timeout(Some(within))?;
    // One that does not listen to the end has something to say all the same.
    let heard = stream.write_all(text.as_bytes()).and_then(|()| stream.shutdown(Shutdown::Write));
    if heard.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
        return heard.map(|()| Vec::new());
    }
    let (mut words, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        stream.set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
        match stream.read(&mut piece) {
            Ok(0) => return Ok(words),
            Ok(count) => words.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // It left with some of the text unread.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(words),
            Err(error) => return Err(error),
        }
        let surplus = words.len().saturating_sub(LAST_WORDS);
        words.drain(..surplus);
    }
}

fn last(words: &[u8]) -> String {
    let text = String::from_utf8_lossy(words);
    super::output::printable(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What a rehearsal by this shell script finds.
    fn rehearsed(script: &str, within: Duration) -> Result<String, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("downbeat.toml");
        fs::write(&config, config::EXAMPLE).expect("written");
        let arguments = ["-c", script].map(OsString::from).into();
        Rehearsal { program: "/bin/sh".into(), arguments, within }.load(&config).map(|(_, text)| text)
    }

    #[test]
    fn what_gets_through_is_taken_as_it_was_rehearsed() {
        let script = "test \"$(cat)\" = \"$(cat \"$3\")\" && head -c 999999 /dev/zero";
        assert_eq!(rehearsed(script, WITHIN).as_deref(), Ok(config::EXAMPLE));
    }

    #[test]
    fn what_does_not_is_told_with_its_last_words() {
        let table = [
            ("kill -SEGV $$", "signal: 11"),
            ("echo out of memory >&2; kill -KILL $$", "signal: 9 (SIGKILL): out of memory"),
            ("cat > /dev/null; echo the moon is full; exit 3", "exit status: 3: the moon is full"),
        ];
        for (script, says) in table {
            let faults = rehearsed(script, WITHIN).expect_err("it failed");
            assert!(faults.len() == 1 && faults[0].contains(says), "{script}: {faults:?}");
        }
    }

    #[test]
    fn one_that_does_not_end_is_ended() {
        let faults = rehearsed("exec sleep 600", Duration::from_millis(300)).expect_err("it failed");
        assert!(faults[0].contains("did not end"), "{faults:?}");
    }
}
