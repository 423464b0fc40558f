//! What calls tell the SIP endpoint to do.

use super::event::{Cause, DialogIds, Flow, LegId, OfferId, ResolveId};
use crate::sid::{AccountSid, TrunkSid};
use crate::store::rows::BindingRow;
use bytes::Bytes;

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
    /// A key by INFO, after those that were given before it.
    Key {
        /// The leg.
        leg: LegId,
        /// `0-9 * # A-D`.
        digit: char,
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
    /// Two legs change places: each id goes on with the other's dialog.
    Swap {
        /// One; its dialog may be gone.
        leg: LegId,
        /// The other.
        with: LegId,
    },
    /// REFER: the peer shall call somebody else. [`SipEvent::Referred`](super::event::SipEvent::Referred) follows.
    Refer {
        /// The answered leg.
        leg: LegId,
        /// The address, with its `?headers`.
        to: String,
    },
    /// 202 to a [`SipEvent::Refer`](super::event::SipEvent::Refer), and a NOTIFY that it is being tried.
    AcceptRefer {
        /// The leg.
        leg: LegId,
    },
    /// A refusal of it; the call stays as it is.
    RefuseRefer {
        /// The leg.
        leg: LegId,
        /// Code and words.
        cause: Cause,
    },
    /// How the transfer goes that was accepted; a final code is the last.
    NotifyRefer {
        /// The leg.
        leg: LegId,
        /// As the party answers that is called.
        code: u16,
        /// Its words; empty: the usual ones.
        words: String,
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
    /// Bindings found in the store at start.
    Bindings(Vec<BindingRow>),
    /// The host lookup of [`SipOut::Resolve`] came back: flows to try in order; empty: not found.
    Resolved(ResolveId, Vec<Flow>),
}

/// An INVITE of ours. Call-ID and From tag were chosen (and committed) by the caller.
#[derive(Clone, Debug, Default)]
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
    /// The trunk it goes over.
    pub trunk: Option<TrunkSid>,
    /// A user that registered here: the call goes to its contacts, and neither `uri`'s host nor `next_hop` matters.
    pub registered: Option<String>,
    /// There the Request-URI keeps its user: a number behind a PBX, not the user that registered.
    pub keep_user: bool,
    /// Other ways to the callee, in the order in which they are tried.
    pub alternatives: Vec<Alternative>,
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
    /// What the trunk wants to be told of the caller; host `LOCAL` as in From.
    pub identity: Vec<(String, String)>,
    /// For 401 and 407.
    pub credentials: Option<Credentials>,
    /// Over TLS or not at all.
    pub secure: bool,
    /// What `uri` must not lead to, where it is an account's own choice; None: it leads where it may.
    pub fence: Option<Fence>,
    /// Where nobody answers at all, not even 100, the call is given up after the seconds that a trunk has: its owner has something else
    /// in store. Otherwise only where there is another way.
    pub hasty: bool,
}

/// Another way of the same call, over another trunk or to another address: what stands in for the fields of the same name.
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
    /// As in [`InviteCmd::identity`].
    pub identity: Vec<(String, String)>,
    /// For 401 and 407.
    pub credentials: Option<Credentials>,
    /// The trunk it goes over; None: over none, to an address of its own.
    pub trunk: Option<TrunkSid>,
    /// Our SDP offer there; empty: the one of the way before.
    pub offer: Bytes,
    /// The user that registered here whose contacts are called instead of `uri`.
    pub registered: Option<String>,
    /// As in [`InviteCmd::keep_user`].
    pub keep_user: bool,
    /// As in [`InviteCmd::secure`].
    pub secure: bool,
    /// As in [`InviteCmd::fence`].
    pub fence: Option<Fence>,
}

/// An address that an account chose may lead to a carrier under another name, where it would call at our cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Whose call it is: another account's trunks are not for it.
    pub account: AccountSid,
    /// May it dial this user at a carrier?
    pub open: bool,
}
