//! OPTIONS to a contact that registered here, over the flow that it registered by: behind a NAT no other socket reaches it.

use super::engine::cause_of;
use super::{Endpoint, User};
use crate::clock::Mono;
use crate::sip::dialog::{self, MAX_FORWARDS};
use crate::sip::event::SipEvent;
use crate::sip::wire::{Message, Method, Writer};
use crate::store::rows::BindingRow;

/// One of the contacts of a visit, as its [`SipEvent::Knocked`] names it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct KnockId {
    /// The visit.
    pub visit: u64,
    /// Which of its contacts.
    pub contact: usize,
}

impl Endpoint {
    /// Asks whether anybody is there (RFC 3261 section 11). One [`SipEvent::Knocked`] follows, after 32 s at the latest.
    pub fn knock(&mut self, now: Mono, row: &BindingRow, id: KnockId) {
        let (branch, call_id, tag) = (self.new_branch(), self.rng.hex(16), self.rng.hex(8));
        let flow = row.flow;
        let mut w =
            Writer::request(&Method::Options, &row.contact).header("Via", &dialog::via(&flow, &branch));
        for hop in &row.path {
            w = w.header("Route", hop);
        }
        let bytes = w
            .header("Max-Forwards", &MAX_FORWARDS.to_string())
            .header("From", &format!("<sip:{}>;tag={tag}", flow.local))
            .header("To", &format!("<{}>", row.contact))
            .header("Call-ID", &call_id)
            .header("CSeq", "1 OPTIONS")
            .header("Contact", &dialog::contact(&flow, &row.contact))
            .header("Accept", "application/sdp")
            .header("User-Agent", &self.config.user_agent)
            .finish();
        self.start_client(now, (&branch, &Method::Options), bytes, flow, User::Knock(id));
    }

    /// Whatever the final answer is, somebody is there.
    pub(super) fn on_knock_response(&mut self, id: KnockId, code: u16, message: &Message) {
        if code >= 200 {
            let words = cause_of(message, code).words;
            self.emit(SipEvent::Knocked { id, answer: Some((code, words)) });
        }
    }

    /// Nobody answered.
    pub(super) fn on_knock_failure(&mut self, id: KnockId) {
        self.emit(SipEvent::Knocked { id, answer: None });
    }
}
