//! Vigil at its fastest: a poll a second, no second try, a second's patience.
//!
//! Its webhook is sent when it sums up, which it does every ten seconds; that cannot be configured.

use super::subject::{Site, Subject, Watcher};
use crate::process::free_ports;
use crate::subject::version_of;
use crate::upstream::content;
use anyhow::Result;
use std::path::Path;

/// Starts it.
pub(super) fn start(program: &Path, site: &Site<'_>) -> Result<Watcher> {
    let version = version_of(program, "--version")?;
    let port = free_ports(1)?[0];
    let path = content::small().path;
    let config = format!(
        r##"[server]
log_level = "warn"
inet = "127.0.0.1:{port}"
workers = 1
mcp_server = false
manager_token = "bench"
reporter_token = "bench"
[assets]
path = "{assets}"
[branding]
page_title = "Bench"
page_url = "http://127.0.0.1:{port}/"
company_name = "Bench"
icon_color = "#000000"
icon_url = "http://127.0.0.1:{port}/"
logo_color = "#000000"
logo_url = "http://127.0.0.1:{port}/"
website_url = "http://127.0.0.1:{port}/"
support_url = "mailto:bench@localhost"
[metrics]
poll_interval = 1
poll_retry = 0
poll_retry_wait = 1
poll_delay_dead = 1
poll_delay_sick = 1
poll_parallelism = 3
[notify]
startup_notification = false
[notify.webhook]
hook_url = "{webhook}"
[probe]
[[probe.service]]
id = "web"
label = "Web"
[[probe.service.node]]
id = "bench"
label = "Bench"
mode = "poll"
replicas = [{replicas}]
"##,
        assets = site.folder.display(),
        webhook = site.webhook(Subject::Vigil),
        replicas = site.list(|port| format!("\"http://127.0.0.1:{port}{path}\"")),
    );
    let config = site.write("vigil.cfg", &config)?;
    let process = site.launch(program, &["--config", &config], "vigil", port)?;
    Ok(Watcher { subject: Subject::Vigil, version, _processes: vec![process] })
}
