//! An ICMP echo, where the system lets us: by a socket of its own kind (Linux's `net.ipv4.ping_group_range`), or by a raw
//! one, which takes CAP_NET_RAW. Where it lets us do neither, the result is unknown and says so.

use super::Trouble;
use super::web::{Deadline, within};
use crate::outbound::{NamedBy, Outbound};
use downbeat_core::model::FailureKind;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

/// Bytes of a packet that are looked at: an IPv4 header of the longest kind, and our echo.
const PACKET_MAX: usize = 1_500;
/// What is sent along, so that our echo is told from another program's.
const TOKEN_BYTES: usize = 16;

/// Sends one echo request and waits for the answer.
pub(super) async fn probe(outbound: &Outbound, host: &str, timeout: Duration) -> Result<(), Trouble> {
    let deadline = within(timeout);
    let found = outbound.look_up(host, 0, NamedBy::Configuration).await?;
    let target =
        *found.first().ok_or_else(|| Trouble::theirs(FailureKind::Unresolved, format!("{host} has no address")))?;
    let socket = socket(target).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Trouble::Ours(
            "this system lets us send no ICMP: set net.ipv4.ping_group_range to a range with our group in it, or give \
             the program CAP_NET_RAW"
                .into(),
        ),
        _ => Trouble::of_io(&error, "opening an ICMP socket"),
    })?;
    let mut token = [0; TOKEN_BYTES];
    getrandom::fill(&mut token).map_err(|error| Trouble::Ours(format!("no randomness: {error}")))?;
    let doing = format!("pinging {}", target.ip());
    socket.send_to(&request(target.ip(), token), target).await.map_err(|error| Trouble::of_io(&error, &doing))?;
    hear(&socket, target.ip(), &token, &doing, deadline).await
}

fn socket(target: SocketAddr) -> std::io::Result<UdpSocket> {
    let (domain, protocol) = match target {
        SocketAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        SocketAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let own_kind = Socket::new(domain, Type::DGRAM, Some(protocol));
    let socket = own_kind.or_else(|_| Socket::new(domain, Type::RAW, Some(protocol)))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// Type, code, checksum, identifier and number, then the token. A socket of ICMP's own kind fills in what is its own;
/// so does the kernel with every checksum of ICMPv6.
fn request(target: IpAddr, token: [u8; TOKEN_BYTES]) -> Vec<u8> {
    let kind = if target.is_ipv4() { 8 } else { 128 };
    let mut packet = vec![kind, 0, 0, 0, token[0], token[1], 0, 1];
    packet.extend_from_slice(&token);
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// RFC 1071.
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

async fn hear(
    socket: &UdpSocket,
    target: IpAddr,
    token: &[u8],
    doing: &str,
    deadline: Deadline,
) -> Result<(), Trouble> {
    let mut packet = [0; PACKET_MAX];
    loop {
        match timeout_at(deadline, socket.recv_from(&mut packet)).await {
            Ok(Ok((length, from))) if from.ip() == target && is_reply(&packet[..length], target, token) => {
                return Ok(());
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(Trouble::of_io(&error, doing)),
            Err(_) => return Err(Trouble::theirs(FailureKind::Unreachable, format!("{doing}: no echo in time"))),
        }
    }
}

/// Our own echo. A raw socket of IPv4 hears the packet with its header in front, and everybody's packets.
fn is_reply(packet: &[u8], target: IpAddr, token: &[u8]) -> bool {
    let kind = if target.is_ipv4() { 0 } else { 129 };
    let has_header = target.is_ipv4() && packet.first().is_some_and(|first| first >> 4 == 4);
    let start = if has_header { usize::from(packet[0] & 0x0f) * 4 } else { 0 };
    packet.get(start..).is_some_and(|echo| echo.first() == Some(&kind) && echo.get(8..) == Some(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_1071() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        let packet = request("127.0.0.1".parse().expect("an address"), [7; TOKEN_BYTES]);
        assert_eq!(checksum(&packet), 0, "a packet with its checksum sums up to nothing");
    }

    #[test]
    fn only_our_own_echo_is_one() {
        let (v4, v6) = ("10.0.0.1".parse().expect("v4"), "::1".parse().expect("v6"));
        let token = [7; TOKEN_BYTES];
        let echo = |kind: u8| [&[kind, 0, 0, 0, 9, 9, 0, 1], &token[..]].concat();
        let with_header = |echo: Vec<u8>| [&[0x45][..], &[0; 19], &echo].concat();
        assert!(is_reply(&echo(0), v4, &token) && is_reply(&with_header(echo(0)), v4, &token));
        assert!(is_reply(&echo(129), v6, &token));
        for (packet, target) in [(echo(8), v4), (echo(129), v4), (echo(0), v6), (vec![], v4), (vec![0x4f], v4)] {
            assert!(!is_reply(&packet, target, &token), "{packet:?}");
        }
        assert!(!is_reply(&echo(0), v4, &[8; TOKEN_BYTES]), "another program's");
    }
}
