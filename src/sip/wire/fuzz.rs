//! The bodies of the fuzz targets of this room: the fuzzer, proptest and the corpus replay call the same functions.
//! Each panics on a broken promise and on nothing else. They return whether the input was accepted.

use super::{
    Frame, Framer, Message, NameAddr, Params, Start, Uri, Verdict, Via, Writer, headers::Known, read_datagram,
};
use crate::sip::check::check_request;
use bytes::Bytes;

/// A datagram: every accessor, and what is written reads the same.
pub fn fuzz_sip(data: &[u8]) -> bool {
    match read_datagram(&Bytes::copy_from_slice(data)) {
        Verdict::Message(m) => {
            touch(&m);
            let again = match read_datagram(&m.to_bytes()) {
                Verdict::Message(again) => Some(again),
                _ => None,
            };
            assert!(again.is_some_and(|again| same(&m, &again)), "what was written reads otherwise");
            if m.method().is_some() {
                let answer = Writer::response_to(&m, Some(([192, 0, 2, 1], 5060).into()), 200, "", Some("t"));
                let answer = match read_datagram(&answer.finish()) {
                    Verdict::Message(answer) => Some(answer),
                    _ => None,
                };
                let only = m.vias().len() == 1;
                assert!(!only || answer.is_some_and(|a| a.cseq() == m.cseq() && a.call_id() == m.call_id()));
            }
            true
        }
        Verdict::Refuse { message, code, words } => {
            touch(&message);
            let _ = Writer::response_to(&message, None, code, &words, Some("t")).finish();
            false
        }
        Verdict::Drop { .. } => false,
    }
}

fn touch(m: &Message) {
    let _ = (m.uri(), m.via(), m.vias(), m.from(), m.to(), m.from_tag(), m.to_tag(), m.cseq(), m.contacts());
    let _ =
        (m.contact(), m.routes(), m.record_routes(), m.max_forwards(), m.require(), m.supported(), m.allow());
    let _ = (m.seconds("Expires"), m.content_type(), m.sdp(), m.q850(), m.reason_text());
    let _ = (m.headers.with_prefix("X-"), crate::sip::digest::challenges(m));
    let _ = check_request(m);
}

/// Same start line, fields (without Content-Length) and body?
fn same(a: &Message, b: &Message) -> bool {
    let fields = |m: &Message| -> Vec<(String, Vec<u8>)> {
        let others = m.headers.iter().filter(|(n, _)| Known::of(n.as_bytes()) != Known::ContentLength);
        others.map(|(n, v)| (n.to_owned(), v.to_vec())).collect()
    };
    let start = match (&a.start, &b.start) {
        // A NUL in a phrase is written as a space.
        (Start::Response { code: x, .. }, Start::Response { code: y, .. }) => x == y,
        (x, y) => x == y,
    };
    start && fields(a) == fields(b) && a.body == b.body
}

/// A stream: the first octet says how it is cut into reads; the messages must not depend on that.
pub fn fuzz_sip_stream(data: &[u8]) -> bool {
    let (step, data) = data.split_first().map_or((1, data), |(s, d)| (usize::from(*s).max(1), d));
    let whole = frames(data, data.len().max(1));
    assert!(whole == frames(data, step), "frames depend on how the stream was read");
    for frame in &whole {
        if let Frame::Message(bytes) = frame {
            let _ = read_datagram(bytes);
        }
    }
    whole.iter().any(|f| matches!(f, Frame::Message(_)))
}

/// Pongs are left out: a ping that comes in two reads is seen as a pong first.
fn frames(data: &[u8], step: usize) -> Vec<Frame> {
    let mut framer = Framer::default();
    let mut out = Vec::new();
    for chunk in data.chunks(step) {
        framer.push(chunk);
        while let Some(frame) = framer.next() {
            out.push(frame);
        }
    }
    out.retain(|f| *f != Frame::Pong);
    out
}

/// A URI, address, Via or parameter list: what is printed reads the same.
pub fn fuzz_uri(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let uri = Uri::parse(&text);
    if let Ok(uri) = &uri {
        assert!(Uri::parse(&uri.to_string()).as_ref() == Ok(uri), "a URI changes when written");
        let _ = (uri.user_decoded(), uri.header_fields(), uri.bare_host());
    }
    let address = NameAddr::parse(&text);
    if let Ok(address) = &address {
        assert!(NameAddr::parse(&address.to_string()).is_ok(), "an address is unreadable when written");
    }
    let via = Via::parse(&text);
    if let Ok(via) = &via {
        assert!(Via::parse(&via.to_string()).is_ok(), "a Via is unreadable when written");
        let _ = (via.unique_branch(), via.received(), via.rport());
    }
    let params = Params::parse(&text);
    if let Ok(params) = &params {
        let _ = (params.without("tag"), params.iter().count());
    }
    uri.is_ok() || address.is_ok() || via.is_ok()
}
