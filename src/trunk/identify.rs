//! Source addresses in CIDR notation, and the index that finds the trunks of one.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

/// A range of addresses: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    base: u128,
    /// Of the 128 bits of an IPv6 address; IPv4 lies in `::ffff:0:0/96`.
    prefix: u8,
}

/// IPv4 and IPv6 in one number space, so that a socket bound to `::` sees its IPv4 peers as the operator wrote them.
fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(prefix))).unwrap_or(0)
}

impl Network {
    /// Reads CIDR notation; host bits may be set and are ignored. Errors are sentences for the operator.
    pub fn parse(text: &str) -> Result<Network, String> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let ip: IpAddr =
            address.parse().map_err(|_| format!("'{text}' is not an IP address or CIDR range"))?;
        let width: u8 = if ip.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) => bits
                .parse::<u8>()
                .ok()
                .filter(|b| *b <= width && !bits.starts_with('+'))
                .ok_or_else(|| format!("'{text}' has a prefix length that is not 0 to {width}"))?,
        };
        let prefix = 128_u8.saturating_sub(width).saturating_add(bits);
        Ok(Network { base: number(ip) & mask(prefix), prefix })
    }

    /// Its first address.
    pub fn base(&self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(self.base)).to_canonical()
    }

    /// Is it as narrow as what one site or carrier has: /24 of IPv4, /48 of IPv6?
    pub fn is_site(&self) -> bool {
        self.prefix >= if self.base().is_ipv4() { 96 + 24 } else { 48 }
    }

    /// Does it hold `ip`?
    pub fn contains(&self, ip: IpAddr) -> bool {
        number(ip) & mask(self.prefix) == self.base
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let v6 = Ipv6Addr::from(self.base);
        match v6.to_ipv4_mapped() {
            Some(v4) if self.prefix >= 96 => write!(f, "{v4}/{}", self.prefix.saturating_sub(96)),
            _ => write!(f, "{v6}/{}", self.prefix),
        }
    }
}

/// Which entries own an address. One hash lookup per distinct prefix length: a flood of strangers stays cheap.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<u8, HashMap<u128, Vec<usize>>>);

impl Sources {
    /// Adds a range of entry `owner`.
    pub fn insert(&mut self, network: Network, owner: usize) {
        self.0.entry(network.prefix).or_default().entry(network.base).or_default().push(owner);
    }

    /// Every owner of `ip` once, in rising order.
    pub fn find(&self, ip: IpAddr) -> Vec<usize> {
        let wanted = number(ip);
        let mut owners: Vec<usize> = self
            .0
            .iter()
            .filter_map(|(prefix, nets)| nets.get(&(wanted & mask(*prefix))))
            .flatten()
            .copied()
            .collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }
}
