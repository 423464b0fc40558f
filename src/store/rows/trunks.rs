//! Trunks of the operator, and what registers at them.

use super::Registrant;
use crate::clock::Wall;
use crate::sid::*;
use serde::{Deserialize, Serialize};

/// How the peer of a trunk and we know each other.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkMode {
    /// By the address that it sends from.
    #[default]
    IpAddress,
    /// It registers here, and shows its user and password whenever it begins something.
    ClientCredentials,
    /// We register there.
    OutboundRegistration,
}

impl TrunkMode {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            TrunkMode::IpAddress => "ip_address",
            TrunkMode::ClientCredentials => "client_credentials",
            TrunkMode::OutboundRegistration => "outbound_registration",
        }
    }

    /// Of the API's word.
    pub fn parse(text: &str) -> Option<TrunkMode> {
        [TrunkMode::IpAddress, TrunkMode::ClientCredentials, TrunkMode::OutboundRegistration]
            .into_iter()
            .find(|m| m.as_str() == text)
    }
}

/// A trunk of the operator.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrunkRow {
    /// SID.
    pub sid: TrunkSid,
    /// Name.
    pub name: String,
    /// Pinned to one account, or for all.
    pub account: Option<AccountSid>,
    /// How the peer is known.
    pub authentication_mode: TrunkMode,
    /// Source addresses in CIDR. Of a peer with credentials: where it may come from; none: from anywhere.
    pub inbound_source_ips: Vec<String>,
    /// `host[:port]` that outbound calls go to; None: inbound only, or to where the peer has registered.
    pub outbound_host: Option<String>,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Who is believed over TLS, and what we show.
    #[serde(default)]
    pub tls: TrunkTls,
    /// Key of the certificate that we show, PEM. Encrypted in the table, never returned.
    #[serde(default)]
    pub tls_key: Option<String>,
    /// Digest user: of the peer where it registers here, else ours for its challenges.
    pub username: Option<String>,
    /// Our digest password there. Encrypted in the table, never returned.
    pub password: Option<String>,
    /// Of a peer that registers here: `H(user:realm:password)` for each algorithm. Encrypted in the table, never returned.
    #[serde(default)]
    pub ha1: Option<Ha1>,
    /// The user of our digest answers, if it is not `username`.
    #[serde(default)]
    pub auth_user: Option<String>,
    /// The user part of From, if it is neither the caller nor `username`.
    #[serde(default)]
    pub from_user: Option<String>,
    /// `host[:port]` that REGISTER and INVITE are sent to instead of `outbound_host`.
    #[serde(default)]
    pub outbound_proxy: Option<String>,
    /// Written before the number that is dialled.
    #[serde(default)]
    pub outbound_dial_string_prefix: Option<String>,
    /// The Request-URI carries a `+`. None in rows from before there was a choice: `trunk::normalise::plus` says what they do.
    #[serde(default)]
    pub outbound_plus_prefix: Option<bool>,
    /// Numbers of `country` are dialled as within it.
    #[serde(default)]
    pub outbound_national_dialing: bool,
    /// Digits that the numbers begin with which go this way.
    #[serde(default)]
    pub outbound_route_prefixes: Vec<String>,
    /// A template of the whole Request-URI: `{number}`, `{host}`, `{user}`.
    #[serde(default)]
    pub outbound_dial_string: Option<String>,
    /// The caller's number where an account gives none that is its own.
    #[serde(default)]
    pub default_sender: Option<String>,
    /// Calls at a time; None: as many as there are.
    #[serde(default)]
    pub max_channels: Option<u32>,
    /// Encryption, codecs and keys of its calls.
    #[serde(default)]
    pub media: crate::trunk::media::TrunkMedia,
    /// Two letters; how national numbers are read.
    pub country: Option<String>,
    /// Whether provisional responses are acknowledged.
    #[serde(default)]
    pub reliability: crate::trunk::manners::Reliability,
    /// The session interval that our INVITE asks for in seconds; 0: none. None: the usual one.
    #[serde(default)]
    pub session_expires: Option<u32>,
    /// Whose 3xx are followed.
    #[serde(default)]
    pub redirects: crate::trunk::manners::Redirects,
    /// Transfers by REFER.
    #[serde(default)]
    pub refer: crate::trunk::policy::Refer,
    /// What is believed and said of who calls.
    #[serde(default)]
    pub identity: crate::trunk::policy::Identity,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

impl TrunkRow {
    /// The user under which its peer registers here; None where the peer does not.
    pub fn registers(&self) -> Option<&str> {
        self.username.as_deref().filter(|_| self.authentication_mode == TrunkMode::ClientCredentials)
    }
}

/// How a trunk's peer and we prove over TLS who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkTls {
    /// Authorities (PEM) that the peer's certificate must come from; None: the system's.
    pub ca: Option<String>,
    /// Names that its certificate may carry; none: the host that we connect to.
    pub names: Vec<String>,
    /// SHA-256 of its certificate, lower-case hexadecimal. If there are any, nothing else of the certificate matters.
    pub fingerprints: Vec<String>,
    /// The certificate that we show it, with what is between it and its authority (PEM).
    pub certificate: Option<String>,
    /// On connections that the peer makes it must show its certificate.
    pub client_auth: bool,
}

/// What a digest answer is compared with, without the password: lower-case hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ha1 {
    /// MD5.
    pub md5: String,
    /// SHA-256.
    pub sha256: String,
    /// Under which realm; empty in rows from before that was kept.
    #[serde(default)]
    pub realm: String,
}

/// Where a peer that registered can be reached: one contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingRow {
    /// User and contact: unique.
    pub key: String,
    /// Whose.
    #[serde(flatten)]
    pub owner: Registrant,
    /// The user that registered: of a trunk's peer its name, of a domain's user `name@domain`.
    pub user: String,
    /// Its Contact as a URI.
    pub contact: String,
    /// Route values for requests to it (Path, RFC 3327).
    pub path: Vec<String>,
    /// Where its REGISTER came from: requests go there.
    pub flow: crate::sip::event::Flow,
    /// `+sip.instance`, if it gave one.
    pub instance: Option<String>,
    /// Preference in thousandths.
    pub q: u16,
    /// Of its last REGISTER.
    pub call_id: String,
    /// Of its last REGISTER.
    pub cseq: u32,
    /// Its User-Agent.
    pub user_agent: String,
    /// First registered.
    pub created: Wall,
    /// Last registered.
    pub updated: Wall,
    /// No longer reachable.
    pub expires: Wall,
    /// Process that owns it.
    pub node: String,
}
