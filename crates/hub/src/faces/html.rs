//! Markup that is safe to stand in a page: drawn by ourselves, or rendered from an operator's Markdown.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::fmt;

/// Markup that templates insert as it is. Only this module and the drawing modules make it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Html(String);

impl Html {
    /// The operator's Markdown. Raw HTML and images are dropped, links lead only to the web or to mail.
    pub(crate) fn from_markdown(text: &str) -> Self {
        let mut links = Vec::new();
        let events = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS)
            .filter(|event| keeps(event, &mut links))
            .map(plain_boxes);
        let mut html = String::new();
        pulldown_cmark::html::push_html(&mut html, events);
        Self(html)
    }
}

impl Html {
    /// A text as it is.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut html = String::from("<p>");
        for c in text.chars() {
            match c {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str("&quot;"),
                c => html.push(c),
            }
        }
        html.push_str("</p>");
        Self(html)
    }

    /// How much markup it is, in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// Decides about one event; `links` remembers for each open link whether it was kept, so that its end goes as well.
fn keeps(event: &Event<'_>, links: &mut Vec<bool>) -> bool {
    match event {
        Event::Html(_) | Event::InlineHtml(_) => false,
        Event::Start(Tag::Image { .. } | Tag::HtmlBlock) | Event::End(TagEnd::Image | TagEnd::HtmlBlock) => false,
        Event::Start(Tag::Link { dest_url, .. }) => {
            links.push(is_harmless(dest_url));
            is_harmless(dest_url)
        }
        Event::End(TagEnd::Link) => links.pop().unwrap_or(false),
        _ => true,
    }
}

/// A task's box as a sign: a check box that does nothing is only in the way of who listens to a page.
fn plain_boxes(event: Event<'_>) -> Event<'_> {
    match event {
        Event::TaskListMarker(done) => Event::Text(if done { "☑ " } else { "☐ " }.into()),
        other => other,
    }
}

fn is_harmless(url: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| url.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_rendered_and_hostile_markup_is_not() {
        let table = [
            ("**Fixed** at last", "<p><strong>Fixed</strong> at last</p>\n"),
            ("a <script>alert(1)</script> b", "<p>a alert(1) b</p>\n"),
            ("<script>\nalert(1)\n</script>", ""),
            ("<img src=x onerror=alert(1)>", ""),
            ("![cat](https://example.org/cat.png)", "<p>cat</p>\n"),
            ("[here](https://example.org)", "<p><a href=\"https://example.org\">here</a></p>\n"),
            ("[here](javascript:alert(1))", "<p>here</p>\n"),
            ("[a ![b](x)](data:x)", "<p>a b</p>\n"),
            ("- [ ] mend it", "<ul>\n<li>☐ mend it</li>\n</ul>\n"),
            ("1 < 2 & 3", "<p>1 &lt; 2 &amp; 3</p>\n"),
        ];
        for (text, expected) in table {
            assert_eq!(Html::from_markdown(text).to_string(), expected, "{text:?}");
        }
    }

    /// The longest word of 5,000 characters may come to so much, in bytes.
    const HTML_MAX: usize = 128 * 1024;

    #[test]
    fn a_small_text_makes_no_large_page() {
        let table = format!("|{}\n|{}\n{}", "a|".repeat(800), "-|".repeat(800), "|\n".repeat(850));
        let texts = [table, "> ".repeat(2_500), "- ".repeat(2_500), "[".repeat(5_000), "*a ".repeat(1_600)];
        for text in texts {
            let shown: String = text.chars().take(20).collect();
            let html = Html::from_markdown(&text).to_string();
            assert!(html.len() <= HTML_MAX, "{shown:?} became {} bytes", html.len());
        }
    }
}
