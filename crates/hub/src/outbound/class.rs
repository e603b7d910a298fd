//! What kind of place an address is, by the registries of special-purpose addresses (RFC 6890 and its successors).
//!
//! An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is the kind of place that the IPv4 one is: else a name
//! server could dress `169.254.169.254` up as something else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Out in the world.
    Public,
    /// This machine.
    Loopback,
    /// A network of one's own: private, shared or unique local addresses, and those of documentation.
    Private,
    /// One link, and on it what clouds tell their machines, secrets among it.
    LinkLocal,
    /// Nobody alone: multicast, broadcast, unspecified, reserved.
    Nowhere,
}

impl Class {
    /// For people: what an address of this class is.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Loopback => "an address of this machine",
            Self::Private => "an address of a private network",
            Self::LinkLocal => "a link-local address, where clouds keep their machines' secrets",
            Self::Nowhere => "an address that is nobody's",
        }
    }

    /// The class of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => carried(address).map_or_else(|| of_v6(address), of_v4),
        }
    }
}

/// First octets, the number of bits that count, and the class. The first row that fits holds.
const V4: [([u8; 4], u8, Class); 15] = [
    ([0, 0, 0, 0], 8, Class::Nowhere),
    ([10, 0, 0, 0], 8, Class::Private),
    ([100, 64, 0, 0], 10, Class::Private),
    ([127, 0, 0, 0], 8, Class::Loopback),
    ([169, 254, 0, 0], 16, Class::LinkLocal),
    ([172, 16, 0, 0], 12, Class::Private),
    ([192, 0, 0, 0], 24, Class::LinkLocal),
    ([192, 0, 2, 0], 24, Class::Private),
    ([192, 88, 99, 0], 24, Class::Nowhere),
    ([192, 168, 0, 0], 16, Class::Private),
    ([198, 18, 0, 0], 15, Class::Private),
    ([198, 51, 100, 0], 24, Class::Private),
    ([203, 0, 113, 0], 24, Class::Private),
    ([224, 0, 0, 0], 4, Class::Nowhere),
    ([240, 0, 0, 0], 4, Class::Nowhere),
];

/// The same for the first two groups of an IPv6 address; whatever is not in 2000::/3 is nobody's.
const V6: [([u16; 2], u8, Class); 7] = [
    ([0xfc00, 0], 7, Class::Private),
    ([0xfe80, 0], 10, Class::LinkLocal),
    ([0xfec0, 0], 10, Class::Private),
    ([0x2001, 0], 23, Class::Nowhere),
    ([0x2001, 0x0db8], 32, Class::Private),
    ([0x3fff, 0], 20, Class::Private),
    ([0x2000, 0], 3, Class::Public),
];

fn of_v4(address: Ipv4Addr) -> Class {
    let bits = address.to_bits();
    let fits = |first: [u8; 4], length: u8| (bits ^ Ipv4Addr::from(first).to_bits()) >> (32 - length) == 0;
    V4.iter().find(|(first, length, _)| fits(*first, *length)).map_or(Class::Public, |row| row.2)
}

fn of_v6(address: Ipv6Addr) -> Class {
    if address.is_loopback() {
        return Class::Loopback;
    }
    let [a, b, ..] = address.segments();
    let head = |[a, b]: [u16; 2]| u32::from(a) << 16 | u32::from(b);
    let fits = |first: [u16; 2], length: u8| (head([a, b]) ^ head(first)) >> (32 - length) == 0;
    V6.iter().find(|(first, length, _)| fits(*first, *length)).map_or(Class::Nowhere, |row| row.2)
}

/// The IPv4 address inside of an IPv6 one that leads there.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // Mapped, and translated by NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kind_of_place_an_address_is() {
        let table = [
            ("1.1.1.1", Class::Public),
            ("172.32.0.1", Class::Public),
            ("100.128.0.1", Class::Public),
            ("127.0.0.1", Class::Loopback),
            ("127.255.255.255", Class::Loopback),
            ("10.1.2.3", Class::Private),
            ("172.31.255.255", Class::Private),
            ("192.168.1.1", Class::Private),
            ("100.100.100.200", Class::Private),
            ("198.19.0.1", Class::Private),
            ("169.254.169.254", Class::LinkLocal),
            ("192.0.0.192", Class::LinkLocal),
            ("0.0.0.0", Class::Nowhere),
            ("224.0.0.1", Class::Nowhere),
            ("255.255.255.255", Class::Nowhere),
            ("2606:4700::1111", Class::Public),
            ("::1", Class::Loopback),
            ("fd00:ec2::254", Class::Private),
            ("fe80::1", Class::LinkLocal),
            ("::", Class::Nowhere),
            ("ff02::1", Class::Nowhere),
            ("2001::1", Class::Nowhere),
            ("64:ff9b:1::1", Class::Nowhere),
            ("::127.0.0.1", Class::Nowhere),
            ("::ffff:127.0.0.1", Class::Loopback),
            ("::ffff:1.1.1.1", Class::Public),
            ("64:ff9b::169.254.169.254", Class::LinkLocal),
            ("64:ff9b::1.1.1.1", Class::Public),
            ("2002:a00:1::", Class::Private),
        ];
        for (address, class) in table {
            assert_eq!(Class::of(address.parse().expect(address)), class, "{address}");
        }
    }
}
