//! Reads a whole page, answer after answer, and says how far it has come.

use super::fetch::{FetchError, Source, unread};
use downbeat_core::model::Moment;
use downbeat_hub::history::STORIES_MAX;
use downbeat_hub::history::statuspage::{People, Person, ReadError, Reader, Reading};
use std::time::{SystemTime, UNIX_EPOCH};

/// Rows that the manage API gives at once.
const ROWS: usize = 100;
/// Most pages of one of its lists: of a hundred rows each, more than a hub takes.
const PAGES_MAX: usize = 10_000;
/// Most pages of the long history: three months each, twenty-five years.
const QUARTERS_MAX: usize = 100;

/// All that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) reading: Reading,
    pub(super) people: Vec<Person>,
}

/// Reads a page: with a key by the manage API, else as everybody sees it.
pub(super) async fn statuspage(mut source: Source) -> Result<Read, FetchError> {
    if source.is_managed() && source.id.is_none() {
        let id = page(&source).await?.page_id().to_owned();
        source.id = Some(id);
    }
    let (reader, people) = match source.is_managed() {
        true => (managed(&source).await?, subscribers(&source).await?),
        false => (public(&source).await?, People::default()),
    };
    let mut reading = reader.finish();
    let (people, notes) = people.finish();
    reading.notes.extend(notes);
    Ok(Read { reading, people })
}

fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment::default() + since
}

/// The page, with its components.
async fn page(source: &Source) -> Result<Reader, FetchError> {
    const PATH: &str = "/api/v2/summary.json";
    let url = format!("{}{PATH}", source.address());
    let summary = source.public(PATH).await?.ok_or_else(|| FetchError::Absent(url.clone()))?;
    let mut reader = Reader::of_page(&summary, &source.address(), now()).map_err(unread(url.clone()))?;
    reader.components(&summary).map_err(unread(url))?;
    eprintln!("reading {}", source.address());
    Ok(reader)
}

/// A way to take an answer in.
type Take = fn(&mut Reader, &[u8]) -> Result<usize, ReadError>;

async fn public(source: &Source) -> Result<Reader, FetchError> {
    let mut reader = page(source).await?;
    let lists: [(&str, Take); 3] = [
        ("/api/v2/components.json", Reader::components),
        ("/api/v2/incidents.json", Reader::incidents),
        ("/api/v2/scheduled-maintenances.json", Reader::maintenances),
    ];
    for (path, take) in lists {
        if let Some(answer) = source.public(path).await? {
            take(&mut reader, &answer).map_err(unread(format!("{}{path}", source.address())))?;
        }
    }
    eprintln!("{} stories of the newest", reader.count());
    long_history(source, &mut reader).await?;
    Ok(reader)
}

/// The stories before the newest fifty, where the page has an index of them.
async fn long_history(source: &Source, reader: &mut Reader) -> Result<(), FetchError> {
    for quarter in 1..=QUARTERS_MAX {
        let path = format!("/history.json?page={quarter}");
        let index = source.public_of_many(&path).await?;
        let codes = match index.as_deref().map(|index| reader.codes(index)) {
            Some(Ok((_, 0))) => return Ok(()),
            Some(Ok((codes, _))) => codes,
            None | Some(Err(_)) if quarter == 1 => {
                eprintln!(
                    "note: the page has no index of its history: the newest 50 of each kind are all that it gives"
                );
                return Ok(());
            }
            None => return Ok(()),
            Some(Err(why)) => return Err(unread(format!("{}{path}", source.address()))(why)),
        };
        for code in codes {
            if reader.count() >= STORIES_MAX {
                eprintln!("note: there is room for {STORIES_MAX} stories; those before them are left out");
                return Ok(());
            }
            one(source, reader, &code).await?;
        }
        eprintln!("{} stories, {} months back", reader.count(), 3 * quarter);
    }
    Ok(())
}

async fn one(source: &Source, reader: &mut Reader, code: &str) -> Result<(), FetchError> {
    let path = format!("/incidents/{code}.json");
    match source.public_of_many(&path).await? {
        Some(answer) => reader.incident(&answer).map_err(unread(format!("{}{path}", source.address()))),
        None => {
            eprintln!("note: story {code} stands in the index and is not there");
            Ok(())
        }
    }
}

async fn managed(source: &Source) -> Result<Reader, FetchError> {
    let about = source.managed("").await?;
    let mut reader =
        Reader::of_managed_page(&about, &source.address(), now()).map_err(unread("the manage API".into()))?;
    eprintln!("reading {} by the manage API", reader.page_id());
    let lists: [(&str, Take); 3] = [
        ("/components?per_page=100", Reader::components),
        ("/component-groups?per_page=100", Reader::groups),
        ("/incidents?limit=100", Reader::incidents),
    ];
    for (path, take) in lists {
        for page in 1..=PAGES_MAX {
            let path = format!("{path}&page={page}");
            let answer = source.managed(&path).await?;
            if take(&mut reader, &answer).map_err(unread(path))? < ROWS || reader.count() >= STORIES_MAX {
                break;
            }
            eprintln!("{} stories so far", reader.count());
        }
    }
    eprintln!("{} stories", reader.count());
    Ok(reader)
}

/// A way to take subscribers in.
type TakePeople = fn(&mut People, &[u8]) -> Result<usize, ReadError>;

async fn subscribers(source: &Source) -> Result<People, FetchError> {
    let mut people = People::default();
    let lists: [(&str, TakePeople); 2] = [("active", People::active), ("unconfirmed", People::unconfirmed)];
    for (state, take) in lists {
        for page in 0..PAGES_MAX {
            let path = format!("/subscribers?state={state}&limit={ROWS}&page={page}");
            let answer = source.managed(&path).await?;
            if take(&mut people, &answer).map_err(unread(path))? < ROWS {
                break;
            }
            eprintln!("{} {state} subscribers so far", (page + 1) * ROWS);
        }
    }
    Ok(people)
}
