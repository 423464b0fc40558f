//! Which addresses an outbound connection may reach (promises-and-faults.md 3.6; rulings 2.31, 2.37). Everything that is not a
//! global unicast address is refused, so that a range nobody thought of is refused too.

use super::request::FetchError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// A network in CIDR form, `10.1.0.0/16`; a bare address is a network of one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads one. Host bits must be zero, because `10.1.2.3/8` is more often a slip than a wish.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(text: &str) -> Result<Network, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr =
            address.trim().parse().map_err(|_| format!("`{text}` is no network: write 10.1.0.0/16"))?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) => bits
                .trim()
                .parse()
                .ok()
                .filter(|b| *b <= width)
                .ok_or_else(|| format!("`{text}`: the prefix length must be 0 to {width}"))?,
        };
        let network = Network { address, bits };
        if network.masked(address) != bits_of(address) {
            return Err(format!("`{text}` has bits set after its prefix"));
        }
        Ok(network)
    }

    /// Reads a comma list; empty parts are passed over.
    ///
    /// # Errors
    /// As [`Network::parse`].
    pub fn parse_list(text: &str) -> Result<Vec<Network>, String> {
        text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(Network::parse).collect()
    }

    fn masked(&self, address: IpAddr) -> u128 {
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let free = width.saturating_sub(u32::from(self.bits));
        bits_of(address).checked_shr(free).and_then(|v| v.checked_shl(free)).unwrap_or(0)
    }

    /// Is `address` in it? A mapped IPv6 address is the IPv4 address that it stands for.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && self.masked(address) == bits_of(self.address)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Can packets to it leave for the public internet and reach one host?
pub fn is_global_unicast(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => global_v4(v4),
        IpAddr::V6(v6) => global_v6(v6),
    }
}

/// The special-purpose blocks of RFC 6890 and its registry, multicast and the reserved top.
fn global_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// 2000::/3 is all that is given out; within it Teredo and its neighbours (2001::/23), documentation, 6to4 are not for us. That
/// leaves out ::/8 with NAT64, fc00::/7, fe80::/10 and multicast.
fn global_v6(v6: Ipv6Addr) -> bool {
    let [a, b, ..] = v6.segments();
    let given_out = a & 0xe000 == 0x2000;
    let special = (a == 0x2001 && b < 0x0200)
        || (a, b) == (0x2001, 0x0db8)
        || a == 0x2002
        || (a == 0x3fff && b < 0x1000);
    given_out && !special
}

/// A URL whose scheme, host and, for a literal, address may be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vetted {
    /// As parsed, user info and fragment still in it.
    pub url: Url,
    /// `http`, `https`, `ws` or `wss`.
    pub scheme: String,
    /// The name to resolve, without a trailing dot, or the literal.
    pub host: Host<String>,
    /// Explicit or the scheme's own.
    pub port: u16,
}

impl Vetted {
    /// Does the connection begin with a TLS handshake?
    pub fn tls(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "wss")
    }
}

/// Which addresses are open, decided once at start.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    allow: Vec<Network>,
    loopback: bool,
}

impl Rules {
    /// `allow`: CHORUS_ALLOW_NETWORKS. `loopback`: the HTTP listener is on loopback; that alone opens loopback (ruling 2.31).
    pub fn new(allow: Vec<Network>, loopback: bool) -> Rules {
        Rules { allow, loopback }
    }

    /// Is this address opened beyond the public internet? `ws://` is allowed only where it is (ruling 2.37).
    pub fn opened(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if address.is_loopback() {
            return self.loopback;
        }
        self.allow.iter().any(|n| n.contains(address))
    }

    /// May it be dialled?
    ///
    /// # Errors
    /// 11205 with a sentence that names the address and the setting.
    pub fn vet_address(&self, address: IpAddr) -> Result<(), FetchError> {
        if is_global_unicast(address) || self.opened(address) {
            return Ok(());
        }
        let address = address.to_canonical();
        let words = if address.is_loopback() {
            format!(
                "{address} is loopback, which may be reached only while CHORUS_HTTP_LISTEN is on loopback \
                 (CHORUS_ALLOW_NETWORKS opens other private networks)"
            )
        } else {
            format!("{address} is not a public address; CHORUS_ALLOW_NETWORKS can allow its network")
        };
        Err(FetchError::early(11205, words))
    }

    /// Parses a URL with the type that later dials it, and vets what can be vetted without a lookup.
    ///
    /// # Errors
    /// 11100 for what is no URL of ours, 11205 for a literal address that is not open.
    pub fn vet_url(&self, text: &str) -> Result<Vetted, FetchError> {
        let url =
            Url::parse(text.trim()).map_err(|e| FetchError::early(11100, format!("invalid URL: {e}")))?;
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
            let words = format!("a URL must be http, https, ws or wss, not {}", url.scheme());
            return Err(FetchError::early(11100, words));
        }
        let host = match url.host() {
            Some(Host::Ipv4(v4)) => Host::Ipv4(v4),
            Some(Host::Ipv6(v6)) => Host::Ipv6(v6),
            Some(Host::Domain(name)) if !name.trim_end_matches('.').is_empty() => {
                Host::Domain(name.trim_end_matches('.').to_owned())
            }
            _ => return Err(FetchError::early(11100, "the URL has no host")),
        };
        match &host {
            Host::Ipv4(v4) => self.vet_address(IpAddr::V4(*v4))?,
            Host::Ipv6(v6) => self.vet_address(IpAddr::V6(*v6))?,
            Host::Domain(_) => {}
        }
        let port = url.port_or_known_default().filter(|p| *p != 0);
        let port = port.ok_or_else(|| FetchError::early(11100, "the URL's port is 0"))?;
        Ok(Vetted { scheme: url.scheme().to_owned(), url, host, port })
    }
}
