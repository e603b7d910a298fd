//! `downbeat detect` as its users meet it: a file in; findings, scores and a page out.

mod support;

use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use support::{run, text};
use tempfile::tempdir;

/// Ten days at five minutes, a quiet daily wave; what `change` makes of the cells.
fn series(change: impl Fn(u64, f64) -> String) -> String {
    let mut csv = String::from("timestamp,value\n");
    for n in 0..2_880u64 {
        let noise = f64::from(u32::try_from(n * 2_654_435_761 % 1_000).expect("small")) / 500.0 - 1.0;
        let value = 100.0 + 20.0 * (n as f64 / 288.0 * std::f64::consts::TAU).sin() + noise;
        let _ = writeln!(csv, "{},{}", 1_767_225_600 + n * 300, change(n, value));
    }
    csv
}

fn with_outage(n: u64, value: f64) -> String {
    if (2_500..2_512).contains(&n) { "3.5".into() } else { format!("{value:.3}") }
}

fn findings(folder: &Path, args: &[&str]) -> Vec<Value> {
    let output = run(folder, &[&["detect", "--json"], args].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

#[test]
fn an_outage_is_found_with_its_start_and_its_way() {
    let folder = tempdir().expect("a folder");
    fs::write(folder.path().join("a.csv"), series(with_outage)).expect("written");
    let found = findings(folder.path(), &["a.csv"]);
    let hit = found.iter().find(|f| f["observed"] == 3.5).expect("the outage is found");
    assert_eq!((&hit["direction"], &hit["start"]), (&"down".into(), &"2026-01-09T16:20:00Z".into()), "{hit}");
    assert_eq!(hit["detected_at"], hit["start"]);
    assert!(hit["expected"].as_f64().is_some_and(|e| e > 60.0) && hit["bits"].as_f64().is_some_and(|b| b >= 13.0));
    assert_eq!((&hit["end"], &hit["ended"]), (&"2026-01-09T17:20:00Z".into(), &"back".into()), "{hit}");
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn a_healthy_noisy_series_is_left_in_peace() {
    let folder = tempdir().expect("a folder");
    fs::write(folder.path().join("a.csv"), series(|n, value| format!("{:.3}", value + noise(n)))).expect("written");
    assert_eq!(findings(folder.path(), &["a.csv"]), Vec::<Value>::new());
    let generous = findings(folder.path(), &["a.csv", "--bits", "3"]);
    assert!(generous.len() > 10, "the noise has its extremes: {generous:#?}");
}

/// Noise with a memory and a heavy tail.
fn noise(n: u64) -> f64 {
    let dice = |n: u64| {
        let mixed = (n ^ 0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..8u64).map(|back| 0.7f64.powf(back as f64) * -(1.0 - dice(n + 8 - back)).ln() * 4.0).sum()
}

#[test]
fn the_budget_and_the_bits_are_checked() {
    let folder = tempdir().expect("a folder");
    fs::write(folder.path().join("a.csv"), series(with_outage)).expect("written");
    for args in [&["--budget", "0"][..], &["--budget", "often"], &["--bits", "-1"], &["--budget", "1", "--bits", "9"]] {
        let output = run(folder.path(), &[&["detect", "a.csv"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_series_too_short_to_judge_says_so() {
    let folder = tempdir().expect("a folder");
    let short: String = series(with_outage).lines().take(101).flat_map(|line| [line, "\n"]).collect();
    fs::write(folder.path().join("a.csv"), short).expect("written");
    let output = run(folder.path(), &["detect", "a.csv"]);
    assert!(text(&output.stderr).contains("100 usable points are too few to judge by"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("0 findings"), "{}", text(&output.stdout));
}

#[test]
fn the_answer_to_a_point_does_not_depend_on_what_comes_later() {
    let folder = tempdir().expect("a folder");
    let whole = series(with_outage);
    let half: String = whole.lines().take(2_600).flat_map(|line| [line, "\n"]).collect();
    fs::write(folder.path().join("whole.csv"), whole).expect("written");
    fs::write(folder.path().join("half.csv"), half).expect("written");
    let scores = |name: &str| {
        let output = run(folder.path(), &["detect", name, "--scores", "scores.csv"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read_to_string(folder.path().join("scores.csv")).expect("scores")
    };
    let (whole, half) = (scores("whole.csv"), scores("half.csv"));
    assert_eq!(whole.lines().count(), 2_881);
    assert_eq!(whole.lines().next(), Some("timestamp,value,expected,bits,flag"));
    assert!(half.lines().eq(whole.lines().take(2_600)));
    assert!(whole.lines().nth(2_501).is_some_and(|line| line.ends_with(",1")), "the outage is flagged");
}

#[test]
fn bad_input_is_counted_and_costs_nothing_else() {
    let folder = tempdir().expect("a folder");
    let mut csv = series(|n, value| match n {
        700 => "NaN".into(),
        710 => "inf".into(),
        720 => String::new(),
        _ => with_outage(n, value),
    });
    csv += "1767225600,5\n1768089300,5\n1768089300,6\n";
    fs::write(folder.path().join("a.csv"), &csv).expect("written");
    let output = run(folder.path(), &["detect", "a.csv", "--scores", "scores.csv"]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for wanted in ["2 points not a number", "1 points without a value", "1 points earlier", "2 points at the time"] {
        assert!(said.contains(wanted), "no {wanted:?} in\n{said}");
    }
    let scores = fs::read_to_string(folder.path().join("scores.csv")).expect("scores");
    assert_eq!(scores.lines().count(), csv.lines().count(), "every row has its line");
    assert!(!scores.to_lowercase().contains("nan") && !scores.contains("inf"));
}

#[test]
fn negative_counts_are_refused() {
    let folder = tempdir().expect("a folder");
    fs::write(folder.path().join("a.csv"), "timestamp,value\n1,4\n2,-4\n3,5\n").expect("written");
    let output = run(folder.path(), &["detect", "a.csv", "--kind", "count"]);
    assert!(text(&output.stderr).contains("1 points outside of what its kind can be"), "{}", text(&output.stderr));
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let folder = tempdir().expect("a folder");
    fs::write(folder.path().join("<b>&.csv"), series(with_outage)).expect("written");
    let output = run(folder.path(), &["detect", "<b>&.csv", "--html", "report.html"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = fs::read_to_string(folder.path().join("report.html")).expect("a page");
    for wanted in
        ["<svg viewBox", "class=\"spell\"", "prefers-color-scheme:dark", "width=device-width", "&lt;b&gt;&amp;"]
    {
        assert!(page.contains(wanted), "no {wanted}");
    }
    for unwanted in ["<script", "http://", "https://", "<b>", "NaN"] {
        assert!(!page.contains(unwanted), "{unwanted}");
    }
}

#[test]
fn a_file_that_is_no_series_is_refused_with_a_hint() {
    let folder = tempdir().expect("a folder");
    fs::write(folder.path().join("a.csv"), "time,value\n1,2\n").expect("written");
    let output = run(folder.path(), &["detect", "a.csv"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no column `timestamp`") && said.contains("hint: these lines are enough"), "{said}");
    assert!(output.stdout.is_empty());
}
