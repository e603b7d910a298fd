//! The demo's start screen.

use crate::demo::DemoOptions;
use crate::story;
use crate::world::Ports;
use crate::world::config::SHORTENED;
use std::fmt::Write;
use std::io::{IsTerminal, Write as _};

/// Prints where to look, what to break, and what is shortened.
pub(crate) fn print(ports: Ports, options: &DemoOptions) {
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let text = draw(ports, options);
    let text = if coloured { text } else { plain(&text) };
    // Nobody may be reading; the demo goes on.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn draw(ports: Ports, options: &DemoOptions) -> String {
    let mut text = String::new();
    let (edge, console, status) = (ports.edge(), ports.console(), ports.status());
    let listeners = options.listeners;
    line(&mut text, "");
    line(&mut text, "  \x1b[1m▼ Downbeat\x1b[0m keeps a music service playing: Encore, six replicas in three regions.");
    line(&mut text, &format!("    {listeners} listeners and about 120 requests a second are on their way."));
    line(&mut text, "");
    line(&mut text, &format!("    music         \x1b[4mhttp://{edge}\x1b[0m      log in as demo / demo"));
    line(&mut text, &format!("    console       \x1b[4mhttp://{console}\x1b[0m      see it, break it, mend it"));
    line(&mut text, &format!("    status page   \x1b[4mhttp://{status}\x1b[0m      what users read"));
    if !options.headless {
        line(&mut text, "    Open the three in a browser, side by side, and press play.");
    }
    line(&mut text, "");
    line(&mut text, "  \x1b[1mBreak something\x1b[0m in the console, or from here:");
    for story in story::all().into_iter().filter(|story| story.is_live() && !story.is_quiet()) {
        let ask = format!("curl -X POST http://{}/break/{}", ports.supervisor(), story.name);
        line(&mut text, &format!("    {ask:<58}{}", story.title));
    }
    line(&mut text, &format!("    curl -X POST http://{}/heal", ports.supervisor()));
    line(&mut text, "");
    line(&mut text, "  So that it can be watched, these are shorter than anybody should have them:");
    for (what, how) in SHORTENED {
        line(&mut text, &format!("    {what:<34}{how}"));
    }
    line(&mut text, "  Every guard on what automation may do is in force.");
    line(&mut text, "");
    line(&mut text, "  Ctrl-C ends everything.");
    line(&mut text, "");
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}

/// Without the terminal's colours.
fn plain(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_on_it() {
        let options = DemoOptions {
            exe: "downbeat".into(),
            port_base: None,
            data: None,
            listeners: 30,
            seed: 1,
            headless: false,
        };
        let text = plain(&draw(Ports::choose(None).expect("some set is free"), &options));
        for part in ["log in as demo / demo", "/break/bad-deploy", "/heal", "30 listeners", "instead of"] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        assert!(!text.contains('\x1b') && !text.contains("/break/quiet"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    }
}
