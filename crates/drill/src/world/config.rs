//! The configuration that a world's hub and edge run with: what a user would write for a service like Encore,
//! with dwell, ramp and counting times short enough to be watched. Every guard stays in force.

use super::ports::Ports;
use crate::place::{Region, ReplicaId};
use std::path::Path;

/// The release that works.
pub const GOOD_VERSION: &str = "1.4.2";

/// Requests a second that one replica is known to carry: one database connection with 10 ms a query.
const PROVEN_PER_SECOND: u32 = 100;

/// What is shorter here than anybody should have it, for the demo's start screen.
pub const SHORTENED: [(&str, &str); 9] = [
    ("watching only, after a start", "5 s instead of 60 s"),
    ("evidence must have lasted", "0.75 s instead of 3 s"),
    ("a remedy is judged after", "3 s instead of 10 s"),
    ("quiet before the way back", "3 s instead of 5 min"),
    ("each step of the way back", "2 s and 5 requests instead of 30 s and 1,000"),
    ("quiet before it is over", "5 s instead of 5 min"),
    ("removals are added up over", "30 s instead of 5 min"),
    ("actions are added up over", "1 min instead of 10 min"),
    ("a replica may change so often", "4 times in 10 min instead of 2"),
];

/// Objectives are modest: a world has lived for seconds when something breaks, so that one bad minute is most of what it ever
/// served. At 80 % no burn rate calls anybody; what is used up shows on the console and in the scorecard all the same.
const COMPONENTS: &str = r#"
[[component]]
name = "playback"
title = "Playback"
paths = ["/media/"]
priority = 0
objective = 80
latency = { below = "1s", share = 80 }

[[component]]
name = "login"
title = "Log-in"
paths = ["/api/login", "/api/logout", "/api/signup", "/api/me"]
priority = 1
objective = 80

[[component]]
name = "playlists"
title = "Playlists"
paths = ["/api/playlists"]
priority = 1
objective = 80

[[component]]
name = "catalogue"
title = "Catalogue and player"
paths = ["/"]
priority = 2
objective = 80

[[component]]
name = "search"
title = "Search"
paths = ["/api/search"]
priority = 3
objective = 80
latency = { below = "1s", share = 80 }

[[component.feature]]
name = "suggestions"
paths = ["/api/search/suggest"]
without = { status = 503, retry_after = "5s" }

[[category]]
name = "no-sound"
title = "The music stops"
component = "playback"

[[category]]
name = "no-login"
title = "I cannot log in"
component = "login"

[[category]]
name = "no-playlists"
title = "My playlists are missing"
component = "playlists"

[[category]]
name = "no-search"
title = "Search does not work"
component = "search"

[[category]]
name = "other"
title = "Something else"
"#;

const POLICY: &str = r#"
[health]
path = "/healthz"
every = "250ms"
timeout = "500ms"
fall = 2
rise = 2

[automation]
divert = "auto"
roll_back = "auto"
restart = "auto"
shed = "auto"
limit = "auto"
pin = "auto"

[policy.act]
warm_up = "5s"
sustained = "750ms"
check_after = "3s"
ramp_dwell = "2s"
ramp_requests = 5
ramp_after = "3s"
removal_window = "30s"
budget_window = "60s"
flaps = { per_ten_minutes = 4, per_hour = 24 }

[policy.incident]
quiet_for = "5s"
dismiss_after = "20s"
"#;

/// What a listener does: log in, load a playlist, play its first track.
const JOURNEY: &str = r#"
[[probe.step]]
name = "log in"
component = "login"
method = "POST"
url = "/api/login"
json = { user = "probe", password = "probe" }
capture = { token = "json $.token" }

[[probe.step]]
name = "list playlists"
component = "playlists"
url = "/api/playlists"
headers = { authorization = "Bearer {token}" }
capture = { id = "json $.playlists[0].id" }

[[probe.step]]
name = "load playlist"
component = "playlists"
url = "/api/playlists/{id}"
headers = { authorization = "Bearer {token}" }
capture = { media = "json $.tracks[0].media.url", bytes = "json $.tracks[0].media.bytes", seconds = "json $.tracks[0].duration_s" }

[[probe.step]]
name = "play"
component = "playback"
kind = "stream"
url = "{media}"
headers = { authorization = "Bearer {token}" }
bytes = "{bytes}"
seconds = "{seconds}"
listen = "300ms"
silence = "600ms"
"#;

/// The whole file for a world at these ports whose hub and edge keep their things in `data`.
pub fn write(ports: Ports, data: &Path) -> String {
    let mut text = String::from("# Written by Downbeat for its demo and its drills; overwritten at the next start.\n");
    text.push_str(&services(ports, data));
    text.push_str(POLICY);
    for id in ReplicaId::ALL {
        text.push_str(&replica(ports, id));
    }
    text.push_str(COMPONENTS);
    for id in ReplicaId::ALL {
        text.push_str(&probes_of_replica(ports, id));
    }
    for region in Region::ALL {
        text.push_str(&probe_of_name(region));
    }
    text
}

fn services(ports: Ports, data: &Path) -> String {
    let (edge, admin, console, status) = (ports.edge(), ports.admin(), ports.console(), ports.status());
    let (names, supervisor) = (ports.names(), ports.supervisor());
    // A TOML string: what a path can contain has to be escaped as in Rust.
    let data = format!("{:?}", data.display().to_string());
    format!(
        r#"data = {data}

[service]
name = "Encore"
proven_versions = ["{GOOD_VERSION}"]

[edge]
name = "edge-1"
listen = "{edge}"
admin = "{admin}"
hub = "http://{console}"
resolver = "{names}"
version_header = "x-encore-version"
resolve_every = "500ms"
stall_after = "300ms"
drills = true

[hub]
console = "{console}"
status = "{status}"
resolver = "{names}"

[actuator]
url = "http://{supervisor}/actuate"
timeout = "20s"

[demo]
breaker = "http://{supervisor}"
music = "http://{edge}"
"#
    )
}

fn replica(ports: Ports, id: ReplicaId) -> String {
    let (region, host, port) = (id.region(), id.region().host(), ports.door(id).port());
    format!(
        r#"
[[replica]]
name = "{id}"
region = "{region}"
version = "{GOOD_VERSION}"
url = "http://{host}:{port}"
max_in_flight = 64
proven_per_second = {PROVEN_PER_SECOND}.0
"#
    )
}

/// Probes look at the doors by address, so that a name's failure stays a failure of the name.
fn probes_of_replica(ports: Ports, id: ReplicaId) -> String {
    let (region, door) = (id.region(), ports.door(id));
    format!(
        r#"
[[probe]]
name = "{id}-health"
kind = "http"
url = "http://{door}/healthz"
every = "500ms"
timeout = "700ms"
region = "{region}"
replica = "{id}"

[[probe]]
name = "{id}-journey"
kind = "journey"
url = "http://{door}"
every = "500ms"
timeout = "600ms"
region = "{region}"
replica = "{id}"
{JOURNEY}"#
    )
}

fn probe_of_name(region: Region) -> String {
    let (host, address) = (region.host(), region.address());
    format!(
        r#"
[[probe]]
name = "{region}-name"
kind = "dns"
host = "{host}"
expect = ["{address}"]
every = "500ms"
timeout = "500ms"
region = "{region}"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_toml_and_holds_what_it_should() {
        let ports = Ports::choose(None).expect("some set is free");
        let text = write(ports, Path::new("a \"quoted\" folder"));
        let table: toml::Table = text.parse().expect("good TOML");
        assert_eq!(table["data"].as_str(), Some("a \"quoted\" folder"));
        let count = |key: &str| table[key].as_array().map(Vec::len);
        assert_eq!((count("replica"), count("component"), count("probe")), (Some(6), Some(5), Some(15)));
        let steps = |probe: &toml::Value| probe.get("step").and_then(|steps| steps.as_array()).map(Vec::len);
        assert_eq!(table["probe"].as_array().and_then(|probes| probes.iter().find_map(steps)), Some(4));
        assert_eq!(table["policy"]["act"]["ramp_dwell"].as_str(), Some("2s"));
    }
}
