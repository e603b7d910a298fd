//! Doors over real sockets: relay, exchange of processes, dead lines, resets.

use downbeat_drill::link::{Condition, Door};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for anything on loopback to arrive; used only to see that something does not.
const MOMENT: Duration = Duration::from_millis(400);

/// Answers each line with its own name; ends a connection at the line `bye`, aborts it at `die`.
async fn echo(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = [0; 4];
                while stream.read_exact(&mut heard).await.is_ok() {
                    match &heard {
                        b"bye\n" => return,
                        b"die\n" => {
                            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
                            return;
                        }
                        _ => stream.write_all(name.as_bytes()).await.expect("written"),
                    }
                }
            });
        }
    });
    address
}

fn door() -> Door {
    Door::open("127.0.0.1:0".parse().expect("an address")).expect("a free port")
}

async fn connect(door: &Door) -> TcpStream {
    TcpStream::connect(door.address()).await.expect("connected")
}

async fn say(stream: &mut TcpStream, word: &str) {
    stream.write_all(word.as_bytes()).await.expect("sent");
}

async fn hear(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut heard = [0; 16];
    let bytes = tokio::time::timeout(PATIENCE, stream.read(&mut heard)).await.expect("in time")?;
    Ok(String::from_utf8_lossy(&heard[..bytes]).into_owned())
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    tokio::time::timeout(MOMENT, stream.read(&mut [0; 16])).await.is_err()
}

#[tokio::test]
async fn bytes_and_ends_are_passed_on() {
    let door = door();
    let (_alive, _) = door.switch(echo("one").await);
    let mut stream = connect(&door).await;
    say(&mut stream, "hey\n").await;
    assert_eq!(hear(&mut stream).await.expect("an answer"), "one");
    say(&mut stream, "bye\n").await;
    assert_eq!(hear(&mut stream).await.expect("a clean end"), "");
    let mut stream = connect(&door).await;
    say(&mut stream, "die\n").await;
    assert_eq!(hear(&mut stream).await.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn with_nobody_behind_it_connections_are_reset() {
    let door = door();
    let mut stream = connect(&door).await;
    assert_eq!(hear(&mut stream).await.expect_err("nobody yet").kind(), ErrorKind::ConnectionReset);
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (_alive, _) = door.switch(free.local_addr().expect("an address"));
    drop(free);
    let mut stream = connect(&door).await;
    assert_eq!(hear(&mut stream).await.expect_err("a dead process").kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_dead_line_says_nothing_and_loses_nothing() {
    let door = door();
    let (_alive, _) = door.switch(echo("one").await);
    let mut open = connect(&door).await;
    say(&mut open, "hey\n").await;
    assert_eq!(hear(&mut open).await.expect("an answer"), "one");
    door.set(Condition::Blackholed);
    say(&mut open, "hey\n").await;
    let mut fresh = connect(&door).await;
    say(&mut fresh, "hey\n").await;
    assert!(is_silent(&mut open).await && is_silent(&mut fresh).await);
    door.set(Condition::Healthy);
    assert_eq!(hear(&mut open).await.expect("an answer after all"), "one");
    assert_eq!(hear(&mut fresh).await.expect("an answer after all"), "one");
}

#[tokio::test]
async fn an_end_behind_a_dead_line_is_not_told() {
    let door = door();
    let (_alive, _) = door.switch(echo("one").await);
    let mut open = connect(&door).await;
    say(&mut open, "hey\n").await;
    assert_eq!(hear(&mut open).await.expect("an answer"), "one");
    door.set(Condition::Blackholed);
    say(&mut open, "die\n").await;
    assert!(is_silent(&mut open).await);
    door.set(Condition::Healthy);
    assert!(hear(&mut open).await.is_err(), "the reset comes when the line lives again");
}

#[tokio::test]
async fn new_connections_find_the_new_process_and_idle_ones_end() {
    let door = door();
    let old = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (_alive, before) = door.switch(old.local_addr().expect("an address"));
    assert!(before.is_none());
    let mut asking = connect(&door).await;
    let (mut asked, _) = old.accept().await.expect("a connection");
    let mut idle = connect(&door).await;
    let (mut answered, _) = old.accept().await.expect("a connection");
    for (client, server) in [(&mut asking, &mut asked), (&mut idle, &mut answered)] {
        say(client, "hey\n").await;
        assert_eq!(hear(server).await.expect("a question"), "hey\n");
    }
    say(&mut answered, "old").await;
    assert_eq!(hear(&mut idle).await.expect("an answer"), "old");

    let (_new_alive, leaving) = door.switch(echo("new").await);
    assert_eq!(hear(&mut idle).await.expect("a clean end"), "");
    say(&mut asked, "late").await;
    assert_eq!(hear(&mut asking).await.expect("the old one may still answer"), "late");
    assert_eq!(hear(&mut asking).await.expect("and then it ends"), "");
    tokio::time::timeout(PATIENCE, leaving.expect("one before").drained(PATIENCE * 2)).await.expect("nobody is left");
    let mut fresh = connect(&door).await;
    say(&mut fresh, "hey\n").await;
    assert_eq!(hear(&mut fresh).await.expect("an answer"), "new");
}

#[tokio::test]
async fn what_a_dead_process_has_sent_is_lost_with_it() {
    let door = door();
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (alive, _) = door.switch(server.local_addr().expect("an address"));
    let mut client = connect(&door).await;
    let (mut accepted, _) = server.accept().await.expect("a connection");
    say(&mut accepted, "half a song").await;
    assert_eq!(hear(&mut client).await.expect("some of it"), "half a song");
    drop(alive);
    assert_eq!(hear(&mut client).await.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_thin_line_takes_its_time() {
    let door = door();
    let (_alive, _) = door.switch(echo("0123456789").await);
    for condition in [Condition::Limited(20), Condition::Delayed(Duration::from_millis(250))] {
        door.set(condition);
        let mut stream = connect(&door).await;
        let start = std::time::Instant::now();
        say(&mut stream, "hey\n").await;
        assert_eq!(hear(&mut stream).await.expect("an answer"), "0123456789");
        assert!(start.elapsed() >= Duration::from_millis(490), "{condition:?} took {:?}", start.elapsed());
    }
}
