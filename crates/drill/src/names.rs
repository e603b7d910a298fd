//! A tiny authoritative name server over UDP for the regions' host names, which can be told to fail as name
//! servers fail: not to know a name, to be broken, to say nothing, or to say the wrong thing.

use crate::place::{PARKED, Region};
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// How long an answer may be kept, in seconds: as short as the format allows, so that changes show.
const TTL_S: u32 = 1;

/// What is said about a region's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The truth.
    #[default]
    Right,
    /// The address of a stranger.
    Wrong,
    /// There is no such name (NXDOMAIN).
    None,
    /// The server is broken (SERVFAIL).
    Broken,
    /// Nothing at all.
    Silent,
}

/// Why the name server cannot start.
#[derive(Debug, thiserror::Error)]
#[error("serve names on {address}")]
pub struct NamesError {
    /// Where it should have been.
    pub address: SocketAddr,
    /// What the system says.
    #[source]
    pub source: std::io::Error,
}

type Answers = Arc<Mutex<BTreeMap<Region, Answer>>>;

/// The name server.
#[derive(Debug)]
pub struct Names {
    address: SocketAddr,
    answers: Answers,
    clerk: JoinHandle<()>,
}

impl Names {
    /// Starts to answer, truthfully.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn serve(address: SocketAddr) -> Result<Self, NamesError> {
        let failed = |source| NamesError { address, source };
        let socket = UdpSocket::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let answers = Answers::default();
        let clerk = tokio::spawn(answer_all(socket, Arc::clone(&answers)));
        Ok(Self { address, answers, clerk })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it says about a region.
    pub fn answer(&self, region: Region) -> Answer {
        lock(&self.answers).get(&region).copied().unwrap_or_default()
    }

    /// Has it say something else about a region.
    pub fn tell(&self, region: Region, answer: Answer) {
        lock(&self.answers).insert(region, answer);
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.clerk.abort();
    }
}

fn lock(answers: &Answers) -> MutexGuard<'_, BTreeMap<Region, Answer>> {
    // A map of small values is whole after every statement, whoever panicked.
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer_all(socket: UdpSocket, answers: Answers) {
    let mut packet = [0; 1_232];
    loop {
        let Ok((bytes, client)) = socket.recv_from(&mut packet).await else { continue };
        let reply = answer(&packet[..bytes], &lock(&answers));
        if let Some(reply) = reply {
            // UDP may lose it; the client asks again.
            let _ = socket.send_to(&reply, client).await;
        }
    }
}

/// The reply to one packet; none to what is no query, or when told to be silent.
fn answer(packet: &[u8], answers: &BTreeMap<Region, Answer>) -> Option<Vec<u8>> {
    let question = Message::from_vec(packet).ok()?;
    let [query] = question.queries.as_slice() else { return None };
    let mut reply = Message::response(question.metadata.id, OpCode::Query);
    reply.metadata.authoritative = true;
    reply.metadata.recursion_desired = question.metadata.recursion_desired;
    reply.add_query(query.clone());
    let region = Region::ALL.into_iter().find(|region| is_host_of(&query.name, *region));
    let said = region.map_or(Answer::None, |region| answers.get(&region).copied().unwrap_or_default());
    match said {
        Answer::Silent => return None,
        Answer::None => reply.metadata.response_code = ResponseCode::NXDomain,
        Answer::Broken => reply.metadata.response_code = ResponseCode::ServFail,
        Answer::Right => say(&mut reply, query.query_type, &query.name, region?.address()),
        Answer::Wrong => say(&mut reply, query.query_type, &query.name, PARKED),
    }
    reply.to_vec().ok()
}

/// The names have IPv4 addresses only; asked for anything else there is an answer with nothing in it.
fn say(reply: &mut Message, wanted: RecordType, name: &Name, address: Ipv4Addr) {
    if wanted == RecordType::A {
        reply.add_answer(Record::from_rdata(name.clone(), TTL_S, RData::A(A(address))));
    }
}

fn is_host_of(name: &Name, region: Region) -> bool {
    name.to_ascii().trim_end_matches('.').eq_ignore_ascii_case(&region.host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;

    fn ask(host: &str, wanted: RecordType, said: Answer) -> Option<Message> {
        let mut question = Message::query();
        question.add_query(Query::query(Name::from_ascii(host).expect("a good name"), wanted));
        let packet = question.to_vec().expect("a small packet");
        let reply = answer(&packet, &[(Region::Eu, said)].into())?;
        let reply = Message::from_vec(&reply).expect("a good reply");
        assert_eq!(reply.metadata.id, question.metadata.id);
        Some(reply)
    }

    #[test]
    fn what_is_said_about_a_name() {
        let address = |reply: &Message| match reply.answers.first().map(|r| &r.data) {
            Some(RData::A(A(address))) => Some((*address, reply.answers[0].ttl)),
            _ => None,
        };
        let eu = Region::Eu.address();
        let table = [
            ("eu.encore.internal.", RecordType::A, Answer::Right, ResponseCode::NoError, Some((eu, 1))),
            ("EU.Encore.Internal.", RecordType::A, Answer::Right, ResponseCode::NoError, Some((eu, 1))),
            (
                "us.encore.internal.",
                RecordType::A,
                Answer::None,
                ResponseCode::NoError,
                Some((Region::Us.address(), 1)),
            ),
            ("eu.encore.internal.", RecordType::AAAA, Answer::Right, ResponseCode::NoError, None),
            ("eu.encore.internal.", RecordType::A, Answer::Wrong, ResponseCode::NoError, Some((PARKED, 1))),
            ("eu.encore.internal.", RecordType::A, Answer::None, ResponseCode::NXDomain, None),
            ("eu.encore.internal.", RecordType::A, Answer::Broken, ResponseCode::ServFail, None),
            ("example.org.", RecordType::A, Answer::Right, ResponseCode::NXDomain, None),
        ];
        for (host, wanted, said, code, expected) in table {
            let reply = ask(host, wanted, said).expect("a reply");
            assert_eq!((reply.metadata.response_code, address(&reply)), (code, expected), "{host} {wanted} {said:?}");
        }
    }

    #[test]
    fn silence_and_garbage_get_no_reply() {
        assert!(ask("eu.encore.internal.", RecordType::A, Answer::Silent).is_none());
        for garbage in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 600]] {
            assert_eq!(answer(garbage, &BTreeMap::new()), None);
        }
    }

    #[tokio::test]
    async fn over_a_real_socket() {
        let names = Names::serve("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
        names.tell(Region::Ap, Answer::Broken);
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let mut question = Message::query();
        question.add_query(Query::query(Name::from_ascii("ap.encore.internal.").expect("a name"), RecordType::A));
        socket.send_to(&question.to_vec().expect("a packet"), names.address()).await.expect("sent");
        let mut packet = [0; 512];
        let wait = tokio::time::timeout(std::time::Duration::from_secs(10), socket.recv(&mut packet));
        let bytes = wait.await.expect("in time").expect("a reply");
        let reply = Message::from_vec(&packet[..bytes]).expect("a message");
        assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    }
}
