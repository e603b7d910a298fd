//! Subscribing as a stranger does, over the public address: the form, the question, the button, and the way out.

use crate::receiver::{Received, Receiver};
use crate::rig::{eventually, name, settings};
use downbeat_core::incident::Command;
use downbeat_core::model::{Appointment, Language, MaintenanceId};
use downbeat_hub::settings::{ChannelKind, HubSettings, SubscriberSettings};
use downbeat_hub::{HubHandle, start};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

fn open(data: &Path) -> HubSettings {
    let subscribers = SubscriberSettings { open_to: vec![ChannelKind::Webhook, ChannelKind::Slack], mail: None };
    let outbound_allow = vec!["127.0.0.0/8".parse().expect("a range")];
    HubSettings { subscribers, outbound_allow, ..settings(data) }
}

async fn send(hub: &HubHandle, method: Method, path: &str, form: &[(&str, &str)]) -> Response {
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    let encoded: Vec<String> = form.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
    let request = client.request(method, format!("http://{}{path}", hub.status_address()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(encoded.join("&"));
    request.send().await.expect("answered")
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn page(hub: &HubHandle, path: &str) -> (StatusCode, String) {
    let answer = send(hub, Method::GET, path, &[]).await;
    (answer.status(), answer.text().await.expect("text"))
}

async fn subscribe(hub: &HubHandle, address: &str) -> StatusCode {
    send(hub, Method::POST, "/subscribe", &[("channel", "webhook"), ("address", address)]).await.status()
}

async fn first(receiver: &Receiver) -> Received {
    eventually("a message", || receiver.received().into_iter().next()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_form_to_the_way_out() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let hub = start(open(data.path())).await.expect("the hub starts");
    let (status, form) = page(&hub, "/subscribe").await;
    assert!(status == StatusCode::OK && form.contains("action=\"/subscribe\"") && !form.contains("<script"), "{form}");

    let wish = [("channel", "webhook"), ("address", receiver.url.as_str()), ("component", "playback")];
    let answer = send(&hub, Method::POST, "/subscribe", &wish).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"/subscribed?language=en".parse().expect("a value"))
    );
    assert!(page(&hub, "/subscribed").await.1.contains("Please confirm"));
    let question = first(&receiver).await.json();
    let link =
        question["meta"]["confirm"].as_str().expect("a link").strip_prefix("http://status.example").expect("ours");
    assert!(page(&hub, link).await.1.contains("Confirm this subscription"), "a look at it confirms nothing");

    let again = send(&hub, Method::POST, "/subscribe", &wish).await;
    assert_eq!(again.status(), 303, "nobody learns from the answer that it is known");
    assert_eq!(send(&hub, Method::POST, &format!("{link}/confirm"), &[]).await.status(), 303);
    let (_, confirmed) = page(&hub, link).await;
    assert!(confirmed.contains("Your subscription") && confirmed.contains("X-Downbeat-Signature"), "{confirmed}");
    assert_eq!(receiver.received().len(), 1, "one question an hour");

    // A mail client's one click (RFC 8058).
    let click = [("List-Unsubscribe", "One-Click")];
    for _ in 0..2 {
        assert_eq!(send(&hub, Method::POST, &format!("{link}/unsubscribe"), &click).await.status(), 200);
    }
    assert_eq!(page(&hub, link).await.0, StatusCode::NOT_FOUND);
    assert_eq!(hub.doors().subscribers.counts().await.expect("counted").confirmed, 0);
    hub.stop().await;
}

/// Who subscribes on a German page is asked, told and let go in German; who chooses French then is told in French.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_keeps_a_language() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let mut settings = open(data.path());
    settings.policy.tell.translations = vec![Language::De, Language::Fr, Language::Es];
    let hub = start(settings).await.expect("the hub starts");
    let (_, form) = page(&hub, "/subscribe?language=de").await;
    assert!(
        form.contains("name=\"language\" value=\"de\"") && form.contains("Worüber") == form.contains("fieldset"),
        "{form}"
    );
    let wish = [("channel", "slack"), ("address", receiver.url.as_str()), ("language", "de")];
    let answer = send(&hub, Method::POST, "/subscribe", &wish).await;
    assert_eq!(answer.headers()["location"], "/subscribed?language=de");
    let question = first(&receiver).await.json();
    assert_eq!(question["blocks"][0]["text"]["text"], "Bitte bestätigen: Neues zum Status von Encore");
    let links = question["blocks"][2]["elements"][1]["text"].as_str().expect("links").to_owned();
    let link = links.split('|').next().expect("an address").trim_start_matches("<http://status.example").to_owned();
    assert!(links.ends_with("|Dieses Abonnement bestätigen>"), "{links}");

    let (_, asks) = page(&hub, &link).await;
    assert!(asks.contains("<html lang=\"de\">") && asks.contains("Dieses Abonnement bestätigen"), "{asks}");
    assert!(page(&hub, &format!("{link}?language=es")).await.1.contains("Confirmar esta suscripción"));
    assert_eq!(send(&hub, Method::POST, &format!("{link}/confirm"), &[]).await.status(), 303);
    announce(&hub).await;
    let told = eventually("a word", || receiver.received().into_iter().nth(1)).await.json();
    assert_eq!(told["blocks"][0]["text"]["text"], "Geplant: New <disks>");
    let links = told["blocks"][2]["elements"][1]["text"].as_str().expect("links").to_owned();
    assert!(links.contains("/de/maintenance/1|Weiterlesen>") && links.contains("Abonnement ändern"), "{links}");

    let chosen = [("component", "playback"), ("language", "fr")];
    assert_eq!(send(&hub, Method::POST, &format!("{link}/choose"), &chosen).await.status(), 303);
    assert!(page(&hub, &link).await.1.contains("Votre abonnement"));
    let cancel = Command::Cancel(MaintenanceId(1), "Not now.".into());
    hub.doors().commands.send(name("mira"), cancel).await.expect("cancelled");
    let over = eventually("the end", || receiver.received().into_iter().nth(2)).await.json();
    assert_eq!(over["blocks"][0]["text"]["text"], "Annulée: New <disks>");

    let list = Client::new().get(format!("http://{}/v1/subscribers", hub.console_address())).send().await;
    let list: Value = list.expect("answered").json().await.expect("JSON");
    assert_eq!(list["subscribers"][0]["language"], "fr");
    let gone = send(&hub, Method::POST, &format!("{link}/unsubscribe"), &[]).await.text().await.expect("text");
    assert!(gone.contains("Vous êtes désabonné"), "{gone}");
    hub.stop().await;
}

async fn announce(hub: &HubHandle) {
    let start = hub.doors().clock.now() + Duration::from_secs(3_600);
    let (title, end) = ("New <disks>".into(), start + Duration::from_secs(3_600));
    let appointment = Appointment { title, components: [name("playback")].into(), start, end };
    let command = Command::Schedule(appointment, "It may pause.".into());
    hub.doors().commands.send(name("mira"), command).await.expect("scheduled");
}

/// What strangers write into the form is refused in their language, and none of it is shown.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_wishes_are_refused_in_every_language() {
    let data = tempfile::tempdir().expect("a directory");
    let mut settings = open(data.path());
    settings.policy.tell.translations = vec![Language::De, Language::Fr, Language::Es];
    let hub = start(settings).await.expect("the hub starts");
    let hostile = ["<script>alert(1)</script>", "\u{202e}\u{200b}", "javascript:alert(1)", "[x](https://example.org)"];
    for (language, says) in [
        ("en", "Nothing was kept"),
        ("de", "Es wurde nichts behalten"),
        ("fr", "Rien n’a été gardé"),
        ("es", "No se ha guardado nada"),
    ] {
        for text in hostile {
            let wish = [("channel", "slack"), ("address", text), ("language", language), ("component", text)];
            let answer = send(&hub, Method::POST, "/subscribe", &wish).await;
            let (status, said) = (answer.status().as_u16(), answer.text().await.expect("text"));
            assert!(status == 422 && said.contains(says) && !said.contains("alert("), "{status} {said}");
        }
        let (channel, endless) = ([("channel", "slack"), ("language", language)], "x".repeat(100 * 1024));
        let wish = [channel[0], channel[1], ("address", endless.as_str())];
        assert_eq!(send(&hub, Method::POST, "/subscribe", &wish).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    let counts = hub.doors().subscribers.counts().await.expect("counted");
    assert_eq!((counts.confirmed, counts.unconfirmed), (0, 0));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_keeps_nothing() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(open(data.path())).await.expect("the hub starts");
    for (channel, address, status) in [
        ("webhook", "javascript:alert(1)", 422),
        ("webhook", "", 422),
        ("webhook", "https://anna:x@hooks.example/", 422),
        ("mail", "anna@example.org", 404),
        ("pigeon", "x", 404),
    ] {
        let answer = send(&hub, Method::POST, "/subscribe", &[("channel", channel), ("address", address)]).await;
        assert_eq!(answer.status(), status, "{channel} {address}");
    }
    let large = "x".repeat(20_000);
    assert_eq!(subscribe(&hub, &large).await, StatusCode::PAYLOAD_TOO_LARGE);
    for path in ["/subscription/00000000000000000000000000000000", "/subscription/..%2f..%2fetc", "/subscription/x"] {
        assert_eq!(page(&hub, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let counts = hub.doors().subscribers.counts().await.expect("counted");
    assert_eq!((counts.confirmed, counts.unconfirmed), (0, 0));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_is_no_way_to_have_many_addresses_asked() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let hub = start(open(data.path())).await.expect("the hub starts");
    let mut taken = 0;
    for n in 0..40 {
        match subscribe(&hub, &format!("{}/{n}", receiver.url)).await.as_u16() {
            303 => taken += 1,
            429 => {}
            status => panic!("it was answered {status}"),
        }
    }
    assert_eq!(taken, 20);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_takes_no_subscriptions_has_no_form() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    assert_eq!(page(&hub, "/subscribe").await.0, StatusCode::NOT_FOUND);
    assert_eq!(subscribe(&hub, "https://hooks.example/").await, StatusCode::NOT_FOUND);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_list_enter_and_erase() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let at = |path: &str| format!("http://{}{path}", hub.console_address());
    let (client, url) = (Client::new(), at("/v1/subscribers"));
    let enter = async |body: Value| {
        let answer = client.post(&url).json(&body).send().await.expect("answered");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let anna = json!({"channel": "mail", "address": "Anna@Example.org", "components": ["playback"]});
    assert_eq!(enter(json!({"subscribers": [anna, anna]})).await, (201, json!({"new": 1})));
    let ben = |component: &str| json!({"channel": "mail", "address": "ben@example.org", "components": [component]});
    let (status, problem) = enter(json!({"subscribers": [ben("playback"), ben("weather")]})).await;
    assert_eq!((status, &problem["detail"]), (422, &json!("subscribers[1]: there is no component weather")));

    let list: Value = client.get(&url).send().await.expect("answered").json().await.expect("JSON");
    let lines = list["subscribers"].as_array().expect("a list");
    assert_eq!((lines.len(), &lines[0]["address"]), (1, &json!("Anna@example.org")));
    assert!(lines[0].get("token").is_none(), "who has that acts for her");
    assert_eq!(list["counts"]["confirmed"], 1);
    let console = client.get(at("/subscribers")).send().await.expect("answered").text().await.expect("text");
    assert!(console.contains("Anna@example.org"), "{console}");

    let one = format!("{url}/{}", lines[0]["id"]);
    for status in [204, 404] {
        assert_eq!(client.delete(&one).send().await.expect("answered").status(), status);
    }
    hub.stop().await;
}
