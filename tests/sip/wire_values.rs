//! URIs, addresses, Via, lists and quoting.

use chorus::sip::wire::{CSeq, NameAddr, Params, Scheme, Uri, Via, quote, split_list, unquote};

#[test]
fn uris_are_split_and_printed_as_written() {
    for text in [
        "sip:a@b",
        "sip:b.example",
        "sips:a:secret@b.example:5061;transport=tcp;lr?X-a=b&Y=%20",
        "sip:[2001:db8::1]:5060",
        "sip:a@[2001:db8::1];x=[1:2]",
        "sip:user;par=u%40x@b.example",
        "sip:1212,w#@10.0.0.1;user=phone",
        "tel:+49-30-123;phone-context=example.com",
        "tel:911",
        "urn:service:sos",
        "soap.beep://x/y",
        "sip:a@under_score.example",
        "sip:+1@trunk.example;+sip.instance=\"\u{3c}\"".split(';').next().unwrap(),
    ] {
        let uri = Uri::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(uri.to_string(), text);
    }
}

#[test]
fn parts_of_uris() {
    let u = Uri::parse("SIPS:a:pw@B.example:5061;Transport=tcp;lr?X-a=b%20c&Y").unwrap();
    assert_eq!(u.scheme, Scheme::Sips);
    assert_eq!((u.user.as_deref(), u.password.as_deref()), (Some("a"), Some("pw")));
    assert_eq!((u.host.as_str(), u.port), ("B.example", Some(5061)));
    assert_eq!(u.transport(), Some("tcp"));
    assert!(u.is_loose());
    let fields = [("X-a".to_owned(), "b c".to_owned()), ("Y".to_owned(), String::new())];
    assert_eq!(u.header_fields(), fields);
    assert_eq!(u.without_headers().to_string(), "sips:a:pw@B.example:5061;Transport=tcp;lr");
    let t = Uri::parse("tel:7042;phone-context=example.com").unwrap();
    assert_eq!((t.user.as_deref(), t.host.as_str()), (Some("7042"), ""));
    assert_eq!(t.params.get("phone-context"), Some("example.com"));
    assert_eq!(Uri::parse("sip:[2001:db8::1]:70").unwrap().bare_host(), "2001:db8::1");
    assert_eq!(Uri::sip(Some("a"), "h", Some(1)).to_string(), "sip:a@h:1");
}

#[test]
fn bad_uris_are_refused() {
    for text in [
        "",
        "sip",
        "sip:",
        "sip:@b",
        "sip:a@",
        "sip:a@b:",
        "sip:a@b:99999",
        "sip:a@b:x",
        "sip:a b@c",
        "sip:a@b;",
        "sip:a@b;;lr",
        "sip:a@b;x=",
        "sip:[2001:db8::zz]",
        "sip:[::1",
        "sip:a@b@c",
        "9ip:a@b",
        "s ip:a@b",
        "tel:",
        "x:",
        "sip:a@b>c",
        "sip:a\u{7f}@b",
        "sip:a@b c",
    ] {
        assert!(Uri::parse(text).is_err(), "{text:?} was taken");
    }
}

#[test]
fn percent_escapes_are_resolved_once_and_broken_ones_left() {
    let user = |s: &str| Uri::parse(s).unwrap().user_decoded();
    assert_eq!(user("sip:%61%2562@h"), "a%62");
    assert_eq!(user("sip:100%@h"), "100%");
    assert_eq!(user("sip:%zz%4@h"), "%zz%4");
    assert_eq!(user("sip:%ff@h"), "\u{fffd}");
    assert_eq!(user("sip:%00x@h"), "\0x");
}

#[test]
fn addresses_in_all_their_forms() {
    let cases = [
        ("<sip:a@b>;tag=1", "", "sip:a@b", Some("1")),
        ("sip:a@b;tag=1", "", "sip:a@b", Some("1")),
        ("Anna <sip:a@b;x=1> ; tag = 1", "Anna", "sip:a@b;x=1", Some("1")),
        ("Anna<sip:a@b>", "Anna", "sip:a@b", None),
        ("\"A, \\\"B\\\" <x>\" <sip:a@b>;TAG=q", "A, \"B\" <x>", "sip:a@b", Some("q")),
        ("Müller (Einkauf) <tel:+49>", "Müller (Einkauf)", "tel:+49", None),
        ("\"\" <sip:a@b>", "", "sip:a@b", None),
        ("<sip:a@b?X=y>;expires=60", "", "sip:a@b?X=y", None),
        ("<sip:a@b>;tag=", "bad", "", None),
    ];
    for (text, display, uri, tag) in cases {
        let read = NameAddr::parse(text);
        if display == "bad" {
            assert!(read.is_err(), "{text}");
            continue;
        }
        let a = read.unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!((a.display.as_str(), a.uri.to_string().as_str(), a.tag()), (display, uri, tag), "{text}");
        assert_eq!(NameAddr::parse(&a.to_string()).unwrap(), a);
        assert_eq!(a.without_tag().tag(), None);
    }
}

#[test]
fn a_contact_of_a_current_softphone() {
    let text =
        "<sip:u@10.0.0.2:5070;transport=tcp;ob>;+sip.instance=\"<urn:uuid:00000000-0000>\";reg-id=1;q=0.5";
    let a = NameAddr::parse(text).unwrap();
    assert_eq!(a.params.unquoted("+SIP.instance").unwrap(), "<urn:uuid:00000000-0000>");
    assert_eq!(a.params.get("reg-id"), Some("1"));
    assert!(a.uri.params.has("ob") && !a.params.has("ob"));
}

#[test]
fn via_values() {
    let v =
        Via::parse("sip / 2.0 / udp  [2001:db8::9]:5070 ; branch = z9hG4bKx ;received=[2001:db8::a];rport=9")
            .unwrap();
    assert_eq!((v.transport.as_str(), v.host.as_str(), v.port), ("udp", "[2001:db8::9]", Some(5070)));
    assert_eq!(v.unique_branch(), Some("z9hG4bKx"));
    assert_eq!(v.received(), "2001:db8::a".parse().ok());
    assert_eq!((v.wants_rport(), v.rport()), (true, Some(9)));
    assert_eq!(v.sent_by(), "[2001:db8::9]:5070");
    assert_eq!(Via::parse(&v.to_string()).unwrap(), v);
    let v = Via::parse("SIP/2.0/TCP Host : 5").unwrap();
    assert_eq!((v.sent_by().as_str(), v.branch()), ("host:5", None));
    assert_eq!(Via::parse("SIP/2.0/UDP h;branch=Z9HG4BKa").unwrap().unique_branch(), Some("Z9HG4BKa"));
    assert_eq!(Via::parse("SIP/2.0/UDP h;branch=z9hG4bK").unwrap().unique_branch(), None);
    assert_eq!(Via::parse("SIP/2.0/UDP h;branch=old").unwrap().unique_branch(), None);
    for bad in [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 UDP h",
        "HTTP/1.1/UDP h",
        "SIP/2.0/UDP h;",
        "SIP/2.0/UDP h i",
        "SIP/2.0/U P:x h",
    ] {
        assert!(Via::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn lists_split_outside_quotes_and_angles_only() {
    let parts: Vec<_> = split_list("\"a,\\\"b\" <sip:x,y@h>, <sip:z>;p=\",\" ,, c").collect();
    assert_eq!(parts, ["\"a,\\\"b\" <sip:x,y@h>", "<sip:z>;p=\",\"", "", "c"]);
}

#[test]
fn quoting_goes_there_and_back() {
    for text in ["", "plain", "a\"b\\c", "ü,;<>"] {
        assert_eq!(unquote(&quote(text)), text);
    }
    assert_eq!(unquote("bare"), "bare");
    assert_eq!(quote("a\r\nBye: 1"), "\"a  Bye: 1\"");
}

#[test]
fn parameters() {
    let p = Params::parse("a ; B = \"x;y\\\"\" ;c=1").unwrap();
    assert_eq!(p.get("A"), Some(""));
    assert_eq!(p.unquoted("b").unwrap(), "x;y\"");
    assert_eq!(p.without("b").to_string(), ";a;c=1");
    assert_eq!(p.with("d", "2").get("d"), Some("2"));
    let built: Params = [("x", "1"), ("y", "a b"), ("z", "")].into_iter().collect();
    assert_eq!(built.to_string(), ";x=1;y=\"a b\";z");
    for bad in [";", "a;;b", "a=", "=b", "a b", "a=\"x", "a=\"x\"y", "a=b c"] {
        assert!(Params::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn cseq_numbers_stay_below_two_to_the_31() {
    assert_eq!(CSeq::parse("2147483647  BYE").unwrap().number, 2_147_483_647);
    for bad in ["2147483648 BYE", "BYE", "1", "1 BYE x", "+1 BYE", "1 B;E", ""] {
        assert!(CSeq::parse(bad).is_err(), "{bad:?}");
    }
}
