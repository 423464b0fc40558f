//! (s) One operation of the API as data, and what its handler is given.

use super::Api;
use super::form::Fields;
use super::media::Media;
use super::params::{PAGING, Param, Params};
use super::refusal::Refusal;
use super::schema::Schema;
use crate::clock::Wall;
use crate::store::query::Scope;
use crate::store::reader::Reader;
use crate::store::rows::AccountRow;
use crate::store::tx::{StoreError, Tx};
use bytes::Bytes;
use serde_json::{Map, Value};
use std::{future::Future, pin::Pin};

/// HTTP method. Twilio's voice API has no PATCH; the operator's does.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Makes and changes.
    Post,
    /// Changes what is given and keeps the rest; PUT does the same.
    Patch,
    /// Deletes.
    Delete,
}

impl Verb {
    /// Does its request carry a body?
    pub const fn has_body(self) -> bool {
        matches!(self, Verb::Post | Verb::Patch)
    }
}

/// What a good answer holds.
#[derive(Copy, Clone, Debug)]
pub enum Shape {
    /// One record.
    Record(&'static Schema),
    /// A page of records under this key.
    List(&'static str, &'static Schema),
    /// The same in the form of v1: what is known of the page stands under `meta`.
    MetaList(&'static str, &'static Schema),
    /// Nothing: 204.
    Empty,
    /// Audio.
    Media,
    /// JSON:API with this record as attributes.
    Carrier(&'static Schema),
    /// JSON in and out, as an external switch speaks it.
    Json(&'static Schema),
    /// A JSON:API list.
    CarrierList(&'static Schema),
    /// Plain text.
    Text,
}

impl Shape {
    /// Does its request carry JSON, which its handler reads?
    pub const fn takes_json(self) -> bool {
        matches!(self, Shape::Carrier(_) | Shape::Json(_))
    }
}

/// Who may.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Basic: the account in the path or its parent, or any of their API keys.
    Account,
    /// The same without API keys (rest-api.md 2: Accounts and Keys are closed to standard keys).
    Main,
    /// The operator's bearer token.
    Carrier,
    /// Everybody.
    Open,
}

/// A row of the route table.
#[derive(Copy, Clone)]
pub struct Operation {
    /// Twilio's operationId.
    pub id: &'static str,
    /// Method.
    pub verb: Verb,
    /// Path without suffix; variables in braces.
    pub path: &'static str,
    /// Its own parameters; lists take [`PAGING`] too.
    pub params: &'static [Param],
    /// The good answer.
    pub shape: Shape,
    /// Its HTTP status.
    pub status: u16,
    /// Who may.
    pub access: Access,
    /// One sentence.
    pub words: &'static str,
    /// Does it.
    pub handler: Handler,
}

/// What a handler leaves to be sent.
pub enum Outcome {
    /// A record, in JSON or XML.
    Record(Value),
    /// A page.
    Page(Map<String, Value>),
    /// Nothing more to say.
    Empty,
    /// Audio from disk.
    Media(Box<Media>),
    /// Text of this content type.
    Text(&'static str, String),
}

/// The future of a handler; it runs detached from its connection.
pub type Done = Pin<Box<dyn Future<Output = Result<Outcome, Refusal>> + Send>>;

/// Does the work of an operation.
pub type Handler = fn(Ctx) -> Done;

/// Rows that are read, changed and written back, most of them without a revision, and those that are counted, or looked for by name,
/// before there is one more: what lies below these paths.
const IN_TURN: &[&str] = &[
    "/2010-04-01/Accounts/{AccountSid}/Applications",
    "/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers",
    "/2010-04-01/Accounts/{AccountSid}/SIP/",
    "/carrier/v1/accounts",
    "/carrier/v1/phone_numbers",
    "/carrier/v1/sip_trunks",
    "/gateways",
    "/v1/Trunks",
];

impl Operation {
    /// Two of them at once would undo each other, though both were answered with 200, or would both take the last place: one waits
    /// for the other. (A test of a trunk writes nothing, and takes its time.)
    pub fn takes_turns(&self) -> bool {
        let writes = self.verb != Verb::Get && self.id != "TestSipTrunk";
        writes && IN_TURN.iter().any(|path| self.path.starts_with(path))
    }

    /// The tables that the parser reads.
    pub fn tables(&self) -> Vec<&'static [Param]> {
        match self.shape {
            Shape::List(..) | Shape::MetaList(..) | Shape::CarrierList(_) => vec![self.params, PAGING],
            _ => vec![self.params],
        }
    }
}

/// A request after everything general has been done: known route, known caller, checked parameters.
pub struct Ctx {
    /// The house.
    pub api: Api,
    /// The operation.
    pub operation: &'static Operation,
    /// Variables of the path.
    pub vars: Vec<(&'static str, String)>,
    /// The account in the path, or the caller's own; None where nobody need be.
    pub account: Option<AccountRow>,
    /// Checked parameters.
    pub params: Params,
    /// The declared filters as they were given, for the links of a list.
    pub filters: Fields,
    /// Path with `.json`, for links and messages.
    pub path: String,
    /// Suffix of the path: `json`, `wav` ...
    pub suffix: Option<String>,
    /// Scheme and host as the client wrote them: what it can reach, whatever the server is called elsewhere.
    pub origin: String,
    /// `Range` of the request.
    pub range: Option<String>,
    /// `Idempotency-Key` and the hash of the body.
    pub idempotency: Option<(String, String)>,
    /// The body, for operations that read JSON.
    pub body: Bytes,
    /// When it was read.
    pub now: Wall,
}

impl Ctx {
    /// The account the request is about.
    pub fn account(&self) -> Result<&AccountRow, Refusal> {
        self.account.as_ref().ok_or_else(|| Refusal::plain(20003))
    }

    /// What reads may see: that account alone.
    pub fn scope(&self) -> Result<Scope, Refusal> {
        self.account().map(|a| Scope::Account(a.sid))
    }

    /// A variable of the path.
    pub fn var(&self, name: &str) -> &str {
        self.vars.iter().find(|(n, _)| *n == name).map_or("", |(_, v)| v.as_str())
    }

    /// A SID in the path; anything else is 404.
    pub fn sid<T>(&self, name: &str, parse: fn(&str) -> Option<T>) -> Result<T, Refusal> {
        parse(self.var(name)).ok_or_else(|| self.not_found())
    }

    /// 404 for this path.
    pub fn not_found(&self) -> Refusal {
        Refusal::not_found(&self.path)
    }

    /// Reads rows; a database that cannot be reached is 503.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.api.store.read(question).await.map_err(|e| unavailable(&e))
    }

    /// Writes; returns once it is durable.
    pub async fn commit(&self, tx: Tx) -> Result<(), Refusal> {
        self.api.store.commit(tx).await.map_err(|e| unavailable(&e))
    }

    /// Writes rows that the tables of the switch hold, and waits until it has them.
    pub async fn commit_tables(&self, tx: Tx) -> Result<(), Refusal> {
        self.commit(tx).await?;
        self.api.tables_changed().await;
        Ok(())
    }

    /// The same, of rows with a value that nobody else may have: `taken` says so, of the value of this name.
    pub async fn commit_unique(
        &self,
        tx: Tx,
        taken: impl FnOnce(&'static str) -> Refusal,
    ) -> Result<(), Refusal> {
        self.written(self.api.store.commit(tx).await, taken).await
    }

    /// What became of such a transaction.
    pub async fn written(
        &self,
        outcome: Result<(), StoreError>,
        taken: impl FnOnce(&'static str) -> Refusal,
    ) -> Result<(), Refusal> {
        match outcome {
            Ok(()) => self.api.tables_changed().await,
            Err(StoreError::Duplicate(what)) => return Err(taken(what)),
            Err(e) => return Err(unavailable(&e)),
        }
        Ok(())
    }
}

/// What a failure of the store means to a client.
pub fn unavailable(e: &StoreError) -> Refusal {
    match e {
        StoreError::Duplicate(what) => Refusal::new(20409, format!("The {what} is taken.")),
        StoreError::Refused(why) => Refusal::new(20409, format!("It changed meanwhile: {why}.")),
        StoreError::Unavailable(why) => {
            tracing::error!(why, "a request could not reach the database");
            Refusal::unavailable()
        }
    }
}
