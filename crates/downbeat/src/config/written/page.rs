//! `[status_page]` and `[words]`: how the public is told.

use crate::config::address::BaseUrl;
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::units::Span;
use crate::config::value::{FromText, one_of};
use downbeat_core::model::{Language, Name, Piece, Templates};
use downbeat_core::tell;
use downbeat_hub::settings::BucketSettings;
use downbeat_hub::theme::{Colour, Scheme, Token};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// How often figures are copied unless said: stores ask money for each file.
const COPY_EVERY: Duration = Duration::from_secs(60);
const COPY_EVERY_MIN: Duration = Duration::from_secs(1);
/// As many as there may be components.
const GROUPS_MAX: usize = 1_000;

/// `[status_page]`.
pub(crate) struct PageTable {
    /// The page's own first; English alone unless said.
    pub(crate) languages: Vec<Language>,
    pub(crate) name: Option<String>,
    pub(crate) logo: Option<Spanned<PathBuf>>,
    pub(crate) colours: BTreeMap<(Scheme, Token), Spanned<Colour>>,
    pub(crate) groups: Vec<GroupTable>,
    pub(crate) copy: Option<CopyTable>,
}

/// `[[status_page.group]]`.
pub(crate) struct GroupTable {
    pub(crate) title: Option<Spanned<String>>,
    pub(crate) statuspage_id: Option<Spanned<Name>>,
}

impl GroupTable {
    fn read(reader: Reader<'_>) -> Self {
        let table = Self { title: reader.required("title"), statuspage_id: reader.required("statuspage_id") };
        reader.finish();
        table
    }
}

/// `[status_page.bucket]`.
pub(crate) struct CopyTable {
    pub(crate) place: Option<(String, String)>,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key_file: Option<Spanned<PathBuf>>,
    pub(crate) every: Duration,
}

/// `s3://bucket/prefix`.
struct Place((String, String));

impl FromText for Place {
    const EXPECTED: &'static str = "a place such as \"s3://status.example.com/\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let place = text.strip_prefix("s3://");
        let place = place.ok_or_else(|| Complaint::new("it does not begin with s3://").hint(Self::EXPECTED))?;
        BucketSettings::place(place).map(Self).map_err(|error| Complaint::new(error.to_string()))
    }
}

impl CopyTable {
    fn read(reader: Reader<'_>) -> Option<Self> {
        if !reader.is_there() {
            return None;
        }
        let text = |key| reader.required::<String>(key).map(Spanned::into_inner);
        let every = reader.or("every", Span(COPY_EVERY)).0;
        if every < COPY_EVERY_MIN {
            reader.complain(reader.span_of("every"), Complaint::new("every: at least a second").hint("every = \"1m\""));
        }
        let table = Self {
            place: reader.required::<Place>("url").map(|place| place.into_inner().0),
            endpoint: reader.required::<BaseUrl>("endpoint").map(|url| url.into_inner().0),
            region: text("region"),
            access_key: text("access_key"),
            secret_key_file: reader.required("secret_key_file"),
            every,
        };
        reader.finish();
        Some(table)
    }
}

impl FromText for Language {
    const EXPECTED: &'static str = "a language: \"en\", \"de\", \"fr\" or \"es\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &Self::ALL.map(|language| (language.code(), language)))
    }
}

impl FromText for Colour {
    const EXPECTED: &'static str = "a colour such as \"#5a4fcf\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        text.parse().map_err(|error: downbeat_hub::theme::ColourError| Complaint::new(error.to_string()))
    }
}

impl PageTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let languages =
            reader.filled_list::<Language>("languages", "languages = [\"en\", \"de\"]: the page's own first");
        let mut table = Self {
            languages: without_repeats(&reader, languages.unwrap_or_default()),
            name: reader.get("name").map(Spanned::into_inner),
            logo: reader.get("logo"),
            colours: BTreeMap::new(),
            groups: reader.tables("group", GROUPS_MAX).into_iter().map(GroupTable::read).collect(),
            copy: CopyTable::read(reader.table("bucket")),
        };
        for scheme in Scheme::ALL {
            let colours = reader.table(scheme.key());
            let chosen = Token::ALL.into_iter().filter_map(|token| Some(((scheme, token), colours.get(token.key())?)));
            table.colours.extend(chosen);
            colours.finish();
        }
        reader.finish();
        table
    }
}

fn without_repeats(reader: &Reader<'_>, languages: Vec<Spanned<Language>>) -> Vec<Language> {
    let mut known = Vec::new();
    for language in languages {
        if known.contains(language.get_ref()) {
            reader.complain(language.span(), Complaint::new(format!("\"{}\" is there already", language.get_ref())));
        } else {
            known.push(language.into_inner());
        }
    }
    if known.is_empty() { vec![Language::default()] } else { known }
}

/// A template as it was written, with its lines.
struct Source(String);

impl FromText for Source {
    const EXPECTED: &'static str = "a template between quotes";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            Some(_) => Err(Complaint::new("the template has a control character in it")),
            None => Ok(Self(text.replace("\r\n", "\n"))),
        }
    }
}

/// Reads `[words]`: a table for each language, in it a template for each piece that is not to be as it is built in.
pub(super) fn read_words(reader: &Reader<'_>) -> Templates {
    let mut templates = Templates::new();
    let words = reader.table("words");
    for language in Language::ALL {
        let table = words.table(language.code());
        for piece in Piece::ALL {
            let Some(source) = table.get::<Source>(piece.key()) else { continue };
            match tell::try_template(language, &source.get_ref().0) {
                Ok(()) => drop(templates.insert((language, piece), source.into_inner().0)),
                Err(fault) => table.complain(source.span(), faulty(piece, &fault)),
            }
        }
        table.finish();
    }
    words.finish();
    templates
}

fn faulty(piece: Piece, fault: &tell::TemplateFault) -> Complaint {
    let there = "there is what, where, cause, doing, done, next_update, components, regions";
    Complaint::new(format!("{}: {fault}", piece.key())).hint(there)
}

/// Where the page's colours stand, for complaints about them together.
pub(crate) fn place(table: &PageTable, scheme: Scheme, token: Token) -> Range<usize> {
    table.colours.get(&(scheme, token)).map_or(0..0, Spanned::span)
}
