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
use crate::faces::tone::Tone;
use crate::reports::{Place, Tally};
use crate::view::Snapshot;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use downbeat_core::model::Language;
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
    regions: Vec<Region>,
    /// What is counted, and by what of it.
    lists: Vec<(&'static str, Vec<(String, Tally)>)>,
    chart: Option<ReportChart>,
    is_burst: bool,
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
        let or_unknown = |name: &Option<downbeat_core::model::Name>| {
            name.as_ref().map_or_else(|| "not said".to_owned(), ToString::to_string)
        };
        let list = |key: &dyn Fn(&Place) -> String| {
            reports.by(|place| key(place)).into_iter().take(LINES_MAX).collect::<Vec<_>>()
        };
        let lists = vec![
            ("Components", list(&|place| or_unknown(&place.component))),
            ("What is wrong", list(&|place| or_unknown(&place.category))),
            ("Versions of the app", list(&|place| or_unknown(&place.version))),
        ];
        let titled = |(id, voices): (&downbeat_core::model::IncidentId, &downbeat_core::incident::Voices)| {
            let incident = snapshot.book.incidents.get(id)?;
            Some((id.0, incident.title.clone(), voices.again, voices.not_yet, voices.object()))
        };
        Self {
            shell: Shell::of(snapshot),
            all: reports.all,
            regions: regions(&reports.by(|place| (or_unknown(&place.region), place.owner_title()))),
            lists,
            chart: ReportChart::of(reports),
            is_burst: reports.is_burst,
            ailing: snapshot.board.ailing.iter().map(|it| (it.fact(), names(&it.components))).collect(),
            voices: snapshot.board.voices.iter().filter_map(titled).collect(),
        }
    }

    /// What a chart shows; operators read English.
    fn in_words(&self, chart: &ReportChart) -> String {
        chart.words(Phrases::of(Language::En))
    }
}

fn names<'n>(names: impl IntoIterator<Item = &'n downbeat_core::model::Name>) -> String {
    names.into_iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
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
