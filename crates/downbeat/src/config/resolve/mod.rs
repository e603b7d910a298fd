//! From what was written to what is meant: tables are compared with each other, defaults that depend on other
//! tables are filled in, and two settings come out that are valid by construction.

mod certificates;
mod features;
mod listeners;
mod metrics;
mod page;
mod probes;
mod reports;
mod routes;
mod site;
mod subscribers;

use super::Settings;
use super::address::Origin;
use super::fault::{Complaint, Faults};
use super::source::Source;
use super::units::size_text;
use super::written::{CategoryTable, ComponentTable, File, HubChoice, HubTable, PolicyTable, Token, Webhook, secret};
use downbeat_core::model::{ActPolicy, Language, Policy, PolicyFault};
use downbeat_edge::{AccessLogSettings, CACHED_BODIES_MIN, EdgeSettings, HubLink, LogTarget};
use downbeat_hub::settings::{Category, HubSettings, WebhookSettings};
use site::Site;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Where data is kept unless configured, beside the configuration.
const DATA: &str = "downbeat-data";
/// Largest file with a secret in it.
const SECRET_FILE_MAX: u64 = 4_096;
/// The channels that are always there; a webhook cannot have their names.
const BUILT_IN_CHANNELS: [&str; 2] = ["status-page", "log"];

/// What every check needs: the file's text, to point back into it, and the place for what is found.
pub(super) struct Check<'c> {
    pub(super) source: &'c Source,
    pub(super) faults: &'c Faults,
    /// The folder of the file: paths in it are relative to this.
    pub(super) folder: &'c Path,
}

impl Check<'_> {
    fn complain(&self, span: Range<usize>, complaint: Complaint) {
        self.faults.add(span, complaint);
    }

    /// Complains about each name that was there before.
    fn unique<'n, T: Ord + fmt::Display + 'n>(&self, what: &str, names: impl Iterator<Item = &'n Spanned<T>>) {
        let mut seen: BTreeMap<&T, Range<usize>> = BTreeMap::new();
        for name in names {
            if let Some(first) = seen.get(name.get_ref()) {
                let complaint = Complaint::new(format!("there are two {what} named \"{}\"", name.get_ref()));
                self.complain(name.span(), complaint.hint(format!("the first is at {}", self.source.line(first))));
            } else {
                seen.insert(name.get_ref(), name.span());
            }
        }
    }
}

/// Compares, fills in, and puts together. `None` only when something is at fault.
pub(super) fn resolve(file: File, check: &Check<'_>) -> Option<Settings> {
    listeners::check(&file, check);
    let data = data_folder(file.data.as_ref(), check);
    check_caches(&file.components, file.edge.settings.cache_bytes, check);
    let quiet_days = file.service.quiet_days.clone();
    let site = Site::of(file.replicas, file.components, file.service, check);
    if let Some(region) = &file.edge.region {
        site.check_region(region, check);
    }
    check_hub_names(&file.webhooks, &file.categories, &site, check);
    check_languages(&file.categories, &file.page.languages, check);
    let probes = probes::resolve(file.probes, &site, &file.health, check);
    let references = probes::resolve_references(file.references, check);
    let token = file.hub.token.as_ref().and_then(|token| read_token(token, check));
    let mut policy = resolve_policy(file.policy, &site, file.actuator.is_some(), check);
    policy.upstreams = reports::policy_of(&file.upstreams, &site, check);
    policy.detect.quiet_days = quiet_days;
    policy.metrics = metrics::policy_of(&file.metrics, &site, check);
    if let [first, others @ ..] = file.page.languages.as_slice() {
        policy.tell.language = *first;
        policy.tell.translations = others.to_vec();
    }
    let tls = certificates::resolve(&file.edge, check);
    let access_log = file.edge.settings.access_log.map(|log| beside(log, check));
    let edge = EdgeSettings {
        tls,
        access_log,
        data: data.join("edge"),
        hub: hub_link(file.edge.hub.get_ref(), *file.hub.console.get_ref(), token.clone()),
        routes: site.route_rules(),
        components: site.edge_components(),
        replicas: site.edge_replicas(),
        health: file.health.settings,
        ..file.edge.settings
    };
    let categories = categories(file.categories, &site);
    let subscribers = subscribers::resolve(file.mail, file.subscribers, check)?;
    let hub = HubSettings {
        data,
        console: *file.hub.console.get_ref(),
        status: *file.hub.status.get_ref(),
        status_url: public_url(file.hub.status_url.as_ref(), &file.hub.status),
        console_url: public_url(file.hub.console_url.as_ref(), &file.hub.console),
        outbound_allow: file.outbound_allow,
        resolver: resolver(&file.hub, &edge),
        token,
        policy,
        probes: probes?,
        references: references?,
        webhooks: file.webhooks.into_iter().map(webhook).collect::<Option<_>>()?,
        watcher: file.watcher,
        actuator: file.actuator,
        categories: categories?,
        page: page::resolve(file.page, &site, check),
        reports: reports::resolve(file.reports, check),
        feeds: reports::feeds(file.feeds, &site, check),
        upstreams: reports::upstreams(file.upstreams),
        metrics: metrics::settings(file.metrics),
        breaker: file.demo,
        subscribers,
    };
    Some(Settings { edge, hub })
}

fn data_folder(data: Option<&Spanned<PathBuf>>, check: &Check<'_>) -> PathBuf {
    let folder = check.folder.join(data.map_or(Path::new(DATA), |d| d.get_ref()));
    if folder.exists() && !folder.is_dir() {
        let complaint = Complaint::new(format!("data: {} is no folder", folder.display()));
        check.complain(data.map_or(0..0, Spanned::span), complaint);
    }
    folder
}

/// A file of the access log is named from the folder of the configuration.
fn beside(log: AccessLogSettings, check: &Check<'_>) -> AccessLogSettings {
    let target = match log.target {
        LogTarget::File(file) => LogTarget::File(check.folder.join(file)),
        LogTarget::Stdout => LogTarget::Stdout,
    };
    AccessLogSettings { target, ..log }
}

/// A memory that holds few bodies throws each out before it is asked for again.
fn check_caches(components: &[ComponentTable], memory: u64, check: &Check<'_>) {
    for table in components {
        let needed = table.cache.as_ref().map_or(0, |cache| cache.body_bytes.saturating_mul(CACHED_BODIES_MIN));
        if needed > memory {
            let complaint = Complaint::new(format!(
                "body_max: [edge] cache_memory of {} has no room for {CACHED_BODIES_MIN} such bodies",
                size_text(memory)
            ));
            let hint = format!("cache_memory = \"{}\" or more, or a smaller body_max", size_text(needed));
            check.complain(table.cache_body_at.clone(), complaint.hint(hint));
        }
    }
}

fn check_hub_names(webhooks: &[Webhook], categories: &[CategoryTable], site: &Site, check: &Check<'_>) {
    check.unique("webhooks", webhooks.iter().filter_map(|w| w.name.as_ref()));
    check.unique("categories", categories.iter().filter_map(|c| c.name.as_ref()));
    for name in webhooks.iter().filter_map(|w| w.name.as_ref()) {
        if BUILT_IN_CHANNELS.contains(&name.get_ref().as_str()) {
            let complaint =
                Complaint::new(format!("\"{}\" is the name of a channel that is always there", name.get_ref()));
            check.complain(name.span(), complaint.hint("choose another name"));
        }
    }
    for component in categories.iter().filter_map(|c| c.component.as_ref()) {
        site.check_component(component, check);
    }
}

/// Words that nobody would ever see are a slip.
fn check_languages(categories: &[CategoryTable], page: &[Language], check: &Check<'_>) {
    for (language, title) in categories.iter().flat_map(|category| &category.titles) {
        let complaint = match page.iter().position(|it| it == language) {
            Some(0) => {
                Complaint::new(format!("\"{language}\" is the page's own language")).hint("its words are `title`")
            }
            Some(_) => continue,
            None => Complaint::new(format!("the page is not in \"{language}\""))
                .hint(format!("add \"{language}\" to `languages` of [status_page], or take these words out")),
        };
        check.complain(title.span(), complaint);
    }
}

fn read_token(token: &Token, check: &Check<'_>) -> Option<String> {
    let file = match token {
        Token::Is(token) => return Some(token.clone()),
        Token::In(file) => file,
    };
    secret_in(file, "token_file", check)
}

/// The secret in a file of its own, which is named by this key.
fn secret_in(file: &Spanned<PathBuf>, key: &str, check: &Check<'_>) -> Option<String> {
    let path = check.folder.join(file.get_ref());
    match read_secret(&path).and_then(|text| secret(text.trim())) {
        Ok(secret) => Some(secret),
        Err(complaint) => {
            let message = format!("{key}: {}: {}", path.display(), complaint.message);
            check.complain(file.span(), Complaint { message, ..complaint });
            None
        }
    }
}

fn read_secret(path: &Path) -> Result<String, Complaint> {
    let failed = |error: std::io::Error| Complaint::new(error.to_string());
    if std::fs::metadata(path).map_err(failed)?.len() > SECRET_FILE_MAX {
        return Err(Complaint::new(format!("more than {SECRET_FILE_MAX} bytes are no secret")));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn resolve_policy(table: PolicyTable, site: &Site, can_actuate: bool, check: &Check<'_>) -> Policy {
    for fault in table.policy.faults() {
        let key = match &fault {
            PolicyFault::Share(key, _) | PolicyFault::Positive(key) => key,
            PolicyFault::Ramp => "ramp",
        };
        let span = table.places.iter().find(|(name, _)| *name == key).map_or(table.span.clone(), |(_, at)| at.clone());
        check.complain(span, Complaint::new(fault.to_string()));
    }
    let act = ActPolicy { can_actuate, ..table.policy.act };
    Policy { topology: site.topology(), objectives: site.objectives(), act, ..table.policy }
}

/// Where the edge finds its hub, by an address that needs no name server.
fn hub_link(choice: &HubChoice, console: SocketAddr, token: Option<String>) -> Option<HubLink> {
    let url = match choice {
        HubChoice::Nobody => return None,
        HubChoice::At(origin) => origin.url(),
        HubChoice::Console => format!("http://{}", reachable(console)),
    };
    Some(HubLink { url, token })
}

/// An address to connect to: a listener on all addresses is reached by the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(a) if a.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, a.port()).into(),
        SocketAddr::V6(a) if a.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, a.port()).into(),
        other => other,
    }
}

fn public_url(given: Option<&String>, listener: &Spanned<SocketAddr>) -> String {
    given.cloned().unwrap_or_else(|| format!("http://{}", reachable(*listener.get_ref())))
}

/// The hub's probes ask the edge's name server unless they have their own.
fn resolver(hub: &HubTable, edge: &EdgeSettings) -> Option<SocketAddr> {
    hub.resolver.or(edge.resolver)
}

fn webhook(table: Webhook) -> Option<WebhookSettings> {
    let name = table.name?.into_inner();
    Some(WebhookSettings {
        name,
        audience: table.audience,
        url: table.url?,
        secret: table.secret,
        dialect: table.dialect,
    })
}

fn categories(tables: Vec<CategoryTable>, site: &Site) -> Option<Vec<Category>> {
    if tables.is_empty() {
        return Some(site.categories());
    }
    let category = |table: CategoryTable| {
        let component = table.component.map(Spanned::into_inner);
        let titles = table.titles.into_iter().map(|(language, title)| (language, title.into_inner())).collect();
        Some(Category { name: table.name?.into_inner(), title: table.title?, titles, component })
    };
    tables.into_iter().map(category).collect()
}

/// The socket address of an origin, when it is an address and no name.
fn socket_of(origin: &Origin) -> Option<SocketAddr> {
    origin.ip().map(|ip| SocketAddr::new(ip, origin.port))
}

/// True when a connection to `to` ends at the listener `at`.
fn lands(to: SocketAddr, at: SocketAddr) -> bool {
    let everywhere = at.ip().is_unspecified() && to.ip().is_loopback();
    to.port() == at.port() && (to.ip() == at.ip() || everywhere)
}
