//! What happens to a call, and what it wants done. A call answers each event with effects; it does nothing itself (law 2).

use super::refer_url::ReferUrl;
use crate::api::command::{Answer, Request};
use crate::media::{
    event::{EngineCommand, MediaEvent},
    plan::{Clip, MediaPlan},
};
use crate::sid::{AccountSid, CallSid, StreamSid, TrunkSid};
use crate::sip::event::{Caller, Cause, Invite, LegId, SipCmd, SipEvent};
use crate::speech::{ClipId, Speech, SpeechError};
use crate::store::rows::{CallRow, CallStatus};
use crate::store::tx::{StoreError, Tx};
use crate::webhooks::request::{FetchError, FetchId, FetchRequest, Fetched};
use std::{net::SocketAddr, sync::Arc};

/// Names a REST request that waits for its answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Everything that can happen to a call.
#[derive(Debug)]
pub enum Event {
    /// Its leg's signalling.
    Sip(SipEvent),
    /// Its leg's media, its recordings and streams.
    Media(MediaEvent),
    /// A document or an action came, or did not.
    Fetched(FetchId, Result<Fetched, FetchError>),
    /// Audio for Say or Play.
    Clip(ClipId, Result<Arc<Clip>, SpeechError>),
    /// Worth a notification: a Twilio code and a sentence.
    Warned(u32, String),
    /// Its turn to be dialled has come, and it may not be any more: Twilio's code and a sentence.
    NoWay(u32, String),
    /// The RTP port of its leg: the address to write into SDP.
    Port(Result<SocketAddr, PortError>),
    /// A request of the REST API.
    Command(Ticket, Request),
    /// A word from another call of the same Dial.
    Told(CallSid, Word),
    /// A commit that something waited for failed.
    NotStored(StoreError),
    /// An INVITE on this leg, over this trunk if over any, from whom it came, wants to take the place of the call's own (Replaces).
    Replaced(LegId, Box<Invite>, Option<TrunkSid>, Caller),
    /// A timer of its may be due.
    Time,
}

/// No RTP port for a leg.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum PortError {
    /// Every port of the range is in use or draining.
    Exhausted,
    /// The socket could not be bound (no file descriptors).
    Refused,
}

/// What the calls of one Dial say to each other. A child is a call of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// Child to parent: it rings; with its leg if early media can be heard.
    Ringing {
        /// The leg whose audio may be heard.
        early: Option<LegId>,
    },
    /// Child to parent: it was answered, its whisper document may still run.
    Answered,
    /// Child to parent: it may be bridged.
    Ready {
        /// Its leg.
        leg: LegId,
    },
    /// Child to parent: it is over, or has left to run a document of its own.
    Over(Box<Outcome>),
    /// Parent to child: hear and be heard by this leg.
    Bridge {
        /// The parent's leg.
        leg: LegId,
    },
    /// Parent to child: it is heard before its answer; let it hear this leg too.
    Listen {
        /// The parent's leg.
        leg: LegId,
    },
    /// Parent to child: end. Early: cancelled.
    Release(Cause),
    /// To the call that stays: this party is called in place of who says so.
    Transfer {
        /// A call of its own.
        child: CallSid,
    },
    /// From the call that stays: how that goes; a final code ends it.
    Transferring {
        /// As SIP says it.
        code: u16,
        /// Its words.
        words: String,
    },
    /// From the call that stays: another has taken the place of who hears this.
    Transferred,
    /// An attended transfer is granted; to whom.
    TransferAccepted {
        /// Number or address.
        to: String,
    },
    /// It is not.
    NotTransferred {
        /// What the peer is told.
        cause: Cause,
        /// Twilio's code for it.
        code: u32,
        /// What its account is told.
        words: String,
    },
    /// To the call that stays: the application says what it shall do.
    AskApp {
        /// Whom to ask.
        ask: ReferUrl,
        /// Refer-To as it came.
        target: String,
    },
    /// From the call that stays: it hears a document, wait.
    Hold,
    /// From the call that stays: it is back.
    Resume {
        /// Its leg.
        leg: LegId,
    },
    /// Belong to the sender from now on, as a child does.
    Join,
    /// Be connected with the sender, which belongs to you from now on.
    Adopt {
        /// Its leg.
        leg: LegId,
    },
}

/// How a child of a Dial ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Final status, `in-progress` if it left by a REST update.
    pub status: CallStatus,
    /// SIP's words.
    pub cause: Cause,
    /// Seconds from answer to end.
    pub duration: u64,
    /// Call-ID.
    pub call_id: String,
    /// `X-` headers of its 200 and of its final message.
    pub headers: Vec<(String, String)>,
    /// Twilio code for the parent's notification.
    pub error: Option<u32>,
}

impl Outcome {
    /// It never came so far as to be dialled.
    pub fn failed(cause: Cause) -> Outcome {
        Outcome {
            status: CallStatus::Failed,
            cause,
            duration: 0,
            call_id: String::new(),
            headers: Vec::new(),
            error: None,
        }
    }
}

/// Everything a call can want.
#[derive(Debug)]
pub enum Effect {
    /// To the SIP endpoint.
    Sip(SipCmd),
    /// An RTP port near the peer; answered by `Event::Port`.
    OpenPort {
        /// The leg.
        leg: LegId,
        /// Chooses our address.
        near: Option<SocketAddr>,
    },
    /// The same once the turn of this leg's call has come: calls per second of its account.
    TakeTurn(LegId),
    /// The leg's plan, latest wins.
    Plan(LegId, Box<MediaPlan>),
    /// To the engine of the leg.
    Engine(LegId, EngineCommand),
    /// Connects a stream's socket and gives it to the engine of the leg.
    Connect(Box<StreamConnect>),
    /// Requests a URL.
    Fetch(FetchId, Box<FetchRequest>),
    /// Speaks.
    Speak {
        /// Answered by `Event::Clip`.
        id: ClipId,
        /// For limits.
        account: AccountSid,
        /// What.
        speech: Speech,
    },
    /// Fetches and decodes audio.
    Load {
        /// Answered by `Event::Clip`.
        id: ClipId,
        /// Complete request.
        request: Box<FetchRequest>,
    },
    /// Audio that came as the body of a document, to be decoded.
    Decode {
        /// Answered by `Event::Clip`.
        id: ClipId,
        /// Content type.
        content_type: String,
        /// The body.
        body: bytes::Bytes,
    },
    /// A transaction. `then` is performed after the commit, `or_else` if it fails; the call hears `NotStored` too.
    Commit {
        /// What to write.
        tx: Tx,
        /// Waits for the commit.
        then: Vec<Effect>,
        /// Instead, if the commit fails. Empty and `then` empty: the transaction is kept in the journal.
        or_else: Vec<Effect>,
    },
    /// Answers a REST request.
    Reply(Ticket, Box<Answer>),
    /// A new call for a Dial.
    Spawn(Box<Spawn>),
    /// To another call.
    Tell(CallSid, Word),
    /// A line of the timeline.
    Trace {
        /// `phone`, `chorus`, `app`, `agent`.
        from: &'static str,
        /// The same set.
        to: &'static str,
        /// What.
        what: String,
    },
    /// The INVITE of this leg does not leave: its call hears that the leg has ended.
    Undialled(LegId, Cause),
    /// The call is over and holds nothing any more.
    Gone,
}

/// A stream's socket to be connected.
#[derive(Clone, Debug)]
pub struct StreamConnect {
    /// The stream.
    pub stream: StreamSid,
    /// Its leg, which names the worker.
    pub leg: LegId,
    /// Absolute `wss:` or `ws:` URL, query and fragment taken off.
    pub url: String,
    /// `X-Twilio-Signature`.
    pub signature: String,
}

/// A child of a Dial.
#[derive(Debug)]
pub struct Spawn {
    /// Its row, status `initiated` not yet reached.
    pub row: CallRow,
    /// How to reach it.
    pub target: super::target::Target,
    /// Its whisper document.
    pub whisper: Option<crate::store::rows::Hook>,
    /// Base for a relative whisper href and the parent's cookies are not shared.
    pub parent: CallSid,
    /// It rings at the PBX of this trunk.
    pub pbx: Option<Box<super::rights::Pbx>>,
    /// What the Dial says of a REFER.
    pub refer_url: Option<ReferUrl>,
    /// It is the far end of a trunk's call: to the account's caps the two are one.
    pub far_end: bool,
}

impl Spawn {
    /// The call in whose place it stands.
    pub fn within(&self) -> Option<CallSid> {
        self.far_end.then_some(self.parent)
    }
}
