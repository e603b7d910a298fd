//! `/reports`: where users report from, what, and how that compares with the usual.
//!
//! A map without a map: a row of tiles for each region, a tile for each network, wider and darker the more counts there. Nothing
//! of it comes from anybody else's server, and a screen reader reads it as a list.

use super::Console;
use super::shell::Shell;
use crate::faces::answer;
use crate::faces::desk::Desk;
use crate::faces::status::Phrases;
use crate::faces::status::reports::ReportChart;
use crate::faces::tone::{Tone, count, percent};
use crate::reports::{Place, Tally};
use crate::view::Snapshot;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use downbeat_core::model::{IncidentId, Language, Name};
use std::collections::BTreeMap;

/// Tiles of one region; the rest is one.
const TILES_MAX: usize = 12;
/// Lines of one list.
const LINES_MAX: usize = 8;
/// Shades of a tile.
const SHADES: u64 = 4;

#[derive(Template)]
#[template(path = "console/reports.html")]
struct ReportsPage {
    shell: Shell,
    all: Tally,
    /// Who that is a share of; none where sessions are not known.
    share: Option<String>,
    regions: Vec<Region>,
    /// What is counted, and by what of it.
    lists: Vec<(&'static str, Vec<Line>)>,
    chart: Option<ReportChart>,
    is_burst: bool,
    /// That one network alone reports or suffers, a sentence each.
    alone: Vec<String>,
    /// Services of others that say that they ail, and what of ours needs them.
    ailing: Vec<(String, String)>,
    /// Open incidents whose reporters answer: id, title, works again, not yet, and whether that holds the way back.
    voices: Vec<(u64, String, usize, usize, bool)>,
}

/// One region.
struct Region {
    name: String,
    tally: Tally,
    tiles: Vec<Tile>,
}

/// One line of a list.
struct Line {
    name: String,
    tally: Tally,
    /// Who that is a share of, where it is known.
    share: Option<String>,
}

/// One network, or the rest of them.
struct Tile {
    title: String,
    tally: Tally,
    /// From 1, little, to 4, most.
    shade: u64,
}

pub(super) async fn page<D: Desk>(State(console): State<Console<D>>) -> Response {
    answer::page(StatusCode::OK, &ReportsPage::of(&console.snapshot()))
}

impl ReportsPage {
    fn of(snapshot: &Snapshot) -> Self {
        let reports = &snapshot.reports;
        let or_unknown = |name: &Option<Name>| name.as_ref().map_or_else(|| "not said".to_owned(), ToString::to_string);
        let active = snapshot.board.sessions.as_ref();
        let share =
            |tally: Tally, component: Option<&Name>| share(tally, active.and_then(|active| active.of(component)));
        let list = |key: &dyn Fn(&Place) -> String| {
            let line = |(name, tally)| Line { name, tally, share: None };
            reports.by(|place| key(place)).into_iter().take(LINES_MAX).map(line).collect::<Vec<_>>()
        };
        let component = |(name, tally): (Option<Name>, Tally)| Line {
            name: or_unknown(&name),
            tally,
            share: name.as_ref().and_then(|name| share(tally, Some(name))),
        };
        let components = reports.by(|place| place.component.clone()).into_iter().take(LINES_MAX).map(component);
        let lists = vec![
            ("Components", components.collect()),
            ("What is wrong", list(&|place| or_unknown(&place.category))),
            ("Versions of the app", list(&|place| or_unknown(&place.version))),
        ];
        let titled = |(id, voices): (&IncidentId, &downbeat_core::incident::Voices)| {
            let incident = snapshot.book.incidents.get(id)?;
            Some((id.0, incident.title.clone(), voices.again, voices.not_yet, voices.object()))
        };
        Self {
            shell: Shell::of(snapshot),
            all: reports.all,
            share: share(reports.all, None),
            regions: regions(&reports.by(|place| (or_unknown(&place.region), place.owner_title()))),
            lists,
            chart: ReportChart::of(reports),
            is_burst: reports.is_burst,
            alone: alone(snapshot),
            ailing: snapshot.board.ailing.iter().map(|it| (it.fact(), names(&it.components))).collect(),
            voices: snapshot.board.voices.iter().filter_map(titled).collect(),
        }
    }

    /// What a chart shows; operators read English.
    fn in_words(&self, chart: &ReportChart) -> String {
        chart.words(Phrases::of(Language::En))
    }
}

fn names<'n>(names: impl IntoIterator<Item = &'n Name>) -> String {
    names.into_iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// That one network alone suffers, and which components are reported by one alone.
fn alone(snapshot: &Snapshot) -> Vec<String> {
    let suffers = snapshot.board.alone.as_ref().map(|it| {
        format!("{}: {}", names(&it.components), it.fact(&snapshot.settings.reports.networks.title_of(&it.owner)))
    });
    let reported = snapshot.settings.policy.topology.components.keys().filter_map(|component| {
        let place = snapshot.reports.alone(Some(component), &snapshot.board.asked)?;
        Some(format!("{component}: reports come from network {} alone; others are well", place.owner_title()))
    });
    suffers.into_iter().chain(reported).collect()
}

/// "14 reports of 52,000 active sessions (0.03 %)".
fn share(tally: Tally, active: Option<u64>) -> Option<String> {
    let active = active.filter(|active| *active > 0)?;
    let (part, plural) = (tally.counted as f64 / active as f64, if tally.counted == 1 { "report" } else { "reports" });
    Some(format!("{} {plural} of {} active sessions ({})", count(tally.counted), count(active), percent(part)))
}

/// Regions with their networks, most reported first.
fn regions(sums: &[((String, String), Tally)]) -> Vec<Region> {
    let most = sums.iter().map(|(_, tally)| weight(*tally)).max().unwrap_or(1);
    let mut regions: BTreeMap<&str, Region> = BTreeMap::new();
    for ((name, owner), tally) in sums {
        let fresh = || Region { name: name.clone(), tally: Tally::default(), tiles: vec![] };
        let region = regions.entry(name).or_insert_with(fresh);
        region.tally.heard += tally.heard;
        region.tally.counted += tally.counted;
        if region.tiles.len() < TILES_MAX {
            region.tiles.push(Tile { title: owner.clone(), tally: *tally, shade: shade(*tally, most) });
        } else if let Some(last) = region.tiles.last_mut() {
            last.title = "all others".into();
            last.tally.heard += tally.heard;
            last.tally.counted += tally.counted;
            last.shade = shade(last.tally, most);
        }
    }
    let mut regions: Vec<Region> = regions.into_values().collect();
    regions.sort_by_key(|region| std::cmp::Reverse(weight(region.tally)));
    regions
}

fn weight(tally: Tally) -> u64 {
    tally.counted.max(1)
}

fn shade(tally: Tally, most: u64) -> u64 {
    (weight(tally) * SHADES).div_ceil(most).clamp(1, SHADES)
}
