//! The upstreams: so many processes of the same server, which can be killed, hung, and started again.

use crate::process::{Process, free_ports, local};
use crate::upstream::{self, Mode};
use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Upstreams beside each other.
pub(crate) struct Fleet {
    members: Vec<Process>,
    ports: Vec<u16>,
    folder: PathBuf,
    /// How long their answers take on average, milliseconds.
    work_ms: u32,
    /// What those were asked that have been killed since.
    asked_before: u64,
}

impl Fleet {
    /// Starts so many that answer at once.
    pub(crate) fn start(count: usize, folder: &Path) -> Result<Self> {
        Self::start_working(count, 0, folder)
    }

    /// Starts so many whose answers take so many milliseconds on average.
    pub(crate) fn start_working(count: usize, work_ms: u32, folder: &Path) -> Result<Self> {
        let ports = free_ports(count)?;
        let members = ports.iter().map(|port| start_one(*port, work_ms, folder)).collect::<Result<_>>()?;
        Ok(Self { members, ports, folder: folder.to_owned(), work_ms, asked_before: 0 })
    }

    /// Where they listen.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// One of them.
    pub(crate) fn member(&mut self, index: usize) -> &mut Process {
        &mut self.members[index]
    }

    /// Starts one again on its port, whatever has become of it.
    pub(crate) fn restart(&mut self, index: usize) -> Result<()> {
        self.members[index].kill()?;
        self.members[index] = start_one(self.ports[index], self.work_ms, &self.folder)?;
        Ok(())
    }

    /// Ends one at once, and remembers what it was asked.
    pub(crate) fn kill(&mut self, index: usize) -> Result<()> {
        self.asked_before += self.asked_of(index)?;
        self.members[index].kill()
    }

    /// Requests for bodies that have reached any of them so far. None of them may hang.
    pub(crate) fn asked(&mut self) -> Result<u64> {
        let mut asked = self.asked_before;
        for index in 0..self.members.len() {
            if self.members[index].lives() {
                asked += self.asked_of(index)?;
            }
        }
        Ok(asked)
    }

    fn asked_of(&self, index: usize) -> Result<u64> {
        let said = self.order(index, upstream::COUNT_PATH)?;
        let count = said.split_whitespace().last().and_then(|word| word.parse().ok());
        count.with_context(|| format!("read an upstream's count: {said}"))
    }

    /// Tells one how to behave.
    pub(crate) fn set(&self, index: usize, mode: Mode) -> Result<()> {
        self.order(index, mode.path()).map(|_| ())
    }

    fn order(&self, index: usize, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(local(self.ports[index])).context("reach an upstream")?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n");
        stream.write_all(request.as_bytes()).context("ask an upstream")?;
        stream.shutdown(Shutdown::Write).context("ask an upstream no more")?;
        let mut said = String::new();
        stream.read_to_string(&mut said).context("hear of an upstream")?;
        Ok(said)
    }
}

fn start_one(port: u16, work_ms: u32, folder: &Path) -> Result<Process> {
    let this = std::env::current_exe().context("find this program")?;
    let log = folder.join(format!("upstream-{port}.log"));
    let mut process = Process::start(
        Command::new(this).args(["upstream", "--port", &port.to_string(), "--work-ms", &work_ms.to_string()]),
        &log,
    )?;
    process.listens(port, &log).context("start an upstream")?;
    Ok(process)
}
