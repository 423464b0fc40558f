//! REGISTER and OPTIONS as they are written, and the time that a 200 grants.

use super::Registration;
use crate::sip::dialog::{self, MAX_FORWARDS};
use crate::sip::event::Flow;
use crate::sip::wire::{Message, Method, NameAddr, Writer};
use bytes::Bytes;

impl Registration {
    /// REGISTER (RFC 3261 section 10.2).
    pub fn register(&self, flow: &Flow, branch: &str, number: u32, expires_s: u32, agent: &str) -> Bytes {
        let address = self.wanted.address();
        self.request(&Method::Register, flow, branch)
            .header("To", &format!("<{address}>"))
            .header("Call-ID", &self.call_id)
            .header("CSeq", &format!("{number} REGISTER"))
            .header("Contact", &format!("<{}>", self.wanted.contact(flow, &self.token)))
            .header("Expires", &expires_s.to_string())
            .headers(&self.authorization)
            .header("User-Agent", agent)
            .finish()
    }

    /// OPTIONS to the registrar itself (RFC 3261 section 11). A Call-ID of its own: it is another usage.
    pub fn options(&self, flow: &Flow, branch: &str, number: u32, agent: &str) -> Bytes {
        self.request(&Method::Options, flow, branch)
            .header("To", &format!("<sip:{}>", self.wanted.host))
            .header("Call-ID", &format!("ping-{}", self.call_id))
            .header("CSeq", &format!("{number} OPTIONS"))
            .header("Contact", &format!("<{}>", self.wanted.contact(flow, &self.token)))
            .header("Accept", "application/sdp")
            .header("User-Agent", agent)
            .finish()
    }

    fn request(&self, method: &Method, flow: &Flow, branch: &str) -> Writer {
        Writer::request(method, &self.wanted.registrar)
            .header("Via", &dialog::via(flow, branch))
            .header("Max-Forwards", &MAX_FORWARDS.to_string())
            .header("From", &format!("<{}>;tag={}", self.wanted.address(), self.tag))
    }

    /// Seconds granted: of our own Contact among those of the 200, else of Expires, else what was asked for (RFC 3261
    /// sections 10.2.4 and 20.10). Some registrars write our Contact without the parameters that they do not know.
    pub(super) fn granted_s(&self, flow: &Flow, answer: &Message) -> u32 {
        let contacts = answer.contacts();
        let bare = |c: &&NameAddr| {
            let at = c.uri.port.map(|port| format!("{}:{port}", c.uri.host));
            c.uri.user.as_ref() == Some(&self.wanted.user) && at == Some(flow.local.to_string())
        };
        let ours = contacts.iter().find(|c| self.is_called_by(&c.uri)).or_else(|| contacts.iter().find(bare));
        let own = ours.and_then(|c| c.params.unquoted("expires")?.trim().parse().ok());
        own.or_else(|| answer.seconds("Expires")).unwrap_or(self.asks_s)
    }
}
