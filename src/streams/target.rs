//! The URL of a stream, taken apart.

use super::codes;
use url::{Host, Url};

/// The longest URL that is read.
pub const URL_MAX: usize = 4_000;

/// Where an agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// wss: TLS. Otherwise ws, which the guard may refuse (ruling 2.37).
    pub tls: bool,
    /// Name or address, as it goes into the lookup and the TLS server name; IPv6 without brackets.
    pub host: String,
    /// From the URL, or 443 and 80.
    pub port: u16,
    /// The value of the Host header: with the port if it is not the scheme's own.
    pub authority: String,
    /// The path of the request. The query is never sent (media-streams.md A.2).
    pub path: String,
}

/// Why a URL is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUrl {
    /// 31922 or 31923.
    pub code: u32,
    /// For Notifications.
    pub words: String,
}

impl Target {
    /// Reads an absolute URL; query, fragment and user information are left out.
    ///
    /// # Errors
    /// 31922 for another scheme than wss and ws, 31923 for what is no URL.
    pub fn parse(url: &str) -> Result<Target, BadUrl> {
        let bad = |words: &str| BadUrl { code: codes::MALFORMED_URL, words: words.to_owned() };
        if url.len() > URL_MAX {
            return Err(bad("the stream's URL is longer than 4,000 characters"));
        }
        let read = Url::parse(url).map_err(|e| bad(&format!("the stream's URL cannot be read: {e}")))?;
        let tls = match read.scheme() {
            "wss" => true,
            "ws" => false,
            other => {
                let words = format!("the scheme of a stream's URL must be wss, not {other}");
                return Err(BadUrl { code: codes::SCHEME, words });
            }
        };
        let host = match read.host() {
            Some(Host::Domain(d)) if !d.is_empty() => d.to_owned(),
            Some(Host::Ipv4(a)) => a.to_string(),
            Some(Host::Ipv6(a)) => a.to_string(),
            _ => return Err(bad("the stream's URL names no host")),
        };
        let port = read.port().unwrap_or(if tls { 443 } else { 80 });
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let authority = match read.port() {
            Some(p) => format!("{shown}:{p}"),
            None => shown,
        };
        Ok(Target { tls, host, port, authority, path: read.path().to_owned() })
    }

    /// The URL that is requested, and therefore signed: without query (webhooks.md 6.1 rule 9).
    pub fn requested(&self) -> String {
        format!("{}://{}{}", if self.tls { "wss" } else { "ws" }, self.authority, self.path)
    }
}
