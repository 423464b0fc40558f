//! What a call costs in the endpoint. Printed, never asserted: figures with a clock belong to the bench.

use super::net::{at, open_house, udp};
use super::peer::{PEER, Req, SDP, US};
use bytes::Bytes;
use chorus::clock::Mono;
use chorus::rng::Rng;
use chorus::sip::event::{Cause, LegId, SipCmd, SipOut};
use chorus::sip::wire::{Message, Verdict, read_datagram};
use chorus::sip::{Endpoint, EndpointConfig};
use std::time::{Duration, Instant};

/// With invariants every step looks at everything that is held: many calls would say nothing, slowly.
const CALLS: u64 = if cfg!(feature = "invariants") { 500 } else { 20_000 };
/// Between two calls, as at 1,000 calls a second: what lingers for 32 s is in the maps.
const STEP_US: u64 = 1_000;

struct Meter {
    endpoint: Endpoint,
    now: Mono,
    spent: Duration,
    last: Option<Bytes>,
}

impl Meter {
    fn timed(&mut self, f: impl FnOnce(&mut Endpoint, chorus::clock::Now)) {
        let started = Instant::now();
        f(&mut self.endpoint, at(self.now));
        let mut last = None;
        while let Some(out) = self.endpoint.poll() {
            if let SipOut::Send(_, bytes) = out {
                last = Some(bytes);
            }
        }
        self.spent += started.elapsed();
        self.last = last.or(self.last.take());
    }

    fn get(&mut self, request: &Req) {
        let bytes = Bytes::from(request.text());
        self.timed(|e, now| e.on_bytes(now, udp(US, PEER), &bytes));
    }

    fn sent(&self) -> Message {
        match read_datagram(self.last.as_ref().unwrap()) {
            Verdict::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_inbound_call_in_microseconds() {
    if std::env::var("CHORUS_LONG").is_err() {
        return println!("NOT RUN: a figure, printed with CHORUS_LONG");
    }
    let mut endpoint = Endpoint::new(Rng::from_number(1), EndpointConfig::default());
    endpoint.set_sources(at(Mono(0)), open_house());
    let mut m = Meter { endpoint, now: Mono(0), spent: Duration::ZERO, last: None };
    for n in 0..CALLS {
        let id = format!("call{n}@10.0.0.2");
        let leg = LegId(2 * n + 1);
        let request = |method: &str| Req::new(method).call_id(&id).branch(&format!("{method}{n}"));
        m.get(&request("INVITE").sdp());
        m.timed(|e, now| e.command(now, SipCmd::Ring { leg, body: None }));
        m.timed(|e, now| e.command(now, SipCmd::Answer { leg, body: SDP.into(), headers: vec![] }));
        let tag = m.sent().to_tag().unwrap();
        m.get(&request("ACK").us(&tag));
        if n % 2 == 0 {
            m.get(&request("BYE").us(&tag).cseq(2).branch(&format!("bye{n}")));
        } else {
            m.timed(|e, now| {
                e.command(now, SipCmd::Hangup { leg, cause: Cause::new(200, "Done"), headers: vec![] })
            });
            let answer = super::peer::response(&m.sent(), 200, "", "", "");
            let bytes = Bytes::from(answer);
            m.timed(|e, now| e.on_bytes(now, udp(US, PEER), &bytes));
        }
        m.now = Mono(m.now.0 + STEP_US);
        m.timed(|e, now| e.on_time(now));
    }
    println!(
        "{:.1} us per inbound call, {:?} held",
        m.spent.as_secs_f64() * 1e6 / CALLS as f64,
        m.endpoint.counts()
    );
}
