//! What the reader makes of datagrams, in cases of our own.

use super::samples::{invite, refused, text_invite};
use bytes::Bytes;
use chorus::sip::wire::{
    HEAD_MAX, HEADERS_MAX, Message, Method, Scheme, Start, URI_MAX, Verdict, read_datagram,
};

fn read(text: &str) -> Verdict {
    read_datagram(&Bytes::copy_from_slice(text.as_bytes()))
}

fn message(text: &str) -> Message {
    match read(text) {
        Verdict::Message(m) => m,
        other => panic!("{other:?}"),
    }
}

fn dropped(text: &str) -> &'static str {
    match read(text) {
        Verdict::Drop { words } => words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_ordinary_invite_comes_out_whole() {
    let m = invite();
    assert_eq!(m.method(), Some(&Method::Invite));
    assert_eq!(m.uri_text(), "sip:+4930123456@chorus.example;user=phone");
    let uri = m.uri().unwrap();
    assert_eq!((uri.user.as_deref(), uri.host.as_str()), (Some("+4930123456"), "chorus.example"));
    assert_eq!(uri.params.get("user"), Some("phone"));
    assert_eq!(m.call_id(), "7f3a@192.0.2.10");
    assert_eq!(m.cseq().unwrap().number, 102);
    assert_eq!(m.from().unwrap().display, "Grüße, Anna");
    assert_eq!(m.from_tag().as_deref(), Some("gw7"));
    assert_eq!(m.to_tag(), None);
    assert_eq!(m.contact().unwrap().uri.port, Some(5062));
    assert_eq!(m.record_routes().len(), 2);
    assert_eq!(m.headers.elements("record-route")[1], "<sip:p2.example;lr=on>");
    assert_eq!(m.allow(), ["INVITE", "ACK", "BYE"]);
    assert_eq!(m.headers.with_prefix("x-"), [("X-Kunde".to_owned(), "17 a".to_owned())]);
    assert_eq!(m.sdp().unwrap(), m.body);
}

#[test]
fn compact_names_and_full_names_are_the_same_fields() {
    let text = text_invite();
    let compact = text
        .replace("Via:", "v:")
        .replace("From:", "F :")
        .replace("\r\nTo:", "\r\nt\t:")
        .replace("Call-ID:", "i:")
        .replace("Contact:", "m:")
        .replace("Content-Type:", "c:")
        .replace("Content-Length:", "l:")
        .replace("Supported:", "K:");
    let (a, b) = (message(&text), message(&compact));
    assert_eq!(a.via(), b.via());
    assert_eq!(a.from(), b.from());
    assert_eq!(a.to(), b.to());
    assert_eq!(a.call_id(), b.call_id());
    assert_eq!(a.contacts(), b.contacts());
    assert_eq!(a.content_type(), b.content_type());
    assert_eq!(a.supported(), b.supported());
    assert_eq!(a.body, b.body);
}

#[test]
fn folds_and_bare_line_feeds_do_not_change_values() {
    let text = text_invite();
    let folded = text
        .replace("CSeq: 102 INVITE", "CSeq:\r\n 0102\r\n\t INVITE")
        .replace("Call-ID: ", "Call-ID :\r\n  ")
        .replace(";branch=", "\r\n ; branch\r\n = ");
    let (head, body) = folded.split_once("\r\n\r\n").unwrap();
    let bare = format!("{}\n\n{body}", head.replace("\r\n", "\n"));
    for variant in [folded.clone(), bare, format!("\r\n\r\n{text}")] {
        let m = message(&variant);
        assert_eq!(m.cseq().unwrap().to_string(), "102 INVITE");
        assert_eq!(m.call_id(), "7f3a@192.0.2.10");
        assert_eq!(m.via().unwrap().unique_branch(), Some("z9hG4bK-1a"));
    }
}

#[test]
fn a_body_is_as_long_as_content_length_says_or_the_rest() {
    let text = text_invite();
    let body = message(&text).body;
    assert_eq!(message(&format!("{text}\r\n\0\0INVITE junk")).body, body);
    let open: String = text.split_inclusive("\r\n").filter(|l| !l.starts_with("Content-Length")).collect();
    assert_eq!(message(&open).body, body);
    assert_eq!(message(&format!("{open}\0\0")).body, body, "NULs behind the body are no body");
    let (code, words) = refused(&text.replace("Content-Length: ", "Content-Length: 9"));
    assert_eq!((code, words.as_str()), (400, "Content-Length beyond the datagram"));
    for bad in ["-1", "1x", "", "1 2", "99999999999999999999999999"] {
        let at = text.find("Content-Length: ").unwrap();
        let end = text[at..].find("\r\n").unwrap() + at;
        let changed = format!("{}Content-Length: {bad}{}", &text[..at], &text[end..]);
        assert_eq!(refused(&changed).0, 400, "{bad}");
    }
}

#[test]
fn what_is_missing_or_double_is_400() {
    let text = text_invite();
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let without: String =
            text.split_inclusive("\r\n").filter(|l| !l.starts_with(&format!("{name}:"))).collect();
        assert_eq!(refused(&without), (400, format!("{name} is missing")));
        let line = text.split_inclusive("\r\n").find(|l| l.starts_with(&format!("{name}:"))).unwrap();
        assert_eq!(refused(&text.replace(line, &format!("{line}{line}"))).0, 400, "two {name}");
    }
    assert_eq!(dropped(&text.replace("Via:", "X-Via:")), "Via is missing", "nobody to answer to");
}

#[test]
fn what_is_malformed_is_400() {
    let pairs = [
        ("CSeq: 102 INVITE", "CSeq: 2147483648 INVITE"),
        ("CSeq: 102 INVITE", "CSeq: -1 INVITE"),
        ("CSeq: 102 INVITE", "CSeq: 102 OPTIONS"),
        ("CSeq: 102 INVITE", "CSeq: 102"),
        ("Max-Forwards: 70", "Max-Forwards: 256"),
        ("Max-Forwards: 70", "Max-Forwards: many"),
        ("To: <sip:+4930123456@chorus.example>", "To: \"open <sip:a@chorus.example>"),
        ("To: <sip:+4930123456@chorus.example>", "To: < sip:a@chorus.example >"),
        ("To: <sip:+4930123456@chorus.example>", "To: Doe, Jane <sip:a@chorus.example>"),
        ("To: <sip:+4930123456@chorus.example>", "To: <sip:a@chorus.example>junk"),
        ("To: <sip:+4930123456@chorus.example>", "To: <sip:a@chorus.example>;;x"),
        ("To: <sip:+4930123456@chorus.example>", "To: <sip:a@ex ample>"),
        ("INVITE sip:+4930123456@chorus.example;user=phone", "INVITE <sip:a@chorus.example>"),
        ("INVITE sip:", "INVITE  sip:"),
        ("INVITE sip:+4930123456@chorus.example;user=phone", "INVITE sip:a@chorus.example; lr"),
        ("INVITE sip:+4930123456@chorus.example;user=phone", "INVITE sip:a@b.example?Route=%3Csip:x%3E"),
        ("SIP/2.0\r\nVia", "SIP/2.0 \r\nVia"),
        (";branch=z9hG4bK-1a", ";;branch=z9hG4bK-1a"),
        ("192.0.2.10:5062;", "192.0.2.10:65536;"),
        ("Contact: <sip:gw@192.0.2.10:5062>", "Contact: sip:gw@192.0.2.10?Route=%3Csip:x%3E"),
        ("Contact: <sip:gw@192.0.2.10:5062>", "Contact: <sip:gw@192.0.2.10:5062>,,"),
        ("<sip:p1.example;lr>", "sip:p1.example;lr"),
        ("Max-Forwards: 70", "Max Forwards: 70"),
        ("Max-Forwards: 70", "no colon here"),
        ("Max-Forwards: 70", "X-A: b\rBye: c"),
        ("Call-ID: 7f3a@192.0.2.10", "Call-ID: 7f 3a"),
        ("Call-ID: 7f3a@192.0.2.10", "Call-ID:"),
    ];
    for (good, bad) in pairs {
        let text = text_invite();
        assert!(text.contains(good), "{good}");
        assert_eq!(refused(&text.replacen(good, bad, 1)).0, 400, "{bad:?}");
    }
}

#[test]
fn an_ack_is_never_answered() {
    let ack = text_invite().replace("INVITE sip:", "ACK sip:").replace("102 INVITE", "102 ACK");
    assert_eq!(message(&ack).method(), Some(&Method::Ack));
    assert_eq!(dropped(&ack.replace("102 ACK", "102 BYE")), "CSeq method is not the method of the request");
}

#[test]
fn another_version_is_505_and_what_is_no_sip_is_dropped() {
    assert_eq!(refused(&text_invite().replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia")).0, 505);
    for junk in [
        "",
        "\r\n",
        "\r\n\r\n",
        "\0\0\0\0",
        "GET / HTTP/1.1\r\n\r\n",
        "x",
        "\u{1}\u{1}\n\n",
        "INVITE\r\n\r\n",
    ] {
        dropped(junk);
    }
    dropped("SIP/2.0 200\r\n\r\n");
    dropped("SIP/2.0 20 OK\r\n\r\n");
}

#[test]
fn a_cut_off_header_section_is_400() {
    let text = text_invite();
    let head = text.split("\r\n\r\n").next().unwrap();
    assert_eq!(refused(head).1, "Header section cut off");
    assert_eq!(refused(&format!("{head}\r\n")).1, "Header section cut off");
}

#[test]
fn a_request_uri_beyond_its_limit_is_414_whatever_else_is_too_long() {
    let uri = |length: usize| format!("sip:{}@x", "u".repeat(length - 6));
    let own = invite().uri_text().to_owned();
    let text = |length: usize| text_invite().replacen(&own, &uri(length), 1);
    assert_eq!(message(&text(URI_MAX)).uri_text().len(), URI_MAX);
    assert_eq!(refused(&text(URI_MAX + 1)).0, 414);
    assert_eq!(refused(&text(HEAD_MAX + 1)).0, 414, "on UDP, where it can be read at all");
}

#[test]
fn too_much_is_513() {
    let text = text_invite();
    let many = "X-N: 1\r\n".repeat(HEADERS_MAX);
    assert_eq!(refused(&text.replace("Max-Forwards", &format!("{many}Max-Forwards"))).0, 513);
    let long = format!("X-L: {}\r\n", "a".repeat(HEAD_MAX));
    assert_eq!(refused(&text.replace("Max-Forwards", &format!("{long}Max-Forwards"))).0, 513);
    // Wherever the fields stand that the answer repeats.
    for too_much in [many, long] {
        let read = read(&text.replacen("\r\n", &format!("\r\n{too_much}"), 1));
        let Verdict::Refuse { message, code: 513, .. } = read else { panic!("{read:?}") };
        let plain = invite();
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            assert_eq!(message.headers.text(name), plain.headers.text(name), "{name}");
        }
    }
}

fn response(first: &str) -> String {
    let text = text_invite();
    let rest = text.split_once("\r\n").unwrap().1;
    format!("{first}\r\n{rest}")
}

#[test]
fn responses_are_read_and_foreign_or_broken_ones_dropped() {
    let m = message(&response("SIP/2.0 180 Es läutet"));
    assert_eq!(m.start, Start::Response { code: 180, reason: "Es läutet".to_owned() });
    assert_eq!(m.uri(), None);
    assert_eq!(message(&response("sip/2.0 200 ")).code(), Some(200));
    assert_eq!(message(&response("SIP/2.0 699")).code(), Some(699));
    for bad in ["SIP/2.0 4294967301 x", "SIP/2.0 099 x", "SIP/2.0 700 x", "SIP/7.0 200 OK", "SIP/2.0 2x0 OK"]
    {
        dropped(&response(bad));
    }
    let ok = response("SIP/2.0 200 OK");
    dropped(&ok.replace("CSeq: 102", "CSeq: 4294967398"));
    let second = "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKb\r\nMax-Forwards";
    assert_eq!(dropped(&ok.replace("Max-Forwards", second)), "response with several Via");
    dropped(&ok.replace("Content-Length: ", "Content-Length: 9"));
}

#[test]
fn latin_1_and_percent_signs_survive() {
    let raw = text_invite().replace("Grüße, Anna", "Gr#e, Anna");
    let raw: Vec<u8> = raw.bytes().map(|b| if b == b'#' { 0xfc } else { b }).collect();
    let Verdict::Message(m) = read_datagram(&Bytes::from(raw.clone())) else { panic!() };
    assert_eq!(m.from().unwrap().display, "Grüe, Anna");
    let value = m.headers.get("From").unwrap();
    assert!(value.contains(&0xfc), "the text as received stays");
    let odd =
        text_invite().replace("sip:+4930123456@chorus.example;user=phone", "sip:%23%2531@chorus.example");
    let uri = message(&odd).uri().unwrap();
    assert_eq!(uri.user.as_deref(), Some("%23%2531"));
    assert_eq!(uri.user_decoded(), "#%31", "decoded once, never twice");
}

#[test]
fn unknown_methods_and_schemes_are_read() {
    let text = text_invite().replace("INVITE", "JUMP%41");
    assert_eq!(message(&text).method(), Some(&Method::Other("JUMP%41".to_owned())));
    let lower = text_invite().replace("INVITE", "invite");
    assert_eq!(message(&lower).method(), Some(&Method::Other("invite".to_owned())));
    let uri = "sip:+4930123456@chorus.example;user=phone";
    let m = message(&text_invite().replace(uri, "pigeon://loft/7"));
    assert_eq!(m.uri().unwrap().scheme, Scheme::Other("pigeon".to_owned()));
}

#[test]
fn sdp_is_found_in_a_multipart_body() {
    let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";
    let body = format!(
        "preamble\r\n--cut\r\nContent-Type: application/isup;version=x\r\n\r\n\u{1}\u{2}\r\n--cut\r\ncontent-type: application/SDP\r\nContent-ID: <1>\r\n\r\n{sdp}\r\n--cut--\r\n"
    );
    let text = text_invite();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let head: Vec<&str> = head.lines().filter(|l| !l.starts_with("Content-")).collect();
    let typed = |t: &str, body: &str| format!("{}\r\nContent-Type: {t}\r\n\r\n{body}", head.join("\r\n"));
    let m = message(&typed("multipart/mixed; boundary=\"cut\"", &body));
    assert_eq!(m.sdp().unwrap(), sdp);
    assert_eq!(message(&typed("multipart/mixed;boundary=other", &body)).sdp(), None);
    let cut = body.replace("\r\n--cut--\r\n", "");
    assert_eq!(message(&typed("multipart/mixed;boundary=cut", &cut)).sdp().unwrap(), sdp);
    assert_eq!(message(&typed("text/plain", sdp)).sdp(), None);
}

#[test]
fn reason_and_seconds_are_read() {
    let fields = "Reason: SIP;cause=200;text=\"elsewhere\", Q.850 ;cause=16;text=\"Normal, clearing\"\r\nRetry-After: 99999999999 (soon);duration=3\r\nMax-Forwards";
    let m = message(&text_invite().replace("Max-Forwards", fields));
    let q = m.q850().unwrap();
    assert_eq!((q.cause, q.text.as_str()), (16, "Normal, clearing"));
    assert_eq!(m.reason_text().as_deref(), Some("elsewhere"));
    assert_eq!(m.seconds("Retry-After"), Some(u32::MAX));
    assert_eq!(m.seconds("Expires"), None);
}
