//! The report: one page, no script, nothing from elsewhere; bright or dark as the reader's system is, and good on a phone.

use super::{Looked, direction_word, figure, plot, stamp};
use downbeat_core::detect::series::{Ending, Spell};
use std::fmt::Write;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--faint:#59636e;--paper:#fff;--card:#f4f6f8;--seen:#0b62c4;--expected:#3b4652;--spell:#c4320b}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--faint:#9aa5b1;--paper:#0d1117;--card:#161b22;--seen:#6cb0ff;--expected:#c9d3dd;--spell:#ff8a65}}
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:1.5rem}h2{font-size:1.05rem;overflow-wrap:anywhere;margin:0 0 .5rem}section{background:var(--card);border-radius:.5rem;padding:1rem;margin:1rem 0}
svg{display:block;width:100%;height:max(18vw,9rem);max-height:17rem}.seen,.expected,.mark{fill:none;vector-effect:non-scaling-stroke}.seen{stroke:var(--seen);stroke-width:1.2}
.expected{stroke:var(--expected);stroke-width:1.2;stroke-dasharray:5 4}.spell{fill:var(--spell);opacity:.18}.mark{stroke:var(--spell);stroke-width:1.5}
p,th{color:var(--faint)}.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.2rem .8rem .2rem 0;text-align:left;white-space:nowrap}td.n,th.n{text-align:right}";

/// The page.
pub(super) fn render(looked: &[Looked], needs: &str) -> String {
    let found: usize = looked.iter().map(|one| one.spells.len()).sum();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>What stands out: {found} findings</title><style>{STYLE}</style></head><body><h1>What stands out</h1>\
         <p>{} series, {found} findings, by {needs}. Each point was judged by those before it alone. \
         Line: what was seen. Dashes: what was expected. Shaded: not as usual, with a mark where it was noticed.</p>",
        looked.len()
    );
    for one in looked {
        let name = escaped(&one.name);
        let _ = write!(page, "<section><h2>{name}</h2>{}", plot::draw(one, &format!("{name} over time")));
        let _ = write!(
            page,
            "<p>{}{} points, taken as {}; the first {} were learnt from.</p>",
            plot::span(one).unwrap_or_default(),
            one.points.len(),
            one.kind.word(),
            one.learnt
        );
        if !one.spells.is_empty() {
            page += &table(&one.spells);
        }
        page += "</section>";
    }
    page + "</body></html>\n"
}

fn table(spells: &[Spell]) -> String {
    let mut out = String::from(
        "<div class=\"wide\" tabindex=\"0\"><table><tr><th scope=\"col\">noticed</th><th scope=\"col\">began</th>\
         <th scope=\"col\">ended</th><th scope=\"col\">way</th><th scope=\"col\" class=\"n\">expected</th>\
         <th scope=\"col\" class=\"n\">seen</th><th scope=\"col\" class=\"n\">bits</th></tr>",
    );
    for spell in spells {
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{:.1}</td></tr>",
            stamp(spell.detected_at),
            stamp(spell.start),
            ended(spell),
            direction_word(spell.direction),
            figure(spell.expected),
            figure(spell.observed),
            spell.bits.0
        );
    }
    out + "</table></div>"
}

fn ended(spell: &Spell) -> String {
    match spell.end {
        None => "going on".to_owned(),
        Some((end, Ending::Back)) => stamp(end),
        Some((end, Ending::NewUsual)) => format!("{}: the new usual", stamp(end)),
    }
}

/// A file may have any name.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
