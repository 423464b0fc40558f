//! What belongs to an account beside its calls: keys, numbers, applications.

use crate::clock::Wall;
use crate::sid::*;
use crate::store::account_rules::AccountRules;
use crate::webhooks::request::Method;
use serde::{Deserialize, Serialize};

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRow {
    /// SID.
    pub sid: AccountSid,
    /// The parent of a subaccount; itself for a main account.
    pub owner: AccountSid,
    /// Name.
    pub friendly_name: String,
    /// `active`, `suspended`, `closed`: its own word; [`AccountRow::standing`] is what counts.
    pub status: String,
    /// The operator suspended it: then nobody but the operator changes its status.
    #[serde(default)]
    pub held: bool,
    /// Signs webhooks and authenticates. Encrypted in the table.
    pub auth_token: String,
    /// What it may do.
    #[serde(default)]
    pub rules: AccountRules,
    /// How often it was changed: a change of an older row than the stored one is refused.
    #[serde(default)]
    pub revision: u64,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// What an account may do at all, the better first.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Everything.
    Active,
    /// Nothing until it is woken.
    Suspended,
    /// Nothing any more.
    Closed,
}

impl AccountRow {
    /// Is it nobody's subaccount?
    pub fn is_main(&self) -> bool {
        self.owner == self.sid
    }

    /// Its standing: a subaccount's is never better than that of its main account, as at Twilio (10001). `owner` is the main account's
    /// row; a subaccount whose main account nobody knows may nothing.
    pub fn standing(&self, owner: Option<&AccountRow>) -> Standing {
        let word = |row: &AccountRow| match row.status.as_str() {
            "active" => Standing::Active,
            "suspended" => Standing::Suspended,
            _ => Standing::Closed,
        };
        match self.is_main() {
            true => word(self),
            false => owner.map_or(Standing::Closed, word).max(word(self)),
        }
    }

    /// It is changed now.
    pub fn touch(&mut self, now: Wall) {
        self.updated = now;
        self.revision = self.revision.saturating_add(1);
    }
}

/// An API key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyRow {
    /// SID.
    pub sid: KeySid,
    /// Account.
    pub account: AccountSid,
    /// Name.
    pub friendly_name: String,
    /// argon2id in PHC form.
    pub secret_hash: String,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// A URL and how to request it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Absolute URL with fragment.
    pub url: String,
    /// Method.
    pub method: Method,
}

/// A number of an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NumberRow {
    /// SID.
    pub sid: NumberSid,
    /// Account.
    pub account: AccountSid,
    /// E.164 with `+`, or a short extension name; unique in the deployment.
    pub number: String,
    /// Name.
    pub friendly_name: String,
    /// `local`, `mobile`, `toll-free`.
    pub kind: String,
    /// VoiceUrl.
    pub voice: Option<Hook>,
    /// VoiceFallbackUrl.
    pub fallback: Option<Hook>,
    /// StatusCallback.
    pub status_callback: Option<Hook>,
    /// VoiceApplicationSid.
    pub application: Option<ApplicationSid>,
    /// TrunkSid: its calls go to the origination URLs of this trunk, whatever the URLs above say.
    #[serde(default)]
    pub trunk: Option<ElasticTrunkSid>,
    /// Parameters that are stored and returned but have no effect on voice (SmsUrl ...), by Twilio's field name.
    pub other: serde_json::Map<String, serde_json::Value>,
    /// As in [`AccountRow::revision`].
    #[serde(default)]
    pub revision: u64,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

impl NumberRow {
    /// It is changed now.
    pub fn touch(&mut self, now: Wall) {
        self.updated = now;
        self.revision = self.revision.saturating_add(1);
    }
}

/// A TwiML application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplicationRow {
    /// SID.
    pub sid: ApplicationSid,
    /// Account.
    pub account: AccountSid,
    /// Name.
    pub friendly_name: String,
    /// VoiceUrl.
    pub voice: Option<Hook>,
    /// VoiceFallbackUrl.
    pub fallback: Option<Hook>,
    /// StatusCallback.
    pub status_callback: Option<Hook>,
    /// As in [`NumberRow::other`].
    pub other: serde_json::Map<String, serde_json::Value>,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}
