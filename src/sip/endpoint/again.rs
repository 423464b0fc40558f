//! A request of ours in a dialog once more: with credentials for whoever challenged it, or as a datagram where nobody takes the
//! connection that a Contact asked for.
//!
//! ```text
//!  BYE, INFO, PRACK, NOTIFY --401, 407--> may they be shown (ruling 2.27)? --> the same with the next CSeq and credentials, once for
//!                                           no: that was its answer            each realm, again for a stale nonce
//!  any of a dialog, over TCP --no connection--> did the dialog come as datagrams? --> the same as a datagram, and all that follow
//!                                                 no: it has failed
//! ```
//!
//! RFC 3261 section 18.1.1 falls back so where a request was too long for a datagram. Peers that write `transport=tcp` into their
//! Contact and listen for datagrams alone are as real as those, and a call that cannot be hung up costs more than a try.

use super::engine::summary;
use super::leg::Leg;
use super::{Endpoint, LegId, User};
use crate::clock::Mono;
use crate::sip::dialog::{self, Dialog};
use crate::sip::digest::{self, Protected};
use crate::sip::event::{Flow, SipOut, Transport};
use crate::sip::transaction::{Machine, TxnId};
use crate::sip::wire::{Message, Verdict, read_datagram};
use bytes::Bytes;

/// What differs from the request as it was.
#[derive(Default)]
struct Changes {
    via: String,
    /// The next number.
    cseq: Option<u32>,
    /// Our address on another flow.
    contact: Option<String>,
    fields: Vec<(String, String)>,
}

impl Changes {
    /// A request of our own making, one field a line.
    fn apply(&self, request: &[u8]) -> Bytes {
        let end = request.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(request.len());
        let (head, body) = request.split_at(end);
        let mut out = String::with_capacity(request.len().saturating_add(256));
        for line in String::from_utf8_lossy(head).split("\r\n") {
            match (line.split_once(':').map_or("", |(name, _)| name), &self.contact, self.cseq) {
                ("Via", ..) => out.push_str(&format!("Via: {}", self.via)),
                ("Contact", Some(contact), _) => out.push_str(&format!("Contact: {contact}")),
                // They are among `fields`, counted on.
                ("Authorization" | "Proxy-Authorization", _, Some(_)) => continue,
                ("CSeq", _, Some(number)) => {
                    let method = line.rsplit(' ').next().unwrap_or_default();
                    out.push_str(&format!("CSeq: {number} {method}"));
                    self.fields
                        .iter()
                        .for_each(|(name, value)| out.push_str(&format!("\r\n{name}: {value}")));
                }
                _ => out.push_str(line),
            }
            out.push_str("\r\n");
        }
        let body = body.get(2..).unwrap_or(b"\r\n");
        [out.as_bytes(), body].concat().into()
    }
}

impl User {
    /// The leg in whose dialog a request of ours is, if it may be sent again as it is.
    fn in_dialog(&self) -> Option<LegId> {
        match self {
            User::Bye(leg) | User::Info(leg) | User::Prack(leg) | User::Notify(leg) => Some(*leg),
            User::Refer(leg) | User::Refresh(leg, _) => Some(*leg),
            _ => None,
        }
    }
}

impl Dialog {
    /// Did it come as datagrams, and would go on over a connection to there?
    fn turns_to(&self, stream: &Flow) -> bool {
        let to = self.destination();
        let datagrams = self.ids.flow.transport == Transport::Udp;
        datagrams && to.transport == stream.transport && to.remote == stream.remote
    }
}

impl Leg {
    /// Its dialog, or the early ones that it may become.
    fn dialogs_mut(&mut self) -> impl Iterator<Item = &mut Dialog> {
        let early = match &mut self.phase {
            super::leg::Phase::Calling(calling) => calling.early.as_mut_slice(),
            _ => &mut [],
        };
        std::iter::once(&mut self.dialog).chain(early.iter_mut().map(|e| &mut e.dialog))
    }
}

impl Endpoint {
    /// A challenge to a request of ours, which was `request`, sent on `sent`. True: it went out again with credentials.
    pub(super) fn show_credentials(
        &mut self,
        now: Mono,
        user: &User,
        (request, sent): (&Bytes, Flow),
        flow: Flow,
        message: &Message,
    ) -> bool {
        let id = match user {
            User::Bye(id) | User::Info(id) | User::Prack(id) | User::Notify(id) => *id,
            _ => return false,
        };
        let Verdict::Message(asked) = read_datagram(request) else { return false };
        let Some(method) = asked.method().cloned() else { return false };
        let protected = Protected { method: &method, uri: asked.uri_text(), body: &asked.body };
        let shown = digest::shown(&asked);
        let Some(fields) = self.proof(id, &protected, &shown, flow, message) else { return false };
        self.seen(id, false, summary(message.code().unwrap_or(401), method.as_str()));
        let branch = self.new_branch();
        let Some(leg) = self.leg_mut(id) else { return false };
        let cseq = Some(leg.dialog.next_cseq());
        let bytes = Changes { via: dialog::via(&sent, &branch), cseq, contact: None, fields }.apply(request);
        self.seen(id, true, method.to_string());
        self.start_client(now, (&branch, &method), bytes, sent, user.clone());
        true
    }

    /// Nobody takes a connection there. True: this request went out as a datagram instead.
    pub(super) fn as_datagram(&mut self, now: Mono, txn: TxnId) -> bool {
        let Some(running) = self.txns.get(txn) else { return false };
        let (user, lost, request) = (running.user.clone(), running.flow, running.machine.request());
        let invite = matches!(running.machine, Machine::InviteClient(_));
        let Some(id) = user.in_dialog().filter(|_| !request.is_empty()) else { return false };
        let Some(flow) = self.turn_to_datagrams(id, &lost) else { return false };
        let Verdict::Message(asked) = read_datagram(&request) else { return false };
        let (Some(method), Some(cseq)) = (asked.method().cloned(), asked.cseq()) else { return false };
        let branch = self.new_branch();
        let bytes = self.facing(id, &flow, &branch).apply(&request);
        self.abandon(txn);
        if invite {
            let refused = self.reinvite_ack(id, cseq.number, &branch);
            let new = self.start_invite(now, &branch, bytes, flow, User::Refresh(id, refused));
            self.refresh_goes_on(id, txn, new);
        } else {
            let new = self.start_client(now, (&branch, &method), bytes, flow, user);
            self.refresh_goes_on(id, txn, new);
        }
        true
    }

    /// The ACKs that went the same way are lost with it, and no transaction says so.
    pub(super) fn acks_as_datagrams(&mut self, lost: &Flow) {
        let turned = |l: &Leg| l.dialog.turns_to(lost);
        let ids: Vec<LegId> = self.legs.iter().filter(|(_, l)| turned(l)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(flow) = self.turn_to_datagrams(id, lost) else { continue };
            let branch = self.new_branch();
            let changes = self.facing(id, &flow, &branch);
            let Some(leg) = self.legs.get_mut(&id) else { continue };
            let mut again = Vec::new();
            if let Some((to, ack)) = leg.refresh.last_ack() {
                (*to, *ack) = (flow, changes.apply(ack));
                again.push(ack.clone());
            }
            let forks = self.calls.get_mut(&leg.dialog.ids.call_id).map(|c| c.forks.iter_mut());
            for fork in forks.into_iter().flatten().filter(|f| f.to_tag == leg.dialog.ids.remote_tag) {
                (fork.flow, fork.ack) = (flow, changes.apply(&fork.ack));
                match &mut leg.ack {
                    // It waits for the call.
                    Some(waits) => *waits = (flow, fork.ack.clone()),
                    None => again.push(fork.ack.clone()),
                }
            }
            self.out.extend(again.into_iter().map(|ack| SipOut::Send(flow, ack)));
        }
    }

    /// From now on the requests of this leg are datagrams, if its dialogs came so. Where they go.
    fn turn_to_datagrams(&mut self, id: LegId, lost: &Flow) -> Option<Flow> {
        let mut to = None;
        for dialog in self.leg_mut(id)?.dialogs_mut().filter(|d| d.turns_to(lost)) {
            dialog.datagrams = true;
            to = Some(dialog.destination());
        }
        // Another request of it may have turned it before.
        to.or_else(|| {
            let dialog = &self.legs.get(&id)?.dialog;
            (dialog.datagrams && dialog.destination().remote == lost.remote).then(|| dialog.destination())
        })
    }

    fn facing(&self, id: LegId, flow: &Flow, branch: &str) -> Changes {
        let peer = self.legs.get(&id).map_or("", |l| l.dialog.ids.remote_target.as_str());
        let contact = Some(dialog::contact(flow, peer));
        Changes { via: dialog::via(flow, branch), contact, ..Changes::default() }
    }
}
