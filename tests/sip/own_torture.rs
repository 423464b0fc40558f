//! What the torture messages of RFC 4475 are about and the other files here do not show, in messages of our own: a
//! clone without the RFC's messages covers each behaviour too.

use super::samples::{read, refused, text_invite};
use bytes::Bytes;
use chorus::sip::check::check_request;
use chorus::sip::wire::{Scheme, Verdict, Writer, read_datagram};

/// The sample as another method, without body.
fn as_method(method: &str) -> String {
    let text = text_invite()
        .replace("INVITE sip:", &format!("{method} sip:"))
        .replace("102 INVITE", &format!("102 {method}"))
        .replace("Content-Type: application/sdp\r\n", "");
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let head: Vec<&str> = head.lines().filter(|l| !l.starts_with("Content-Length")).collect();
    format!("{}\r\nContent-Length: 0\r\n\r\n", head.join("\r\n"))
}

#[test]
fn nul_and_del_in_quoted_pairs_are_echoed() {
    let text = text_invite().replace("To: <", "To: \"a\\\0b\\\u{7f}\\\"c\" <");
    let m = read(&text);
    assert_eq!(m.to().unwrap().display, "a\0b\u{7f}\"c");
    let answer = Writer::response_to(&m, None, 486, "", Some("t")).finish();
    let wanted: &[u8] = b"To: \"a\\\0b\\\x7f\\\"c\" <sip:+4930123456@chorus.example>;tag=t\r\n";
    assert!(answer.windows(wanted.len()).any(|w| w == wanted));
}

#[test]
fn an_escaped_nul_ends_no_string() {
    let contacts = "Contact: <sip:a%00@h.example>, <sip:a%00%00@h.example>, <sip:a@h.example>";
    let m = read(&as_method("REGISTER").replace("Contact: <sip:gw@192.0.2.10:5062>", contacts));
    let users: Vec<_> = m.contacts().iter().map(|c| c.uri.user_decoded()).collect();
    assert_eq!(users, ["a\0", "a\0\0", "a"]);
}

#[test]
fn any_transport_and_many_vias() {
    let more: String =
        (0..40).map(|n| format!("Via: SIP/2.0/T{n} h{n}.example;branch=z9hG4bK{n}\r\n")).collect();
    let m = read(&text_invite().replace("Max-Forwards", &format!("{more}Max-Forwards")));
    let vias = m.vias();
    assert_eq!(vias.len(), 41);
    assert_eq!((vias[40].transport.as_str(), vias[40].host.as_str()), ("T39", "h39.example"));
    let answer = Writer::response_to(&m, None, 200, "", None).finish();
    assert_eq!(String::from_utf8(answer.to_vec()).unwrap().matches("\r\nVia: ").count(), 41);
}

#[test]
fn a_binary_body_is_kept_to_the_octet() {
    let body = b"\0\r\n\r\n\xff\rx\n--cut--\0";
    let head = as_method("MESSAGE").replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
    let mut raw = head.into_bytes();
    raw.extend(body);
    let Verdict::Message(m) = read_datagram(&Bytes::from(raw)) else { panic!() };
    assert_eq!(&m.body[..], body);
}

#[test]
fn a_second_request_in_the_datagram_is_ignored() {
    let text = format!("{}{}", as_method("REGISTER"), text_invite());
    let m = read(&text);
    assert!(m.body.is_empty());
    assert_eq!(m.call_id(), "7f3a@192.0.2.10");
}

#[test]
fn two_lengths_are_400_even_if_they_agree() {
    for second in ["0", "5"] {
        let text = as_method("OPTIONS").replace("Max-F", &format!("l: {second}\r\nMax-F"));
        assert_eq!(refused(&text).0, 400);
    }
}

#[test]
fn what_we_do_not_need_may_be_wrong() {
    for field in [
        "Date: Fri, 01 Jan 2010 16:00:00 EST",
        "Expires: 1000000000000000000000000000",
        "Authorization: NoOneKnows opaque-data=here",
        "Warning: 1812 x \"y\"",
        "Strange: ;;,,;,;",
    ] {
        let m = read(&text_invite().replace("Max-Forwards", &format!("{field}\r\nMax-Forwards")));
        assert_eq!(check_request(&m), Ok(()), "{field}");
    }
}

#[test]
fn the_last_hop_answers() {
    let m = read(&as_method("OPTIONS").replace("Max-Forwards: 70", "Max-Forwards: 0"));
    assert_eq!(m.max_forwards(), Some(0));
    assert_eq!(check_request(&m), Ok(()));
}

#[test]
fn foreign_schemes_in_from_to_and_contact_are_opaque() {
    let text = as_method("OPTIONS")
        .replace("To: <sip:+4930123456@chorus.example>", "To: isbn:2983792873")
        .replace("<sip:+491709999@gw.example>", "<http://www.example.com/~a?b=c>")
        .replace("Contact: <sip:gw@192.0.2.10:5062>", "Contact: <name:John_Smith>");
    let m = read(&text);
    assert_eq!(m.to().unwrap().uri.scheme, Scheme::Other("isbn".to_owned()));
    assert_eq!(m.from().unwrap().uri.to_string(), "http://www.example.com/~a?b=c");
    assert_eq!(m.from_tag().as_deref(), Some("gw7"));
    assert_eq!(m.contacts().len(), 1);
    assert_eq!(check_request(&m), Ok(()));
}

#[test]
fn a_request_of_rfc_2543_is_taken() {
    let text = text_invite()
        .replace(";rport;branch=z9hG4bK-1a", "")
        .replace(";tag=gw7", "")
        .replace("Max-Forwards: 70\r\n", "");
    let text: String = text.split_inclusive("\r\n").filter(|l| !l.starts_with("Content-Length")).collect();
    let m = read(&text);
    assert_eq!((m.from_tag(), m.max_forwards()), (None, None));
    assert_eq!(m.via().unwrap().unique_branch(), None);
    assert!(m.sdp().unwrap().ends_with(b"telephone-event/8000\r\n"));
    assert_eq!(check_request(&m), Ok(()));
}

#[test]
fn every_legal_octet_in_the_user_part_and_tokens() {
    let uri = "sip:1_odd~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,odd!*pas$wo~d@example.com";
    let m = read(&text_invite().replace("sip:+4930123456@chorus.example;user=phone", uri));
    let read = m.uri().unwrap();
    assert_eq!(read.user.as_deref(), Some("1_odd~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(read.host, "example.com");
    assert_eq!(read.to_string(), uri);
    let method = "!odd-Method_*+`.%in~";
    let m = super::samples::read(&as_method(method));
    assert_eq!(m.method().unwrap().as_str(), method);
    assert_eq!(m.cseq().unwrap().method.as_str(), method);
}
