//! Covers for music that has none: drawn from its id, so that the same album looks the same on every replica.
//!
//! Eight hand-picked palettes, five compositions, and the id's digits as dice. 600 by 600 SVG, text included.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Background from, background to, shape, accent. The text is white on all of them.
const PALETTES: [[&str; 4]; 8] = [
    ["#1b2a49", "#7b4b94", "#f2a65a", "#ffd9a0"],
    ["#0f3d3e", "#1f7a6d", "#f2c14e", "#fbe7b2"],
    ["#2b1644", "#a63d62", "#f08a5d", "#ffd6c2"],
    ["#12263f", "#2f6690", "#81c3d7", "#d9f0f7"],
    ["#3a1c2f", "#b2473e", "#ecb365", "#fff0d4"],
    ["#13293d", "#3e5c76", "#e07a5f", "#f4d6c8"],
    ["#1d2b1f", "#4f7942", "#d9c55f", "#f5f0c9"],
    ["#221c4a", "#4a47a3", "#9fb8ff", "#e3eaff"],
];

/// Draws the cover.
pub(super) fn draw(id: &str, title: &str, artist: &str) -> String {
    let dice = Dice::of(id);
    let [from, to, shape, accent] = PALETTES[dice.number(0, PALETTES.len())];
    let composition = match dice.number(1, 5) {
        0 => rings(&dice, shape, accent),
        1 => hills(&dice, shape, accent),
        2 => sun(&dice, shape, accent),
        3 => bars(&dice, shape, accent),
        _ => orbits(&dice, shape, accent),
    };
    let angle = 20 + dice.number(2, 50);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 600" role="img" aria-label="{label}">
<defs><linearGradient id="sky" gradientTransform="rotate({angle})"><stop stop-color="{from}"/><stop offset="1" stop-color="{to}"/></linearGradient>
<linearGradient id="shade" x2="0" y2="1"><stop offset=".55" stop-color="#000" stop-opacity="0"/><stop offset="1" stop-color="#000" stop-opacity=".62"/></linearGradient></defs>
<rect width="600" height="600" fill="url(#sky)"/>
{composition}<rect width="600" height="600" fill="url(#shade)"/>
<g fill="#fff" font-family="ui-sans-serif, system-ui, sans-serif"><text x="40" y="522" font-size="{size}" font-weight="700">{title}</text><text x="40" y="560" font-size="24" opacity=".85">{artist}</text></g>
</svg>
"##,
        label = escaped(&format!("Cover of {title} by {artist}")),
        size = if title.chars().count() > 18 { 34 } else { 46 },
        title = escaped(&shortened(title, 30)),
        artist = escaped(&shortened(artist, 44)),
    )
}

/// Concentric rings around a point off the middle, like a record.
fn rings(dice: &Dice, shape: &str, accent: &str) -> String {
    let (x, y) = (240 + dice.number(3, 200), 180 + dice.number(4, 120));
    let mut svg = format!(r#"<circle cx="{x}" cy="{y}" r="34" fill="{accent}"/>"#);
    for ring in 0..9 {
        let (radius, opacity) = (64 + ring * 34, 80 - ring * 8);
        put(
            &mut svg,
            format_args!(
                r#"<circle cx="{x}" cy="{y}" r="{radius}" fill="none" stroke="{shape}" stroke-width="{width}" opacity=".{opacity:02}"/>"#,
                width = 14 - ring
            ),
        );
    }
    svg
}

/// Hills behind hills under a moon.
fn hills(dice: &Dice, shape: &str, accent: &str) -> String {
    let moon = 120 + dice.number(3, 360);
    let mut svg = format!(r#"<circle cx="{moon}" cy="150" r="58" fill="{accent}"/>"#);
    for ridge in 0..4 {
        let (base, opacity) = (290 + ridge * 70, 30 + ridge * 18);
        let (a, b) = (dice.number(4 + ridge, 120), dice.number(5 + ridge, 120));
        put(
            &mut svg,
            format_args!(
                r#"<path d="M0 {base} C150 {up} 220 {down} 330 {base} S520 {up2} 600 {base} V600 H0Z" fill="{shape}" opacity=".{opacity}"/>"#,
                up = base - 40 - a,
                down = base + b / 2,
                up2 = base - 30 - b
            ),
        );
    }
    svg
}

/// A low sun with its stripes.
fn sun(dice: &Dice, shape: &str, accent: &str) -> String {
    let y = 250 + dice.number(3, 60);
    let mut svg = format!(r#"<circle cx="300" cy="{y}" r="170" fill="{shape}"/>"#);
    for stripe in 0..6 {
        let top = y + 20 + stripe * 26;
        put(
            &mut svg,
            format_args!(
                r#"<rect x="110" y="{top}" width="380" height="{height}" fill="{accent}" opacity=".34"/>"#,
                height = 4 + stripe * 2
            ),
        );
    }
    svg
}

/// The bars of a level meter, each as tall as the dice say.
fn bars(dice: &Dice, shape: &str, accent: &str) -> String {
    let mut svg = String::new();
    for bar in 0..13 {
        let (x, height) = (48 + bar * 39, 60 + dice.number(3 + bar, 300));
        let colour = if bar % 3 == dice.number(2, 3) { accent } else { shape };
        put(
            &mut svg,
            format_args!(
                r#"<rect x="{x}" y="{top}" width="24" height="{height}" rx="12" fill="{colour}" opacity=".9"/>"#,
                top = 250 - height / 2
            ),
        );
    }
    svg
}

/// Planets on tilted orbits.
fn orbits(dice: &Dice, shape: &str, accent: &str) -> String {
    let tilt = 10 + dice.number(3, 50);
    let mut svg =
        format!(r#"<g transform="rotate(-{tilt} 300 260)"><circle cx="300" cy="260" r="66" fill="{accent}"/>"#);
    for orbit in 0..4 {
        let (wide, high) = (130 + orbit * 55, 46 + orbit * 24);
        let side = if dice.number(4 + orbit, 2) == 0 { 300 - wide } else { 300 + wide };
        put(
            &mut svg,
            format_args!(
                r#"<ellipse cx="300" cy="260" rx="{wide}" ry="{high}" fill="none" stroke="{shape}" stroke-width="3" opacity=".7"/><circle cx="{side}" cy="260" r="{radius}" fill="{shape}"/>"#,
                radius = 10 + dice.number(8 + orbit, 14)
            ),
        );
    }
    svg + "</g>"
}

/// Numbers out of an id.
struct Dice([u8; 16]);

impl Dice {
    /// Hashes the id, so that ids of any kind will do.
    fn of(id: &str) -> Self {
        let digest = Sha256::digest(id.as_bytes());
        Self(std::array::from_fn(|n| digest[n]))
    }

    /// The `nth` number, from 0 up to `count` excluded.
    fn number(&self, nth: usize, count: usize) -> usize {
        usize::from(self.0[nth % 16]) * count / 256
    }
}

fn put(svg: &mut String, shape: std::fmt::Arguments<'_>) {
    svg.write_fmt(shape).expect("a string takes everything");
}

fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.into(),
    }
}

/// Titles are strangers' text: nothing in them may become markup.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut safe, c| {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => {}
            c => safe.push(c),
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_draws_the_same_cover_and_ids_differ() {
        assert_eq!(draw("0123", "A", "B"), draw("0123", "A", "B"));
        let different: std::collections::HashSet<String> = (0..40).map(|n| draw(&n.to_string(), "A", "B")).collect();
        assert!(different.len() > 30, "{}", different.len());
    }

    #[test]
    fn titles_cannot_become_markup() {
        let svg = draw("1", "</text><script>alert(1)</script>", "\"><a href='x'>&\u{0}");
        assert!(!svg.contains("<script") && !svg.contains("<a "), "{svg}");
    }
}
