//! A request as the endpoint looks at it: the message and the values that find its transaction and dialog. And what one of ours is
//! answered.

use crate::sip::event::Flow;
use crate::sip::transaction::{Key, TxnId};
use crate::sip::wire::{Message, Method};

/// A well-formed request.
pub struct Request {
    pub message: Message,
    pub method: Method,
    pub flow: Flow,
    pub key: Key,
    /// Of the INVITE that a CANCEL means.
    branch: Option<(String, String)>,
    pub from_tag: String,
    pub to_tag: Option<String>,
    pub cseq: u32,
}

/// A response to a request of ours.
#[derive(Copy, Clone)]
pub struct Answer<'a> {
    /// Whose it is.
    pub txn: TxnId,
    pub code: u16,
    /// Where it came from.
    pub flow: Flow,
    pub message: &'a Message,
}

impl Request {
    /// None for a response.
    pub fn read(message: Message, flow: Flow) -> Option<Request> {
        let method = message.method()?.clone();
        let via = message.via()?;
        let cseq = message.cseq()?.number;
        let from_tag = message.from_tag().unwrap_or_default();
        let branch = via.unique_branch().map(|b| (b.to_owned(), via.sent_by()));
        let key = key(&message, branch.as_ref(), &from_tag, cseq, method.as_str());
        let to_tag = message.to_tag();
        Some(Request { message, method, flow, key, branch, from_tag, to_tag, cseq })
    }

    /// The key of the INVITE that this CANCEL means.
    pub fn invite_key(&self) -> Key {
        key(&self.message, self.branch.as_ref(), &self.from_tag, self.cseq, Method::Invite.as_str())
    }

    pub fn call_id(&self) -> &str {
        self.message.call_id()
    }

    /// What a request that is merged with this one shares with it.
    pub fn merged_key(&self) -> Key {
        Key::merged(self.call_id(), &self.from_tag, self.cseq)
    }

    /// The top Via's branch, or nothing.
    pub fn branch(&self) -> &str {
        self.branch.as_ref().map_or("", |(b, _)| b)
    }
}

fn key(message: &Message, branch: Option<&(String, String)>, from_tag: &str, cseq: u32, method: &str) -> Key {
    match branch {
        Some((branch, sent_by)) => Key::server(branch, sent_by, method),
        None => {
            let via = message.headers.get("Via").unwrap_or_default();
            Key::server_2543(message.uri_text(), from_tag, message.call_id(), cseq, via, method)
        }
    }
}
