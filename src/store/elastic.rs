//! Trunks of accounts as Twilio's Elastic SIP Trunking has them: their rows, their tables and the questions about them. Beside a
//! trunk stand its origination URLs and the lists that open it, each a row of its own, so that two that are made at once are both kept.

use super::page::{Listed, Page};
use super::query::{Query, Scope};
use super::reader::Reader;
use super::rows::{DoorSid, ListUseRow, NumberRow};
use super::table::{Row, Table, Unique, Value};
use super::tx::StoreError;
use crate::clock::Wall;
use crate::sid::{AccountSid, ElasticTrunkSid, OriginationUrlSid};
use crate::webhooks::request::Method;
use serde::{Deserialize, Serialize};

/// Whether, from when and how the calls of a trunk are recorded, in Twilio's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkRecording {
    /// `do-not-record`, `record-from-ringing`, `record-from-answer`, the latter two also with `-dual`.
    pub mode: String,
    /// `do-not-trim`, `trim-silence`.
    pub trim: String,
}

impl Default for TrunkRecording {
    fn default() -> TrunkRecording {
        TrunkRecording { mode: "do-not-record".to_owned(), trim: "do-not-trim".to_owned() }
    }
}

/// A trunk of an account: a PBX dials out through its domain, and its numbers ring at its origination URLs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ElasticTrunkRow {
    /// SID.
    pub sid: ElasticTrunkSid,
    /// Account.
    pub account: AccountSid,
    /// Name.
    pub friendly_name: Option<String>,
    /// The host that a PBX dials through, lower case; unique in the deployment.
    pub domain_name: Option<String>,
    /// What is asked for a document if no origination URL can be reached.
    pub disaster_recovery_url: Option<String>,
    /// How.
    pub disaster_recovery_method: Method,
    /// `disable-all`, `enable-all`, `sip-only`: may the PBX transfer by REFER?
    pub transfer_mode: String,
    /// `from-transferee`, `from-transferor`.
    pub transfer_caller_id: String,
    /// TLS and SRTP or nothing.
    pub secure: bool,
    /// Kept and shown.
    pub cnam_lookup_enabled: bool,
    /// Of its calls.
    pub recording: TrunkRecording,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

impl ElasticTrunkRow {
    /// With Twilio's defaults.
    pub fn new(sid: ElasticTrunkSid, account: AccountSid, at: Wall) -> ElasticTrunkRow {
        ElasticTrunkRow {
            sid,
            account,
            friendly_name: None,
            domain_name: None,
            disaster_recovery_url: None,
            disaster_recovery_method: Method::Post,
            transfer_mode: "disable-all".to_owned(),
            transfer_caller_id: "from-transferee".to_owned(),
            secure: false,
            cnam_lookup_enabled: false,
            recording: TrunkRecording::default(),
            created: at,
            updated: at,
        }
    }
}

/// Where calls to the numbers of a trunk ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginationUrlRow {
    /// SID.
    pub sid: OriginationUrlSid,
    /// Account.
    pub account: AccountSid,
    /// Trunk.
    pub trunk: ElasticTrunkSid,
    /// `sip:` URI.
    pub sip_url: String,
    /// Name.
    pub friendly_name: String,
    /// The lowest is tried first.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// It is rung at all.
    pub enabled: bool,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// The table of trunks.
pub static ELASTIC_TRUNKS: Table = Table {
    name: "elastic_trunks",
    columns: &["sid", "account", "created", "domain"],
    secrets: &["disaster_recovery_url"],
    // The host of a request names its trunk.
    unique: &[Unique { columns: &["domain"], word: "domain" }],
};

impl Row for ElasticTrunkRow {
    const TABLE: &'static Table = &ELASTIC_TRUNKS;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::maybe(self.domain_name.as_ref()),
        ]
    }
}

/// The table of origination URLs.
pub static ORIGINATION_URLS: Table = Table {
    name: "origination_urls",
    columns: &["sid", "account", "created", "trunk"],
    secrets: &["sip_url"],
    unique: &[],
};

impl Row for OriginationUrlRow {
    const TABLE: &'static Table = &ORIGINATION_URLS;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::text(self.account),
            Value::time(self.created),
            Value::text(self.trunk),
        ]
    }
}

/// A trunk.
pub fn get(
    r: &mut Reader,
    scope: Scope,
    sid: ElasticTrunkSid,
) -> Result<Option<ElasticTrunkRow>, StoreError> {
    r.one(Query::new::<ElasticTrunkRow>(scope).is("sid", Some(sid)))
}

/// Trunks, newest first.
pub fn list(r: &mut Reader, scope: Scope, page: &Page) -> Result<Listed<ElasticTrunkRow>, StoreError> {
    r.page(Query::new::<ElasticTrunkRow>(scope), page)
}

/// How many an account has.
pub fn count(r: &mut Reader, scope: Scope) -> Result<usize, StoreError> {
    Ok(r.rows::<ElasticTrunkRow>(&Query::new::<ElasticTrunkRow>(scope))?.len())
}

/// An origination URL of a trunk.
pub fn url(
    r: &mut Reader,
    scope: Scope,
    trunk: ElasticTrunkSid,
    sid: OriginationUrlSid,
) -> Result<Option<OriginationUrlRow>, StoreError> {
    r.one(Query::new::<OriginationUrlRow>(scope).is("sid", Some(sid)).is("trunk", Some(trunk)))
}

/// Origination URLs of a trunk, newest first.
pub fn urls(
    r: &mut Reader,
    scope: Scope,
    trunk: ElasticTrunkSid,
    page: &Page,
) -> Result<Listed<OriginationUrlRow>, StoreError> {
    r.page(Query::new::<OriginationUrlRow>(scope).is("trunk", Some(trunk)), page)
}

/// Which lists open the trunks of an account, newest first.
pub fn uses(r: &mut Reader, scope: Scope) -> Result<Vec<ListUseRow>, StoreError> {
    let all: Vec<ListUseRow> = r.rows(&Query::new::<ListUseRow>(scope))?;
    Ok(all.into_iter().filter(|u| matches!(u.owner, DoorSid::Trunk(_))).collect())
}

/// A number of a trunk.
pub fn number(
    r: &mut Reader,
    scope: Scope,
    trunk: ElasticTrunkSid,
    sid: crate::sid::NumberSid,
) -> Result<Option<NumberRow>, StoreError> {
    r.one(Query::new::<NumberRow>(scope).is("sid", Some(sid)).is("trunk", Some(trunk)))
}

/// Numbers of a trunk, newest first.
pub fn numbers(
    r: &mut Reader,
    scope: Scope,
    trunk: ElasticTrunkSid,
    page: &Page,
) -> Result<Listed<NumberRow>, StoreError> {
    r.page(Query::new::<NumberRow>(scope).is("trunk", Some(trunk)), page)
}
