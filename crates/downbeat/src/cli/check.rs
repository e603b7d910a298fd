//! `downbeat check`: everything a configuration resolves to, defaults included, for people and for programs.

use super::ConfigArgs;
use super::output::{self, Table};
use crate::config::{self, Settings, duration_text, figures};
use anyhow::Context;
use clap::Args;
use downbeat_core::model::{ColdStart, Day, Metric, Mode, Name, Objectives, Policy, Promise, RemedyKind};
use downbeat_edge::{CertificateFiles, EdgeSettings, FeatureSettings, HealthSettings, RouteRule, check_certificate};
use downbeat_hub::settings::{
    Action, ActuatorSettings, BucketSettings, ChannelKind, CopySettings, DnsTask, FeedSettings, HttpMethod, HttpTask,
    HubSettings, MailSettings, MetricSettings, MetricSource, Pace, ProbeSettings, ProbeTask, StreamTask, TlsTask,
    Trust, UpstreamSettings,
};
use downbeat_hub::theme::{Colour, Logo, Scheme, Token};
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::Path;

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// Take the text from standard input, as if it stood in FILE
    #[arg(long)]
    stdin: bool,
}

/// Prints what a configuration resolves to.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<()> {
    let path = &args.config.config;
    let settings = if args.stdin { config::load_text(path, &standard_input(path)?)? } else { config::load(path)? };
    downbeat_edge::rehearse(&settings.edge)?;
    let tables = tables(&settings);
    if !args.json {
        return output::write_tables(&tables);
    }
    let service = settings.hub.policy.topology.service.clone();
    let sections = tables.iter().map(|table| (table.title.to_owned(), table.json()));
    output::write_json(&Value::Object(
        [("service".into(), service.into())].into_iter().chain(sections).collect::<Map<_, _>>(),
    ))
}

fn standard_input(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(config::FILE_MAX + 1).read_to_end(&mut bytes);
    read.context("cannot read standard input")?;
    Ok(config::text_of(path, bytes)?)
}

fn tables(Settings { edge, hub }: &Settings) -> Vec<Table> {
    vec![
        service(hub),
        listeners(edge, hub),
        certificates(edge),
        routes(edge),
        components(edge, hub),
        status_page(hub),
        objectives(hub),
        features(edge),
        caches(edge),
        replicas(edge, hub),
        probes("probes", &hub.probes),
        probes("references", &hub.references),
        steps(&hub.probes),
        metrics(hub),
        outbound(hub),
        messages(hub),
        subscribers(hub),
        mail(hub),
        reports(hub),
        feeds(hub),
        upstreams(hub),
        actuator(hub),
        automation(hub),
        figures_of(edge, hub),
    ]
}

fn service(hub: &HubSettings) -> Table {
    let topology = &hub.policy.topology;
    let proven: Vec<&str> = topology.proven_versions.iter().map(|v| v.as_str()).collect();
    let quiet: Vec<String> = hub.policy.detect.quiet_days.iter().map(Day::to_string).collect();
    let row = vec![
        json!(topology.service),
        json!(topology.components.len()),
        json!(topology.replicas.len()),
        json!(topology.regions().len()),
        json!(proven),
        json!(hub.data),
        json!(quiet),
    ];
    Table {
        title: "summary",
        columns: &["service", "components", "replicas", "regions", "proven_versions", "data", "quiet_days"],
        rows: vec![row],
    }
}

fn listeners(edge: &EdgeSettings, hub: &HubSettings) -> Table {
    let mut rows = vec![
        vec![json!("edge"), json!(edge.listen), json!("clients of the service")],
        vec![json!("edge admin"), json!(edge.admin), json!("health, metrics, state of the edge")],
        vec![json!("console"), json!(hub.console), json!(format!("operators, API, edges; {}", door(hub)))],
        vec![json!("status page"), json!(hub.status), json!(format!("everybody, as {}", hub.status_url))],
    ];
    if let Some(tls) = &edge.tls {
        rows.insert(1, vec![json!("edge tls"), json!(tls.listen), json!("clients of the service, over TLS")]);
    }
    Table { title: "listeners", columns: &["name", "address", "for"], rows }
}

/// The first is the one for clients that ask for another name.
fn certificates(edge: &EdgeSettings) -> Table {
    let row = |files: &CertificateFiles| {
        let names = check_certificate(files).map(|summary| summary.names).unwrap_or_default();
        vec![json!(files.cert), json!(files.key), json!(names)]
    };
    let rows = edge.tls.iter().flat_map(|tls| &tls.certificates).map(row).collect();
    Table { title: "certificates", columns: &["cert", "key", "names"], rows }
}

fn door(hub: &HubSettings) -> &'static str {
    if hub.token.is_some() { "with a token" } else { "from this machine only" }
}

/// In the order in which the edge compares them.
fn routes(edge: &EdgeSettings) -> Table {
    let mut rules: Vec<&RouteRule> = edge.routes.iter().collect();
    rules.sort_by_key(|r| (r.host.is_none(), std::cmp::Reverse(r.prefix.len())));
    let row = |r: &RouteRule| vec![json!(r.host.as_deref().unwrap_or("any")), json!(r.prefix), json!(r.component)];
    Table { title: "routes", columns: &["host", "path", "component"], rows: rules.into_iter().map(row).collect() }
}

fn components(edge: &EdgeSettings, hub: &HubSettings) -> Table {
    let title = |name: &Name| hub.policy.topology.components.get(name).map(|c| c.title.as_str());
    let row = |c: &downbeat_edge::ComponentSettings| {
        vec![json!(c.name), json!(title(&c.name)), json!(c.priority), json!(duration_text(c.slow)), json!(c.replicas)]
    };
    let rows = edge.components.iter().map(row).collect();
    Table { title: "components", columns: &["name", "title", "priority", "slow", "replicas"], rows }
}

/// What is not as it is built in.
fn status_page(hub: &HubSettings) -> Table {
    let (tell, theme) = (&hub.policy.tell, &hub.page.theme);
    let mut rows = vec![];
    for language in std::iter::once(&tell.language).chain(&tell.translations) {
        let own = tell.templates.keys().filter(|(of, _)| of == language).map(|(_, piece)| piece.key());
        rows.push(vec![json!("language"), json!(language.code()), json!(own.collect::<Vec<_>>().join(", "))]);
    }
    rows.extend(theme.name.iter().map(|name| vec![json!("name"), json!(name), json!("")]));
    let size = |logo: &Logo| vec![json!("logo"), json!(format!("{:?}", logo.kind)), json!(logo.bytes.len())];
    rows.extend(theme.logo.iter().map(size));
    let colour = |((scheme, token), colour): (&(Scheme, Token), &Colour)| {
        vec![json!(format!("{} {}", scheme.key(), token.key())), json!(colour.to_string()), json!("")]
    };
    rows.extend(theme.colours.iter().map(colour));
    let group = |(component, group): (&Name, &String)| vec![json!("group"), json!(group), json!(component)];
    rows.extend(hub.page.groups.iter().map(group));
    let copy = |copy: &CopySettings| {
        let BucketSettings { endpoint, bucket, prefix, .. } = &copy.bucket;
        let every = format!("every {}", duration_text(copy.every));
        vec![json!("bucket"), json!(format!("{endpoint}/{bucket}/{prefix}")), json!(every)]
    };
    rows.extend(hub.page.copy.iter().map(copy));
    let id = |(component, id): (&Name, &Name)| vec![json!("statuspage_id"), json!(id), json!(component)];
    rows.extend(hub.page.ids.iter().map(id));
    let group_id =
        |(group, id): (&String, &Name)| vec![json!("statuspage_id"), json!(id), json!(format!("group {group}"))];
    rows.extend(hub.page.group_ids.iter().map(group_id));
    Table { title: "status page", columns: &["what", "is", "of"], rows }
}

/// What is promised.
fn objectives(hub: &HubSettings) -> Table {
    let row = |component: &Name, promise: Promise| {
        let what = match promise {
            Promise::Success(_) => "served well".to_owned(),
            Promise::Latency(latency) => format!("within {}", duration_text(latency.below())),
        };
        vec![json!(component), json!(promise.share().as_percent()), json!(what)]
    };
    let of = |(component, it): (&Name, &Objectives)| -> Vec<_> { it.promises().map(|it| row(component, it)).collect() };
    let rows = hub.policy.objectives.iter().flat_map(of).collect();
    Table { title: "objectives", columns: &["component", "percent", "of requests"], rows }
}

/// What comes back by itself after an overload.
fn features(edge: &EdgeSettings) -> Table {
    let rows = edge.components.iter().flat_map(|component| {
        let row = |f: &FeatureSettings| {
            let paths = f.prefixes.join(", ");
            vec![
                json!(component.name),
                json!(f.name),
                json!(paths),
                json!(f.status),
                json!(duration_text(f.retry_after)),
            ]
        };
        component.features.iter().map(row)
    });
    let columns = &["component", "name", "paths", "status", "retry_after"];
    Table { title: "features", columns, rows: rows.collect() }
}

/// The components that are cached.
fn caches(edge: &EdgeSettings) -> Table {
    let row = |c: &downbeat_edge::ComponentSettings| {
        let mut cache = c.cache.clone()?;
        let figures = figures::of_cache(&mut cache).into_iter().map(|(_, figure)| figure.json());
        Some([json!(c.name)].into_iter().chain(figures).collect())
    };
    let columns = &["component", "body_max", "heuristic_max", "stale_while_revalidate", "stale_if_error"];
    Table { title: "caches", columns, rows: edge.components.iter().filter_map(row).collect() }
}

fn replicas(edge: &EdgeSettings, hub: &HubSettings) -> Table {
    let proven = |name: &Name| hub.policy.topology.replicas.get(name).and_then(|r| r.proven_per_second);
    let row = |r: &downbeat_edge::ReplicaSettings| {
        vec![
            json!(r.name),
            json!(r.region),
            json!(r.version),
            json!(r.url),
            json!(r.weight),
            json!(r.max_in_flight),
            json!(proven(&r.name)),
        ]
    };
    let columns = &["name", "region", "version", "url", "weight", "max_in_flight", "proven_per_second"];
    Table { title: "replicas", columns, rows: edge.replicas.iter().map(row).collect() }
}

/// What the hub may reach by any name.
fn outbound(hub: &HubSettings) -> Table {
    let rows = hub.outbound_allow.iter().map(|range| vec![json!(range.to_string())]).collect();
    Table { title: "outbound", columns: &["allow"], rows }
}

fn probes(title: &'static str, probes: &[ProbeSettings]) -> Table {
    let row = |p: &ProbeSettings| {
        let (kind, what) = task(&p.task);
        vec![
            json!(p.name),
            json!(kind),
            json!(what),
            json!(p.slice),
            json!(duration_text(p.every)),
            json!(duration_text(p.timeout)),
            json!(p.fail_after),
        ]
    };
    let columns = &["name", "kind", "what", "slice", "every", "timeout", "fail_after"];
    Table { title, columns, rows: probes.iter().map(row).collect() }
}

/// What each journey does, in order, with places for what nobody is shown.
fn steps(probes: &[ProbeSettings]) -> Table {
    let journeys = probes.iter().filter_map(|probe| match &probe.task {
        ProbeTask::Journey(journey) => Some((&probe.name, journey)),
        _ => None,
    });
    let rows = journeys.flat_map(|(probe, journey)| {
        journey.steps.iter().map(move |step| {
            let what = match &step.action {
                Action::Request(task) => http(task),
                Action::Stream(task) => stream(task),
            };
            let gives: Vec<String> =
                step.captures.iter().map(|(name, capture)| format!("{{{name}}} from {capture}")).collect();
            let within = step.timeout.map(duration_text);
            vec![
                json!(probe),
                json!(step.name),
                json!(step.component),
                json!(what),
                json!((!gives.is_empty()).then(|| gives.join(", "))),
                json!(within),
            ]
        })
    });
    let columns = &["probe", "step", "component", "what", "gives", "timeout"];
    Table { title: "steps", columns, rows: rows.collect() }
}

fn stream(task: &StreamTask) -> String {
    let pace = match &task.pace {
        Pace::Hls => "by playlist".into(),
        Pace::BytesPerSecond(speed) => format!("{speed} bytes a second"),
        Pace::Length { seconds, bytes: None } => format!("{seconds} s long"),
        Pace::Length { seconds, bytes: Some(bytes) } => format!("{seconds} s in {bytes} bytes"),
    };
    let from = if task.from.is_zero() { String::new() } else { format!(" from {}", duration_text(task.from)) };
    let start = task.start_within.map_or(String::new(), |within| format!(", begins within {}", duration_text(within)));
    let (listen, silence) = (duration_text(task.listen), duration_text(task.silence_max));
    format!("{}, {pace}, listens {listen}{from}{start}, silent {silence} at most", task.url)
}

/// Figures of others.
fn metrics(hub: &HubSettings) -> Table {
    let row = |settings: &MetricSettings| {
        let Metric { slice, kind, sense, every, series_max, cold_start } = hub.policy.metrics.get(&settings.name)?;
        let what = match &settings.source {
            MetricSource::Page { url, metric, labels } => {
                let labels: String = labels.iter().map(|(name, value)| format!(", {name}={value:?}")).collect();
                format!("{metric} at {url}{labels}")
            }
            MetricSource::Query { prometheus, query } => format!("{query} at {prometheus}"),
        };
        Some(vec![
            json!(settings.name),
            json!(kind.word()),
            json!(sense.word()),
            json!(what),
            json!(slice),
            json!(duration_text(*every)),
            json!(series_max),
            json!(*cold_start == ColdStart::FromSiblings),
        ])
    };
    let columns = &["name", "kind", "trouble", "what", "slice", "every", "series", "siblings"];
    Table { title: "metrics", columns, rows: hub.metrics.iter().filter_map(row).collect() }
}

pub(super) fn task(task: &ProbeTask) -> (&'static str, String) {
    match task {
        ProbeTask::Http(task) => ("http", http(task)),
        ProbeTask::Tcp { address, expect: Some(text), .. } => ("tcp", format!("{address} says {text:?}")),
        ProbeTask::Tcp { address, .. } => ("tcp", address.clone()),
        ProbeTask::Dns(task) => ("dns", dns(task)),
        ProbeTask::Tls(TlsTask { address, valid_for, trust, .. }) => {
            ("tls", format!("{address} valid for {}{}", duration_text(*valid_for), by(trust)))
        }
        ProbeTask::Grpc { url, service, trust } if service.is_empty() => ("grpc", url.clone() + &by(trust)),
        ProbeTask::Grpc { url, service, trust } => ("grpc", format!("{service} at {url}{}", by(trust))),
        ProbeTask::WebSocket { url, expect: Some(text), trust, .. } => {
            ("websocket", format!("{url} says {text:?}{}", by(trust)))
        }
        ProbeTask::WebSocket { url, trust, .. } => ("websocket", url.clone() + &by(trust)),
        ProbeTask::Icmp { host } => ("icmp", host.clone()),
        ProbeTask::Heartbeat { every, grace, .. } => {
            ("heartbeat", format!("called every {}, {} late at most", duration_text(*every), duration_text(*grace)))
        }
        ProbeTask::Journey(journey) => {
            let names: Vec<&str> = journey.steps.iter().map(|step| step.name.as_str()).collect();
            ("journey", format!("{}{}", names.join(", "), by(&journey.trust)))
        }
        ProbeTask::Stream(task) => ("stream", stream(task) + &by(&task.trust)),
    }
}

/// Who may have signed, besides those whom the system believes.
fn by(trust: &Trust) -> String {
    match trust {
        Trust::System => String::new(),
        Trust::Also(file) => format!(", also by {}", file.display()),
        Trust::Anybody => ", by anybody".into(),
    }
}

fn http(task: &HttpTask) -> String {
    let method = if task.method == HttpMethod::Get { String::new() } else { format!("{} ", task.method) };
    let expect: String = task.expect.iter().map(|condition| format!(", {condition}")).collect();
    format!("{method}{} answers {}{expect}{}", task.url, task.status, by(&task.trust))
}

fn dns(task: &DnsTask) -> String {
    let expect = if task.expect.is_empty() { String::new() } else { format!(" is {}", task.expect.join(" or ")) };
    format!("{} {}{expect}", task.host, task.record)
}

fn messages(hub: &HubSettings) -> Table {
    let row = |w: &downbeat_hub::settings::WebhookSettings| {
        let signed = if w.secret.is_some() { "signed" } else { "unsigned" };
        vec![json!(w.name), json!(w.audience), json!(w.url), json!(w.dialect), json!(signed)]
    };
    Table {
        title: "webhooks",
        columns: &["name", "audience", "url", "format", "body"],
        rows: hub.webhooks.iter().map(row).collect(),
    }
}

/// What strangers may subscribe by.
fn subscribers(hub: &HubSettings) -> Table {
    let open = |kind: &ChannelKind| vec![json!(kind.word()), json!(kind.title())];
    let rows = hub.subscribers.open_to.iter().map(open).collect();
    Table { title: "subscribers", columns: &["channel", "open_to_everybody"], rows }
}

/// Who takes mail, without the password.
fn mail(hub: &HubSettings) -> Table {
    let row = |mail: &MailSettings| {
        let user = mail.login.as_ref().map(|(user, _)| user);
        vec![json!(mail.from), json!(format!("{}:{}", mail.host, mail.port)), json!(mail.tls.word()), json!(user)]
    };
    Table {
        title: "mail",
        columns: &["from", "relay", "tls", "user"],
        rows: hub.subscribers.mail.iter().map(row).collect(),
    }
}

/// How users' reports are taken in, without the key.
fn reports(hub: &HubSettings) -> Table {
    let reports = &hub.reports;
    let mut rows: Vec<Vec<Value>> = vec![];
    // The first one stands for what the table does not have.
    if let Some(systems) = reports.networks.systems().len().checked_sub(1) {
        rows.push(vec![json!("as_table"), json!(format!("autonomous systems: {systems}"))]);
    }
    rows.extend(reports.app_key.iter().map(|_| vec![json!("app_key"), json!("apps sign")]));
    rows.extend(reports.proxies.iter().map(|range| vec![json!("proxy"), json!(range.to_string())]));
    rows.extend(hub.categories.iter().map(|it| {
        let titles: Vec<&str> = std::iter::once(&it.title).chain(it.titles.values()).map(String::as_str).collect();
        vec![json!("category"), json!(titles.join(" / "))]
    }));
    Table { title: "reports", columns: &["what", "is"], rows }
}

/// What people say elsewhere.
fn feeds(hub: &HubSettings) -> Table {
    let row = |feed: &FeedSettings| {
        let words = if feed.words.is_empty() { "any".to_owned() } else { feed.words.join(", ") };
        vec![json!(feed.name), json!(feed.url), json!(duration_text(feed.every)), json!(words), json!(feed.component)]
    };
    let columns = &["name", "url", "every", "words", "component"];
    Table { title: "feeds", columns, rows: hub.feeds.iter().map(row).collect() }
}

/// Whom the service depends on.
fn upstreams(hub: &HubSettings) -> Table {
    let row = |it: &UpstreamSettings| {
        let parts = if it.parts.is_empty() { "the page".to_owned() } else { it.parts.join(", ") };
        let known = hub.policy.upstreams.get(&it.name);
        let needed_by = known.map(|known| known.components.iter().collect::<Vec<_>>());
        vec![json!(it.name), json!(it.url), json!(duration_text(it.every)), json!(parts), json!(needed_by)]
    };
    let columns = &["name", "url", "every", "parts", "needed_by"];
    Table { title: "upstreams", columns, rows: hub.upstreams.iter().map(row).collect() }
}

fn actuator(hub: &HubSettings) -> Table {
    let rows = match &hub.actuator {
        None => vec![],
        Some(ActuatorSettings::Http { url, timeout }) => {
            vec![vec![json!("any"), json!(url), json!(duration_text(*timeout))]]
        }
        Some(ActuatorSettings::Command { restart, roll_back, timeout }) => {
            [("restart", restart), ("roll_back", roll_back)]
                .into_iter()
                .filter(|(_, command)| !command.is_empty())
                .map(|(kind, command)| vec![json!(kind), json!(command.join(" ")), json!(duration_text(*timeout))])
                .collect()
        }
    };
    Table { title: "actuator", columns: &["remedy", "by", "timeout"], rows }
}

fn automation(hub: &HubSettings) -> Table {
    let row = |kind: RemedyKind| {
        let mode = hub.policy.act.mode(kind);
        let lapses = (mode == Mode::Auto).then(|| duration_text(hub.policy.act.armed_for));
        vec![json!(kind.word()), json!(mode), json!(lapses)]
    };
    Table {
        title: "automation",
        columns: &["remedy", "mode", "asks_without_a_drill_for"],
        rows: RemedyKind::ALL.into_iter().map(row).collect(),
    }
}

/// Every figure with its default where it differs.
fn figures_of(edge: &EdgeSettings, hub: &HubSettings) -> Table {
    let usual_edge = EdgeSettings::new(edge.name.clone(), edge.listen, edge.data.clone());
    let set = all_figures(edge.clone(), edge.health.clone(), hub.policy.clone());
    let usual = all_figures(usual_edge, HealthSettings::default(), Policy::default());
    let row = |((key, value), (_, usual)): ((String, Value), (String, Value))| {
        let default = if value == usual { Value::Null } else { usual };
        vec![key.into(), value, default]
    };
    Table {
        title: "figures",
        columns: &["key", "value", "instead_of"],
        rows: set.into_iter().zip(usual).map(row).collect(),
    }
}

fn all_figures(mut edge: EdgeSettings, mut health: HealthSettings, mut policy: Policy) -> Vec<(String, Value)> {
    let mut all = named("edge", figures::of_edge(&mut edge));
    all.extend(named("health", figures::of_health(&mut health)));
    for (section, list) in figures::of_policy(&mut policy) {
        all.extend(named(&format!("policy.{section}"), list));
    }
    all
}

fn named(section: &str, figures: figures::Figures<'_>) -> Vec<(String, Value)> {
    figures.into_iter().map(|(key, figure)| (format!("{section}.{key}"), figure.json())).collect()
}
