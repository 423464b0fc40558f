//! What the SIP endpoint and the rest of the house say to each other. The endpoint knows legs by id;
//! it knows no calls, no TwiML and no media.

pub use super::command::{Alternative, Credentials, Fence, InviteCmd, SipCmd};

use super::endpoint::KnockId;
use super::registrar;
use crate::sid::{CallSid, TrunkSid};
use crate::sip::registration::RegistrationState;
use crate::store::rows::DoorSid;
use crate::trunk::door::Turned;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// One dialog of ours with one peer. Unique in the process; the endpoint makes odd ones (inbound), the switch even ones.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// An offer inside a dialog (re-INVITE or UPDATE) that waits for an answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct OfferId(pub u64);

/// A lookup of a host that the shell performs.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResolveId(pub u64);

/// How a message travels.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
}

impl Transport {
    /// Of a `transport` parameter (RFC 3261 section 19.1.1); None: one that is not known.
    pub fn named(word: &str) -> Option<Transport> {
        match word.to_ascii_lowercase().as_str() {
            "udp" => Some(Transport::Udp),
            "tcp" => Some(Transport::Tcp),
            "tls" => Some(Transport::Tls),
            _ => None,
        }
    }
}

/// Where a message came from or goes to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// The peer.
    pub remote: SocketAddr,
    /// Our address as this peer should write it: goes into Via, Contact.
    pub local: SocketAddr,
    /// The connection of a stream transport, 0 for UDP and for "connect if there is none"; of TLS where we connect: who must be
    /// at its end ([`named`](super::flow::named)).
    pub conn: u64,
}

/// Who is at the other end of a TLS connection, by the certificate that was shown on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The connection.
    pub flow: Flow,
    /// The trunks whose peer that is.
    pub trunks: Vec<TrunkSid>,
    /// By which of the trunks' rules: they are counted as they change, and of two words on a connection the later rules' counts.
    pub rules: u64,
}

/// Everything that is needed to send a request inside a dialog, also after a restart (stored with the call).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogIds {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty before it is known.
    pub remote_tag: String,
    /// Our URI with display name, as in From of our requests, without tag.
    pub local_uri: String,
    /// The peer's, without tag.
    pub remote_uri: String,
    /// The peer's Contact.
    pub remote_target: String,
    /// Route values in the order to send them.
    pub route_set: Vec<String>,
    /// The last CSeq we used; a stored one leaves room (recovery adds 100).
    pub local_cseq: u32,
    /// Where its last message came from or went.
    pub flow: Flow,
    /// A NAT hides the peer's Contact, though it may not look like it: its datagrams go to `flow`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// An INVITE outside a dialog, as the call needs it.
#[derive(Clone, Debug)]
pub struct Invite {
    /// The dialog as the 200 will make it.
    pub dialog: DialogIds,
    /// Request-URI as written.
    pub uri: String,
    /// User part of the Request-URI, percent-decoded.
    pub to_user: String,
    /// User part of To (or of a `tel:` URI), percent-decoded: the number that was called where the Request-URI only names us.
    pub to_header_user: String,
    /// Host part of the Request-URI, without port.
    pub to_host: String,
    /// User part of From (or of a `tel:` URI), percent-decoded.
    pub from_user: String,
    /// Host part of From.
    pub from_host: String,
    /// From's display name, unquoted.
    pub from_display: String,
    /// Who calls, as P-Asserted-Identity and the like say it.
    pub identity: super::identity::Identity,
    /// Who forwarded the call last (Diversion, History-Info); empty if nobody did.
    pub diverted_by: String,
    /// Header fields the application may see: every `X-` one and User-to-User, name as written.
    pub headers: Vec<(String, String)>,
    /// How many hops it may still take: what is dialled because of it may take one less.
    pub max_forwards: u8,
    /// The SDP offer, if any.
    pub offer: Option<Bytes>,
    /// The flow it came on.
    pub flow: Flow,
    /// The leg that it wants to take the place of (RFC 3891).
    pub replaces: Option<LegId>,
}

/// Why a leg ended or a call was refused, in SIP's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The final status code; 200 for a BYE of an answered call.
    pub code: u16,
    /// Its reason phrase, or the text of a Reason header.
    pub words: String,
    /// Q.850 cause of a Reason header.
    pub q850: Option<u8>,
}

impl Cause {
    /// A cause without Q.850.
    pub fn new(code: u16, words: impl Into<String>) -> Cause {
        Cause { code, words: words.into(), q850: None }
    }
}

/// Who ended a leg.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// We did.
    Us,
    /// The peer did.
    Peer,
}

/// Who sends an INVITE, as far as it has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The peer of one of these trunks, never empty; one whose registration it shows is the first.
    Trunks(Vec<TrunkSid>),
    /// Whoever may call through this door: the user that showed its password, if it asks for one.
    Door(DoorSid, Option<String>),
}

impl Caller {
    /// The trunk that says how its peer is to be treated; who comes through a door has none.
    pub fn trunk(&self) -> Option<TrunkSid> {
        match self {
            Caller::Trunks(trunks) => trunks.first().copied(),
            Caller::Door(..) => None,
        }
    }
}

/// What the endpoint reports.
#[derive(Clone, Debug)]
pub enum SipEvent {
    /// A new INVITE from a known source; 100 went out already.
    Incoming {
        /// The leg it made.
        leg: LegId,
        /// The request.
        invite: Box<Invite>,
        /// Who sends it.
        caller: Caller,
    },
    /// 101-199 for an INVITE of ours.
    Progress {
        /// The outbound leg.
        leg: LegId,
        /// The code.
        code: u16,
        /// Early media, if any.
        body: Option<Bytes>,
    },
    /// 2xx for an INVITE of ours; the endpoint ACKed it.
    Answered {
        /// The outbound leg.
        leg: LegId,
        /// For the row.
        dialog: Box<DialogIds>,
        /// The SDP answer.
        body: Option<Bytes>,
        /// The response's `X-` headers.
        headers: Vec<(String, String)>,
    },
    /// ACK for our 200; with the SDP answer if we had offered.
    Confirmed {
        /// The inbound leg.
        leg: LegId,
        /// SDP, if any.
        body: Option<Bytes>,
    },
    /// re-INVITE or UPDATE. An offerless re-INVITE has no body and wants our offer.
    /// Must be answered by `AcceptOffer` or `RefuseOffer`.
    Offer {
        /// The leg.
        leg: LegId,
        /// To answer it.
        offer: OfferId,
        /// The peer's SDP.
        body: Option<Bytes>,
    },
    /// The answer to the offer that our 200 to an offerless re-INVITE carried.
    OfferAnswered {
        /// The leg.
        leg: LegId,
        /// The peer's SDP.
        body: Option<Bytes>,
    },
    /// A key by INFO (application/dtmf-relay or application/dtmf); already answered.
    Key {
        /// The leg.
        leg: LegId,
        /// `0-9 * # A-D`.
        digit: char,
    },
    /// The peer wants its call transferred (REFER). Must be answered by `AcceptRefer` or `RefuseRefer`.
    Refer {
        /// The leg.
        leg: LegId,
        /// Whom it names.
        to: Box<super::refer::ReferTo>,
    },
    /// The answer to a REFER of ours.
    Referred {
        /// The leg.
        leg: LegId,
        /// Final; 408 if there was none.
        code: u16,
        /// NOTIFYs will say how it goes.
        follows: bool,
    },
    /// How the call goes that a REFER of ours led to; may come before [`SipEvent::Referred`].
    Notified {
        /// The leg.
        leg: LegId,
        /// What the NOTIFY says.
        notice: super::refer::Notice,
    },
    /// The leg is over; the last event of it. Every leg has exactly one.
    Ended {
        /// The leg.
        leg: LegId,
        /// Who ended it.
        by: Side,
        /// Why: the final response of a refused INVITE; 487 of a cancelled one; 408 of one that nobody answered;
        /// 200 for a BYE.
        cause: Cause,
        /// `X-` headers of the message that ended it.
        headers: Vec<(String, String)>,
    },
    /// A line for the call's timeline: every SIP message of a leg, without body.
    Seen {
        /// The leg.
        leg: LegId,
        /// Sent by us?
        sent: bool,
        /// Start line in short: `INVITE`, `180`, `200 INVITE`.
        what: String,
    },
    /// A peer has registered, or does so no longer.
    Binding(registrar::Change),
    /// The call goes another way than it began: over this trunk, or to this address.
    Rerouted {
        /// The outbound leg.
        leg: LegId,
        /// The trunk; None: over none.
        trunk: Option<TrunkSid>,
        /// The Request-URI there.
        uri: String,
    },
    /// A registration of ours stands otherwise than before, or another try of it failed.
    Registration {
        /// Whose.
        trunk: TrunkSid,
        /// What it shows now.
        state: Box<RegistrationState>,
    },
    /// An INVITE or REGISTER of a known source that was turned away before it made a leg: the account may be told.
    TurnedAway {
        /// From where.
        flow: Flow,
        /// Method and user it was for.
        what: String,
        /// Why.
        why: Box<Turned>,
    },
    /// An X-Chorus-Client-Identifier of somebody who may not name others (ruling 2.5): it changed nothing.
    Ignored(Flow),
    /// What became of an OPTIONS to a contact that registered here.
    Knocked {
        /// Which.
        id: KnockId,
        /// Code and words; None: no answer came.
        answer: Option<(u16, String)>,
    },
    /// A request that was refused before it made a leg, for the log.
    Refused {
        /// From where.
        flow: Flow,
        /// Code sent; 0 if dropped silently.
        code: u16,
        /// A sentence.
        words: String,
    },
}

impl SipEvent {
    /// The leg that it is about.
    pub fn leg(&self) -> Option<LegId> {
        match self {
            SipEvent::Incoming { leg, .. }
            | SipEvent::Progress { leg, .. }
            | SipEvent::Answered { leg, .. }
            | SipEvent::Confirmed { leg, .. }
            | SipEvent::Offer { leg, .. }
            | SipEvent::OfferAnswered { leg, .. }
            | SipEvent::Key { leg, .. }
            | SipEvent::Refer { leg, .. }
            | SipEvent::Referred { leg, .. }
            | SipEvent::Notified { leg, .. }
            | SipEvent::Ended { leg, .. }
            | SipEvent::Rerouted { leg, .. }
            | SipEvent::Seen { leg, .. } => Some(*leg),
            SipEvent::Binding(_) | SipEvent::Registration { .. } | SipEvent::Refused { .. } => None,
            SipEvent::TurnedAway { .. } | SipEvent::Ignored(_) | SipEvent::Knocked { .. } => None,
        }
    }
}

/// What leaves the endpoint.
#[derive(Clone, Debug)]
pub enum SipOut {
    /// A datagram or a message on a stream.
    Send(Flow, Bytes),
    /// To the calls.
    Event(SipEvent),
    /// Find the next hop (RFC 3263). The number is given back in `SipCmd::Resolved`.
    Resolve(ResolveId, Lookup),
}

/// A next hop as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// Name or literal, without brackets.
    pub host: String,
    /// Its port, if written.
    pub port: Option<u16>,
    /// Transport asked for; TLS for `sips:`.
    pub transport: Option<Transport>,
    /// Whose rules say who is believed over TLS; None: those for everybody.
    pub trunk: Option<TrunkSid>,
}

/// The call a leg belongs to goes into `X-Chorus-Call-Sid`.
pub fn call_sid_header(call: CallSid) -> (String, String) {
    ("X-Chorus-Call-Sid".to_owned(), call.to_string())
}
