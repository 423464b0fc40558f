//! What is written: answers, requests, and messages that were read.

use super::samples::{invite, read, text_invite};
use chorus::sip::wire::{Method, Writer, reason};
use proptest::prelude::*;

fn text(bytes: bytes::Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn an_answer_echoes_the_dialog_to_the_octet() {
    let m = invite();
    let source = "198.51.100.7:40000".parse().unwrap();
    let out = text(Writer::response_to(&m, Some(source), 180, "", Some("us")).finish());
    assert_eq!(
        out,
        "SIP/2.0 180 Ringing\r\n\
         Via: SIP/2.0/UDP 192.0.2.10:5062;rport=40000;branch=z9hG4bK-1a;received=198.51.100.7\r\n\
         Record-Route: <sip:p1.example;lr>,\r\n  <sip:p2.example;lr=on>\r\n\
         From: \"Grüße, Anna\" <sip:+491709999@gw.example>;tag=gw7\r\n\
         To: <sip:+4930123456@chorus.example>;tag=us\r\n\
         Call-ID: 7f3a@192.0.2.10\r\n\
         CSeq: 102 INVITE\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_100_and_a_refusal_carry_no_record_route_and_a_tag_is_not_doubled() {
    let tagged = text_invite()
        .replace("chorus.example>\r\n", "chorus.example>;tag=old\r\n")
        .replace("Max-F", "Timestamp: 9\r\nMax-F");
    let m = read(&tagged);
    let trying = text(Writer::response_to(&m, None, 100, "", None).finish());
    assert!(trying.contains("Timestamp: 9\r\n") && !trying.contains("Record-Route"), "{trying}");
    let refusal = text(Writer::response_to(&m, None, 486, "Besetzt", Some("new")).finish());
    assert!(refusal.starts_with("SIP/2.0 486 Besetzt\r\n"));
    assert!(
        refusal.contains(";tag=old\r\n") && !refusal.contains("tag=new") && !refusal.contains("Record-Route")
    );
    assert!(refusal.contains(";rport;"), "without a source the Via stays as it is");
}

#[test]
fn via_is_stamped_at_its_first_value_only() {
    let stamped = |via: &str, source: &str| {
        let m = read(&text_invite().replace("SIP/2.0/UDP 192.0.2.10:5062;rport;branch=z9hG4bK-1a", via));
        let out = text(Writer::response_to(&m, Some(source.parse().unwrap()), 200, "", None).finish());
        out.lines().find_map(|l| l.strip_prefix("Via: ")).unwrap().to_owned()
    };
    assert_eq!(
        stamped(
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa , SIP/2.0/UDP b.example;rport;branch=z9hG4bKb",
            "192.0.2.1:5060"
        ),
        "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa, SIP/2.0/UDP b.example;rport;branch=z9hG4bKb"
    );
    assert_eq!(
        stamped("SIP/2.0/UDP pbx.local;received=203.0.113.9;branch=z9hG4bKa", "192.0.2.1:5060"),
        "SIP/2.0/UDP pbx.local;branch=z9hG4bKa;received=192.0.2.1",
        "a received of the sender's own is not believed"
    );
    assert_eq!(
        stamped("SIP/2.0/TCP [2001:db8::1]:7;branch=z9hG4bKa", "[2001:db8::1]:9"),
        "SIP/2.0/TCP [2001:db8::1]:7;branch=z9hG4bKa"
    );
    assert_eq!(stamped("SIP/2.0/UDP h", "[2001:db8::1]:9"), "SIP/2.0/UDP h;received=2001:db8::1");
}

#[test]
fn nothing_that_is_put_in_can_begin_a_new_line() {
    let out = Writer::request(&Method::Invite, "sip:a@b\r\nEvil: 1")
        .header("X-A", "one\r\nEvil: 2\0")
        .header("Bad Name", "x")
        .header("X-B\r\nEvil", "x")
        .headers(&[("X-C".to_owned(), "\nEvil: 3".to_owned())])
        .body("text/plain\r\nEvil: 4", b"\r\nbody");
    let out = text(out);
    assert!(!out.contains("\nEvil") && !out.contains("Bad Name"), "{out}");
    assert!(out.starts_with("INVITE sip:a@bEvil:1 SIP/2.0\r\nX-A: one  Evil: 2 \r\nX-C: Evil: 3\r\n"));
    assert!(out.ends_with("Content-Length: 6\r\n\r\n\r\nbody"));
}

#[test]
fn a_message_that_was_read_is_written_the_same() {
    let text_in = text_invite();
    let m = read(&text_in);
    assert_eq!(text(m.to_bytes()), text_in);
    let open: String = text_in.split_inclusive("\r\n").filter(|l| !l.starts_with("Content-Length")).collect();
    assert_eq!(text(read(&open).to_bytes()), text_in, "Content-Length is added");
    let binary = Writer::response_to(&m, None, 200, "", None).body("application/isup", &[0, 255, 13, 10, 0]);
    let chorus::sip::wire::Verdict::Message(again) = chorus::sip::wire::read_datagram(&binary) else {
        panic!()
    };
    assert_eq!(&again.body[..], &[0, 255, 13, 10, 0]);
}

#[test]
fn every_known_code_has_a_phrase_of_its_own_class() {
    for code in reason::CODES {
        assert!(!reason::phrase(*code).is_empty());
    }
    assert_eq!(reason::phrase(488), "Not Acceptable Here");
    assert_eq!(reason::phrase(499), "Request Failure");
    assert_eq!(reason::phrase(699), "Global Failure");
}

proptest! {
    /// Whatever a header value is, the message reads back with that value, control characters as spaces.
    #[test]
    fn a_written_value_reads_back(name in "[A-Za-z][A-Za-z0-9-]{2,20}", value in "\\PC{0,80}") {
        let name = format!("X-{name}");
        let m = invite();
        let out = Writer::response_to(&m, None, 200, "", Some("t")).header(&name, &value).finish();
        let chorus::sip::wire::Verdict::Message(again) = chorus::sip::wire::read_datagram(&out) else {
            panic!("unreadable")
        };
        let trimmed = value.trim_matches([' ', '\t', '\r', '\n']);
        prop_assert_eq!(again.headers.text(&name).unwrap().into_owned(), trimmed);
    }
}
