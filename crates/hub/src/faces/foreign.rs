//! Words that somebody wrote on another page: Markdown with some HTML in it, as Statuspage takes both.
//!
//! The few tags that say something become Markdown, so that what stands in them is not lost with them; all others are dropped as
//! everywhere.

use super::html::Html;
use crate::history::is_url;

/// What one word may come to, in bytes; one that is made to become more is shown as it was written.
const HTML_MAX: usize = 256 * 1024;

/// The words as markup that is safe to stand in a page.
pub(crate) fn html(body: &str) -> Html {
    let html = Html::from_markdown(&markdown(body));
    if html.len() > HTML_MAX { Html::from_text(body) } else { html }
}

/// A tag at the start of a text.
struct Tag<'a> {
    /// In lower case, with a slash before it at an end.
    name: String,
    /// Where a link leads.
    href: Option<&'a str>,
    /// How long it is, in bytes.
    length: usize,
}

impl<'a> Tag<'a> {
    /// `None` for what begins like one and is none.
    fn at_start(text: &'a str) -> Option<Self> {
        let end = text.find('>')?;
        let inside = text[1..end].trim_end_matches('/').trim_end();
        let name = inside.split(char::is_whitespace).next().unwrap_or_default().to_ascii_lowercase();
        let is_name = |name: &str| name.starts_with(|c: char| c.is_ascii_lowercase());
        is_name(name.trim_start_matches('/')).then(|| Self { href: href(inside), name, length: end + 1 })
    }
}

/// The address of a link, when it is one that a page may link to.
fn href(inside: &str) -> Option<&str> {
    let (_, behind) = inside.split_once("href=")?;
    let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (url, _) = behind[1..].split_once(quote)?;
    (is_url(url) && !url.contains(['<', '>'])).then_some(url)
}

/// The tags that say something as Markdown.
fn markdown(body: &str) -> String {
    let (mut out, mut rest, mut links) = (String::with_capacity(body.len()), body, Vec::new());
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(tag) = Tag::at_start(rest) else {
            out.push('<');
            rest = &rest[1..];
            continue;
        };
        match tag.name.as_str() {
            "br" => out.push_str("  \n"),
            "p" | "/p" | "div" | "/div" | "ul" | "/ul" | "ol" | "/ol" => out.push_str("\n\n"),
            "li" => out.push_str("\n- "),
            "/li" => {}
            "b" | "/b" | "strong" | "/strong" => out.push_str("**"),
            "i" | "/i" | "em" | "/em" => out.push('*'),
            "a" => {
                out.push_str(if tag.href.is_some() { "[" } else { "" });
                links.push(tag.href);
            }
            "/a" => {
                if let Some(Some(url)) = links.pop() {
                    out.extend(["](<", url, ">)"]);
                }
            }
            _ => out.push_str(&rest[..tag.length]),
        }
        rest = &rest[tag.length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tags_say_is_kept_and_what_they_do_is_not() {
        let table = [
            ("It is **over**.", "<p>It is <strong>over</strong>.</p>\n"),
            ("<p>One</p><p>Two</p>", "<p>One</p>\n<p>Two</p>\n"),
            ("One<br />Two", "<p>One<br />\nTwo</p>\n"),
            ("<b>Now:</b> we <em>look</em>", "<p><strong>Now:</strong> we <em>look</em></p>\n"),
            ("<ul><li>a</li><li>b</li></ul>", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
            ("<a href='https://x.example/?a=1'>here</a>", "<p><a href=\"https://x.example/?a=1\">here</a></p>\n"),
            ("<a href=\"javascript:alert(1)\">here</a>", "<p>here</p>\n"),
            ("<a href=\"https://x.example/>\">here</a>", "<p>\"&gt;here</p>\n"),
            ("</a> </b>", "<p>**</p>\n"),
            ("a < b > c", "<p>a &lt; b &gt; c</p>\n"),
            ("<script>\nalert(1)\n</script>", ""),
            ("<img src=x onerror=alert(1)>", ""),
            ("<", "<p>&lt;</p>\n"),
        ];
        for (text, expected) in table {
            assert_eq!(html(text).to_string(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_that_is_made_to_grow_stays_within_bounds() {
        let table = format!("|{}\n|{}\n{}", "a|".repeat(4_000), "-|".repeat(4_000), "|\n".repeat(4_000));
        let nested = ["> ", "- ", "[", "*a ", "<li>", "<b>"].map(|part| part.repeat(25_000 / part.len()));
        for text in nested.iter().chain([&table]) {
            let html = html(text);
            assert!(html.len() <= HTML_MAX, "{:?} became {} bytes", &text[..4], html.len());
        }
    }
}
