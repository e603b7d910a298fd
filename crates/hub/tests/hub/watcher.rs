//! The hub's own dead man's switch: who watches it from outside hears it while it is well, and why it is not.

use crate::receiver::Receiver;
use crate::rig::{eventually, settings};
use downbeat_hub::settings::WatcherSettings;
use downbeat_hub::start;
use std::fs;
use std::time::Duration;

/// C6: a disk that takes no new bytes is told at once, by another address, and as soon as it takes them again all is well.
#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_hears_the_hub_while_its_disk_takes_new_bytes() {
    let (data, receiver) = (tempfile::tempdir().expect("a directory"), Receiver::start(&[]).await);
    let url = |path: &str| format!("{}/{path}", receiver.url);
    let mut settings = settings(data.path());
    let every = Duration::from_millis(50);
    settings.watcher = Some(WatcherSettings { url: url("well"), fail_url: Some(url("ill")), every });
    let hub = start(settings).await.expect("the hub starts");

    let heard = |path: &'static str| receiver.received().into_iter().filter(move |it| it.path == path);
    eventually("the third call", || heard("/well").nth(2)).await;
    assert_eq!(heard("/ill").count(), 0);

    let in_the_way = data.path().join("alive.new");
    // Between two proofs, or during one: then it is in the way of the next.
    eventually("a place in the way", || fs::create_dir(&in_the_way).ok()).await;
    let told = eventually("word of it", || heard("/ill").next()).await;
    let why = String::from_utf8(told.body.to_vec()).expect("text");
    assert!(why.contains("takes no new bytes") && why.contains(&data.path().display().to_string()), "{why}");

    fs::remove_dir(&in_the_way).expect("it is there");
    let before = heard("/well").count();
    eventually("a call that all is well", || heard("/well").nth(before)).await;
    hub.stop().await;
}
