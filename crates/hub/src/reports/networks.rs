//! Whose network an address is in: /24 or /48, and the autonomous system where a table of them is given.
//!
//! The table is CSV: `prefix,asn,name` and, if wanted, `,region`, one prefix a line; `#` begins a comment. Prefixes may lie in
//! each other, the longest counts. Read once, it is two sorted lists, so that a look-up is one binary search.

use downbeat_core::model::{AddressRange, Name};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// Largest table that is read: all prefixes of the Internet are some 60 MB.
const TABLE_MAX: u64 = 256 * 1024 * 1024;
/// Longest name of an autonomous system that is kept.
const TITLE_MAX: usize = 80;
/// Stands for all networks that a given table does not have.
const UNLISTED: &str = "unlisted";

/// Networks and whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkTable {
    /// The first one stands for what is not listed; none without a table.
    systems: Vec<System>,
    /// First address of a stretch, and whose it is; sorted.
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u32)>,
}

/// An autonomous system in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// `AS3320`.
    pub name: Name,
    /// What people call it; empty when nobody said.
    pub title: String,
    /// The region its users are in, where the table says so.
    pub region: Option<Name>,
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file.
    #[error("cannot read it")]
    Read(#[from] std::io::Error),
    /// It has more than anybody needs.
    #[error("it has more than {} MiB", TABLE_MAX / 1024 / 1024)]
    TooLarge,
    /// One of its lines.
    #[error("line {line}: {what}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// The place of a network's system in the table; [`SystemId::NONE`] without a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SystemId(u32);

impl SystemId {
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// A /24 or a /48 as a number: IPv6 has the highest bit, what is neither the second highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NetworkId(pub(super) u64);

const IS_V6: u64 = 1 << 63;
const IS_NAME: u64 = 1 << 62;

impl NetworkId {
    /// The network of an address.
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits() >> 8)),
            IpAddr::V6(v6) => Self(IS_V6 | u64::try_from(v6.to_bits() >> 80).expect("48 bits are left")),
        }
    }

    /// The network that another program named; what is no address is known by its hash.
    pub(super) fn named(name: &Name) -> (Self, Option<IpAddr>) {
        let address = name.as_str().split('/').next().and_then(|text| text.parse::<IpAddr>().ok());
        let hash = || {
            name.as_str()
                .bytes()
                .fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
        };
        (address.map_or_else(|| Self(IS_NAME | hash() >> 2), Self::of), address)
    }

    /// `10.1.2.0/24`, `2001:db8:7::/48`.
    pub(super) fn name(self) -> Name {
        let text = match self.0 {
            n if n & IS_V6 != 0 => {
                let first = Ipv6Addr::from_bits(u128::from(n & !IS_V6) << 80);
                let [a, b, c, ..] = first.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
            n if n & IS_NAME != 0 => format!("network-{:x}", n & !IS_NAME),
            n => format!("{}/24", Ipv4Addr::from_bits(u32::try_from(n << 8).unwrap_or(0))),
        };
        Name::new(&text).expect("an address and a length are a good name")
    }
}

impl NetworkTable {
    /// Reads a table.
    ///
    /// # Errors
    /// [`TableError`], with the number of the line.
    pub fn read(path: &Path) -> Result<Self, TableError> {
        if std::fs::metadata(path)?.len() > TABLE_MAX {
            return Err(TableError::TooLarge);
        }
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// Reads a table's text.
    ///
    /// # Errors
    /// [`TableError::Line`].
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let unlisted = Name::new(UNLISTED).expect("a constant good name");
        let mut systems = vec![System { name: unlisted, title: String::new(), region: None }];
        let mut known = std::collections::HashMap::new();
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (n, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (range, system) = read_line(line).map_err(|what| TableError::Line { line: n + 1, what })?;
            let key = (system.name.clone(), system.region.clone());
            let id = *known.entry(key).or_insert_with(|| {
                systems.push(system);
                u32::try_from(systems.len() - 1).expect("a file of that size has fewer lines")
            });
            let list = if range.0 { &mut v4 } else { &mut v6 };
            list.push((range.1, range.2, id));
        }
        // What begins behind the last address is nobody's.
        let v4 = flatten(v4).into_iter().filter_map(|(first, id)| Some((u32::try_from(first).ok()?, id))).collect();
        Ok(Self { systems, v4, v6: flatten(v6) })
    }

    /// True when nobody gave a table.
    pub fn is_empty(&self) -> bool {
        self.systems.is_empty()
    }

    /// All systems.
    pub fn systems(&self) -> &[System] {
        &self.systems
    }

    /// What people call a network or a system: `AS64501 (Example Telecom)`, `10.1.2.0/24`.
    pub fn title_of(&self, owner: &Name) -> String {
        let title = self.systems.iter().find(|system| system.name == *owner).map_or("", |system| &system.title);
        if title.is_empty() { owner.to_string() } else { format!("{owner} ({title})") }
    }

    /// Whose an address is.
    pub(super) fn find(&self, address: IpAddr) -> SystemId {
        if self.is_empty() {
            return SystemId::NONE;
        }
        let id = match address.to_canonical() {
            IpAddr::V4(v4) => last_before(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => last_before(&self.v6, v6.to_bits()),
        };
        SystemId(id.unwrap_or(0))
    }

    /// The system; none without a table.
    pub(super) fn system(&self, id: SystemId) -> Option<&System> {
        self.systems.get(usize::try_from(id.0).ok()?)
    }

    /// Whatever the table does not have; none without a table.
    pub(super) fn unlisted(&self) -> SystemId {
        if self.is_empty() { SystemId::NONE } else { SystemId(0) }
    }
}

fn last_before<T: Ord + Copy>(stretches: &[(T, u32)], address: T) -> Option<u32> {
    let after = stretches.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).map(|n| stretches[n].1)
}

/// Whether it is IPv4, first and last address.
type Stretch = (bool, u128, u128);

fn read_line(line: &str) -> Result<(Stretch, System), String> {
    let fields: Vec<&str> = line.split(',').map(|field| field.trim().trim_matches('"')).collect();
    let (prefix, asn, title, region) = match *fields.as_slice() {
        [prefix, asn, title] => (prefix, asn, title, ""),
        [prefix, asn, title, region] => (prefix, asn, title, region),
        _ => return Err(format!("it has {} fields; write prefix,asn,name or prefix,asn,name,region", fields.len())),
    };
    prefix.parse::<AddressRange>().map_err(|error| error.to_string())?;
    let digits = asn.strip_prefix("AS").or_else(|| asn.strip_prefix("as")).unwrap_or(asn);
    let number: u32 = digits.parse().map_err(|_| format!("{asn:?} is no number of an autonomous system"))?;
    let region = match region {
        "" => None,
        text => Some(Name::new(text).map_err(|error| format!("region: {error}"))?),
    };
    let name = Name::new(&format!("AS{number}")).expect("letters and digits are a name");
    Ok((stretch(prefix)?, System { name, title: title.chars().take(TITLE_MAX).collect(), region }))
}

fn stretch(prefix: &str) -> Result<Stretch, String> {
    let (address, bits) = prefix.split_once('/').unwrap_or((prefix, "128"));
    let address: IpAddr = address.parse().map_err(|_| format!("{prefix:?} is no prefix"))?;
    let bits: u32 = bits.parse().map_err(|_| format!("{prefix:?} is no prefix"))?;
    let (is_v4, first, width) = match address {
        IpAddr::V4(v4) => (true, u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (false, v6.to_bits(), 128),
    };
    let free = width - bits.min(width);
    let span = 1_u128.checked_shl(free).map_or(u128::MAX, |n| n - 1);
    Ok((is_v4, first, first.saturating_add(span)))
}

/// Cuts prefixes that lie in each other into stretches that do not; 0 is nobody's.
fn flatten(mut prefixes: Vec<(u128, u128, u32)>) -> Vec<(u128, u32)> {
    // The shorter prefix first, so that the longer one is laid upon it.
    prefixes.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut stretches: Vec<(u128, u32)> = Vec::new();
    let mut put = |first: u128, id: u32| match stretches.last_mut() {
        Some(last) if last.0 == first => last.1 = id,
        Some(last) if last.1 == id => {}
        _ => stretches.push((first, id)),
    };
    let mut open: Vec<(u128, u32)> = Vec::new();
    for (first, last, id) in prefixes.into_iter().chain([(u128::MAX, u128::MAX, 0)]) {
        while let Some((end, _)) = open.pop_if(|(end, _)| *end < first) {
            put(end + 1, open.last().map_or(0, |(_, id)| *id));
        }
        if first != u128::MAX {
            put(first, id);
            open.push((last, id));
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> String {
        NetworkId::of(text.parse().expect("an address")).name().to_string()
    }

    #[test]
    fn networks() {
        let table = [
            ("127.66.6.1", "127.66.6.0/24"),
            ("::ffff:10.1.2.3", "10.1.2.0/24"),
            ("2001:db8:7:8::9", "2001:db8:7::/48"),
            ("::1", "0:0:0::/48"),
        ];
        for (peer, name) in table {
            assert_eq!(network(peer), name);
            let (again, address) = NetworkId::named(&Name::new(name).expect("good"));
            assert_eq!((again, address.is_some()), (NetworkId::of(peer.parse().expect("an address")), true));
        }
        let (mobile, address) = NetworkId::named(&Name::new("mobile").expect("good"));
        assert!(address.is_none() && mobile != NetworkId::named(&Name::new("fixed").expect("good")).0);
    }

    #[test]
    fn the_longest_prefix_tells_whose_an_address_is() {
        let text = "# a small Internet\n10.0.0.0/8, 64500, \"Great, Inc., x\"\n";
        assert!(NetworkTable::parse(text).is_err(), "a comma in a name is another field");
        let text = "10.0.0.0/8,64500,Great\n10.1.0.0/16,AS64501,Small,eu # within\n10.1.2.0/24,64502,Tiny\n\n\
                    2001:db8::/32,64503,Six,us\n203.0.113.7,64504,One\n0.0.0.0/1,64505,Half\n255.0.0.0/8,64506,Last\n";
        let table = NetworkTable::parse(text).expect("good");
        for (address, name) in [
            ("10.9.9.9", "AS64500"),
            ("10.1.9.9", "AS64501"),
            ("10.1.2.9", "AS64502"),
            ("10.1.3.0", "AS64501"),
            ("10.2.0.0", "AS64500"),
            ("11.0.0.0", "AS64505"),
            ("127.255.255.255", "AS64505"),
            ("128.0.0.0", "unlisted"),
            ("203.0.113.7", "AS64504"),
            ("203.0.113.8", "unlisted"),
            ("255.255.255.255", "AS64506"),
            ("::ffff:10.1.2.9", "AS64502"),
            ("2001:db8:ffff::1", "AS64503"),
            ("2001:db9::", "unlisted"),
            ("::", "unlisted"),
        ] {
            let system = table.system(table.find(address.parse().expect("an address"))).expect("there is a table");
            assert_eq!(system.name.as_str(), name, "{address}");
        }
        assert_eq!(NetworkTable::default().find("10.0.0.1".parse().expect("good")), SystemId::NONE);
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, says) in [
            ("10.0.0.0/8,1", "line 1: it has 2 fields"),
            ("\n10.0.0.1/8,1,x", "line 2: \"10.0.0.1/8\" is not the beginning"),
            ("10.0.0.0/33,1,x", "line 1: \"10.0.0.0/33\": an address has 32 bits"),
            ("ten,1,x", "line 1: \"ten\" is no address"),
            ("10.0.0.0/8,AS,x", "no number of an autonomous system"),
            ("10.0.0.0/8,1,x,b c", "line 1: region: "),
        ] {
            let error = NetworkTable::parse(text).expect_err(text).to_string();
            assert!(error.contains(says), "{text:?} gave {error:?}");
        }
    }
}
