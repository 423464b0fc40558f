//! The rows of Twilio's `SIP` API: lists of who may call, the domains that are called, and which list a domain uses for what.

use super::{Ha1, Hook};
use crate::clock::Wall;
use crate::sid::*;
use serde::{Deserialize, Serialize};

/// A list of users with passwords (`CL`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialListRow {
    /// SID.
    pub sid: CredentialListSid,
    /// Account.
    pub account: AccountSid,
    /// Name.
    pub friendly_name: String,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// One user of a list (`CR`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialRow {
    /// SID.
    pub sid: CredentialSid,
    /// Account.
    pub account: AccountSid,
    /// Its list.
    pub list: CredentialListSid,
    /// The digest's user; unique in its list.
    pub username: String,
    /// What its password became. Encrypted in the table, never returned.
    pub ha1: Ha1,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// A list of source addresses (`AL`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IpAclRow {
    /// SID.
    pub sid: IpAclSid,
    /// Account.
    pub account: AccountSid,
    /// Name.
    pub friendly_name: String,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// One address or network of a list (`IP`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IpAddressRow {
    /// SID.
    pub sid: IpAddressSid,
    /// Account.
    pub account: AccountSid,
    /// Its list.
    pub list: IpAclSid,
    /// Name.
    pub friendly_name: String,
    /// IPv4 or IPv6, as its owner wrote it.
    pub address: String,
    /// Leading bits that count.
    pub prefix: u8,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

impl IpAddressRow {
    /// In CIDR notation.
    pub fn cidr(&self) -> String {
        format!("{}/{}", self.address, self.prefix)
    }
}

/// A host name that takes calls, and registrations if it says so (`SD`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SipDomainRow {
    /// SID.
    pub sid: SipDomainSid,
    /// Account.
    pub account: AccountSid,
    /// Host name in lower case; unique in the deployment.
    pub name: String,
    /// Name.
    pub friendly_name: String,
    /// VoiceUrl.
    pub voice: Option<Hook>,
    /// VoiceFallbackUrl.
    pub fallback: Option<Hook>,
    /// VoiceStatusCallbackUrl.
    pub status_callback: Option<Hook>,
    /// Users of its registration lists may register.
    pub registration: bool,
    /// Only TLS with SRTP.
    pub secure: bool,
    /// Methods that wait for their URL, by the name of their property.
    pub other: serde_json::Map<String, serde_json::Value>,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// Whose door a list guards. `trunk::door` says how to add a kind.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DoorSid {
    /// A SIP domain's.
    Domain(SipDomainSid),
    /// The termination domain's of an elastic SIP trunk.
    Trunk(ElasticTrunkSid),
}

impl std::fmt::Display for DoorSid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DoorSid::Domain(sid) => sid.fmt(f),
            DoorSid::Trunk(sid) => sid.fmt(f),
        }
    }
}

/// What for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To call.
    Calls,
    /// To register.
    Registrations,
}

impl Purpose {
    /// As the column has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Calls => "calls",
            Purpose::Registrations => "registrations",
        }
    }
}

/// One of the two kinds of list.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ListSid {
    /// Passwords.
    Credentials(CredentialListSid),
    /// Addresses.
    Addresses(IpAclSid),
}

/// Which kind.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Of users with passwords.
    Credentials,
    /// Of addresses.
    Addresses,
}

impl ListKind {
    /// How the SIDs of its lists begin.
    pub fn prefix(self) -> &'static str {
        match self {
            ListKind::Credentials => "CL",
            ListKind::Addresses => "AL",
        }
    }
}

impl ListSid {
    /// Its kind.
    pub fn kind(self) -> ListKind {
        match self {
            ListSid::Credentials(_) => ListKind::Credentials,
            ListSid::Addresses(_) => ListKind::Addresses,
        }
    }
}

impl std::fmt::Display for ListSid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ListSid::Credentials(sid) => sid.fmt(f),
            ListSid::Addresses(sid) => sid.fmt(f),
        }
    }
}

/// A list that guards a door: Twilio's mapping.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListUseRow {
    /// Account.
    pub account: AccountSid,
    /// Whose door.
    pub owner: DoorSid,
    /// For calls or for registrations.
    pub purpose: Purpose,
    /// Which list.
    pub list: ListSid,
    /// Created.
    pub created: Wall,
}

impl ListUseRow {
    /// Its key: there is one use of a list for a purpose at a door.
    pub fn key(&self) -> String {
        mapping_key(self.owner, self.purpose, self.list)
    }
}

/// The key of a use.
pub fn mapping_key(owner: DoorSid, purpose: Purpose, list: ListSid) -> String {
    format!("{owner}/{}/{list}", purpose.as_str())
}

/// Whom a binding of the registrar belongs to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registrant {
    /// The peer of a trunk.
    Trunk(TrunkSid),
    /// A user of a SIP domain.
    Domain(SipDomainSid),
}

/// How a call came through a SIP domain, for its webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainCall {
    /// The domain.
    pub sid: SipDomainSid,
    /// Its name.
    pub name: String,
    /// The user that showed its password, if the domain asks for one.
    pub user: Option<String>,
    /// From where.
    pub source: std::net::IpAddr,
}
