//! Ranges of addresses, written as `10.0.0.0/8`: of proxies whose word counts, of networks that the hub may reach.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// All addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    bits: u8,
}

/// Why a text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// No address in it.
    #[error("{0:?} is no address and no range of addresses")]
    Form(String),
    /// More bits than an address has, or none that is a number.
    #[error("{text:?}: an address has {most} bits")]
    Bits {
        /// As written.
        text: String,
        /// How many there are.
        most: u8,
    },
    /// An address inside of the range, not its first.
    #[error("{text:?} is not the beginning of a range; {first} is")]
    Inside {
        /// As written.
        text: String,
        /// What was probably meant.
        first: AddressRange,
    },
}

impl AddressRange {
    /// True for an address in the range. An IPv4 address in IPv6 clothes counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && first(address, self.bits) == self.first
    }
}

/// The address with all bits behind the first ones cleared.
fn first(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

impl FromStr for AddressRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| RangeError::Form(text.into()))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits
            .map_or(Ok(most), |bits| bits.parse().map_err(|_| most))
            .and_then(|bits: u8| if bits <= most { Ok(bits) } else { Err(most) });
        let bits = bits.map_err(|most| RangeError::Bits { text: text.into(), most })?;
        let range = Self { first: first(address, bits), bits };
        if range.first == address { Ok(range) } else { Err(RangeError::Inside { text: text.into(), first: range }) }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_what_is_in_them() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.0.0.0/8", "a00::", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
        ];
        for (range, address, inside) in table {
            let range: AddressRange = range.parse().expect(range);
            assert_eq!(range.contains(address.parse().expect(address)), inside, "{address} in {range}");
        }
    }

    #[test]
    fn what_is_no_range() {
        for text in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/x", "::/129", "10.0.0.0/-1", "10.0.0.0/8/8", "eu-1"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
        let inside = "10.0.0.1/8".parse::<AddressRange>().expect_err("inside");
        assert_eq!(inside.to_string(), "\"10.0.0.1/8\" is not the beginning of a range; 10.0.0.0/8 is");
    }
}
