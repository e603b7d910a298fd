//! Players that go on with a song: served well or not at all.

use crate::client::End;
use crate::replica::{Head, Ranges, Script};
use crate::rig::{Rig, music};
use std::time::Duration;

const LENGTH: usize = 300_000;
const RESUME: &str = "GET /song HTTP/1.1\r\nHost: test\r\nRange: bytes=100000-\r\n\r\n";

fn failing() -> Script {
    Script { head: Head::Status(503), ..Script::serving(&music(LENGTH)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_is_held_until_somebody_can_serve_it() {
    let (rig, replicas) = Rig::new(vec![failing(), failing()]).await;
    let recovery = async {
        // Asked twice each: it is being held, and not just retried.
        while replicas.iter().map(|r| r.seen().len()).sum::<usize>() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        replicas[1].change(|script| script.head = Head::Prompt);
    };
    let (answer, ()) = tokio::join!(rig.send(RESUME), recovery);
    assert_eq!((answer.status, answer.end), (206, End::Whole));
    assert!(answer.body == music(LENGTH)[100_000..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_that_nobody_can_serve_is_cut_without_an_answer() {
    let short = |settings: &mut downbeat_edge::EdgeSettings| settings.resume.give_up = Duration::from_millis(300);
    let (rig, _) = Rig::with(vec![failing(), failing()], short).await;
    let answer = rig.send(RESUME).await;
    assert_eq!((answer.status, answer.end), (0, End::Reset), "{}", answer.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_gets_no_whole_body_where_parts_are_served() {
    let odd = Script { ranges: Ranges::Ignored, ..Script::serving(&music(LENGTH)) };
    let (rig, replicas) = Rig::new(vec![odd, Script::serving(&music(LENGTH))]).await;
    // Until a part was served nobody knows that parts are to be had here.
    assert_eq!(rig.send(RESUME).await.status, 200);
    replicas[0].change(|script| script.ranges = Ranges::Honoured);
    assert_eq!(rig.send(RESUME).await.status, 206);
    replicas[0].change(|script| script.ranges = Ranges::Ignored);
    assert_eq!(rig.send(RESUME).await.status, 206);
    let checked = RESUME.replace("\r\n\r\n", "\r\nIf-Range: \"v0\"\r\n\r\n");
    assert_eq!(rig.send(&checked).await.status, 200, "the body is another one, says the replica");
}
