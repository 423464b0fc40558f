//! What the endpoint holds for one leg, from its INVITE to its end.

use super::contacts::Twin;
use super::early::Early;
use super::info::KeysOut;
use super::refresh::Refresh;
use super::reliable::Reliable;
use crate::clock::Mono;
use crate::sip::dialog::{Dialog, PORT};
use crate::sip::digest;
use crate::sip::event::{Cause, Credentials, Flow, InviteCmd, OfferId, ResolveId, Side};
use crate::sip::transaction::{T1, T2, TxnId};
use crate::sip::wire::{Message, Method};
use crate::trunk::manners::Manners;
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// No ACK for a 2xx, no final answer to a CANCEL: 64*T1.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// One leg.
pub struct Leg {
    pub dialog: Dialog,
    pub phase: Phase,
    /// `Ended` was reported; whatever follows happens in silence.
    pub ended: bool,
    /// What `Ended` will say, once the way to it has begun.
    pub verdict: Option<Verdict>,
    /// When `Ended` is reported at the latest, answered or not.
    pub patience: Option<Mono>,
    /// A 2xx of ours that waits for its ACK.
    pub unacked: Option<Unacked>,
    /// The ACK of the peer's 2xx, which waits for the call.
    pub ack: Option<(Flow, Bytes)>,
    /// The session timer.
    pub refresh: Refresh,
    /// Provisional responses of ours that the peer acknowledges.
    pub reliable: Option<Reliable>,
    /// An offer of the peer that the call has not answered.
    pub offer: Option<Offer>,
    /// REFERs, ours and theirs.
    pub refers: super::refer::Refers,
    /// BYE must wait for the ACK (RFC 3261 section 15): the header fields it will carry.
    pub bye_after_ack: Option<Vec<(String, String)>>,
    /// The header fields of a BYE whose connection may still break: it is sent once more.
    pub bye_again: Option<Vec<(String, String)>>,
    /// What the INVITE's challenge taught.
    pub auth: Option<Auth>,
    /// Keys that we press by INFO.
    pub keys_out: KeysOut,
    /// The deadline that stands in the clock.
    pub armed: Option<Mono>,
}

/// Where a leg stands.
pub enum Phase {
    /// An INVITE of the peer without final answer.
    Ringing(Box<Ringing>),
    /// An INVITE of ours without final answer.
    Calling(Box<Calling>),
    /// Answered.
    Up,
    /// Our BYE is out, or waits to be.
    Leaving,
}

/// An inbound leg before its answer.
pub struct Ringing {
    pub txn: TxnId,
    pub invite: Message,
    pub flow: Flow,
    /// When the last 101-199 is repeated (RFC 3261 13.3.1.1).
    pub refresh: Option<Mono>,
    /// When the caller's Expires ends it (RFC 3261 13.3.1).
    pub expires: Option<Mono>,
}

/// An outbound leg before its answer.
pub struct Calling {
    pub cmd: InviteCmd,
    pub stage: Stage,
    /// What its trunk says of the peer.
    pub manners: Manners,
    /// The Min-SE that a 422 taught, and how often one did.
    pub min_se: Option<(u32, u8)>,
    /// Contacts of a 3xx that are not tried yet, and those that were.
    pub redirections: VecDeque<String>,
    pub redirected: Vec<String>,
    /// What is for the trunk's own hosts alone, while a 3xx is followed to somebody else's; None: this hop is the trunk's.
    pub aside: Option<Aside>,
    /// The dialogs that its provisional responses made.
    pub early: Vec<Early>,
    /// Ways not tried yet.
    pub targets: VecDeque<Hop>,
    /// The Request-URI as the call wants it.
    pub asked: String,
    /// The same INVITE at further contacts.
    pub twins: Vec<Twin>,
    /// One of them refused, which `failure` tells of.
    pub refused: bool,
    /// Route values of the present one.
    pub route: Vec<String>,
    /// The address to call says by what transport.
    pub named_transport: bool,
    /// Whom a connection is tried to because the INVITE is too long for a datagram.
    pub by_stream: Option<SocketAddr>,
    /// When a trunk that says nothing is given up for the next one.
    pub impatient: Option<Mono>,
    /// The callee was heard: nobody else may be called instead.
    pub early_media: bool,
    /// 101-199 came: no other target is tried any more.
    pub progressed: bool,
    pub cancel: Cancel,
    /// Of the CANCEL.
    pub reason: Option<(String, String)>,
    /// Timer C.
    pub timer_c: Option<Mono>,
    /// Authorization fields of the present try.
    pub authorization: Vec<(String, String)>,
    pub digest: digest::Client,
    pub realms: Vec<String>,
    /// Why the last target failed.
    pub failure: Option<Cause>,
}

/// What a stranger must not have of the trunk.
#[derive(Debug)]
pub struct Aside {
    pub credentials: Option<Credentials>,
    pub next_hop: Option<String>,
    /// Who calls is said within the trunk's domain of trust only (RFC 3325 section 6).
    pub identity: Vec<(String, String)>,
}

/// One way to whom we call.
#[derive(Clone, Debug)]
pub struct Hop {
    pub flow: Flow,
    /// What it registered, with the route there; None: the Request-URI is as it was asked for.
    pub contact: Option<(String, Vec<String>)>,
}

impl From<Flow> for Hop {
    fn from(flow: Flow) -> Hop {
        Hop { flow, contact: None }
    }
}

/// The steps of calling out.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Nothing was done yet.
    New,
    /// The next hop is being looked up.
    Resolving(ResolveId),
    /// The INVITE is out. `cseq` is its own: requests of its early dialogs count on.
    Sent { txn: TxnId, flow: Flow, branch: String, cseq: u32, provisional: bool },
}

/// Whether the INVITE is taken back.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Cancel {
    No,
    /// As soon as a 1xx comes (RFC 3261 9.1).
    Wanted,
    /// CANCEL is out; the INVITE is given up at this time.
    Sent(Mono),
}

/// Who ended the leg, and why.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub by: Side,
    pub cause: Cause,
}

/// Credentials that may be shown again in this dialog (ruling 2.27).
pub struct Auth {
    pub credentials: Credentials,
    pub realms: Vec<String>,
    pub digest: digest::Client,
    pub challenger: Flow,
    /// Sent with the BYE at hand already.
    pub used: bool,
}

/// A 2xx that is retransmitted until its ACK comes (RFC 3261 13.3.1.4).
pub struct Unacked {
    pub cseq: u32,
    pub response: Bytes,
    pub flow: Flow,
    /// Port of the request's Via, for a connection to be made anew.
    pub port: u16,
    pub interval: Duration,
    pub next: Mono,
    pub give_up: Mono,
    /// The 200 carried our offer: the ACK brings the answer.
    pub offered: bool,
    /// It answered the first INVITE.
    pub first: bool,
}

impl Unacked {
    /// Of `response` to `request`. `offered`: it carries our offer.
    pub fn new(
        now: Mono,
        request: &Message,
        response: Bytes,
        flow: Flow,
        offered: bool,
        first: bool,
    ) -> Unacked {
        let cseq = request.cseq().map_or(0, |c| c.number);
        let (next, give_up, port) = (now + T1, now + GIVE_UP, sent_by_port(request));
        Unacked { cseq, response, flow, port, interval: T1, next, give_up, offered, first }
    }

    /// The time of the next retransmission, or of the end.
    pub fn deadline(&self) -> Mono {
        self.next.min(self.give_up)
    }

    pub fn repeat(&mut self, now: Mono) {
        self.interval = self.interval.saturating_mul(2).min(T2);
        self.next = now + self.interval;
    }
}

/// A re-INVITE or UPDATE whose answer is the call's to give.
pub struct Offer {
    pub id: OfferId,
    pub txn: TxnId,
    pub method: Method,
    pub request: Message,
    pub flow: Flow,
    /// It had no body: our answer carries the offer.
    pub empty: bool,
}

/// Where the sender of a request listens, by its Via (RFC 3261 18.2.2).
pub fn sent_by_port(request: &Message) -> u16 {
    request.via().and_then(|v| v.port).unwrap_or(PORT)
}

impl Leg {
    pub fn new(dialog: Dialog, phase: Phase) -> Leg {
        Leg {
            dialog,
            phase,
            ended: false,
            verdict: None,
            patience: None,
            unacked: None,
            ack: None,
            refresh: Refresh::default(),
            reliable: None,
            offer: None,
            refers: Default::default(),
            bye_after_ack: None,
            bye_again: None,
            auth: None,
            keys_out: KeysOut::default(),
            armed: None,
        }
    }

    /// When it wants to be woken.
    pub fn deadline(&self) -> Option<Mono> {
        let phase = match &self.phase {
            Phase::Ringing(ringing) => {
                let unpracked = self.reliable.as_ref().and_then(Reliable::deadline);
                ringing.refresh.into_iter().chain(ringing.expires).chain(unpracked).min()
            }
            Phase::Calling(calling) => match calling.cancel {
                Cancel::Sent(at) => Some(at),
                _ => calling.timer_c.into_iter().chain(calling.impatient).min(),
            },
            Phase::Up => self.refresh.deadline(),
            Phase::Leaving => None,
        };
        let patience = self.patience.filter(|_| !self.ended);
        let unacked = self.unacked.as_ref().map(Unacked::deadline);
        phase.into_iter().chain(patience).chain(unacked).min()
    }

    /// Is `tag` the peer's in this dialog? Before an answer of the peer every tag may be.
    pub fn is_peer(&self, tag: &str) -> bool {
        matches!(self.phase, Phase::Calling(_)) || self.dialog.ids.remote_tag == tag
    }
}
