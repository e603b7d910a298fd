//! RSS and Atom, as far as a voice needs it: which entries there are, and what they say.
//!
//! A pull parser, not a model of a feed: only an entry's id, title and summary are looked at, and nothing else of what feeds may
//! have in them can be read wrongly. Entities of a document's own making are not expanded, so there is nothing to blow up.

use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Most entries of one answer that are looked at.
const ENTRIES_MAX: usize = 500;
/// Entries that are remembered as known.
const KNOWN_MAX: usize = 2_000;
/// Of one entry's text so much is searched.
const TEXT_MAX: usize = 4_096;
/// How deep tags may lie in each other.
const DEPTH_MAX: usize = 64;

/// One feed as it is followed.
#[derive(Debug)]
pub(super) struct Feed {
    /// In lower case; an entry counts when it has one of them, any does when there are none.
    words: Vec<String>,
    known: HashSet<u64>,
    /// The same, oldest first.
    order: VecDeque<u64>,
    /// False before the first answer: what is there already is no news.
    is_known: bool,
}

impl Feed {
    pub(super) fn new(words: Vec<String>) -> Self {
        let words = words.iter().map(|word| word.to_lowercase()).collect();
        Self { words, known: HashSet::new(), order: VecDeque::new(), is_known: false }
    }

    /// How many entries are new and count.
    pub(super) fn news(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let entries = read(bytes)?;
        let mut news = 0;
        for entry in entries {
            if self.known.insert(entry.id) {
                self.order.push_back(entry.id);
                news += usize::from(self.is_known && self.counts(&entry.text));
            }
        }
        while self.order.len() > KNOWN_MAX
            && let Some(id) = self.order.pop_front()
        {
            self.known.remove(&id);
        }
        self.is_known = true;
        Ok(news)
    }

    fn counts(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.words.is_empty() || self.words.iter().any(|word| text.contains(word.as_str()))
    }
}

/// One entry.
#[derive(Debug, Default)]
struct Entry {
    /// The hash of its id, or of its link, or of all that it says.
    id: u64,
    text: String,
}

fn read(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "no feed in UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut entries = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut entry: Option<(String, String)> = None;
    let mut is_feed = false;
    loop {
        let event = reader.read_event().map_err(|error| format!("no feed: {error}"))?;
        match event {
            Event::Start(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                is_feed |= matches!(name.as_str(), "rss" | "feed" | "RDF");
                if matches!(name.as_str(), "item" | "entry") {
                    entry = Some(Default::default());
                }
                path.push(name);
                if path.len() > DEPTH_MAX {
                    return Err(format!("no feed: tags lie more than {DEPTH_MAX} deep"));
                }
            }
            Event::End(_) => {
                let ended = path.pop();
                if matches!(ended.as_deref(), Some("item" | "entry"))
                    && let Some((id, text)) = entry.take()
                {
                    let mut hasher = DefaultHasher::new();
                    if id.is_empty() {
                        text.hash(&mut hasher)
                    } else {
                        id.hash(&mut hasher)
                    }
                    entries.push(Entry { id: hasher.finish(), text });
                }
                if entries.len() >= ENTRIES_MAX {
                    break;
                }
            }
            Event::Text(text) => note(&mut entry, path.last(), &text),
            Event::CData(text) => note(&mut entry, path.last(), &text),
            Event::Eof => break,
            _ => {}
        }
    }
    if is_feed { Ok(entries) } else { Err("neither RSS nor Atom".into()) }
}

/// Takes a piece of text to where it belongs.
fn note(entry: &mut Option<(String, String)>, tag: Option<&String>, text: &str) {
    let (Some((id, words)), Some(tag)) = (entry, tag) else { return };
    let into = match tag.as_str() {
        "guid" | "id" => id,
        "link" if id.is_empty() => id,
        "title" | "description" | "summary" | "content" => words,
        _ => return,
    };
    let room = TEXT_MAX.saturating_sub(into.len());
    into.extend(text.chars().take(room));
    into.push(' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSS: &str = r#"<?xml version="1.0"?><rss version="2.0"><channel><title>#encore</title>
        <item><guid>1</guid><title>Encore is great</title></item>
        <item><guid>2</guid><title>x</title><description><![CDATA[Is <b>Encore DOWN</b> for you?]]></description></item>
        </channel></rss>"#;
    const ATOM: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>tag:a</id><title>down again</title>
        <link href="https://social.example/1"/></entry></feed>"#;

    #[test]
    fn what_is_new_and_has_one_of_the_words_counts_once() {
        let mut feed = Feed::new(vec!["Down".into()]);
        assert_eq!(
            feed.news(RSS.replace("<guid>2</guid>", "<guid>0</guid>").as_bytes()),
            Ok(0),
            "nothing of it is news"
        );
        assert_eq!(feed.news(RSS.as_bytes()), Ok(1));
        assert_eq!(feed.news(RSS.as_bytes()), Ok(0));
        assert_eq!(feed.news(ATOM.as_bytes()), Ok(1), "either kind");
        let mut all = Feed::new(vec![]);
        assert_eq!((all.news(ATOM.as_bytes()), all.news(RSS.as_bytes())), (Ok(0), Ok(2)));
    }

    #[test]
    fn garbage_is_an_error_and_nothing_else() {
        let bomb = format!(
            "<!DOCTYPE x [<!ENTITY a \"{}\">]><rss><channel><item><title>&a;</title></item></channel></rss>",
            "b".repeat(99)
        );
        let deep = format!("<rss>{}", "<a>".repeat(100));
        for text in ["", "down", "<html><body>404</body></html>", "<rss><item></rss>", "\u{0}\u{1}", deep.as_str()] {
            assert!(Feed::new(vec![]).news(text.as_bytes()).is_err(), "{text:?}");
        }
        assert_eq!(Feed::new(vec![]).news(bomb.as_bytes()), Ok(0), "an entity is passed over");
        assert!(Feed::new(vec![]).news(&[0xff; 64]).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let mut feed = Feed::new(vec![]);
        for n in 0..20 {
            let items: String = (0..600).map(|i| format!("<item><guid>{n}-{i}</guid></item>")).collect();
            feed.news(format!("<rss>{items}</rss>").as_bytes()).expect("a feed");
        }
        assert_eq!((feed.known.len(), feed.order.len()), (KNOWN_MAX, KNOWN_MAX));
    }
}
