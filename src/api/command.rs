//! What the REST API asks of the live calls, and what they answer. Every accepted parameter is here, typed and
//! checked; the switch decides, the handlers only translate.

use super::command_external::{CallReport, ExternalCall};
use crate::clock::Wall;
use crate::sid::*;
use crate::sip::registration::RegistrationState;
use crate::store::rows::{BindingRow, CallRow, Hook, RecordWish, RecordingRow, StreamRow, Subscription};
use crate::trunk::explain::{Explanation, Question};
use std::net::SocketAddr;

/// Seconds an outbound call rings unless `Timeout` says otherwise.
pub const TIMEOUT_DEFAULT_S: u32 = 60;

/// Longest `Timeout`, seconds.
pub const TIMEOUT_MAX_S: u32 = 600;

/// Seconds a call may last unless `TimeLimit` says otherwise (ruling 2.51).
pub const TIME_LIMIT_DEFAULT_S: u32 = 4 * 3_600;

/// Where the document of a call comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// `Url` with `Method`.
    Fetch(Hook),
    /// `Twiml` itself.
    Inline(String),
}

/// POST Calls. The handler has checked the caller ID and resolved the application.
#[derive(Clone, Debug)]
pub struct DialRequest {
    /// SID that the call shall get; drawn by the handler so that a lost answer can be looked up.
    pub sid: CallSid,
    /// Who pays.
    pub account: AccountSid,
    /// E.164, or a `sip:` URI with its headers (`?X-a=b`).
    pub to: String,
    /// E.164, or the user part for a `sip:` callee.
    pub from: String,
    /// The account's number that `from` is.
    pub number: Option<NumberSid>,
    /// `CallerId`: what the callee sees instead of `from`.
    pub caller_id: Option<String>,
    /// The application whose hooks were taken.
    pub application: Option<ApplicationSid>,
    /// What runs once it is answered.
    pub document: Document,
    /// `Twiml` was given beside `Url` and left out (32019).
    pub twiml_left_out: bool,
    /// `FallbackUrl`.
    pub fallback: Option<Hook>,
    /// `StatusCallback` with its events (`completed` if none were named).
    pub status_callback: Option<Subscription>,
    /// Seconds to ring, 1 to [`TIMEOUT_MAX_S`].
    pub timeout_s: u32,
    /// Seconds from answer to the end.
    pub time_limit_s: u32,
    /// Keys after the answer: `0-9 A-D # * w W`.
    pub send_digits: Option<String>,
    /// `Record=true` and its friends.
    pub record: Option<RecordWish>,
    /// `SipAuthUsername`, `SipAuthPassword`.
    pub sip_auth: Option<(String, String)>,
    /// `Idempotency-Key` and the SHA-256 of the body in hexadecimal (ruling 2.50); into the row, same transaction.
    pub idempotency: Option<(String, String)>,
    /// When the request was read: the row's `created`.
    pub at: Wall,
}

/// The two states that `Status` may ask for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum EndWish {
    /// Only while queued or ringing.
    Canceled,
    /// In any live state.
    Completed,
}

/// POST Calls/{Sid}: each present field replaces what the call holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallUpdate {
    /// `Status`.
    pub end: Option<EndWish>,
    /// `Url` or `Twiml`: interrupts the running document.
    pub document: Option<Document>,
    /// `FallbackUrl`.
    pub fallback: Option<Hook>,
    /// `StatusCallback`: replaces where `completed` and what was subscribed goes.
    pub status_callback: Option<Hook>,
    /// `TimeLimit`, seconds from the answer.
    pub time_limit_s: Option<u32>,
}

/// POST Calls/{Sid}/Recordings.
#[derive(Clone, Debug)]
pub struct RecordStart {
    /// SID that the recording shall get.
    pub sid: RecordingSid,
    /// Channels, track, trim, callback, events.
    pub wish: RecordWish,
}

/// Which recording of a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum RecordingRef {
    /// `Twilio.CURRENT`: the one that runs.
    Current,
    /// By SID.
    Sid(RecordingSid),
}

/// POST Calls/{Sid}/Recordings/{Sid}.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum RecordingChange {
    /// `Status=paused`; `silence` keeps the time (PauseBehavior), otherwise it is cut out.
    Pause {
        /// `PauseBehavior=silence`, the default.
        silence: bool,
    },
    /// `Status=in-progress`.
    Resume,
    /// `Status=stopped`: final.
    Stop,
}

/// POST Calls/{Sid}/Streams: one-way, as `Start Stream`.
#[derive(Clone, Debug)]
pub struct StreamStartRequest {
    /// SID that the stream shall get.
    pub sid: StreamSid,
    /// `wss://`, or `ws://` where the guard allows the address.
    pub url: String,
    /// `Name`, unique in the call.
    pub name: Option<String>,
    /// `inbound_track`, `outbound_track`, `both_tracks`.
    pub track: String,
    /// `StatusCallback`.
    pub status_callback: Option<Hook>,
    /// `ParameterN.Name` and `.Value`, in order of N.
    pub parameters: Vec<(String, String)>,
}

/// Who has registered here as the user of a trunk.
#[derive(Clone, Debug, Default)]
pub struct Visited {
    /// Each contact, with the code and words of its answer to OPTIONS; None: it did not answer.
    pub contacts: Vec<(BindingRow, Option<(u16, String)>)>,
    /// The last who tried to and could not.
    pub turned_away: Option<TurnedAway>,
    /// Where one can register, as far as it is known.
    pub addresses: Vec<SocketAddr>,
    /// The realm of its password.
    pub realm: String,
}

/// One that was not let in.
#[derive(Clone, Debug)]
pub struct TurnedAway {
    /// When.
    pub at: Wall,
    /// From where.
    pub source: SocketAddr,
    /// Method and user it was for.
    pub what: String,
}

/// One question.
#[derive(Clone, Debug)]
pub enum Request {
    /// POST Calls. Answers: `Call` after the commit, `Duplicate`, `Refused`, `Busy`.
    Dial(Box<DialRequest>),
    /// POST Calls/{Sid}. Answers: `Call`, `NotLive`, `Refused`.
    Update(CallSid, Box<CallUpdate>),
    /// Start recording. Answers: `Recording`, `NotLive`, `Refused`.
    Record(CallSid, Box<RecordStart>),
    /// Pause, resume, stop. Answers: `Recording`, `NotLive`, `Refused`.
    ChangeRecording(CallSid, RecordingRef, RecordingChange),
    /// Start a stream. Answers: `Stream`, `NotLive`, `Refused`.
    StartStream(CallSid, Box<StreamStartRequest>),
    /// Stop a stream by SID or name. Answers: `Stream`, `NotLive`, `Refused` (20404: no such stream).
    StopStream(CallSid, String),
    /// The timeline of a live call. Answers: `Timeline`, `NotLive`.
    Timeline(CallSid),
    /// Where the trunks stand that register at another house, and who has registered here. Answers: `Registrations`.
    Registrations,
    /// Is anybody there of those who registered here as this trunk's user? Each is sent an OPTIONS. Answers: `Visited`.
    Visit(TrunkSid),
    /// A call came in at an external switch. Answers: `Call` after the commit, `Duplicate` (its id is known), `Refused`, `Busy`.
    External(Box<ExternalCall>),
    /// An external switch tells of its call. Answers: `Call` after the commit, `NotLive`, `Busy`.
    Reported(CallSid, Box<CallReport>),
    /// What would become of a call over a trunk now. Answers: `Explained`; `NotLive`: there is no such trunk.
    Explain(Box<Question>),
    /// Accounts, numbers, applications or trunks were committed: rebuild the snapshot, then answer `Done`, so that
    /// a call that arrives after our 2xx already meets them.
    TablesChanged,
}

/// The answer to a [`Request`]. Rows are as committed.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The call.
    Call(Box<CallRow>),
    /// The recording.
    Recording(Box<RecordingRow>),
    /// The stream.
    Stream(Box<StreamRow>),
    /// The lines so far.
    Timeline(Vec<crate::store::rows::Line>),
    /// Each trunk that registers, as it stands now; and the bindings of those whose peers register here.
    Registrations(Vec<(TrunkSid, RegistrationState)>, Vec<BindingRow>),
    /// Who has registered as a trunk's user.
    Visited(Box<Visited>),
    /// Step by step, in both directions.
    Explained(Box<Explanation>),
    /// Nothing to show.
    Done,
    /// This process holds no such live call.
    NotLive,
    /// The idempotency key was committed by another request meanwhile: read that call.
    Duplicate,
    /// A row of the error table and a sentence.
    Refused {
        /// Twilio's code.
        code: u32,
        /// What to tell the client.
        words: String,
    },
    /// Draining, or the database cannot be written: 503, nothing happened.
    Busy,
}
