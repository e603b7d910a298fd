//! Other voices: what people write elsewhere (feeds of a search or a hashtag), and what those say whom we depend on (their
//! status pages). Both are asked politely, each by a task of its own: one that hangs, lies or sends garbage costs nothing but
//! itself, and what is wrong with it is told once.
//!
//! A mention is a report out of the feed's network: whoever posts is a stranger, so all posts of one feed weigh as one network
//! does (G1), and more feeds are needed than one to suspect anything. What an upstream says is no evidence that we fail: it
//! explains a failure of what depends on it, and the verdict then says so.

mod feed;
mod statuspage;

use crate::doors::SignalDoor;
use crate::outbound::Web;
use crate::poll::{Came, Health, Poll};
use crate::reports::ReportDesk;
use crate::settings::{FeedSettings, HubSettings, UpstreamSettings};
use downbeat_core::model::{Signal, UpstreamHealth, UpstreamWord};
use feed::Feed;
use futures_util::future::join_all;

/// Listens to all of them until it is dropped.
pub(crate) async fn keep_listening(settings: &HubSettings, web: &Web, desk: &ReportDesk, signals: &SignalDoor) {
    let feeds = settings.feeds.iter().map(|it| follow(it, web.clone(), desk));
    let upstreams = settings.upstreams.iter().map(|it| ask(it, web.clone(), signals));
    tokio::join!(join_all(feeds), join_all(upstreams));
}

/// Reads one feed again and again.
async fn follow(settings: &FeedSettings, web: Web, desk: &ReportDesk) {
    let mut poll = Poll::new(&settings.url, settings.every);
    let mut feed = Feed::new(settings.words.clone());
    let mut health = Health::new("feed", settings.name.as_str());
    loop {
        let news = match poll.ask(&web).await {
            Ok(Came::Body(bytes)) => feed.news(&bytes),
            Ok(Came::Same) => Ok(0),
            Err(why) => Err(why),
        };
        if news.as_ref().is_ok_and(|news| *news > 0) {
            desk.mention(settings.component.as_ref(), &settings.name);
        }
        poll.note(news.is_ok());
        health.note(news.err());
        tokio::time::sleep(poll.pause()).await;
    }
}

/// Asks one upstream again and again how it is.
async fn ask(settings: &UpstreamSettings, web: Web, signals: &SignalDoor) {
    let mut poll = Poll::new(&settings.url, settings.every);
    let mut health = Health::new("statuspage", settings.name.as_str());
    let mut last = (UpstreamHealth::Unknown, String::new());
    loop {
        let said = match poll.ask(&web).await {
            Ok(Came::Body(bytes)) => statuspage::read(&bytes, &settings.parts),
            Ok(Came::Same) => Ok(last.clone()),
            Err(why) => Err(why),
        };
        poll.note(said.is_ok());
        last = said.clone().unwrap_or((UpstreamHealth::Unknown, String::new()));
        health.note(said.err());
        let (health, said) = last.clone();
        let word = UpstreamWord { upstream: settings.name.clone(), health, said };
        if let Err(error) = signals.send(Signal::Upstream(word)).await {
            tracing::debug!(%error, "what an upstream says was not taken");
        }
        tokio::time::sleep(poll.pause()).await;
    }
}
