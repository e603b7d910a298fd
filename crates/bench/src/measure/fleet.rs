//! The upstreams: so many processes of the same server, which can be killed, hung, and started again.

use crate::process::{Process, free_ports, local};
use crate::upstream::Mode;
use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Upstreams beside each other.
pub(crate) struct Fleet {
    members: Vec<Process>,
    ports: Vec<u16>,
    folder: PathBuf,
}

impl Fleet {
    /// Starts so many.
    pub(crate) fn start(count: usize, folder: &Path) -> Result<Self> {
        let ports = free_ports(count)?;
        let members = ports.iter().map(|port| start_one(*port, folder)).collect::<Result<_>>()?;
        Ok(Self { members, ports, folder: folder.to_owned() })
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
        self.members[index] = start_one(self.ports[index], &self.folder)?;
        Ok(())
    }

    /// Tells one how to behave.
    pub(crate) fn set(&self, index: usize, mode: Mode) -> Result<()> {
        let mut stream = TcpStream::connect(local(self.ports[index])).context("reach an upstream")?;
        let request = format!("GET {} HTTP/1.1\r\nHost: bench\r\n\r\n", mode.path());
        stream.write_all(request.as_bytes()).context("ask an upstream")?;
        stream.read_exact(&mut [0; 1]).context("hear of an upstream")
    }
}

fn start_one(port: u16, folder: &Path) -> Result<Process> {
    let this = std::env::current_exe().context("find this program")?;
    let log = folder.join(format!("upstream-{port}.log"));
    let mut process = Process::start(Command::new(this).args(["upstream", "--port", &port.to_string()]), &log)?;
    process.listens(port, &log).context("start an upstream")?;
    Ok(process)
}
