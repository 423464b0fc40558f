//! The probes as they are written: as the trunk's calls are.

use super::Probe;
use crate::sdp::{self, Terms};
use crate::sip::check::ALLOW;
use crate::sip::dialog::{self, MAX_FORWARDS};
use crate::sip::event::Flow;
use crate::sip::wire::{Writer, escape_user};
use crate::store::rows::TrunkRow;
use crate::trunk::identity::{self, Caller};
use crate::trunk::manners::Manners;
use crate::trunk::route;
use bytes::Bytes;

/// What names one request.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Call-ID.
    pub call_id: String,
    /// From tag.
    pub tag: String,
    /// Branch.
    pub branch: String,
    /// CSeq.
    pub cseq: u32,
}

/// What is agreed with the peer, or known of it by now.
#[derive(Debug)]
pub struct Standing {
    /// Audio, with keys of its own.
    pub terms: Terms,
    /// Extensions.
    pub manners: Manners,
    /// The shortest session timer that a 422 asked for, in seconds.
    pub min_se: Option<u32>,
    /// Answers to its challenges.
    pub authorization: Vec<(String, String)>,
}

/// The Request-URI.
pub fn uri(probe: &Probe, trunk: &TrunkRow) -> String {
    match probe {
        Probe::Options | Probe::Register => format!("sip:{}", route::host(trunk)),
        Probe::Invite { number, .. } => route::dial_string(trunk, number),
    }
}

/// A request.
pub fn request(probe: &Probe, trunk: &TrunkRow, flow: &Flow, names: &Names, known: &Standing) -> Bytes {
    let (method, host) = (probe.method(), route::host(trunk));
    let user = trunk.username.as_deref().unwrap_or("chorus");
    let address = format!("<sip:{}@{host}>", escape_user(user));
    let (from, to, identity) = match probe {
        Probe::Options => (format!("<sip:{}@LOCAL>", escape_user(user)), format!("<sip:{host}>"), vec![]),
        Probe::Register => (address.clone(), address, vec![]),
        Probe::Invite { number, from } => {
            let shown = escape_user(trunk.from_user.as_deref().unwrap_or(from));
            let caller = Caller { shown: &shown, asserted: Some(from), ..Caller::default() };
            let (from, identity) = identity::write(trunk, &caller);
            (from, format!("<sip:{}@{host}>", escape_user(number)), identity)
        }
    };
    let uri = uri(probe, trunk);
    let mut w = Writer::request(&method, &uri)
        .header("Via", &dialog::via(flow, &names.branch))
        .header("Max-Forwards", &MAX_FORWARDS.to_string())
        .header("From", &format!("{};tag={}", dialog::local_from(&from, flow), names.tag))
        .header("To", &to)
        .header("Call-ID", &names.call_id)
        .header("CSeq", &format!("{} {method}", names.cseq))
        .headers(&known.authorization);
    for (name, value) in &identity {
        w = w.header(name, &dialog::local_from(value, flow));
    }
    let w = w.header("User-Agent", "Chorus");
    match probe {
        // Without a Contact it asks and changes nothing.
        Probe::Register => w.finish(),
        Probe::Options => {
            w.header("Contact", &dialog::contact(flow, &uri)).header("Accept", "application/sdp").finish()
        }
        Probe::Invite { .. } => w
            .header("Contact", &dialog::contact(flow, &uri))
            .header("Allow", ALLOW)
            .headers(&known.manners.extensions(known.min_se))
            .body("application/sdp", offer(flow, &known.terms).as_bytes()),
    }
}

/// To a port where nobody hears: the call is taken back before anybody speaks.
fn offer(flow: &Flow, terms: &Terms) -> String {
    let local = sdp::Local { ip: flow.local.ip(), port: 9, session_id: 1, version: 1 };
    terms.offer(&local, sdp::Direction::SendRecv)
}
