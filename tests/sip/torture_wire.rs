//! The 49 messages of RFC 4475, each with the verdict that its table names, and five changed variants of each.
//! The messages are not part of this repository: CHORUS_SHARED says where they lie.

use bytes::Bytes;
use chorus::sip::check::check_request;
use chorus::sip::wire::{Message, Method, Scheme, Verdict, read_datagram};
use std::path::PathBuf;

/// What must become of a message.
enum Want {
    /// Read and worked on; the function looks at its values.
    Accept(fn(&Message)),
    /// Read, then answered with this code by the checks that need no state.
    Check(u16, fn(&Message)),
    /// Answered with this code by the reader.
    Refuse(u16),
    /// Nothing is said.
    Drop,
}
use Want::{Accept, Check, Drop, Refuse};

fn nothing(_: &Message) {}

fn wsinv(m: &Message) {
    assert_eq!(m.max_forwards(), Some(68));
    assert_eq!(m.cseq().unwrap().to_string(), "9 INVITE");
    let vias = m.vias();
    assert_eq!(vias.len(), 3);
    assert_eq!(vias[0].branch(), Some("390skdjuw"));
    assert_eq!(vias[0].host, "192.0.2.2");
    assert_eq!(vias[1].transport, "TCP");
    assert_eq!(vias[1].host, "spindle.example.com");
    assert_eq!(vias[1].unique_branch(), Some("z9hG4bK9ikj8"));
    assert_eq!(vias[2].host, "192.168.255.111");
    assert_eq!(vias[2].branch(), Some("z9hG4bK30239"));
    assert_eq!(m.to().unwrap().uri.to_string(), "sip:vivekg@chair-dnrc.example.com");
    assert_eq!(m.to_tag().as_deref(), Some("1918181833n"));
    assert_eq!(m.from().unwrap().display, "J Rosenberg \\\"");
    assert_eq!(m.from_tag().as_deref(), Some("98asjd8"));
    assert_eq!(m.routes().len(), 1);
    assert_eq!(m.contacts().len(), 1);
    assert_eq!(m.body.len(), 150);
    assert!(m.sdp().is_some());
}

fn intmeth(m: &Message) {
    assert!(matches!(m.method(), Some(Method::Other(name)) if name.starts_with("!interesting-Method")));
    assert!(m.from().is_some_and(|f| f.uri.user.is_some()));
    assert!(m.to().is_some_and(|t| t.display.contains("NUL:\0")));
}

fn esc01(m: &Message) {
    assert_eq!(m.uri().unwrap().user.as_deref(), Some("sips%3Auser%40example.com"));
    assert_eq!(m.uri().unwrap().user_decoded(), "sips:user@example.com");
    assert_eq!(m.to().unwrap().uri.user.as_deref(), Some("%75se%72"));
    assert_eq!(m.contacts()[0].uri.params.get("%6C%72"), Some(""));
}

fn escnull(m: &Message) {
    let users: Vec<_> = m.contacts().into_iter().map(|c| c.uri.user.unwrap()).collect();
    assert_eq!(users.len(), 2);
    assert_ne!(users[0], users[1]);
    assert!(m.to().unwrap().uri.user_decoded().contains('\0'));
}

fn esc02(m: &Message) {
    assert!(matches!(m.method(), Some(Method::Other(n)) if n == "RE%47IST%45R"));
    assert_ne!(m.method(), Some(&Method::Register));
    assert!(m.contacts().iter().chain(m.to().iter()).any(|c| c.display.contains('%')));
}

fn dblreq(m: &Message) {
    assert_eq!(m.method(), Some(&Method::Register));
    assert!(m.body.is_empty());
}

fn semiuri(m: &Message) {
    let uri = m.uri().unwrap();
    assert_eq!(uri.user.as_deref(), Some("user;par=u%40example.net"));
    assert_eq!(uri.host, "example.com");
    assert!(uri.params.is_empty());
}

fn transports(m: &Message) {
    let names: Vec<_> = m.vias().into_iter().map(|v| v.transport).collect();
    assert_eq!(names, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

fn mpart01(m: &Message) {
    let raw = load("mpart01");
    let at = raw.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(m.body, raw[at..]);
    assert!(m.body.contains(&0));
    assert!(m.content_type().unwrap().kind.starts_with("multipart/"));
}

fn longreq(m: &Message) {
    assert_eq!(m.vias().len(), 34);
    assert!(m.to().unwrap().display.len() > 60);
}

fn lwsdisp(m: &Message) {
    assert_eq!(m.from().unwrap().display, "caller");
}

fn badbranch(m: &Message) {
    assert_eq!(m.via().unwrap().branch(), Some("z9hG4bK"));
    assert_eq!(m.via().unwrap().unique_branch(), None);
}

fn unksm2(m: &Message) {
    let scheme = |u: chorus::sip::wire::Uri| u.scheme;
    assert_eq!(scheme(m.to().unwrap().uri), Scheme::Other("isbn".to_owned()));
    assert!(matches!(scheme(m.from().unwrap().uri), Scheme::Other(_)));
}

fn bext01(m: &Message) {
    let refusal = check_request(m).unwrap_err();
    let (name, value) = &refusal.headers[0];
    assert_eq!(*name, "Unsupported");
    for tag in m.require().into_iter().chain(m.headers.elements("Proxy-Require")) {
        assert!(value.contains(&tag), "{tag} is not in {value}");
    }
}

fn invut(m: &Message) {
    assert!(check_request(m).unwrap_err().headers.iter().any(|(n, v)| *n == "Accept" && v.contains("sdp")));
}

fn cparam01(m: &Message) {
    let contact = &m.contacts()[0];
    assert!(contact.params.has("unknownparam"));
    assert!(!contact.uri.params.has("unknownparam"));
}

fn cparam02(m: &Message) {
    let contact = &m.contacts()[0];
    assert!(contact.uri.params.has("unknownparam"));
    assert!(!contact.params.has("unknownparam"));
}

fn regescrt(m: &Message) {
    let fields = m.contacts()[0].uri.header_fields();
    assert_eq!(fields[0], ("Route".to_owned(), "<sip:sip.example.com>".to_owned()));
}

fn regaut01(m: &Message) {
    assert!(m.headers.has("Authorization"));
}

fn inv2543(m: &Message) {
    assert_eq!(m.from_tag(), None);
    assert_eq!(m.via().unwrap().unique_branch(), None);
    assert!(m.body.starts_with(b"v=0"));
    assert!(m.sdp().unwrap().windows(2).any(|w| w == b"m="));
}

fn zeromf(m: &Message) {
    assert_eq!(m.max_forwards(), Some(0));
}

fn unreason(m: &Message) {
    assert_eq!(m.code(), Some(200));
    assert!(
        matches!(&m.start, chorus::sip::wire::Start::Response { reason, .. } if reason.contains('\u{434}'))
    );
}

fn noreason(m: &Message) {
    assert_eq!(m.code(), Some(100));
}

/// Name and verdict. REGISTER and MESSAGE are read and then get 405 (ruling 2.48).
const TABLE: [(&str, Want); 49] = [
    ("wsinv", Accept(wsinv)),
    ("intmeth", Check(501, intmeth)),
    ("esc01", Accept(esc01)),
    ("escnull", Check(405, escnull)),
    ("esc02", Check(501, esc02)),
    ("lwsdisp", Accept(lwsdisp)),
    ("longreq", Accept(longreq)),
    ("dblreq", Check(405, dblreq)),
    ("semiuri", Accept(semiuri)),
    ("transports", Accept(transports)),
    ("mpart01", Check(405, mpart01)),
    ("unreason", Accept(unreason)),
    ("noreason", Accept(noreason)),
    ("badinv01", Refuse(400)),
    ("clerr", Refuse(400)),
    ("ncl", Refuse(400)),
    ("scalar02", Refuse(400)),
    ("scalarlg", Drop),
    ("quotbal", Refuse(400)),
    ("ltgtruri", Refuse(400)),
    ("lwsruri", Refuse(400)),
    ("lwsstart", Refuse(400)),
    ("trws", Refuse(400)),
    ("escruri", Refuse(400)),
    ("baddate", Accept(nothing)),
    ("regbadct", Refuse(400)),
    ("badaspec", Refuse(400)),
    ("baddn", Refuse(400)),
    ("badvers", Refuse(505)),
    ("mismatch01", Refuse(400)),
    ("mismatch02", Refuse(400)),
    ("bigcode", Drop),
    ("badbranch", Accept(badbranch)),
    ("insuf", Refuse(400)),
    ("unkscm", Check(416, nothing)),
    ("novelsc", Check(416, nothing)),
    ("unksm2", Check(405, unksm2)),
    ("bext01", Check(420, bext01)),
    ("invut", Check(415, invut)),
    ("regaut01", Check(405, regaut01)),
    ("multi01", Refuse(400)),
    ("mcl01", Refuse(400)),
    ("bcast", Drop),
    ("zeromf", Accept(zeromf)),
    ("cparam01", Check(405, cparam01)),
    ("cparam02", Check(405, cparam02)),
    ("regescrt", Check(405, regescrt)),
    ("sdp01", Check(406, nothing)),
    ("inv2543", Accept(inv2543)),
];

fn folder() -> PathBuf {
    let shared = std::env::var("CHORUS_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    PathBuf::from(shared).join("sip-torture")
}

fn load(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.dat"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Is the folder there? In CI it must be.
fn present() -> bool {
    let there = folder().is_dir();
    assert!(there || std::env::var("CHORUS_CI").as_deref() != Ok("1"), "{} is missing", folder().display());
    if !there {
        println!("NOT RUN: {} is missing (CHORUS_SHARED)", folder().display());
    }
    there
}

/// What happened, in the words of [`Want`].
fn outcome(raw: &[u8]) -> (u16, String, Option<Message>) {
    match read_datagram(&Bytes::copy_from_slice(raw)) {
        Verdict::Message(m) => match check_request(&m) {
            Ok(()) => (0, "accepted".to_owned(), Some(m)),
            Err(r) => (r.code, format!("checked: {}", r.words), Some(m)),
        },
        Verdict::Refuse { code, words, .. } => (code, words, None),
        Verdict::Drop { words } => (1, words.to_owned(), None),
    }
}

fn judge(name: &str, want: &Want, raw: &[u8]) {
    let (code, words, message) = outcome(raw);
    let (wanted, look): (u16, fn(&Message)) = match want {
        Accept(look) => (0, *look),
        Check(code, look) => (*code, *look),
        Refuse(code) => (*code, nothing),
        Drop => (1, nothing),
    };
    assert_eq!(code, wanted, "{name}: {words}");
    let read = matches!(want, Accept(_) | Check(..));
    assert_eq!(message.is_some(), read, "{name}: {words}");
    if let Some(m) = message {
        look(&m);
    }
}

#[test]
fn every_torture_message_meets_its_verdict() {
    if !present() {
        return;
    }
    for (name, want) in &TABLE {
        judge(name, want, &load(name));
    }
    let files = std::fs::read_dir(folder()).unwrap();
    let count = files.filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "dat")).count();
    assert_eq!(count, TABLE.len(), "a message has no row in the table");
}

/// A change that keeps the meaning.
type Variant = fn(&[u8]) -> Vec<u8>;

#[test]
fn five_changed_variants_of_every_torture_message_meet_the_same_verdict() {
    if !present() {
        return;
    }
    let variants: [Variant; 5] = [swap_compact, change_case, bare_lf, surround, add_headers];
    for (name, want) in &TABLE {
        let raw = load(name);
        for (n, variant) in variants.iter().enumerate() {
            let changed = variant(&raw);
            assert_ne!(changed, raw, "{name}: variant {n} changes nothing");
            judge(&format!("{name}, variant {n}"), want, &changed);
        }
    }
}

/// Header section (with the blank line) and the rest.
fn halves(raw: &[u8]) -> (&[u8], &[u8]) {
    let at = raw.windows(4).position(|w| w == b"\r\n\r\n").map_or(raw.len(), |p| p + 4);
    raw.split_at(at)
}

/// Applies `change` to the name of each header line.
fn rename(raw: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let (head, body) = halves(raw);
    let mut out = Vec::new();
    for (n, line) in head.split_inclusive(|b| *b == b'\n').enumerate() {
        let colon = line.iter().position(|b| *b == b':');
        match colon.filter(|_| n > 0 && !line.starts_with(b" ") && !line.starts_with(b"\t")) {
            Some(colon) => {
                let name = String::from_utf8_lossy(&line[..colon]).into_owned();
                out.extend(change(&name).into_bytes());
                out.extend(&line[colon..]);
            }
            None => out.extend(line),
        }
    }
    out.extend(body);
    out
}

fn swap_compact(raw: &[u8]) -> Vec<u8> {
    const PAIRS: [(&str, &str); 8] = [
        ("via", "v"),
        ("from", "f"),
        ("to", "t"),
        ("call-id", "i"),
        ("contact", "m"),
        ("content-type", "c"),
        ("content-length", "l"),
        ("subject", "s"),
    ];
    rename(raw, |name| {
        let plain = name.trim().to_ascii_lowercase();
        let found = PAIRS.iter().find(|(long, short)| *long == plain || *short == plain);
        found
            .map_or(name.to_owned(), |(long, short)| if plain.len() == 1 { *long } else { *short }.to_owned())
    })
}

fn change_case(raw: &[u8]) -> Vec<u8> {
    rename(raw, |name| {
        name.chars()
            .enumerate()
            .map(|(n, c)| if n % 2 == 0 { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
            .collect()
    })
}

fn bare_lf(raw: &[u8]) -> Vec<u8> {
    let (head, body) = halves(raw);
    let mut out: Vec<u8> = Vec::new();
    for (n, b) in head.iter().enumerate() {
        if !(*b == b'\r' && head.get(n + 1) == Some(&b'\n')) {
            out.push(*b);
        }
    }
    out.extend(body);
    out
}

/// Line ends before, and octets behind the body where Content-Length says that they are not part of it.
fn surround(raw: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(halves(raw).0).to_ascii_lowercase();
    let counted = head.contains("content-length") || head.contains("\r\nl:");
    let mut out = b"\r\n\r\n".to_vec();
    out.extend(raw);
    if counted && !head.contains("9999") && !head.contains("-999") {
        out.extend(b"\r\n\0");
    }
    out
}

fn add_headers(raw: &[u8]) -> Vec<u8> {
    let at = raw.iter().position(|b| *b == b'\n').unwrap() + 1;
    let added = b"X-Fold : one,\r\n\t \"two\r\n  three\"\r\nx-empty:\r\n";
    [&raw[..at], added, &raw[at..]].concat()
}
