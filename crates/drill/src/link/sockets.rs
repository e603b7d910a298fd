//! The doors' sockets: small buffers, no delay, and a way to end a connection rudely.

use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Kernel buffer of each side and direction, in bytes: half a second of lossless music.
const BUFFER_BYTES: u32 = 64 * 1024;

/// Connections that the kernel keeps for us while we are not accepting.
const BACKLOG: u32 = 1_024;

/// How long a process may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

fn small() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    socket.set_send_buffer_size(BUFFER_BYTES)?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Listens; what is accepted inherits the small buffers.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = small()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Connects to the process behind a door.
pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    tokio::time::timeout(CONNECT_TIMEOUT, small()?.connect(address)).await.map_err(io::Error::from)?
}

/// Has the connection end by a reset when it is dropped.
pub(super) fn reset(stream: &TcpStream) {
    // A socket that is gone already needs no reset.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Tells the other side that nothing more will come.
pub(super) fn finish(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).shutdown(std::net::Shutdown::Write)
}

/// Reads what there is, at least one byte; 0 at the end.
pub(super) async fn read(from: &TcpStream, into: &mut [u8]) -> io::Result<usize> {
    loop {
        from.readable().await?;
        match from.try_read(into) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Writes all of it.
pub(super) async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
