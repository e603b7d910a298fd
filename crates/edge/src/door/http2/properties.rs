//! Random traffic of a client that nobody here wrote (the `h2` library's), over a wire in memory that cuts it anywhere: what
//! was asked comes to whoever answers, and what is answered comes back, fields, bodies and trailers.

use super::machine::Fault;
use super::session::{Host, Session, Terms};
use super::stream::Stream;
use crate::codec::{AnswerHead, AnswerLength, Fields, Persistence, Refusal, RequestHead, Scheme, Version};
use crate::door::caller::Caller;
use crate::door::outbox::Behind;
use crate::exchange::After;
use crate::exchange::downstream::{BodyTerms, Downstream};
use crate::run::timer::Timers;
use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use std::future::{pending, poll_fn};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use tokio::io::duplex;
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// Answers with what it was asked: its own fields, the body, and what followed it.
#[derive(Clone)]
struct Echo;

impl Host for Echo {
    async fn answer(&self, stream: &mut Stream, head: Result<RequestHead, Refusal>) -> After {
        let head = head.expect("every request is a good one");
        assert_eq!((head.version, &head.host[..]), (Version::Http2, &b"test"[..]));
        let terms = BodyTerms { room: u64::MAX, patience: PATIENCE, since: Instant::now() };
        let mut body = Vec::new();
        while let Some(data) = stream.next_piece(terms).await.expect("the body is whole") {
            body.push(data);
        }
        let own = head.fields.end_to_end().filter(|field| field.name.starts_with(b"x-"));
        let target = [(&b"x-target"[..], &head.target[..])].into_iter();
        let cookies = head.fields.all("cookie").map(|value| (&b"x-cookie"[..], value));
        let fields = Fields::from_pairs(own.map(|field| (field.name, field.value)).chain(target).chain(cookies));
        let (length, persistence) = (AnswerLength::Chunked, Persistence::Keep);
        stream.begin(&AnswerHead { status: 200, fields, length, persistence }, Persistence::Keep);
        body.into_iter().for_each(|data| stream.piece(data));
        let trailers = stream.trailers();
        stream.end(trailers);
        while stream.backlog() > 0 {
            stream.send(PATIENCE, Behind::Nothing).await.expect("the client takes it");
        }
        After::Keep
    }

    fn terms(&self) -> Terms {
        Terms { head: PATIENCE, idle: PATIENCE, stall: PATIENCE }
    }

    async fn stopping(&self) {
        pending().await
    }

    fn sent_away(&self, fault: Fault) {
        panic!("a good client was sent away: {fault:?}");
    }
}

#[derive(Debug, Clone)]
struct Asked {
    path: String,
    fields: Vec<(String, String)>,
    cookies: Vec<String>,
    body: usize,
    trailers: Vec<(String, String)>,
}

fn pairs(most: usize) -> impl Strategy<Value = Vec<(String, String)>> {
    // Few names and values come often, so that the tables are made use of.
    let name = prop_oneof!["x-[a-c]", "x-[a-z0-9_.~-]{1,40}"];
    let value = prop_oneof!["[ab]", "", "[!-~]", "[!-~][ -~\t]{0,300}[!-~]", "[!-~]{3000,5000}"];
    vec((name, value), 0..most)
}

fn asked() -> impl Strategy<Value = Asked> {
    let body = prop_oneof![Just(0_usize), 1..100_usize, 1_000..400_000_usize];
    let cookies = vec("[a-z]{1,8}=[!-:<-~]{0,60}", 0..4);
    ("/[a-z0-9_-]{0,40}", pairs(8), cookies, body, pairs(3)).prop_map(|(path, fields, cookies, body, trailers)| Asked {
        path,
        fields,
        cookies,
        body,
        trailers,
    })
}

fn map(pairs: &[(String, String)]) -> HeaderMap {
    let field = |(name, value): &(String, String)| {
        let name: HeaderName = name.parse().expect("a name");
        (name, HeaderValue::from_str(value).expect("a value"))
    };
    pairs.iter().map(field).fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    })
}

/// Names and values, those of one name in their order.
fn sorted(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = map.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

async fn ask(requests: SendRequest<Bytes>, asked: Asked) {
    let mut request =
        Request::builder().method("POST").uri(format!("http://test{}", asked.path)).body(()).expect("one");
    *request.headers_mut() = map(&asked.fields);
    for cookie in &asked.cookies {
        request.headers_mut().append("cookie", cookie.parse().expect("a value"));
    }
    let mut requests = requests.ready().await.expect("room for a stream");
    let (answer, mut sending) = requests.send_request(request, false).expect("sent");
    let body: Vec<u8> = (0..asked.body).map(|i| i as u8).collect();
    let mut left = Bytes::from(body.clone());
    let send = async {
        while !left.is_empty() {
            sending.reserve_capacity(left.len());
            let room = poll_fn(|cx| sending.poll_capacity(cx)).await.expect("open").expect("no reset");
            sending.send_data(left.split_to(room.min(left.len())), false).expect("sent");
        }
        sending.send_trailers(map(&asked.trailers)).expect("sent");
    };
    let receive = async {
        let (head, mut body) = answer.await.expect("an answer").into_parts();
        let mut came = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.expect("the body is whole");
            body.flow_control().release_capacity(data.len()).expect("what came is given back");
            came.extend_from_slice(&data);
        }
        (head, came, body.trailers().await.expect("no reset").unwrap_or_default())
    };
    let ((), (head, came, trailers)) = tokio::join!(send, receive);
    let mut expected = map(&asked.fields);
    expected.append("x-target", asked.path.parse().expect("a value"));
    if !asked.cookies.is_empty() {
        expected.append("x-cookie", asked.cookies.join("; ").parse().expect("a value"));
    }
    assert_eq!((head.status.as_u16(), sorted(&head.headers)), (200, sorted(&expected)));
    assert!(came == body, "{} of {} bytes", came.len(), body.len());
    // Names that gateways could take for others do not go on behind a body.
    let expected: Vec<_> = asked.trailers.iter().filter(|(name, _)| !name.contains('_')).cloned().collect();
    assert_eq!(sorted(&trailers), sorted(&map(&expected)));
}

async fn converse(all: Vec<Asked>, wire: usize, window: u32) {
    let (client, server) = duplex(wire);
    let caller = Caller::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Scheme::Http);
    let timers = Timers::new();
    let calendar = spawn_local(timers.clone().run());
    let session = spawn_local(async move { Session::new(server, Echo, caller, timers).run(BytesMut::new()).await });
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window).header_table_size(window % 5_000);
    let (requests, connection) = builder.handshake::<_, Bytes>(client).await.expect("a handshake");
    let connection = spawn_local(async move { connection.await.expect("no fault") });
    let mut streams = JoinSet::new();
    for asked in all {
        streams.spawn_local(ask(requests.clone(), asked));
    }
    streams.join_all().await;
    drop(requests);
    connection.await.expect("the client goes when it has nothing to ask");
    session.await.expect("so does its session");
    calendar.abort();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_asked_and_answered_comes_whole(
        all in vec(asked(), 1..12),
        wire in prop_oneof![1..200_usize, 200..100_000_usize],
        window in prop_oneof![1..1_000_u32, 1_000..200_000_u32],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let run = async { timeout(PATIENCE, converse(all, wire, window)).await };
        LocalSet::new().block_on(&runtime, run).expect("nobody waits for ever");
    }
}
