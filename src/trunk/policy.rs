//! What a trunk's peer may ask of us, and what is believed and said of who calls.

use serde::{Deserialize, Serialize};

/// May calls of the trunk be transferred by REFER, by us (the Refer verb) and by its peer (ruling 2.25)?
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refer {
    /// Neither: a transfer is a call that somebody pays for.
    #[default]
    Deny,
    /// Both.
    Allow,
}

/// Where the caller of an inbound call stands.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Believed {
    /// In From, which the caller's telephone writes.
    #[default]
    From,
    /// In P-Asserted-Identity (RFC 3325), else Remote-Party-ID, else From: the peer is a network that we trust.
    Asserted,
}

/// How an outbound call says who calls, beside From.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asserts {
    /// Not at all.
    #[default]
    None,
    /// P-Asserted-Identity and Privacy (RFC 3325, RFC 3323).
    PAssertedIdentity,
    /// Remote-Party-ID, which older switches want.
    RemotePartyId,
}

/// Who calls, over one trunk.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// Inbound.
    pub inbound: Believed,
    /// Outbound.
    pub outbound: Asserts,
    /// A forwarded call says by whom (Diversion, RFC 5806).
    pub diversion: bool,
}

/// The words of an attribute of the API.
pub trait Word: Sized + Copy + Default + PartialEq + 'static {
    /// All of them, the default first.
    const ALL: &'static [(Self, &'static str)];

    /// As the API writes it.
    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(value, _)| *value == self).map_or("", |(_, word)| word)
    }

    /// Of the API's word; an unknown one is the default.
    fn parse(word: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(value, _)| *value).unwrap_or_default()
    }
}

impl Word for Refer {
    const ALL: &'static [(Refer, &'static str)] = &[(Refer::Deny, "deny"), (Refer::Allow, "allow")];
}

impl Word for Believed {
    const ALL: &'static [(Believed, &'static str)] =
        &[(Believed::From, "from"), (Believed::Asserted, "asserted")];
}

impl Word for Asserts {
    const ALL: &'static [(Asserts, &'static str)] = &[
        (Asserts::None, "none"),
        (Asserts::PAssertedIdentity, "p_asserted_identity"),
        (Asserts::RemotePartyId, "remote_party_id"),
    ];
}
