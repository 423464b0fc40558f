//! The 49 messages of RFC 4475 sent to the running endpoint from a trunk's address, by datagram and by stream; after each
//! a valid OPTIONS is answered and nothing is left behind. The messages are not part of this repository.

use super::net::udp;
use super::peer::{Bench, Req, US};
use bytes::Bytes;
use chorus::sip::event::{Cause, Flow, LegId, SipCmd, Transport};
use chorus::sip::wire::{Frame, Framer};
use std::path::PathBuf;

/// What the endpoint says to each, as [`Bench::take`] prints it. `call` = a leg; nothing = silence.
const VERDICTS: &[(&str, &str)] = &[
    // 3.1.1: valid. A To tag of a dialog that nobody knows gets 481, REGISTER and MESSAGE 405.
    ("wsinv", "481 INVITE"),
    ("intmeth", "501 !interesting-Method0123456789_*+`.%indeed'~"),
    ("esc01", "call"),
    ("escnull", "405 REGISTER"),
    ("esc02", "501 RE%47IST%45R"),
    ("lwsdisp", "200 OPTIONS"),
    ("longreq", "call"),
    ("dblreq", "405 REGISTER"),
    ("semiuri", "200 OPTIONS"),
    ("transports", "200 OPTIONS"),
    ("mpart01", "405 MESSAGE"),
    ("unreason", ""),
    ("noreason", ""),
    // 3.1.2: invalid.
    ("badinv01", "400 INVITE"),
    ("clerr", "400 INVITE"),
    ("ncl", "400 INVITE"),
    ("scalar02", "400"),
    ("scalarlg", "dropped"),
    ("quotbal", "400 INVITE"),
    ("ltgtruri", "400 INVITE"),
    ("lwsruri", "400 INVITE"),
    ("lwsstart", "400 INVITE"),
    ("trws", "400 OPTIONS"),
    ("escruri", "400 INVITE"),
    ("baddate", "call"),
    ("regbadct", "400 REGISTER"),
    ("badaspec", "400 OPTIONS"),
    ("baddn", "400 OPTIONS"),
    ("badvers", "505 OPTIONS"),
    ("mismatch01", "400"),
    ("mismatch02", "400"),
    ("bigcode", "dropped"),
    // 3.2 to 3.4.
    ("badbranch", "200 OPTIONS"),
    ("insuf", "400"),
    ("unkscm", "416 OPTIONS"),
    ("novelsc", "416 OPTIONS"),
    ("unksm2", "405 REGISTER"),
    ("bext01", "420 OPTIONS"),
    ("invut", "415 INVITE"),
    ("regaut01", "405 REGISTER"),
    ("multi01", "400"),
    ("mcl01", "400 OPTIONS"),
    ("bcast", "dropped"),
    ("zeromf", "200 OPTIONS"),
    ("cparam01", "405 REGISTER"),
    ("cparam02", "405 REGISTER"),
    ("regescrt", "405 REGISTER"),
    ("sdp01", "406 INVITE"),
    ("inv2543", "call"),
];

fn folder() -> Option<PathBuf> {
    let shared = std::env::var("CHORUS_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let folder = PathBuf::from(shared).join("sip-torture");
    assert!(
        folder.is_dir() || std::env::var("CHORUS_CI").as_deref() != Ok("1"),
        "{} is missing",
        folder.display()
    );
    if !folder.is_dir() {
        println!("NOT RUN: {} is missing (CHORUS_SHARED)", folder.display());
    }
    folder.is_dir().then_some(folder)
}

/// One line: the code, `call`, `dropped` or nothing.
fn said(bench: &mut Bench) -> String {
    let mut codes: Vec<String> =
        bench.sent.drain(..).map(|(_, m)| format!("{} {}", m.code().unwrap_or(0), method(&m))).collect();
    let code = |b: Bytes| String::from_utf8_lossy(b.get(8..11).unwrap()).into_owned();
    codes.extend(bench.raw.drain(..).map(code));
    let lines = std::mem::take(&mut bench.events);
    match (codes.as_slice(), lines.len()) {
        ([trying], 1) if trying.starts_with("100") => "call".to_owned(),
        ([code], _) => code.clone(),
        ([], 0) => String::new(),
        ([], 1) => "dropped".to_owned(),
        other => panic!("{other:?}"),
    }
}

fn method(m: &chorus::sip::wire::Message) -> String {
    m.cseq().map(|c| c.method.to_string()).unwrap_or_default()
}

fn last_code(bench: &mut Bench) -> u16 {
    let raw = bench.raw.pop().map(|b| String::from_utf8_lossy(&b[8..11]).parse().unwrap());
    raw.or_else(|| bench.sent.last().and_then(|(_, m)| m.code())).unwrap()
}

fn check(bench: &mut Bench, flow: Flow, name: &str, raw: &[u8], want: &str) {
    bench.get_on(flow, raw);
    bench.take();
    let said = said(bench);
    let want = want.split_once(' ').filter(|_| said.len() == 3).map_or(want, |(code, _)| code);
    assert!(said.starts_with(want) && said.is_empty() == want.is_empty(), "{name}: {said:?}, not {want:?}");
    if said == "call" {
        let leg = LegId(bench.calls * 2 + 1);
        bench.calls += 1;
        bench.tell(SipCmd::Refuse { leg, cause: Cause::new(404, "No such number"), headers: vec![] });
        assert_eq!(last_code(bench), 404, "{name}");
    }
    bench.pings += 1;
    let ping = format!("ping{}", bench.pings);
    bench.get_on(flow, Req::new("OPTIONS").call_id(&ping).branch(&ping).text().as_bytes());
    assert_eq!(bench.sent.last().unwrap().1.code(), Some(200), "an OPTIONS after {name}");
    bench.sent.clear();
    bench.events.clear();
    bench.take();
}

#[test]
fn all_49_from_a_trunk_get_their_answer_and_harm_nobody() {
    let Some(folder) = folder() else { return };
    assert_eq!(VERDICTS.len(), 49);
    let mut bench = Bench::new();
    let flow = udp(US, "10.0.0.2:5060");
    for (name, want) in VERDICTS {
        let raw = std::fs::read(folder.join(format!("{name}.dat"))).unwrap();
        check(&mut bench, flow, name, &raw, want);
    }
    assert_eq!(bench.calls, 4);
    bench.over();
}

#[test]
fn all_49_on_streams_get_their_answer_too() {
    let Some(folder) = folder() else { return };
    let mut bench = Bench::new();
    let flow = Flow { transport: Transport::Tcp, conn: 3, ..udp(US, "10.0.0.2:5060") };
    for (name, want) in VERDICTS {
        let raw = std::fs::read(folder.join(format!("{name}.dat"))).unwrap();
        let mut framer = Framer::default();
        framer.push(&raw);
        // Only the first message of each stream is looked at. What never becomes whole is the shell's to time out.
        let first: Option<Bytes> = match framer.next() {
            Some(Frame::Message(bytes)) => Some(bytes),
            Some(Frame::Broken { head, .. }) => Some(head),
            _ => None,
        };
        match (first, *name) {
            (None, _) => assert_eq!(*name, "clerr"),
            // Without Content-Length nobody knows where its body ends on a stream (RFC 3261 18.3, 20.14).
            (Some(bytes), "inv2543") => check(&mut bench, flow, name, &bytes, "400 INVITE"),
            (Some(bytes), _) => check(&mut bench, flow, name, &bytes, want),
        }
    }
    bench.over();
}
