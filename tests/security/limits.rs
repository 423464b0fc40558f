//! Rows of the table of limits in docs/SECURITY.md that no other room shows: what is one too many is refused as the table says, and what
//! is there already goes on.

use super::house::{House, Phone, twiml, within};
use crate::kit::World;
use crate::kit::rows::dial_request;
use crate::kit::world::CHORUS;
use chorus::api::command::{Answer, Request};
use chorus::clock::{Mono, Now, Wall};
use chorus::sid::{AccountSid, CallSid};
use chorus::sip::event::{Flow, Transport};
use chorus::store::tx::Op;
use chorus::switch::timeline::{LINES_MAX, Timelines};
use chorus::switch::{Input, Output};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// As many calls as the house of a test takes.
const CALLS: usize = 20;
/// `CONNECTIONS_MAX` of the SIP listener, as the page has it.
const SIP_CONNECTIONS: usize = 4_096;

#[test]
fn lines_beyond_the_limit_of_a_timeline_are_counted() {
    let (call, now) = (CallSid(1), Now { mono: Mono(0), wall: Wall(5) });
    let mut timelines = Timelines::default();
    timelines.open(call, AccountSid(2));
    let kept =
        (0..LINES_MAX + 7).filter(|n| timelines.add(now, call, "phone", "chorus", n.to_string()).is_some());
    assert_eq!(kept.count(), LINES_MAX);
    let Some(Op::PutTimeline(row)) = timelines.close(now, call) else { panic!("no row") };
    assert_eq!(row.lines.len(), LINES_MAX + 1);
    assert_eq!(row.lines.last().unwrap().what, "7 more lines were not kept");
    assert!(timelines.lines(call).is_none());
}

/// The newest is refused at both doors, and the oldest live on.
#[test]
fn one_call_too_many_is_503_at_both_doors() {
    let mut w = World::new(90);
    w.quiet = true;
    w.switch.limit_calls(CALLS);
    let caller = w.phone("caller", 10);
    for n in 0..CALLS {
        let request = dial_request(CallSid(n as u128), w.now.wall);
        w.ask(Request::Dial(Box::new(request)));
    }
    assert_eq!(w.switch.counts().calls, CALLS);
    let refused = w.ask(Request::Dial(Box::new(dial_request(CallSid(u128::MAX), w.now.wall))));
    let full = |answer: &Answer| matches!(answer, Answer::Refused { code: 20503, .. });
    assert!(full(&w.replies[&refused]), "{:?}", w.replies[&refused]);
    let remote = w.phones[caller].addr;
    let invite = format!(
        "INVITE sip:+15550001@{CHORUS} SIP/2.0\r\nVia: SIP/2.0/UDP {remote};branch=z9hG4bKfull\r\nMax-Forwards: 70\r\nFrom: <sip:a@{remote}>;tag=t\r\n\
         To: <sip:+15550001@{CHORUS}>\r\nCall-ID: full\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{remote}>\r\nContent-Length: 0\r\n\r\n"
    );
    let flow = Flow { transport: Transport::Udp, remote, local: CHORUS.parse().unwrap(), conn: 0 };
    w.switch.handle(w.now, Input::Sip(flow, bytes::Bytes::from(invite)));
    let sent = std::iter::from_fn(|| w.switch.poll()).filter_map(|o| match o {
        Output::Send(_, bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
        _ => None,
    });
    let answers: Vec<String> = sent.collect();
    let refusal =
        answers.iter().find(|a| a.starts_with("SIP/2.0 503 ")).unwrap_or_else(|| panic!("{answers:?}"));
    let seconds = refusal.lines().find_map(|l| l.strip_prefix("Retry-After: ")).expect("when to come again");
    assert!((1..=8).contains(&seconds.parse().unwrap()), "{refusal}");
    assert_eq!(w.switch.counts().calls, CALLS);
}

/// A message begun must be whole in time; one octet now and then helps nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sip_message_that_is_never_whole_ends_its_connection() {
    let house = House::start(|_, _| twiml("<Hangup/>")).await;
    house.trunk(serde_json::json!({})).await;
    house.number(&[("VoiceUrl", &house.app.url("/voice"))]).await;
    let begun = async |drips: bool| {
        let mut stream = TcpStream::connect(house.server.sip).await.unwrap();
        stream.write_all(b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP ").await.unwrap();
        let mut drip = tokio::time::interval(Duration::from_millis(500));
        let mut buffer = [0; 100];
        loop {
            tokio::select! {
                read = stream.read(&mut buffer) => match read {
                    Ok(n) if n > 0 => panic!("half a message was answered: {}", String::from_utf8_lossy(&buffer[..n])),
                    _ => return,
                },
                _ = drip.tick(), if drips => {
                    let _ = stream.write_all(b"x").await;
                }
            }
        }
    };
    within("both connections to be closed", async { tokio::join!(begun(false), begun(true)) }).await;
    let mut phone = Phone::new(house.server.sip).await;
    phone.dial().await;
    phone.ended().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sip_connection_too_many_takes_the_place_of_the_oldest_that_said_nothing() {
    // Both ends of each connection are ours.
    let files = chorus::cli::files::raise();
    if files < 3 * SIP_CONNECTIONS as u64 {
        assert!(std::env::var_os("CHORUS_CI").is_none(), "only {files} files may be open");
        return println!("not run: only {files} files may be open");
    }
    let house = House::start(|_, _| twiml("<Hangup/>")).await;
    house.trunk(serde_json::json!({})).await;
    let mut held = Vec::new();
    while held.len() < SIP_CONNECTIONS {
        held.push(within("a connection", TcpStream::connect(house.server.sip)).await.unwrap());
    }
    let closed = async |mut stream: TcpStream| {
        let mut rest = Vec::new();
        let _ = within("the connection to be closed", stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty());
    };
    held.push(within("one more", TcpStream::connect(house.server.sip)).await.unwrap());
    closed(held.remove(0)).await;
    let last = held.last_mut().unwrap();
    let here = last.local_addr().unwrap();
    let options = format!(
        "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP {here};branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <sip:b@{here}>;tag=t\r\n\
         To: <sip:a@127.0.0.1>\r\nCall-ID: full\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    last.write_all(options.as_bytes()).await.unwrap();
    let mut answer = [0; 11];
    within("an answer on the new connection", last.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"SIP/2.0 200");
    house.end().await;
}
