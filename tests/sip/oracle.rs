//! rsip as a second opinion: where both readers take a message, they must see the same in it.

use super::samples::text_invite;
use chorus::sip::wire::{Verdict, read_datagram};
use proptest::prelude::*;
use rsip::prelude::*;

/// Method, URI, Call-ID and CSeq as rsip reads them.
fn theirs(text: &str) -> Option<(String, String, String, String)> {
    let request = rsip::Request::try_from(text.as_bytes().to_vec()).ok()?;
    let call_id = request.call_id_header().ok()?.value().to_owned();
    let cseq = request.cseq_header().ok()?.value().to_owned();
    Some((request.method.to_string(), request.uri.to_string(), call_id, cseq))
}

fn ours(text: &str) -> Option<(String, String, String, String)> {
    match read_datagram(&bytes::Bytes::copy_from_slice(text.as_bytes())) {
        Verdict::Message(m) => Some((
            m.method()?.to_string(),
            m.uri_text().to_owned(),
            m.call_id().to_owned(),
            m.headers.text("CSeq")?.into_owned(),
        )),
        _ => None,
    }
}

proptest! {
    #[test]
    fn both_readers_see_the_same_request(
        method in prop::sample::select(vec!["INVITE", "BYE", "OPTIONS", "CANCEL", "INFO", "UPDATE"]),
        user in "[a-z0-9+._-]{1,16}",
        host in "[a-z][a-z0-9]{0,8}(\\.[a-z]{2,5})?",
        port in prop::option::of(1_u16..),
        call_id in "[A-Za-z0-9._-]{1,30}(@[a-z0-9.]{1,12})?",
        number in 0_u32..0x8000_0000,
        extra in prop::collection::vec(("X-[A-Z][a-z]{1,8}", "[ -~]{0,40}"), 0..4),
    ) {
        let uri = port.map_or(format!("sip:{user}@{host}"), |p| format!("sip:{user}@{host}:{p}"));
        let extra: String = extra.iter().map(|(n, v)| format!("{n}: {}\r\n", v.trim())).collect();
        let text = text_invite()
            .replace("INVITE sip:+4930123456@chorus.example;user=phone", &format!("{method} {uri}"))
            .replace("102 INVITE", &format!("{number} {method}"))
            .replace("7f3a@192.0.2.10", &call_id)
            .replace(",\r\n  <sip:p2", ",<sip:p2")
            .replace("X-Kunde: 17 a\r\n", &extra);
        let ours = ours(&text);
        prop_assert!(ours.is_some(), "refused: {text}");
        if let Some(theirs) = theirs(&text) {
            prop_assert_eq!(ours.unwrap(), theirs);
        }
    }
}

#[test]
fn the_second_opinion_does_take_messages() {
    let plain = text_invite().replace(",\r\n  <sip:p2", ",<sip:p2");
    assert!(theirs(&plain).is_some(), "otherwise the comparison would be empty");
    assert_eq!(ours(&plain).unwrap().0, theirs(&plain).unwrap().0);
}
