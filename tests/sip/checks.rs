//! Requests that are well-formed and still not taken.

use super::samples::{read, text_invite};
use chorus::sip::check::{Refusal, check_request};

fn check(text: &str) -> Result<(), Refusal> {
    check_request(&read(text))
}

fn code(text: &str) -> u16 {
    check(text).map_or_else(|r| r.code, |()| 0)
}

fn as_method(method: &str) -> String {
    text_invite()
        .replace("INVITE sip:", &format!("{method} sip:"))
        .replace("102 INVITE", &format!("102 {method}"))
}

fn header<'a>(r: &'a Refusal, name: &str) -> &'a str {
    &r.headers.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no {name} in {r:?}")).1
}

fn with(field: &str) -> String {
    text_invite().replace("Max-Forwards", &format!("{field}\r\nMax-Forwards"))
}

#[test]
fn methods() {
    for method in ["INVITE", "BYE", "CANCEL", "OPTIONS", "UPDATE", "PRACK", "REFER", "NOTIFY", "ACK"] {
        assert_eq!(check(&as_method(method)), Ok(()), "{method}");
    }
    for method in ["REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE"] {
        let refusal = check(&as_method(method)).unwrap_err();
        assert_eq!(refusal.code, 405, "{method}");
        assert!(header(&refusal, "Allow").contains("INVITE"));
    }
    let refusal = check(&as_method("FROBNICATE")).unwrap_err();
    assert_eq!(refusal.code, 501);
    assert!(header(&refusal, "Allow").contains("BYE"));
}

#[test]
fn schemes() {
    let uri = "sip:+4930123456@chorus.example;user=phone";
    for good in ["sips:a@b", "tel:+4930"] {
        assert_eq!(code(&text_invite().replace(uri, good)), 0, "{good}");
    }
    for bad in ["pigeon:loft", "http://x/", "urn:service:sos"] {
        assert_eq!(code(&text_invite().replace(uri, bad)), 416, "{bad}");
    }
}

#[test]
fn extensions() {
    let refusal = check(&with("Require: 100rel, teleport\r\nRequire: x")).unwrap_err();
    assert_eq!((refusal.code, header(&refusal, "Unsupported")), (420, "teleport, x"));
    assert_eq!(code(&with("Proxy-Require: a")), 420);
    assert_eq!(code(&with("Require:")), 0);
    assert_eq!(code(&with("Require: timer, 100rel")), 0);
    let cancel = with("Require: a").replace("INVITE sip:", "CANCEL sip:").replace("102 INVITE", "102 CANCEL");
    assert_eq!(code(&cancel), 0, "Require in CANCEL is ignored (RFC 3261 section 8.2.2.3)");
}

#[test]
fn bodies() {
    let typed = |t: &str| text_invite().replace("application/sdp", t);
    let refusal = check(&typed("application/unheard")).unwrap_err();
    assert_eq!(refusal.code, 415);
    assert!(header(&refusal, "Accept").contains("application/sdp"));
    assert_eq!(code(&typed("Application/SDP;charset=x")), 0);
    assert_eq!(code(&typed("broken")), 415);
    assert_eq!(code(&typed("multipart/mixed;boundary=x")), 415, "no SDP part in it");
    let gzip = with("Content-Encoding: gzip");
    let refusal = check(&gzip).unwrap_err();
    assert_eq!((refusal.code, header(&refusal, "Accept-Encoding")), (415, "identity"));
    assert_eq!(code(&with("Content-Encoding: identity")), 0);
    let optional =
        typed("image/png").replace("Max-F", "Content-Disposition: icon ; handling=optional\r\nMax-F");
    assert_eq!(code(&optional), 0);
    let info = |t: &str| as_method("INFO").replace("application/sdp", t);
    assert_eq!(code(&info("application/dtmf-relay")), 0);
    assert_eq!(code(&info("application/dtmf")), 0);
    assert!(header(&check(&info("application/sdp")).unwrap_err(), "Accept").contains("dtmf-relay"));
    assert_eq!(code(&as_method("BYE").replace("application/sdp", "text/x")), 0, "nobody reads a BYE's body");
}

#[test]
fn accept() {
    for good in [
        "application/sdp",
        "text/plain, application/SDP;level=1",
        "*/*",
        "application/*",
        "a/b\r\nAccept: */*",
    ] {
        assert_eq!(code(&with(&format!("Accept: {good}"))), 0, "{good}");
    }
    for bad in ["text/plain", "", "application/sdpx"] {
        let refusal = check(&with(&format!("Accept: {bad}"))).unwrap_err();
        assert_eq!(refusal.code, 406, "{bad}");
    }
    let options = with("Accept: text/plain")
        .replace("INVITE sip:", "OPTIONS sip:")
        .replace("102 INVITE", "102 OPTIONS");
    assert_eq!(code(&options), 0, "our answer to OPTIONS has no body");
}

#[test]
fn nothing_is_answered_to_an_ack() {
    let ack = with("Require: x").replace("INVITE sip:", "ACK pigeon:").replace("102 INVITE", "102 ACK");
    assert_eq!(code(&ack), 0);
}
