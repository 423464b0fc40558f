//! Messages that several tests begin with.

use bytes::Bytes;
use chorus::sip::wire::{Message, Verdict, read_datagram};

/// An INVITE as a carrier sends it.
pub fn text_invite() -> String {
    let body = "v=0\r\no=gw 11 1 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
    let head = [
        "INVITE sip:+4930123456@chorus.example;user=phone SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.10:5062;rport;branch=z9hG4bK-1a",
        "Record-Route: <sip:p1.example;lr>,",
        "  <sip:p2.example;lr=on>",
        "Max-Forwards: 70",
        "From: \"Grüße, Anna\" <sip:+491709999@gw.example>;tag=gw7",
        "To: <sip:+4930123456@chorus.example>",
        "Call-ID: 7f3a@192.0.2.10",
        "CSeq: 102 INVITE",
        "Contact: <sip:gw@192.0.2.10:5062>",
        "Allow: INVITE, ACK, BYE",
        "Supported: timer, replaces",
        "X-Kunde: 17 a",
        "Content-Type: application/sdp",
    ];
    format!("{}\r\nContent-Length: {}\r\n\r\n{body}", head.join("\r\n"), body.len())
}

/// [`text_invite`], read.
pub fn invite() -> Message {
    read(&text_invite())
}

/// A message that must be read.
pub fn read(text: &str) -> Message {
    match read_datagram(&Bytes::copy_from_slice(text.as_bytes())) {
        Verdict::Message(m) => m,
        other => panic!("{other:?}\n{text}"),
    }
}

/// Code and words of a message that must be refused.
pub fn refused(text: &str) -> (u16, String) {
    match read_datagram(&Bytes::copy_from_slice(text.as_bytes())) {
        Verdict::Refuse { code, words, .. } => (code, words),
        other => panic!("{other:?}\n{text}"),
    }
}
