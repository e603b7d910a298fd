//! `[status_page]` and `[words]`: how the public is told.

use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::value::{FromText, one_of};
use downbeat_core::model::{Language, Piece, Templates};
use downbeat_core::tell;
use downbeat_hub::theme::{Colour, Scheme, Token};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;

/// `[status_page]`.
pub(crate) struct PageTable {
    /// The page's own first; English alone unless said.
    pub(crate) languages: Vec<Language>,
    pub(crate) name: Option<String>,
    pub(crate) logo: Option<Spanned<PathBuf>>,
    pub(crate) colours: BTreeMap<(Scheme, Token), Spanned<Colour>>,
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
