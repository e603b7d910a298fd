//! A reader over one table of the file: takes keys out by name and type, remembers which it was asked for, and
//! in the end complains about the rest. Whatever is wrong is collected; reading always goes on.

use super::fault::{Complaint, Faults};
use super::spelling;
use super::value::{FromValue, unexpected};
use std::cell::RefCell;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads one table. Every key it is asked for is a key it knows.
pub(crate) struct Reader<'d> {
    /// For messages: `[edge]`, `[[replica]]`, `the file`.
    title: String,
    table: Option<&'d DeTable<'d>>,
    span: Range<usize>,
    known: RefCell<Vec<&'static str>>,
    faults: &'d Faults,
}

impl<'d> Reader<'d> {
    /// A reader of the whole file.
    pub(crate) fn root(document: &'d Spanned<DeTable<'d>>, faults: &'d Faults) -> Self {
        // What misses in the file as a whole is shown at its first line.
        Self {
            title: "the file".into(),
            table: Some(document.get_ref()),
            span: 0..0,
            known: RefCell::default(),
            faults,
        }
    }

    /// Where the table begins: its header.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where a key's value stands; the table's own place when it is absent.
    pub(crate) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.and_then(|t| t.get(key)).map_or(self.span(), Spanned::span)
    }

    /// True when the table is in the file.
    pub(crate) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// The value of a key, when it is there and right.
    pub(crate) fn get<T: FromValue>(&self, key: &'static str) -> Option<Spanned<T>> {
        self.convert(key, self.find(key)?)
    }

    /// The value of a key, or else a default.
    pub(crate) fn or<T: FromValue>(&self, key: &'static str, default: T) -> T {
        self.get(key).map_or(default, Spanned::into_inner)
    }

    /// Overwrites a field with the value of the key of its name, when there is one.
    pub(crate) fn set<T: FromValue>(&self, key: &'static str, field: &mut T) {
        if let Some(value) = self.get(key) {
            *field = value.into_inner();
        }
    }

    /// The value of a key that has to be there.
    pub(crate) fn required<T: FromValue>(&self, key: &'static str) -> Option<Spanned<T>> {
        if self.find(key).is_none() {
            let complaint = Complaint::new(format!("{} needs {key}", self.title));
            self.complain(self.span(), complaint.hint(format!("{key} is {}", T::EXPECTED)));
        }
        self.get(key)
    }

    /// The items of a list; those that are wrong are left out.
    pub(crate) fn list<T: FromValue>(&self, key: &'static str) -> Option<Vec<Spanned<T>>> {
        let value = self.find(key)?;
        match value.get_ref().as_array() {
            Some(items) => Some(items.iter().filter_map(|item| self.convert(key, item)).collect()),
            None => {
                let complaint = unexpected(&format!("a list of which each is {}", T::EXPECTED), value.get_ref());
                self.complain(value.span(), prefixed(key, complaint).hint("lists stand in brackets: [ … ]"));
                None
            }
        }
    }

    /// The items of a list that has at least one.
    pub(crate) fn filled_list<T: FromValue>(&self, key: &'static str, hint: &str) -> Option<Vec<Spanned<T>>> {
        let value = self.find(key)?;
        if value.get_ref().as_array().is_some_and(|items| items.is_empty()) {
            self.complain(value.span(), Complaint::new(format!("{key}: the list is empty")).hint(hint));
        }
        self.list(key)
    }

    /// The reader of a table in this one; of an empty one when it is absent.
    pub(crate) fn table(&self, key: &'static str) -> Reader<'d> {
        let value = self.find(key);
        let table = value.and_then(|v| v.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            let complaint = unexpected(&format!("a table [{}]", self.path(key)), value.get_ref());
            self.complain(value.span(), prefixed(key, complaint));
        }
        let title = format!("[{}]", self.path(key));
        self.child(title, table, value.map_or(self.span(), Spanned::span))
    }

    /// The readers of a list of tables.
    pub(crate) fn tables(&self, key: &'static str, most: usize) -> Vec<Reader<'d>> {
        let Some(value) = self.find(key) else { return Vec::new() };
        if let Some(single) = value.get_ref().as_table() {
            let complaint = unexpected(&format!("tables [[{}]]", self.path(key)), value.get_ref());
            self.complain(
                value.span(),
                complaint.hint(format!("write [[{}]] with two brackets: there may be several", self.path(key))),
            );
            return vec![self.child(format!("[[{}]]", self.path(key)), Some(single), value.span())];
        }
        let Some(items) = value.get_ref().as_array() else {
            self.complain(value.span(), unexpected(&format!("tables [[{}]]", self.path(key)), value.get_ref()));
            return Vec::new();
        };
        if items.len() > most {
            self.complain(
                value.span(),
                Complaint::new(format!(
                    "{} [[{}]] are more than the {most} that are taken",
                    items.len(),
                    self.path(key)
                )),
            );
        }
        items.iter().take(most).filter_map(|item| self.item(key, item)).collect()
    }

    /// Ends the reading: complains about every key that nobody asked for.
    pub(crate) fn finish(self) {
        let known = self.known.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            if !known.contains(&key.get_ref().as_ref()) {
                let complaint =
                    Complaint::new(format!("unknown key \"{}\" in {}", key.get_ref().escape_debug(), self.title));
                self.complain(key.span(), complaint.hint(spelling::suggest(key.get_ref(), &known)));
            }
        }
    }

    /// Takes a complaint about a place.
    pub(crate) fn complain(&self, span: Range<usize>, complaint: Complaint) {
        self.faults.add(span, complaint);
    }

    fn find(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.table?.get(key)
    }

    fn convert<T: FromValue>(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Spanned<T>> {
        match T::from_value(value.get_ref()) {
            Ok(read) => Some(Spanned::new(value.span(), read)),
            Err(complaint) => {
                self.complain(value.span(), prefixed(key, complaint));
                None
            }
        }
    }

    fn item(&self, key: &str, item: &'d Spanned<DeValue<'d>>) -> Option<Reader<'d>> {
        let table = item.get_ref().as_table();
        if table.is_none() {
            self.complain(item.span(), unexpected(&format!("a table [[{}]]", self.path(key)), item.get_ref()));
        }
        table.map(|table| self.child(format!("[[{}]]", self.path(key)), Some(table), item.span()))
    }

    fn child(&self, title: String, table: Option<&'d DeTable<'d>>, span: Range<usize>) -> Reader<'d> {
        Reader { title, table, span, known: RefCell::default(), faults: self.faults }
    }

    /// `policy.detect` for the key `detect` of `[policy]`.
    fn path(&self, key: &str) -> String {
        // The file as a whole has no brackets, and tables of which there may be several have two.
        match self.title.trim_matches(['[', ']']) {
            parent if parent.len() < self.title.len() => format!("{parent}.{key}"),
            _ => key.into(),
        }
    }
}

fn prefixed(key: &str, complaint: Complaint) -> Complaint {
    Complaint { message: format!("{key}: {}", complaint.message), ..complaint }
}
