//! What people write of announced work, read into an appointment: each fault names its field.

use crate::text::read_time;
use downbeat_core::model::{Appointment, Moment, Name};
use std::collections::BTreeSet;

/// Most components that are read of one request; no service has more.
const COMPONENTS_MAX: usize = 10_000;

/// What was written. What is missing stays as it is.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// One line.
    pub(crate) title: Option<String>,
    /// Names of components.
    pub(crate) components: Option<Vec<String>>,
    /// A time; now, where there is none and nothing that it was.
    pub(crate) start: Option<String>,
    /// A time.
    pub(crate) end: Option<String>,
}

impl Draft {
    /// The appointment that it comes to, given what was announced before. What makes no sense in it is for the engine to say.
    ///
    /// # Errors
    /// The name of the field and what is wrong with it, for people.
    pub(crate) fn appointment(self, now: Moment, before: Option<Appointment>) -> Result<Appointment, String> {
        let of = |field: &str, text: Option<String>| match text {
            Some(text) => read_time(&text).map(Some).map_err(|why| format!("{field}: {why}")),
            None => Ok(None),
        };
        let (start, end) = (of("start", self.start)?, of("end", self.end)?);
        let components = self.components.map(|names| read_components(&names)).transpose()?;
        let (title, known, from, until) = match before {
            Some(it) => (Some(it.title), Some(it.components), it.start, Some(it.end)),
            None => (None, None, now, None),
        };
        Ok(Appointment {
            title: self.title.or(title).unwrap_or_default(),
            components: components.or(known).unwrap_or_default(),
            start: start.unwrap_or(from),
            end: end.or(until).ok_or("end: it is missing")?,
        })
    }
}

fn read_components(names: &[String]) -> Result<BTreeSet<Name>, String> {
    if names.len() > COMPONENTS_MAX {
        return Err(format!("components: at most {COMPONENTS_MAX}"));
    }
    names.iter().map(|name| Name::new(name).map_err(|why| format!("components: {why}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn draft(components: &[&str], start: Option<&str>, end: Option<&str>) -> Draft {
        let components = Some(components.iter().map(|name| (*name).to_owned()).collect());
        Draft { title: Some("Work".into()), components, start: start.map(Into::into), end: end.map(Into::into) }
    }

    #[test]
    fn what_is_missing_stays_or_is_now() {
        let new = draft(&["login"], None, Some("1970-01-01T00:02Z")).appointment(at(7), None).expect("good");
        assert_eq!((new.start, new.end, new.components.len()), (at(7), at(120_000), 1));
        let moved = Draft { start: Some("1970-01-01 00:01".into()), ..Draft::default() };
        let moved = moved.appointment(at(9), Some(new.clone())).expect("good");
        assert_eq!(moved, Appointment { start: at(60_000), ..new });
    }

    #[test]
    fn faults_name_their_field() {
        let table = [
            (draft(&["login"], Some("soon"), Some("1970-01-01")), "start: \"soon\" is no time"),
            (draft(&["login"], None, Some("25:00")), "end: \"25:00\" is no time"),
            (draft(&["login"], None, None), "end: it is missing"),
            (draft(&["<b>"], None, Some("1970-01-01")), "components: a name consists of"),
        ];
        for (draft, expected) in table {
            let why = draft.appointment(at(0), None).expect_err(expected);
            assert!(why.starts_with(expected), "{why}");
        }
    }
}
