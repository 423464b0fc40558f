//! The rows, one struct an aggregate: what a transaction writes and a read returns. A backend stores the columns it
//! filters and orders by beside the whole row as JSON, so that a new field needs no migration.

use super::account_rules::AccountRules;
pub use super::sip_rows::*;
use crate::clock::Wall;
use crate::media::event::Stats;
use crate::sid::*;
use crate::sip::event::{Cause, DialogIds};
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
    /// `active`, `suspended`, `closed`.
    pub status: String,
    /// Signs webhooks and authenticates. Encrypted in the table.
    pub auth_token: String,
    /// What it may do.
    #[serde(default)]
    pub rules: AccountRules,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
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
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
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

/// Status of a call, Twilio's graph (rest-api.md 7).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallStatus {
    /// Made by REST, not dialled yet.
    Queued,
    /// Our INVITE may have left.
    Initiated,
    /// The far end rings.
    Ringing,
    /// Answered.
    InProgress,
    /// Was answered, is over.
    Completed,
    /// Refused with 486 or 600.
    Busy,
    /// Could not be set up.
    Failed,
    /// Rang until its time was over.
    NoAnswer,
    /// Given up before it was answered.
    Canceled,
}

impl CallStatus {
    /// Twilio's word.
    pub fn as_str(self) -> &'static str {
        match self {
            CallStatus::Queued => "queued",
            CallStatus::Initiated => "initiated",
            CallStatus::Ringing => "ringing",
            CallStatus::InProgress => "in-progress",
            CallStatus::Completed => "completed",
            CallStatus::Busy => "busy",
            CallStatus::Failed => "failed",
            CallStatus::NoAnswer => "no-answer",
            CallStatus::Canceled => "canceled",
        }
    }

    /// No other status follows it.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            CallStatus::Completed
                | CallStatus::Busy
                | CallStatus::Failed
                | CallStatus::NoAnswer
                | CallStatus::Canceled
        )
    }
}

/// Direction of a call (ruling 2.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From a trunk.
    Inbound,
    /// Made by REST.
    OutboundApi,
    /// Made by a Dial.
    OutboundDial,
    /// From the PBX behind a trunk of an account: it dials out through us.
    TrunkingTerminating,
    /// To a number of such a trunk: it rings at the PBX.
    TrunkingOriginating,
}

impl Direction {
    /// Twilio's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::OutboundApi => "outbound-api",
            Direction::OutboundDial => "outbound-dial",
            Direction::TrunkingTerminating => "trunking-terminating",
            Direction::TrunkingOriginating => "trunking-originating",
        }
    }

    /// Its INVITE came to us.
    pub fn came_in(self) -> bool {
        matches!(self, Direction::Inbound | Direction::TrunkingTerminating | Direction::TrunkingOriginating)
    }
}

/// Which status changes a subscriber wants (StatusCallbackEvent).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Where.
    pub hook: Hook,
    /// `initiated` is among them.
    pub initiated: bool,
    /// `ringing` is.
    pub ringing: bool,
    /// `answered` is.
    pub answered: bool,
    /// `completed` is.
    pub completed: bool,
}

/// A call, one leg of it, as Twilio counts: a Dial's child is a call of its own with a parent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallRow {
    /// SID.
    pub sid: CallSid,
    /// Account.
    pub account: AccountSid,
    /// The call whose Dial made this one.
    pub parent: Option<CallSid>,
    /// As in webhooks: E.164, `sip:` URI.
    pub to: String,
    /// As in webhooks.
    pub from: String,
    /// The number of the account it came in on or goes out from.
    pub number: Option<NumberSid>,
    /// Application, if one handles it.
    pub application: Option<ApplicationSid>,
    /// The trunk it came from or goes to.
    pub trunk: Option<TrunkSid>,
    /// Changed only by `call::status::advance`.
    pub status: CallStatus,
    /// Direction.
    pub direction: Direction,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
    /// When it began to ring or was dialled (`start_time` once answered, as Twilio shows it).
    pub started: Option<Wall>,
    /// Answered.
    pub answered: Option<Wall>,
    /// Over.
    pub ended: Option<Wall>,
    /// Where status changes go.
    pub callbacks: Vec<Subscription>,
    /// The first document (`Url`); None if `twiml` was given.
    pub voice: Option<Hook>,
    /// FallbackUrl.
    pub fallback: Option<Hook>,
    /// `Twiml` of the REST call.
    pub twiml: Option<String>,
    /// Seconds to let it ring (outbound).
    pub timeout_s: u32,
    /// Seconds a call may last (TimeLimit).
    pub time_limit_s: u32,
    /// REST `SendDigits`.
    pub send_digits: Option<String>,
    /// REST `Record` and its friends.
    pub record: Option<RecordWish>,
    /// SIP credentials, CallerId and headers of a REST call to `sip:`.
    pub sip_auth: Option<(String, String)>,
    /// CallReason, CallerId as written.
    pub caller_id: Option<String>,
    /// How many callbacks it has produced (ruling 2.44).
    pub sequence: u32,
    /// The dialog, committed before our 200 left or our INVITE did.
    pub dialog: Option<DialogIds>,
    /// Committed before the INVITE is handed to the transport: it may have been dialled.
    pub invited: bool,
    /// How many events of it the operator was told.
    #[serde(default)]
    pub events: u32,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// `us` or `peer`; of an external switch's call `caller` or `callee`.
    pub ended_by: Option<String>,
    /// Why we ended it, if it was us: `api`, `twiml`, `timeout`, `dial`, `restart`, `error`.
    #[serde(default)]
    pub ended_how: Option<String>,
    /// Error of a failed call.
    pub error: Option<u32>,
    /// RTP figures.
    pub stats: Option<Stats>,
    /// Milliseconds from INVITE to the first 18x.
    pub post_dial_delay_ms: Option<u64>,
    /// Milliseconds from INVITE to the answer.
    #[serde(default)]
    pub answer_delay_ms: Option<u64>,
    /// Idempotency-Key and hash of the body (ruling 2.50).
    pub idempotency: Option<(String, String)>,
    /// The id that an external switch gave it, whose call it is: it has no media here. Unique.
    #[serde(default)]
    pub external: Option<String>,
    /// Who forwarded the call here, if its carrier says so.
    #[serde(default)]
    pub forwarded_from: Option<String>,
    /// Of a call through a SIP domain.
    #[serde(default)]
    pub domain: Option<DomainCall>,
    /// The account's own trunk (Elastic SIP Trunking) that it belongs to.
    #[serde(default)]
    pub elastic_trunk: Option<ElasticTrunkSid>,
    /// To whom its peer has transferred it (REFER).
    #[serde(default)]
    pub transferred_to: Option<String>,
    /// The dialog with whom it is transferred to, until it takes the place of its own.
    #[serde(default)]
    pub spare_dialog: Option<DialogIds>,
    /// Process that owns it.
    pub node: String,
}

impl CallRow {
    /// Is it a call of an external switch that is not over?
    pub fn external_is_live(&self) -> bool {
        self.external.is_some() && !self.status.is_final()
    }

    /// A row with nothing in it but its account and its age.
    pub fn empty(account: AccountSid, at: Wall, node: &str, status: CallStatus) -> CallRow {
        CallRow {
            sid: CallSid(0),
            account,
            parent: None,
            to: String::new(),
            from: String::new(),
            number: None,
            application: None,
            trunk: None,
            status,
            direction: Direction::Inbound,
            created: at,
            updated: at,
            started: None,
            answered: None,
            ended: None,
            callbacks: Vec::new(),
            voice: None,
            fallback: None,
            twiml: None,
            timeout_s: 60,
            time_limit_s: 4 * 3_600,
            send_digits: None,
            record: None,
            sip_auth: None,
            caller_id: None,
            sequence: 0,
            dialog: None,
            invited: false,
            events: 0,
            cause: None,
            ended_by: None,
            ended_how: None,
            error: None,
            stats: None,
            post_dial_delay_ms: None,
            answer_delay_ms: None,
            idempotency: None,
            external: None,
            forwarded_from: None,
            domain: None,
            transferred_to: None,
            spare_dialog: None,
            elastic_trunk: None,
            node: node.to_owned(),
        }
    }
}

/// REST `Record=true` and its friends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordWish {
    /// 1 or 2.
    pub channels: u8,
    /// `inbound`, `outbound`, `both`.
    pub track: String,
    /// Trim silence.
    pub trim: bool,
    /// Callback.
    pub callback: Option<Hook>,
    /// `in-progress completed absent`.
    pub events: String,
}

/// A recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordingRow {
    /// SID.
    pub sid: RecordingSid,
    /// Account.
    pub account: AccountSid,
    /// Call.
    pub call: CallSid,
    /// `in-progress`, `paused`, `stopped`, `processing`, `completed`, `absent`, `failed`.
    pub status: String,
    /// `RecordVerb`, `DialVerb`, `OutboundAPI`, `StartCallRecordingAPI`.
    pub source: String,
    /// 1 or 2.
    pub channels: u8,
    /// `inbound`, `outbound`, `both`.
    pub track: String,
    /// Milliseconds, once known.
    pub ms: Option<u64>,
    /// File name under the recordings directory.
    pub file: String,
    /// Twilio code of a failed one.
    pub error: Option<u32>,
    /// Where its status goes.
    pub callback: Option<Hook>,
    /// Which events: `in-progress completed absent`.
    pub events: String,
    /// When its audio began.
    pub started: Wall,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// A line of the account's debugger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NotificationRow {
    /// SID.
    pub sid: NotificationSid,
    /// Account.
    pub account: AccountSid,
    /// Call.
    pub call: Option<CallSid>,
    /// Twilio's code.
    pub code: u32,
    /// 0 error, 1 warning.
    pub level: u8,
    /// What happened and what to do.
    pub words: String,
    /// Request it is about.
    pub request_method: Option<Method>,
    /// Its URL.
    pub request_url: Option<String>,
    /// Its parameters as a form.
    pub request_variables: Option<String>,
    /// What came back.
    pub response_headers: Option<String>,
    /// What came back.
    pub response_body: Option<String>,
    /// When.
    pub created: Wall,
}

/// A media stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StreamRow {
    /// SID.
    pub sid: StreamSid,
    /// Account.
    pub account: AccountSid,
    /// Call.
    pub call: CallSid,
    /// Name, by default the SID.
    pub name: String,
    /// `in-progress` or `stopped`.
    pub status: String,
    /// Where its events go, also those of a stream that a crash cut off.
    #[serde(default)]
    pub callback: Option<Hook>,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// Names an outbox row; also its idempotency token (a UUID in form).
pub type OutboxId = u128;

/// What runs in a call and is told of by callbacks of its own: a receiver that is slow for one holds up no other.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// A media stream.
    Stream(StreamSid),
    /// A recording.
    Recording(RecordingSid),
    /// What the operator is told of the call and its streams.
    Events(CallSid),
}

/// A callback that must be delivered. Rows leave by retention, not on success.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Also the token of every try.
    #[serde(with = "hex128")]
    pub id: OutboxId,
    /// Account.
    pub account: AccountSid,
    /// The call; its rows are delivered in `position` order, those of a part of it in the part's own.
    pub call: Option<CallSid>,
    /// The part of the call that it tells of; None: of the call itself.
    #[serde(default)]
    pub part: Option<Part>,
    /// Order within the call, or within the part.
    pub position: u32,
    /// Where.
    pub hook: Hook,
    /// Parameters, complete.
    pub params: Vec<(String, String)>,
    /// JSON that is sent instead of parameters: to the operator, who gets a token of the settings with it and no signature.
    #[serde(default)]
    pub json: Option<String>,
    /// `pending`, `delivered`, `failed`.
    pub state: String,
    /// Rounds tried (a crash is no try).
    pub rounds: u8,
    /// Not before.
    pub next: Wall,
    /// The last outcome in a sentence.
    pub last: Option<String>,
    /// Created.
    pub created: Wall,
    /// Delivered or given up.
    pub done: Option<Wall>,
}

impl OutboxRow {
    /// A callback of its own, outside of a call's order, that has not been tried yet and is due at once.
    pub fn pending(
        id: OutboxId,
        account: AccountSid,
        hook: Hook,
        params: Vec<(String, String)>,
        at: Wall,
    ) -> OutboxRow {
        OutboxRow {
            id,
            account,
            call: None,
            part: None,
            position: 0,
            hook,
            params,
            json: None,
            state: "pending".to_owned(),
            rounds: 0,
            next: at,
            last: None,
            created: at,
            done: None,
        }
    }

    /// The same about a part of a call.
    pub fn of(self, call: CallSid, part: Part, position: u32) -> OutboxRow {
        OutboxRow { call: Some(call), part: Some(part), position, ..self }
    }
}

/// The bounded timeline of one call, appended to in batches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimelineRow {
    /// Call.
    pub call: CallSid,
    /// Account.
    pub account: AccountSid,
    /// All lines so far.
    pub lines: Vec<Line>,
    /// Changed.
    pub updated: Wall,
}

/// One line of a timeline. Never a token, password, digit or query value (ruling 2.40).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Wall,
    /// `phone`, `chorus`, `app`, `agent`.
    pub from: String,
    /// The same set; equal to `from` for a note.
    pub to: String,
    /// What.
    pub what: String,
}

/// 128 bits as 32 hexadecimal digits, because JSON numbers end at 64.
mod hex128 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(id: &u128, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{id:032x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u128, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        u128::from_str_radix(&text, 16).map_err(|_| D::Error::custom("not 32 hexadecimal digits"))
    }
}
