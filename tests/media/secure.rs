//! SRTP in the engine: what leaves and what is believed, keys that change in mid-call.

use super::audio::{correlate, speech};
use super::rig::{Rig, clip, peer};
use chorus::media::engine::Item;
use chorus::media::event::{EngineCommand, MediaEvent, Stats};
use chorus::media::plan::{Codec, Item as Play, Peer, Source, SourceId};
use chorus::media::rtp::Packet;
use chorus::media::srtp::{Crypto, Inbound, MasterKey, Outbound, Suite};
use chorus::rng::Rng;
use chorus::sip::event::LegId;
use std::net::SocketAddr;

const PHONE: &str = "10.1.1.1:4000";

/// A phone by hand, so that both ends of each packet are seen.
struct Phone {
    rig: Rig,
    leg: LegId,
    address: SocketAddr,
    out: Outbound,
    inn: Inbound,
    seq: u16,
    heard: Vec<i16>,
    /// SSRCs that were heard.
    ssrcs: Vec<u32>,
    /// Under each of them.
    packets: Vec<u32>,
    /// Of each sender report: SSRC, packets and octets.
    reports: Vec<(u32, u32, u32)>,
    /// Nothing is protected any more.
    clear: bool,
}

fn key(n: u64) -> MasterKey {
    MasterKey::random(Suite::AesCm80, &mut Rng::from_number(n))
}

/// `ours` protects what the engine sends.
fn agreed(ours: u64, theirs: u64, epoch: u32) -> Peer {
    let crypto = Some(Box::new(Crypto { ours: key(ours), theirs: key(theirs) }));
    Peer { crypto, epoch, ..peer(PHONE.parse().unwrap(), Codec::Pcmu) }
}

impl Phone {
    fn new() -> Phone {
        let mut rig = Rig::new(1);
        let leg = LegId(9);
        rig.home.insert(leg, 0);
        rig.command(0, EngineCommand::Open { leg, ssrc: 7 });
        rig.plan(leg, |p| p.peer = Some(agreed(1, 2, 1)));
        let (out, inn) = (Outbound::new(&key(2)).unwrap(), Inbound::new(&key(1)).unwrap());
        let address = PHONE.parse().unwrap();
        Phone {
            rig,
            leg,
            address,
            out,
            inn,
            seq: 65_530,
            heard: vec![],
            ssrcs: vec![],
            packets: vec![],
            reports: vec![],
            clear: false,
        }
    }

    fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        self.seq = self.seq.wrapping_add(1);
        let mut bytes = Vec::new();
        let ts = u32::from(self.seq) * 160;
        Packet { marker: false, pt: 0, seq: self.seq, ts, ssrc: 0xF0, payload }.write(&mut bytes);
        bytes
    }

    /// A protected packet, as it left the phone.
    fn said(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = self.packet(payload);
        self.out.rtp(&mut bytes, 0, 0xF0, self.seq);
        bytes
    }

    fn arrives(&mut self, mut bytes: Vec<u8>) {
        let now = self.rig.now();
        self.rig.engines[0].on_rtp(now, self.leg, self.address, &mut bytes, &mut self.rig.out);
        self.drain();
    }

    /// So many milliseconds, in which what leaves is opened.
    fn run(&mut self, ms: u64) {
        for step in 0..ms / 5 {
            self.rig.now_us += 5_000;
            let now = self.rig.now();
            self.rig.engines[0].on_tick(now, (step % 4) as u8, &mut self.rig.out);
            self.drain();
        }
    }

    fn drain(&mut self) {
        let mut out = std::mem::take(&mut self.rig.out);
        let clear = self.clear;
        out.drain(|item, bytes| match item {
            Item::SendRtp(..) => {
                let mut bytes = bytes.to_vec();
                let Some(len) = self.inn.rtp(&mut bytes) else { return };
                let p = Packet::parse(&bytes[..len]).unwrap();
                if self.ssrcs.last() != Some(&p.ssrc) {
                    self.ssrcs.push(p.ssrc);
                    self.packets.push(0);
                }
                *self.packets.last_mut().unwrap() += 1;
                self.heard.extend(p.payload.iter().map(|o| chorus::media::codec::g711::pcm_from_ulaw(*o)));
            }
            Item::SendRtcp(..) => {
                let mut bytes = bytes.to_vec();
                assert_eq!(chorus::media::rtcp::read(&bytes).is_some(), clear, "a report in clear");
                let opened = self.inn.rtcp(&mut bytes);
                assert_eq!(opened.is_some(), !clear);
                if opened.is_some() && bytes[1] == 200 {
                    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
                    self.reports.push((word(4), word(20), word(24)));
                }
            }
            Item::Event(e) => self.rig.events.push((self.rig.now_us, e)),
            _ => {}
        });
        self.rig.out = out;
    }

    fn figures(&mut self) -> Stats {
        let leg = self.leg;
        let now = self.rig.now();
        self.rig.engines[0].on_command(now, EngineCommand::Close(leg), &mut self.rig.out);
        self.drain();
        let found = self.rig.events.iter().find_map(|(_, e)| match e {
            MediaEvent::Stats(_, s) => Some(*s),
            _ => None,
        });
        found.unwrap()
    }
}

#[test]
fn what_is_played_is_protected_and_so_are_the_reports() {
    let mut phone = Phone::new();
    let voice = speech(1, 8_000);
    let list = vec![Play::Clip { clip: clip(&voice), times: 1 }];
    phone.rig.plan(phone.leg, |p| p.source = Some((SourceId(1), Source::Clips { list, closed: true })));
    phone.run(9_000);
    assert!(correlate(&voice, &phone.heard).1 > 0.99);
    let said = phone.said(&[0xD0; 160]);
    phone.arrives(said);
    assert_eq!(phone.figures().received, 1);
}

#[test]
fn what_does_not_authenticate_counts_for_nothing_wherever_it_comes_from() {
    let mut phone = Phone::new();
    for n in 0..20 {
        // In clear, and under a key of another, from the very address of the peer.
        let clear = phone.packet(&[0xD0; 160]);
        phone.arrives(clear.clone());
        let mut forged = clear;
        Outbound::new(&key(99)).unwrap().rtp(&mut forged, 0, 0xF0, n);
        phone.arrives(forged);
        phone.run(20);
    }
    let good = phone.said(&[0xD0; 160]);
    phone.arrives(good.clone());
    phone.arrives(good);
    let s = phone.figures();
    assert_eq!((s.received, s.dropped, s.lost), (1, 41, 0), "and what was there before is dropped, too");
}

#[test]
fn a_stranger_with_a_good_lock_but_no_key_is_never_followed() {
    let mut phone = Phone::new();
    let stranger: SocketAddr = "10.6.6.6:6000".parse().unwrap();
    for _ in 0..100 {
        let mut bytes = phone.packet(&[0xD0; 160]);
        let now = phone.rig.now();
        phone.rig.engines[0].on_rtp(now, phone.leg, stranger, &mut bytes, &mut phone.rig.out);
        phone.run(20);
    }
    assert_eq!(phone.figures().received, 0);
}

#[test]
fn a_new_key_of_the_peer_is_taken_while_the_old_one_is_still_on_its_way() {
    let mut phone = Phone::new();
    phone.rig.plan(phone.leg, |p| p.source = None);
    for _ in 0..10 {
        let said = phone.said(&[0xD0; 160]);
        phone.arrives(said);
        phone.run(20);
    }
    let first = phone.ssrcs.clone();
    phone.rig.plan(phone.leg, |p| p.peer = Some(agreed(3, 4, 2)));
    // What left before the peer had our answer.
    for _ in 0..3 {
        let said = phone.said(&[0xD0; 160]);
        phone.arrives(said);
        phone.run(20);
    }
    let old = phone.said(&[0xD0; 160]);
    (phone.out, phone.inn) = (Outbound::new(&key(4)).unwrap(), Inbound::new(&key(3)).unwrap());
    for _ in 0..10 {
        let said = phone.said(&[0xD0; 160]);
        phone.arrives(said);
        phone.run(20);
    }
    phone.arrives(old);
    assert_eq!(first.len(), 1);
    assert!(phone.ssrcs.len() == 2 && phone.ssrcs[0] != phone.ssrcs[1], "a new sequence: {:?}", phone.ssrcs);
    // The same plan again changes nothing.
    phone.rig.plan(phone.leg, |p| p.peer = Some(agreed(3, 4, 3)));
    phone.run(200);
    assert_eq!(phone.ssrcs.len(), 2);
    let s = phone.figures();
    assert_eq!(
        (s.received, s.dropped),
        (23, 1),
        "the last one under the old key came behind the first under the new"
    );
}

/// RFC 3550 section 6.4.1: what a sender report counts begins anew with the SSRC. The figures of the call do not.
#[test]
fn a_new_ssrc_counts_what_was_sent_under_it() {
    let mut phone = Phone::new();
    phone.run(9_000);
    phone.rig.plan(phone.leg, |p| p.peer = Some(agreed(3, 4, 2)));
    (phone.out, phone.inn) = (Outbound::new(&key(4)).unwrap(), Inbound::new(&key(3)).unwrap());
    let before = phone.reports.len();
    phone.run(20_000);
    let [first, second] = phone.packets[..] else { panic!("{:?}", phone.ssrcs) };
    assert!(before > 0 && phone.reports.len() > before + 1);
    for (ssrc, packets, octets) in phone.reports.split_off(before) {
        assert_eq!(ssrc, phone.ssrcs[1]);
        assert!(packets > 0 && packets <= second && octets == packets * 160, "{packets} of {second}");
    }
    let sent = phone.figures().sent;
    assert_eq!(sent, u64::from(first + second));
}

#[test]
fn a_peer_that_goes_on_in_clear_is_taken_in_clear() {
    let mut phone = Phone::new();
    phone.rig.plan(phone.leg, |p| p.peer = Some(Peer { crypto: None, ..agreed(1, 2, 2) }));
    phone.clear = true;
    let clear = phone.packet(&[0xD0; 160]);
    phone.arrives(clear);
    assert_eq!(phone.figures().received, 1);
}
