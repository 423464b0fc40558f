//! IPv6 in every place where an address may stand, well-formed and not (the subjects of RFC 5118).

use super::samples::{read, refused, text_invite};
use chorus::sip::wire::Writer;

const URI: &str = "sip:+4930123456@chorus.example;user=phone";

#[test]
fn a_request_uri_with_an_ipv6_host() {
    let uri = read(&text_invite().replace(URI, "sip:a@[2001:db8::10]:5070;lr")).uri().unwrap();
    assert_eq!(
        (uri.host.as_str(), uri.bare_host(), uri.port),
        ("[2001:db8::10]", "2001:db8::10", Some(5070))
    );
    let uri = read(&text_invite().replace(URI, "sip:[2001:db8::10]")).uri().unwrap();
    assert_eq!((uri.user, uri.port), (None, None));
}

#[test]
fn brackets_are_not_optional_and_the_address_must_be_one() {
    for bad in [
        "sip:2001:db8::10",
        "sip:a@2001:db8::10",
        "sip:a@[2001:db8::10",
        "sip:a@[2001::db8::1]",
        "sip:a@[]",
        "sip:a@[::1]x",
    ] {
        assert_eq!(refused(&text_invite().replace(URI, bad)).0, 400, "{bad}");
    }
}

#[test]
fn a_port_behind_a_bare_address_is_ambiguous_and_brackets_settle_it() {
    let uri = read(&text_invite().replace(URI, "sip:[2001:db8::10:5070]")).uri().unwrap();
    assert_eq!((uri.bare_host(), uri.port), ("2001:db8::10:5070", None));
}

#[test]
fn via_received_with_and_without_brackets() {
    for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
        let text =
            text_invite().replace(";branch=z9hG4bK-1a", &format!(";received={received};branch=z9hG4bK-1a"));
        let via = read(&text).via().unwrap();
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
        assert_eq!(via.unique_branch(), Some("z9hG4bK-1a"), "what follows received is not lost");
    }
}

#[test]
fn several_addresses_of_both_families_in_one_message() {
    let text = text_invite()
        .replace("192.0.2.10:5062;rport", "[2001:db8::1]:5062")
        .replace(
            "Contact: <sip:gw@192.0.2.10:5062>",
            "Contact: <sip:gw@[2001:db8::2]>, \"v4\" <sip:gw@192.0.2.10>",
        )
        .replace("CSeq", "Route: <sip:[::ffff:192.0.2.3]:5060;lr>\r\nCSeq");
    let m = read(&text);
    assert_eq!(m.via().unwrap().sent_by(), "[2001:db8::1]:5062");
    let hosts: Vec<_> = m.contacts().into_iter().map(|c| c.uri.host).collect();
    assert_eq!(hosts, ["[2001:db8::2]", "192.0.2.10"]);
    assert_eq!(m.routes()[0].uri.bare_host(), "::ffff:192.0.2.3");
    let answer = Writer::response_to(&m, Some("[2001:db8::1]:9".parse().unwrap()), 100, "", None).finish();
    let answer = String::from_utf8(answer.to_vec()).unwrap();
    assert!(answer.contains("Via: SIP/2.0/UDP [2001:db8::1]:5062;branch=z9hG4bK-1a\r\n"), "{answer}");
}
