//! A slice of the service: which part of it something is said about.

use super::Name;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The fixed dimensions. The list is closed, which keeps memory bounded whatever clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// What the user wants: playback, login, playlists.
    Component,
    /// Where it runs.
    Region,
    /// The single process.
    Replica,
    /// The release that it runs.
    Version,
    /// The rule of the edge that chose the component.
    Route,
    /// The client's network: /24 for IPv4, /48 for IPv6.
    Network,
}

impl Dimension {
    /// All of them, in the order in which a slice is written.
    pub const ALL: [Dimension; 6] =
        [Self::Component, Self::Region, Self::Replica, Self::Version, Self::Route, Self::Network];

    /// The word used in `component=playback`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Region => "region",
            Self::Replica => "replica",
            Self::Version => "version",
            Self::Route => "route",
            Self::Network => "network",
        }
    }
}

/// A set of fixed dimensions; the empty slice is the whole service.
///
/// Written `component=playback,region=eu`, or `everywhere`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slice([Option<Name>; 6]);

/// Which dimensions a slice fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape(u8);

/// Why a text is not a [`Slice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SliceError {
    /// A part without `=`.
    #[error("{0:?} is not of the form dimension=name")]
    Form(String),
    /// An unknown word before the `=`.
    #[error("{0:?} is no dimension; there are component, region, replica, version, route, network")]
    Dimension(String),
    /// A bad name behind the `=`.
    #[error("{dimension}: {source}")]
    Name {
        /// The dimension it was given for.
        dimension: &'static str,
        /// What is wrong with it.
        source: super::NameError,
    },
}

impl Slice {
    /// The whole service.
    pub fn everywhere() -> Self {
        Self::default()
    }

    /// The slice with one dimension fixed.
    pub fn of(dimension: Dimension, name: Name) -> Self {
        Self::default().with(dimension, name)
    }

    /// This slice with one more dimension fixed.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, name: Name) -> Self {
        self.0[dimension as usize] = Some(name);
        self
    }

    /// This slice with one dimension open.
    #[must_use]
    pub fn without(mut self, dimension: Dimension) -> Self {
        self.0[dimension as usize] = None;
        self
    }

    /// What a dimension is fixed to, if it is.
    pub fn get(&self, dimension: Dimension) -> Option<&Name> {
        self.0[dimension as usize].as_ref()
    }

    /// True for the whole service.
    pub fn is_everywhere(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// True when everything in `other` is in this slice as well, as far as the names tell.
    pub fn covers(&self, other: &Slice) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, theirs)| mine.is_none() || mine == theirs)
    }

    /// True when no dimension keeps the two apart.
    pub fn meets(&self, other: &Slice) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, theirs)| mine.is_none() || theirs.is_none() || mine == theirs)
    }

    /// Which dimensions are fixed.
    pub fn shape(&self) -> Shape {
        let bits = self.0.iter().enumerate().map(|(n, name)| u8::from(name.is_some()) << n);
        Shape(bits.fold(0, |all, bit| all | bit))
    }

    /// This slice without the dimensions that such a shape leaves open.
    #[must_use]
    pub fn cut_to(&self, shape: Shape) -> Self {
        let mut cut = self.clone();
        cut.0.iter_mut().enumerate().filter(|(n, _)| shape.0 & (1 << n) == 0).for_each(|(_, name)| *name = None);
        cut
    }

    /// The fixed dimensions with their names.
    pub fn parts(&self) -> impl Iterator<Item = (Dimension, &Name)> {
        Dimension::ALL.into_iter().zip(&self.0).filter_map(|(d, n)| n.as_ref().map(|n| (d, n)))
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_everywhere() {
            return f.write_str("everywhere");
        }
        for (i, (dimension, name)) in self.parts().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{}={name}", dimension.word())?;
        }
        Ok(())
    }
}

impl FromStr for Slice {
    type Err = SliceError;

    fn from_str(text: &str) -> Result<Self, SliceError> {
        if text.is_empty() || text == "everywhere" {
            return Ok(Self::default());
        }
        text.split(',').try_fold(Self::default(), |slice, part| {
            let (word, name) = part.split_once('=').ok_or_else(|| SliceError::Form(part.into()))?;
            let dimension = Dimension::ALL
                .into_iter()
                .find(|d| d.word() == word)
                .ok_or_else(|| SliceError::Dimension(word.into()))?;
            let name = Name::new(name).map_err(|source| SliceError::Name { dimension: dimension.word(), source })?;
            Ok(slice.with(dimension, name))
        })
    }
}

impl TryFrom<String> for Slice {
    type Error = SliceError;

    fn try_from(text: String) -> Result<Self, SliceError> {
        text.parse()
    }
}

impl From<Slice> for String {
    fn from(slice: Slice) -> String {
        slice.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(text: &str) -> Slice {
        text.parse().expect("a good slice")
    }

    #[test]
    fn text_and_back() {
        for text in ["everywhere", "region=eu", "component=login,replica=eu-1,network=127.66.6.0/24"] {
            assert_eq!(slice(text).to_string(), text);
        }
    }

    #[test]
    fn bad_texts_name_the_place() {
        for (text, says) in [("eu", "form"), ("colour=red", "no dimension"), ("region=", "region: a name cannot")] {
            let said = text.parse::<Slice>().expect_err("bad").to_string();
            assert!(said.contains(says), "{text:?} gave {said:?}");
        }
    }

    #[test]
    fn covering_and_meeting() {
        let table = [
            ("everywhere", "region=eu", true, true),
            ("region=eu", "everywhere", false, true),
            ("region=eu", "region=us", false, false),
            ("region=eu", "component=login,region=eu", true, true),
            ("region=eu", "component=login", false, true),
        ];
        for (a, b, covers, meets) in table {
            assert_eq!((slice(a).covers(&slice(b)), slice(a).meets(&slice(b))), (covers, meets), "{a} {b}");
        }
    }
}
