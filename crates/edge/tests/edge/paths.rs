//! Routing decides on the very path that is forwarded (invariant H6): no spelling leads past a rule.

use crate::replica::Script;
use crate::rig::{Rig, component, name, route};

const GUARDED: &str = "/admin";

const SPELLINGS: [&str; 36] = [
    "/admin",
    "/admin/x",
    "//admin",
    "///admin//x",
    "/%61dmin",
    "/%61%64%6d%69%6e",
    "/%2561dmin",
    "/ADMIN",
    "/%41dmin",
    "/./admin",
    "/x/../admin",
    "/x/%2e%2e/admin",
    "/x/.%2E/admin",
    "/x/..%2fadmin",
    "/x/..%5cadmin",
    "/x/..\\admin",
    "/..;/admin",
    "/x;/../admin",
    "/admin;x",
    "/admin;/x",
    "/admin%3bx",
    "/admin%2fx",
    "/%2fadmin",
    "/admin/..",
    "/admin/../x",
    "/admin/%2e%2e/x",
    "/admin%00",
    "/admin%00.png",
    "/admin#x",
    "/admin%23x",
    "/admin?x",
    "/x?/../admin",
    "/admin%20",
    "http://a/admin",
    "http://a//admin/x",
    "http://a/x/../admin",
];

#[tokio::test(flavor = "multi_thread")]
async fn h6_no_spelling_of_a_path_leads_past_its_route() {
    let (rig, replicas) = Rig::with(vec![Script::serving(b"open"), Script::serving(b"guarded")], |settings| {
        settings.components = vec![component("open", &[name("r1")]), component("guarded", &[name("r2")])];
        settings.routes = vec![route("open", "/"), route("guarded", GUARDED)];
    })
    .await;
    let (mut refused, mut routed) = (0, 0);
    for spelling in SPELLINGS {
        let before: Vec<usize> = replicas.iter().map(|r| r.seen().len()).collect();
        let answer = rig.send(&format!("GET {spelling} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        let new = |i: usize| replicas[i].seen().get(before[i]).cloned();
        match (answer.status, new(0), new(1)) {
            (400, None, None) => refused += 1,
            (200, Some(request), None) => {
                assert!(!is_guarded(&request), "{spelling} led past the rule: {request}");
                routed += 1;
            }
            (200, None, Some(request)) => {
                assert!(is_guarded(&request), "{spelling} led into the rule: {request}");
                routed += 1;
            }
            other => panic!("{spelling}: {other:?}"),
        }
    }
    assert!(refused > 0 && routed > 0, "refused {refused}, routed {routed}");
}

/// True when whoever takes the path by its word finds himself behind the rule.
fn is_guarded(request: &str) -> bool {
    let path = request.split([' ', '?']).nth(1).unwrap_or_default();
    path == GUARDED || path.starts_with(&format!("{GUARDED}/"))
}
