//! Processes that are measured: started, waited for, weighed, faulted, and ended with all their children.

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long a process may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(1);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(5);
/// Lines that are told of a process that did not start.
const LINES_TOLD: usize = 3;
/// Bytes of a page of memory, as `statm` counts.
const PAGE: u64 = 4096;

/// A process that ends, with its children, when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a command; what it prints goes to a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
        let errors = output.try_clone().context("share a file")?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let program = command.get_program().to_string_lossy().into_owned();
        Ok(Self { child: command.spawn().with_context(|| format!("start {program}"))? })
    }

    /// Waits until somebody listens on the port.
    pub(crate) fn listens(&mut self, port: u16, log: &Path) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while !is_open(port) {
            let ended = self.child.try_wait().context("ask a process for its end")?;
            if ended.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(log).unwrap_or_default();
                let words: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).take(LINES_TOLD).collect();
                bail!("it does not listen on {port}: {}", words.join("; "));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid(), signal).context("send a signal")
    }

    /// Ends the process at once, and takes its place in the table of processes back.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("kill a process")?;
        self.child.wait().context("reap a process")?;
        Ok(())
    }

    /// True until the process has ended.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks the process to end, and waits until it has.
    pub(crate) fn finish(&mut self, within: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + within;
        while self.lives() {
            ensure!(Instant::now() < deadline, "a process does not end");
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Nanoseconds on a processor so far: every thread of the process and of its children.
    pub(crate) fn busy_ns(&self) -> u64 {
        self.family().into_iter().map(busy_ns).sum()
    }

    /// Bytes of memory in use, its children's included.
    pub(crate) fn resident(&self) -> u64 {
        self.family().into_iter().map(resident).sum()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn family(&self) -> BTreeSet<u32> {
        let mut family = BTreeSet::new();
        collect(self.child.id(), &mut family);
        family
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let children = self.family();
        if self.child.try_wait().ok().flatten().is_none() {
            // Whatever fails here has gone already.
            let _ = kill_process(self.pid(), Signal::TERM);
            let deadline = Instant::now() + END_LIMIT;
            while self.child.try_wait().ok().flatten().is_none() && Instant::now() < deadline {
                thread::sleep(POLL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        for child in children.into_iter().filter(|child| *child != self.child.id()) {
            if let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// The process and all its descendants, as the kernel lists them for each thread.
fn collect(pid: u32, family: &mut BTreeSet<u32>) {
    if !family.insert(pid) {
        return;
    }
    for task in tasks(pid) {
        let children = fs::read_to_string(task.join("children")).unwrap_or_default();
        children.split_whitespace().filter_map(|child| child.parse().ok()).for_each(|child| collect(child, family));
    }
}

fn tasks(pid: u32) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// A process that has gone counts nothing; the first figure of `schedstat` is the time on a processor.
fn busy_ns(pid: u32) -> u64 {
    let read = |task: std::path::PathBuf| fs::read_to_string(task.join("schedstat")).ok();
    let first = |text: String| text.split_whitespace().next()?.parse::<u64>().ok();
    tasks(pid).into_iter().filter_map(read).filter_map(first).sum()
}

fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

fn is_open(port: u16) -> bool {
    TcpStream::connect_timeout(&local(port), Duration::from_millis(200)).is_ok()
}

/// An address of this machine.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Ports that nobody uses at this moment.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind(local(0))).collect::<Result<_, _>>().context("find free ports")?;
    listeners.iter().map(|listener| Ok(listener.local_addr().context("read a port")?.port())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_weighed_with_its_children_and_leaves_none() -> Result<()> {
        let log = std::env::temp_dir().join(format!("downbeat-bench-{}.log", std::process::id()));
        let script = "(while :; do :; done) & while :; do sleep 1; done";
        let process = Process::start(Command::new("sh").arg("-c").arg(script), &log)?;
        while process.family().len() < 2 || process.busy_ns() < 20_000_000 {
            thread::sleep(POLL);
        }
        assert!(process.resident() > 0);
        let family = process.family();
        drop(process);
        let lives = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
        let deadline = Instant::now() + START_LIMIT;
        while family.iter().any(|pid| lives(*pid)) {
            assert!(Instant::now() < deadline, "a child was left behind");
            thread::sleep(POLL);
        }
        fs::remove_file(log).context("remove the log")
    }

    #[test]
    fn a_program_that_ends_early_is_told() -> Result<()> {
        let log = std::env::temp_dir().join(format!("downbeat-bench-early-{}.log", std::process::id()));
        let mut process = Process::start(Command::new("sh").arg("-c").arg("echo no such option"), &log)?;
        let error = process.listens(free_ports(1)?[0], &log).expect_err("nobody listens");
        assert!(error.to_string().ends_with("no such option"), "{error}");
        fs::remove_file(log).context("remove the log")
    }
}
