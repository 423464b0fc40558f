//! A peer by hand: it says what a test writes for it, also what the house's own endpoint would never say.

pub use crate::sip::peer::response;
use bytes::Bytes;
use chorus::sip::wire::{Message, Verdict, read_datagram};

/// What it says to a message: after so many milliseconds, what.
pub type ByHand = Box<dyn FnMut(&Message) -> Vec<(u64, String)> + Send>;

/// One message, read.
pub fn read(bytes: &Bytes) -> Message {
    match read_datagram(bytes) {
        Verdict::Message(message) => message,
        _ => panic!("not to be read: {}", String::from_utf8_lossy(bytes)),
    }
}

/// SDP of a phone that hears at this address.
pub fn sdp(ip: &str, port: u16) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n")
}

/// The value of a field, empty if there is none.
pub fn field(message: &Message, name: &str) -> String {
    message.headers.text(name).map(|v| v.into_owned()).unwrap_or_default()
}

/// Its method, if it is a request.
pub fn method(message: &Message) -> &str {
    message.method().map_or("", |m| m.as_str())
}

/// A request of one call: what all of its requests have in common.
#[derive(Clone)]
pub struct Half {
    /// Where it says that it is.
    pub at: String,
    pub uri: String,
    pub call_id: String,
    /// From with its tag.
    pub from: String,
    /// To, with the peer's tag once there is one.
    pub to: String,
}

impl Half {
    /// Of a caller at 10.0.1.10 who calls `user`.
    pub fn caller(user: &str) -> Half {
        Half {
            at: "10.0.1.10:5060".to_owned(),
            uri: format!("sip:{user}@10.0.0.1"),
            call_id: "by-hand@10.0.1.10".to_owned(),
            from: "<sip:+15559999@10.0.1.10>;tag=hand".to_owned(),
            to: format!("<sip:{user}@10.0.0.1>"),
        }
    }

    /// Of whom Chorus calls: in the dialog of this INVITE, answered with the tag `a`.
    pub fn callee(invite: &Message) -> Half {
        Half {
            at: "10.0.1.2:5060".to_owned(),
            uri: invite.contact().unwrap().uri.to_string(),
            call_id: invite.call_id().to_owned(),
            from: format!("{};tag=a", field(invite, "To")),
            to: field(invite, "From"),
        }
    }

    /// In the dialog that this response makes.
    pub fn within(&self, response: &Message) -> Half {
        Half { to: field(response, "To"), ..self.clone() }
    }

    /// One request. `extra`: further lines, each with its end.
    pub fn request(&self, method: &str, cseq: u32, branch: &str, extra: &str, body: &str) -> String {
        let Half { at, uri, call_id, from, to } = self;
        let contact =
            if extra.contains("Contact:") { String::new() } else { format!("Contact: <sip:{at}>\r\n") };
        let kind = match body {
            "" => "",
            _ if extra.contains("Content-Type:") => "",
            _ => "Content-Type: application/sdp\r\n",
        };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};rport;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{contact}{extra}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}
