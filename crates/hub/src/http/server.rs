//! An HTTP/1.1 server with bounds: connections, the time for a head, the time for an answer, the time to stop.

use super::problem::Problem;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, Uri, Version, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, Either};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections at the same time; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 1_024;
/// For a head to come in, and for a kept connection to be used again.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// For a body to come in and an answer to begin: above the longest wait for the driver.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// For answers that are under way when the server stops; event streams would go on for ever.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// Largest head.
const HEAD_MAX: usize = 32 * 1024;

/// What is answered at once, without a look at the routes: what lies ready in memory.
pub(crate) trait Front: Clone + Send + 'static {
    /// The answer; `None` for what is the routes' matter.
    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response>;
}

/// Nothing is.
impl Front for () {
    fn answer(&self, _: &Method, _: &Uri, _: &HeaderMap) -> Option<Response> {
        None
    }
}

/// Serves until `stop` changes or its sender is gone.
pub(crate) async fn serve<F: Front>(listener: TcpListener, front: F, app: Router, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            _ = stop.changed() => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let reception = Reception { peer, front: front.clone(), routes: TowerToHyperService::new(app.clone()) };
                let stop = stop.clone();
                connections.spawn(async move {
                    converse(stream, reception, stop).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of files: who is served now has to leave before the next can come.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // Whoever is not done by then is cut off when the set is dropped.
    drop(tokio::time::timeout(STOP_TIMEOUT, async { while connections.join_next().await.is_some() {} }).await);
}

async fn converse<F: Front>(stream: TcpStream, reception: Reception<F>, mut stop: watch::Receiver<bool>) {
    let peer = reception.peer;
    // The end of a long page must not wait until its beginning is acknowledged. A stream that is gone says so itself.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), reception);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended badly");
    }
}

/// Where the requests of one connection are received.
struct Reception<F> {
    peer: SocketAddr,
    front: F,
    routes: TowerToHyperService<Router>,
}

impl<F: Front> Service<Request<Incoming>> for Reception<F> {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, BoxFuture<'static, Result<Response, Infallible>>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let refusal = names_one_host(&request).err().map(IntoResponse::into_response);
        let front = || self.front.answer(request.method(), request.uri(), request.headers());
        if let Some(response) = refusal.or_else(front) {
            return Either::Left(ready(Ok(response)));
        }
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = self.routes.call(request);
        Either::Right(Box::pin(async move {
            let answered = tokio::time::timeout(ANSWER_TIMEOUT, answer).await;
            answered.unwrap_or_else(|_| Ok(Problem::late().into_response()))
        }))
    }
}

/// Lets in what names one host, as RFC 9112 wants it: two readers of one request must not see two different ones.
fn names_one_host(request: &Request<Incoming>) -> Result<(), Problem> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    match (request.version(), hosts) {
        (_, 1) | (Version::HTTP_10, 0) => Ok(()),
        _ => Err(Problem::malformed(format!("a request names one Host, not {hosts}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn first_line(address: SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the server answers and closes");
        answer.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn a_request_names_one_host() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve(listener, (), Router::new().route("/", get(async || "fine")), stopped));
        let table = [
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"),
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"),
        ];
        for (head, expected) in table {
            assert_eq!(first_line(address, head).await, expected, "{head:?}");
        }
        drop(stop);
        server.await.expect("the server stops");
    }
}
