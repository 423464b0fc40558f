//! Calls.

use super::{DomainCall, Hook};
use crate::clock::Wall;
use crate::media::event::Stats;
use crate::sid::*;
use crate::sip::event::{Cause, DialogIds};
use serde::{Deserialize, Serialize};

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
    /// The id that an external switch gave it, whose call it is: it has no media here. Unique; ours where it gave none.
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
    /// The id that an external switch gave it. None: it gave none, so that ours stands for it, or it is a call of our own.
    pub fn external_id(&self) -> Option<&str> {
        self.external.as_deref().filter(|id| *id != self.sid.to_string())
    }

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
