//! Child processes with an end: every one is waited for until a deadline, and stopped after it.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, PipeReader};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often a child is asked whether it has ended: seldom enough to cost nothing, often enough to go unnoticed.
const POLL: Duration = Duration::from_millis(100);
/// How long a child may take to clean up after it was asked to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long output may stay open after the child that was started has ended; then a process was left behind.
const LINGER: Duration = Duration::from_secs(3);
/// Lines read ahead of whoever prints them.
const LINES_AHEAD: usize = 256;

/// Runs a command to its end, its output going where ours goes; true when it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| format!("run {}", name(command)))?;
    Ok(status.success())
}

/// Like [`succeeds`], for a command that depends on the world outside and may never end by itself.
pub(crate) fn succeeds_within(command: &mut Command, limit: Duration) -> Result<bool> {
    let mut child = command.spawn().with_context(|| format!("start {}", name(command)))?;
    Ok(wait(&mut child, limit)?.success())
}

/// Waits for the child until `limit` has passed; then stops it, which is an error.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    match wait_quietly(child, limit)? {
        Some(status) => Ok(status),
        None => {
            stop(child)?;
            bail!("did not end within {} s and was stopped", limit.as_secs());
        }
    }
}

/// Runs a command and hands over each line of its stdout and stderr, in the order they were written.
pub(crate) fn follow(mut command: Command, limit: Duration, on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let (reader, writer) = std::io::pipe().context("open a pipe")?;
    command.stdout(writer.try_clone().context("share a pipe")?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("start {}", name(&command)))?;
    // The command still holds our ends of the pipe; without this, it would never read as finished.
    drop(command);
    let (sender, lines) = sync_channel(LINES_AHEAD);
    thread::spawn(move || read_lines(reader, &sender));
    let deadline = Instant::now() + limit;
    drain(&mut child, &lines, deadline, on_line)?;
    wait(&mut child, deadline.saturating_duration_since(Instant::now()).max(GRACE))
}

fn read_lines(reader: PipeReader, sender: &SyncSender<String>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        if sender.send(text).is_err() {
            return;
        }
        line.clear();
    }
}

/// Hands lines over until the output is closed, the deadline passes, or a process left behind keeps it open.
fn drain(child: &mut Child, lines: &Receiver<String>, deadline: Instant, mut on_line: impl FnMut(&str)) -> Result<()> {
    let mut ended_at: Option<Instant> = None;
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) => on_line(&line),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if ended_at.is_none() && child.try_wait().context("ask a child for its end")?.is_some() {
            ended_at = Some(Instant::now());
        }
        if ended_at.is_some_and(|at| at.elapsed() > LINGER) {
            eprintln!("note: a process was left behind and keeps the output open; going on without it");
            return Ok(());
        }
        if Instant::now() > deadline {
            stop(child)?;
            bail!("took too long and was stopped");
        }
    }
}

/// Asks the child to end, so that it can end its own children, and insists when it does not.
fn stop(child: &mut Child) -> Result<()> {
    let asked = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
    if asked.is_ok_and(|status| status.success()) && wait_quietly(child, GRACE)?.is_some() {
        return Ok(());
    }
    child.kill().context("kill a child")?;
    child.wait().context("reap a child")?;
    Ok(())
}

fn wait_quietly(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().context("ask a child for its end")? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    }

    #[test]
    fn lines_of_both_outputs_arrive_in_order() -> Result<()> {
        let mut lines = Vec::new();
        let script = "echo one; echo two >&2; printf 'thr\\377ee\\n'; echo four >&2; exit 3";
        let status = follow(shell(script), Duration::from_secs(60), |line| lines.push(line.to_owned()))?;
        assert_eq!(status.code(), Some(3));
        assert_eq!(lines, ["one", "two", "thr\u{fffd}ee", "four"]);
        Ok(())
    }

    #[test]
    fn a_child_that_overstays_is_stopped() -> Result<()> {
        let mut child = shell("exec sleep 600").spawn()?;
        assert!(wait(&mut child, Duration::from_millis(200)).is_err());
        assert!(child.try_wait()?.is_some(), "the child must be gone");
        Ok(())
    }

    #[test]
    fn success_is_told_from_failure() -> Result<()> {
        for (script, success) in [("exit 0", true), ("exit 3", false)] {
            assert_eq!(succeeds(&mut shell(script))?, success);
            assert_eq!(succeeds_within(&mut shell(script), Duration::from_secs(60))?, success);
        }
        assert!(succeeds_within(&mut shell("exec sleep 600"), Duration::from_millis(200)).is_err());
        Ok(())
    }

    #[test]
    fn a_child_deaf_to_the_request_is_killed() -> Result<()> {
        let script = "trap '' TERM; echo deaf; while :; do sleep 1; done";
        let result = follow(shell(script), Duration::from_secs(1), |_| {});
        assert!(result.is_err());
        Ok(())
    }

    #[test]
    fn a_process_left_behind_does_not_hold_us_up() -> Result<()> {
        let mut lines = Vec::new();
        let script = "sleep 20 & echo done";
        let start = Instant::now();
        let status = follow(shell(script), Duration::from_secs(60), |line| lines.push(line.to_owned()))?;
        assert!(status.success());
        assert_eq!(lines, ["done"]);
        assert!(start.elapsed() < Duration::from_secs(18), "waited for a process that nobody waits for");
        Ok(())
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = succeeds(&mut Command::new("no-such-program")).expect_err("there is no such program");
        assert_eq!(error.to_string(), "run no-such-program");
    }
}
