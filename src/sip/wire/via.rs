//! Via (RFC 3261 section 20.42, rport of RFC 3581).

use super::{
    params::{self, Params},
    text::{host_port, is_token, trim_str},
};
use std::{fmt, net::IpAddr};

/// What a branch begins with if its sender knows RFC 3261.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// Transport as written: `UDP`, `TCP`, `TLS` ...
    pub transport: String,
    /// Host of sent-by, IPv6 in brackets.
    pub host: String,
    /// Port of sent-by, if written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, `maddr`, `ttl` and others.
    pub params: Params,
}

/// Transport, host, port and parameters, checked without allocation.
pub(super) fn split(s: &str) -> Result<(&str, &str, Option<u16>, &str), &'static str> {
    let (head, params) = s.split_once(';').map_or((s, None), |(h, p)| (h, Some(p)));
    let mut parts = head.splitn(3, '/');
    let (Some(name), Some(version), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("bad Via");
    };
    let rest = trim_str(rest);
    let (transport, sent_by) = rest.split_once([' ', '\t']).ok_or("Via without sent-by")?;
    if !trim_str(name).eq_ignore_ascii_case("sip") || !is_token(trim_str(version)) || !is_token(transport) {
        return Err("bad Via protocol");
    }
    let (host, port) = host_port(trim_str(sent_by)).map_err(|_| "bad Via sent-by")?;
    if params.is_some_and(|p| trim_str(p).is_empty()) {
        return Err("empty Via parameter");
    }
    let params = params.unwrap_or("");
    params::check(params).map_err(|_| "bad Via parameter")?;
    Ok((transport, host, port, params))
}

impl Via {
    /// Reads one value (no list). Errors: anything but `SIP/2.0/transport host[:port][;params]`.
    pub fn parse(s: &str) -> Result<Via, &'static str> {
        let (transport, host, port, params) = split(trim_str(s))?;
        Ok(Via {
            transport: transport.to_owned(),
            host: host.to_owned(),
            port,
            params: Params::parse(params)?,
        })
    }

    /// The branch as written.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch").filter(|b| !b.is_empty())
    }

    /// The branch, if it can name a transaction alone (RFC 3261 section 17.2.3): the cookie and something behind it.
    /// None: match as RFC 2543 did (RFC 4475 `badbranch`, `inv2543`).
    pub fn unique_branch(&self) -> Option<&str> {
        self.branch().filter(|b| {
            b.split_at_checked(MAGIC_COOKIE.len())
                .is_some_and(|(cookie, rest)| cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty())
        })
    }

    /// Did the sender ask for symmetric responses (RFC 3581)?
    pub fn wants_rport(&self) -> bool {
        self.params.has("rport")
    }

    /// The port that a server filled into `rport`.
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport").and_then(|p| p.parse().ok())
    }

    /// The address that a server filled into `received`, with or without brackets.
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        text.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Where the sender wants its responses, if it says so by an address (RFC 3261 section 18.2.2).
    pub fn maddr(&self) -> Option<IpAddr> {
        let text = self.params.get("maddr")?;
        text.trim_matches(['[', ']']).parse().ok().map(|ip: IpAddr| ip.to_canonical())
    }

    /// The address of sent-by, if it is one and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        let ip: IpAddr = self.host.trim_matches(['[', ']']).parse().ok()?;
        Some(ip.to_canonical())
    }

    /// `host[:port]` in lower case, for matching.
    pub fn sent_by(&self) -> String {
        let host = self.host.to_ascii_lowercase();
        self.port.map_or(host.clone(), |p| format!("{host}:{p}"))
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}
