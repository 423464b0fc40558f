//! What the SIP endpoint and the rest of the house say to each other. The endpoint knows legs by id;
//! it knows no calls, no TwiML and no media.

use crate::sid::{CallSid, TrunkSid};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// One dialog of ours with one peer. Unique in the process; the endpoint makes odd ones (inbound), the switch even ones.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// An offer inside a dialog (re-INVITE or UPDATE) that waits for an answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct OfferId(pub u64);

/// A lookup of a host that the shell performs.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResolveId(pub u64);

/// How a message travels.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
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
    /// The connection of a stream transport, 0 for UDP and for "connect if there is none".
    pub conn: u64,
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
    /// Host part of the Request-URI, without port.
    pub to_host: String,
    /// User part of From (or of a `tel:` URI), percent-decoded.
    pub from_user: String,
    /// Host part of From.
    pub from_host: String,
    /// From's display name, unquoted.
    pub from_display: String,
    /// User part of the first Diversion (RFC 5806), who forwarded the call last; empty if nobody did.
    pub diverted_by: String,
    /// Header fields the application may see: every `X-` one and User-to-User, name as written.
    pub headers: Vec<(String, String)>,
    /// How many hops it may still take: what is dialled because of it may take one less.
    pub max_forwards: u8,
    /// The SDP offer, if any.
    pub offer: Option<Bytes>,
    /// The flow it came on.
    pub flow: Flow,
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

/// Digest credentials for a challenge to our INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password, in clear.
    pub password: String,
}

/// What the endpoint shall do. A command for a leg it no longer holds is ignored.
#[derive(Clone, Debug)]
pub enum SipCmd {
    /// 180 (no body) or 183 (early media).
    Ring {
        /// The inbound leg.
        leg: LegId,
        /// Our SDP for early media.
        body: Option<Bytes>,
    },
    /// 200 to the INVITE, retransmitted until ACK. `headers` are added as they are.
    Answer {
        /// The inbound leg.
        leg: LegId,
        /// Our answer, or our offer to an offerless INVITE.
        body: Bytes,
        /// Additional header fields.
        headers: Vec<(String, String)>,
    },
    /// A final refusal of an INVITE that is not answered yet.
    Refuse {
        /// The inbound leg.
        leg: LegId,
        /// Code, reason phrase and Reason header.
        cause: Cause,
        /// Additional header fields (Warning, Retry-After).
        headers: Vec<(String, String)>,
    },
    /// A new INVITE of ours.
    Invite(Box<InviteCmd>),
    /// ACK for the first 2xx to an INVITE of ours, where [`EndpointConfig::ack_waits`](crate::sip::EndpointConfig::ack_waits).
    Acknowledge {
        /// The outbound leg.
        leg: LegId,
    },
    /// Ends a leg whatever its state: refuses or CANCELs an early one, sends BYE to an answered one.
    /// `Ended` follows in every case.
    Hangup {
        /// The leg.
        leg: LegId,
        /// Goes into the Reason header of CANCEL and BYE; its code refuses an inbound early leg.
        cause: Cause,
        /// Additional header fields of the BYE.
        headers: Vec<(String, String)>,
    },
    /// 200 to an [`SipEvent::Offer`] with our answer.
    AcceptOffer {
        /// The leg.
        leg: LegId,
        /// The offer it answers.
        offer: OfferId,
        /// Our SDP.
        body: Option<Bytes>,
    },
    /// A refusal (usually 488) of an [`SipEvent::Offer`]; the dialog stays.
    RefuseOffer {
        /// The leg.
        leg: LegId,
        /// The offer.
        offer: OfferId,
        /// Code and words.
        cause: Cause,
        /// Additional header fields (Warning).
        headers: Vec<(String, String)>,
    },
    /// BYE for a dialog found in the store at start. `Ended` follows for the given id.
    Orphan {
        /// A fresh id.
        leg: LegId,
        /// From the row.
        dialog: Box<DialogIds>,
        /// Reason.
        cause: Cause,
    },
    /// The host lookup of [`SipOut::Resolve`] came back: flows to try in order; empty: not found.
    Resolved(ResolveId, Vec<Flow>),
}

/// An INVITE of ours. Call-ID and From tag were chosen (and committed) by the caller.
#[derive(Clone, Debug)]
pub struct InviteCmd {
    /// The leg this makes.
    pub leg: LegId,
    /// Committed before this command is given.
    pub call_id: String,
    /// Committed before this command is given.
    pub local_tag: String,
    /// Request-URI, without the `?headers` part.
    pub uri: String,
    /// Where to send it if not to the host of `uri` (a trunk's host, `host[:port][;transport=tcp]`).
    pub next_hop: Option<String>,
    /// From, a whole name-addr without tag: `"Name" <sip:user@host>`. Host `LOCAL` stands for our address on the flow.
    pub from: String,
    /// To, a whole name-addr.
    pub to: String,
    /// Hops that it may take.
    pub max_forwards: u8,
    /// Our SDP offer.
    pub offer: Bytes,
    /// `X-` headers and others to add.
    pub headers: Vec<(String, String)>,
    /// For 401 and 407.
    pub credentials: Option<Credentials>,
    /// The user that registered here whose contacts are called instead of `uri`.
    pub registered: Option<String>,
    /// Other ways to the callee, in the order in which they are tried.
    pub alternatives: Vec<Alternative>,
}

/// Another way of the same call, over another trunk: what stands in for the fields of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Request-URI.
    pub uri: String,
    /// Where to send it if not to the host of `uri`.
    pub next_hop: Option<String>,
    /// From.
    pub from: String,
    /// To.
    pub to: String,
    /// For 401 and 407.
    pub credentials: Option<Credentials>,
    /// The trunk it goes over.
    pub trunk: TrunkSid,
    /// The user that registered here whose contacts are called instead of `uri`.
    pub registered: Option<String>,
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
        /// The trunks whose source addresses match, never empty.
        trunks: Vec<TrunkSid>,
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

/// What leaves the endpoint.
#[derive(Clone, Debug)]
pub enum SipOut {
    /// A datagram or a message on a stream.
    Send(Flow, Bytes),
    /// To the calls.
    Event(SipEvent),
    /// Find `host` (name or literal), port and transport (RFC 3263: NAPTR is left out, SRV if there is no port).
    Resolve {
        /// To give back in `SipCmd::Resolved`.
        id: ResolveId,
        /// Host of the next hop.
        host: String,
        /// Its port, if written.
        port: Option<u16>,
        /// Transport asked for by the URI.
        transport: Option<Transport>,
    },
}

/// The call a leg belongs to goes into `X-Chorus-Call-Sid`.
pub fn call_sid_header(call: CallSid) -> (String, String) {
    ("X-Chorus-Call-Sid".to_owned(), call.to_string())
}
