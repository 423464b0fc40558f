//! An INVITE of ours as it is written: to one contact, with its CANCEL and the ACK of its refusal; and the leg it begins with.

use super::engine::UDP_COMFORT;
use super::leg::{Calling, Cancel, Hop, Leg, Phase, Stage};
use crate::sdp;
use crate::sip::check::ALLOW;
use crate::sip::dialog::{self, Dialog};
use crate::sip::digest;
use crate::sip::event::{Alternative, DialogIds, Flow, InviteCmd, Transport};
use crate::sip::wire::{Method, Uri, Writer};
use crate::trunk::manners::Manners;
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// Before a target is known.
const NO_FLOW: Flow = Flow { transport: Transport::Udp, remote: NOWHERE, local: NOWHERE, conn: 0 };

/// A leg whose INVITE has not left yet.
pub(super) fn outbound(cmd: InviteCmd, manners: Manners, named_transport: bool, local_cseq: u32) -> Leg {
    let ids = DialogIds {
        call_id: cmd.call_id.clone(),
        local_tag: cmd.local_tag.clone(),
        remote_tag: String::new(),
        local_uri: cmd.from.clone(),
        remote_uri: cmd.to.clone(),
        remote_target: cmd.uri.clone(),
        route_set: Vec::new(),
        local_cseq,
        flow: NO_FLOW,
        hidden: false,
    };
    let calling = Calling {
        asked: cmd.uri.clone(),
        manners,
        min_se: None,
        redirections: Default::default(),
        redirected: Vec::new(),
        aside: None,
        early: Vec::new(),
        twins: Vec::new(),
        refused: false,
        impatient: None,
        early_media: false,
        cmd,
        stage: Stage::New,
        targets: Default::default(),
        route: Vec::new(),
        named_transport,
        by_stream: None,
        progressed: false,
        cancel: Cancel::No,
        reason: None,
        timer_c: None,
        authorization: Vec::new(),
        digest: digest::Client::default(),
        realms: Vec::new(),
        failure: None,
    };
    Leg::new(Dialog::of(ids), Phase::Calling(Box::new(calling)))
}

/// An INVITE to one contact; `fields`: of extensions and challenges; `agent`: with its optional fields.
#[expect(clippy::too_many_arguments, reason = "the parts of one message, which nothing else has in common")]
pub(super) fn invite_on(
    cmd: &InviteCmd,
    uri: &str,
    route: &[String],
    fields: &[(String, String)],
    flow: &Flow,
    branch: &str,
    cseq: u32,
    agent: Option<&String>,
) -> Bytes {
    let mut w = begin(cmd, uri, route, &Method::Invite, flow, branch)
        .header("To", &cmd.to)
        .header("Call-ID", &cmd.call_id)
        .header("CSeq", &format!("{cseq} INVITE"))
        .header("Contact", &dialog::contact(flow, uri))
        .headers(fields)
        .headers(&cmd.headers);
    for (name, value) in &cmd.identity {
        w = w.header(name, &dialog::local_from(value, flow));
    }
    if let Some(agent) = agent {
        w = w.header("Allow", ALLOW).header("User-Agent", agent);
    }
    w.body("application/sdp", &sdp::facing(&cmd.offer, flow.local.ip()))
}

impl InviteCmd {
    /// Where it is sent; None: that cannot be read.
    pub fn hop(&self) -> Option<Uri> {
        hop(self.next_hop.as_ref(), &self.uri)
    }
}

impl Alternative {
    /// As [`InviteCmd::hop`].
    pub(super) fn hop(&self) -> Option<Uri> {
        hop(self.next_hop.as_ref(), &self.uri)
    }
}

fn hop(next_hop: Option<&String>, uri: &str) -> Option<Uri> {
    let hop = next_hop.map(|h| format!("sip:{h}"));
    Uri::parse(hop.as_deref().unwrap_or(uri)).ok().filter(|u| !u.host.is_empty())
}

impl Calling {
    /// The INVITE of the present try.
    pub fn invite(&self, flow: &Flow, branch: &str, cseq: u32, agent: Option<&String>) -> Bytes {
        let mut fields = self.extensions();
        fields.extend_from_slice(&self.authorization);
        invite_on(&self.cmd, &self.cmd.uri, &self.route, &fields, flow, branch, cseq, agent)
    }

    /// Its ACK or CANCEL.
    pub fn begin(&self, method: &Method, flow: &Flow, branch: &str) -> Writer {
        begin(&self.cmd, &self.cmd.uri, &self.route, method, flow, branch)
    }

    /// A datagram that would be cut into fragments goes over TCP, unless the address asks for UDP; if nobody takes the connection,
    /// as a datagram after all (RFC 3261 section 18.1.1).
    pub fn instead_of_fragments(&mut self, flow: &Flow, length: usize) -> Option<Flow> {
        let wanted = flow.transport == Transport::Udp && length > UDP_COMFORT && !self.named_transport;
        if !wanted || self.by_stream == Some(flow.remote) {
            return None;
        }
        self.by_stream = Some(flow.remote);
        self.targets.push_front(Hop::from(*flow));
        Some(Flow { transport: Transport::Tcp, conn: 0, ..*flow })
    }

    /// The connection that the present try goes over, if it is one of those.
    pub fn tried_instead_of_fragments(&self) -> Option<Flow> {
        let Stage::Sent { flow, .. } = &self.stage else { return None };
        (flow.transport == Transport::Tcp && self.by_stream == Some(flow.remote)).then_some(*flow)
    }

    /// The connection came about: the datagram is not needed.
    pub fn stream_serves(&mut self) {
        let Some(Flow { remote, .. }) = self.tried_instead_of_fragments() else { return };
        let datagram = |t: &Hop| t.flow.transport == Transport::Udp && t.flow.remote == remote;
        if self.targets.front().is_some_and(datagram) {
            self.targets.pop_front();
        }
    }
}

/// A peer that registered one contact and has many numbers: the number at its contact.
pub(super) fn with_user(contact: &str, uri: &str) -> String {
    let wanted = Uri::parse(uri).ok().and_then(|u| u.user);
    match Uri::parse(contact) {
        Ok(contact) => Uri { user: wanted, ..contact }.to_string(),
        Err(_) => contact.to_owned(),
    }
}

/// What INVITE, its CANCEL and its ACK have in common.
pub(super) fn begin(
    cmd: &InviteCmd,
    uri: &str,
    route: &[String],
    method: &Method,
    flow: &Flow,
    branch: &str,
) -> Writer {
    let from = dialog::local_from(&cmd.from, flow);
    let mut w = Writer::request(method, uri).header("Via", &dialog::via(flow, branch));
    for hop in route {
        w = w.header("Route", hop);
    }
    w.header("Max-Forwards", &cmd.max_forwards.to_string())
        .header("From", &format!("{from};tag={}", cmd.local_tag))
}
