//! A connection that has become something else than HTTP: bytes both ways until both sides have ended.
//!
//! Only after the replica's 101 (invariant H2). Nothing is said in many a tunnel for hours, so silence ends none; the
//! kernel's keep-alive finds peers that are no longer there.

use crate::ask::attempt::Answer;
use crate::codec::switch_bytes;
use crate::exchange::downstream::{Downstream, Duplex};
use std::io;
use tokio::io::{AsyncWriteExt, copy_bidirectional};

/// Bytes that went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) to_client: u64,
    pub(crate) to_replica: u64,
}

/// Tells the client of the switch and carries bytes until the end.
///
/// # Errors
/// When a connection breaks; what went through until then is not counted.
pub(crate) async fn tunnel(client: &mut impl Downstream, mut answer: Answer, protocol: &[u8]) -> io::Result<Passed> {
    let head = switch_bytes(&answer.head, protocol);
    let Some((client, from_client)) = client.raw() else { return Ok(Passed::default()) };
    let Some(replica) = answer.upstream.connection() else { return Ok(Passed::default()) };
    let from_replica = replica.buffer.split();
    let replica = replica.socket();
    client.write_all(&head).await?;
    client.write_all(&from_replica).await?;
    replica.write_all(&from_client).await?;
    let (to_replica, to_client) = carry(client, replica).await?;
    let before = Passed { to_client: from_replica.len() as u64, to_replica: from_client.len() as u64 };
    Ok(Passed { to_client: before.to_client + to_client, to_replica: before.to_replica + to_replica })
}

async fn carry(mut client: &mut dyn Duplex, replica: &mut tokio::net::TcpStream) -> io::Result<(u64, u64)> {
    copy_bidirectional(&mut client, replica).await
}
