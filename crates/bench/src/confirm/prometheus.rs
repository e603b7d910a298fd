//! Prometheus with Alertmanager, and the blackbox exporter beside it: everything once a second, nothing waited for.
//!
//! One Prometheus serves both, as is usual; what the replicas say of themselves and what the probes see are told apart by
//! a label and reach webhooks of their own. The rules are made for these very faults: a threshold below each of them.

use super::subject::{Site, Subject, Watcher};
use crate::process::free_ports;
use crate::subject::version_of;
use crate::upstream::content;
use anyhow::Result;
use std::path::Path;

/// The rules. Requests are few enough that less than five seconds of them say little.
const RULES: &str = r#"groups:
- name: replicas
  interval: 1s
  rules:
  - {alert: Down, expr: 'up{job="replicas"} == 0', labels: {subject: prometheus}}
  - alert: Errors
    expr: 'sum by (instance) (rate(http_requests_total{code="500"}[5s])) / sum by (instance) (rate(http_requests_total[5s])) > 0.02'
    labels: {subject: prometheus}
  - alert: Slow
    expr: 'histogram_quantile(0.9, sum by (instance, le) (rate(http_request_duration_seconds_bucket[5s]))) > 0.5'
    labels: {subject: prometheus}
- name: probes
  interval: 1s
  rules:
  - {alert: ProbeFails, expr: 'probe_success == 0', labels: {subject: blackbox}}
  - {alert: ProbeSlow, expr: 'probe_duration_seconds > 0.5', labels: {subject: blackbox}}
"#;

/// Starts all three.
pub(super) fn start(site: &Site<'_>) -> Result<Vec<Watcher>> {
    let [prometheus, alertmanager, blackbox] =
        ["prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"].map(Path::new);
    let versions = [version_of(prometheus, "--version")?, version_of(blackbox, "--version")?];
    let ports = free_ports(3)?;
    let receiver = format!("127.0.0.1:{}", ports[1]);
    let config = site.write("alertmanager.yml", &routes(site))?;
    let words = [
        "--config.file",
        &config,
        "--storage.path",
        &site.fresh("alertmanager-data")?,
        "--web.listen-address",
        &receiver,
        "--cluster.listen-address=",
    ];
    let alerts = site.launch(alertmanager, &words, "alertmanager", ports[1])?;
    let config = site.write("blackbox.yml", "modules:\n  http_2xx: {prober: http, timeout: 900ms}\n")?;
    let address = format!("127.0.0.1:{}", ports[2]);
    let words = ["--config.file", &config, "--web.listen-address", &address, "--timeout-offset", "0.1"];
    let probes = site.launch(blackbox, &words, "blackbox", ports[2])?;
    site.write("rules.yml", RULES)?;
    let config = site.write("prometheus.yml", &scrapes(site, ports[1], ports[2]))?;
    let address = format!("127.0.0.1:{}", ports[0]);
    let data = site.fresh("prometheus-data")?;
    let words = ["--config.file", &config, "--storage.tsdb.path", &data, "--web.listen-address", &address];
    let scraper = site.launch(prometheus, &words, "prometheus", ports[0])?;
    let [version, probe_version] = versions;
    Ok(vec![
        Watcher { subject: Subject::Prometheus, version, _processes: vec![scraper, alerts] },
        Watcher { subject: Subject::Blackbox, version: probe_version, _processes: vec![probes] },
    ])
}

/// Each replica is one group, so that several rules about it are one call where that is possible.
fn routes(site: &Site<'_>) -> String {
    let receiver =
        |subject| format!("- name: {subject:?}\n  webhook_configs: [{{url: '{}'}}]\n", site.webhook(subject));
    format!(
        "route:\n  receiver: Prometheus\n  group_by: [instance, subject]\n  group_wait: 0s\n  group_interval: 1s\n  \
         repeat_interval: 4h\n  routes:\n  - {{receiver: Blackbox, matchers: ['subject=\"blackbox\"']}}\nreceivers:\n{}{}",
        receiver(Subject::Prometheus),
        receiver(Subject::Blackbox)
    )
}

fn scrapes(site: &Site<'_>, alertmanager: u16, blackbox: u16) -> String {
    let (path, targets) = (content::small().path, site.list(|port| format!("'127.0.0.1:{port}'")));
    let pages = site.list(|port| format!("'http://127.0.0.1:{port}{path}'"));
    format!(
        r"global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}
scrape_configs:
- job_name: replicas
  static_configs: [{{targets: [{targets}]}}]
- job_name: probes
  metrics_path: /probe
  params: {{module: [http_2xx]}}
  static_configs: [{{targets: [{pages}]}}]
  relabel_configs:
  - {{source_labels: [__address__], target_label: __param_target}}
  - {{source_labels: [__param_target], target_label: instance}}
  - {{target_label: __address__, replacement: '127.0.0.1:{blackbox}'}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_watcher_has_a_webhook_of_its_own() {
        let site = Site { folder: Path::new("."), replicas: &[1, 2], receiver: 9 };
        let text = routes(&site);
        assert!(text.contains("- name: Blackbox\n  webhook_configs: [{url: 'http://127.0.0.1:9/blackbox'}]"), "{text}");
        assert!(text.contains("receiver: Prometheus\n"), "{text}");
        assert!(scrapes(&site, 3, 4).contains("targets: ['127.0.0.1:1', '127.0.0.1:2']"));
    }
}
