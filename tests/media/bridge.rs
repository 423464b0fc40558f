//! Two legs that hear each other.

use super::audio::{correlate, share, speech};
use super::play::assert_one_stream;
use super::rig::{Network, Rig, START_US, clip, through_ulaw};
use chorus::media::codec::g711;
use chorus::media::dtmf::frequencies;
use chorus::media::event::MediaEvent;
use chorus::media::plan::{Codec, Item, Source, SourceId};
use chorus::media::rtp::ts_after;
use chorus::sip::event::LegId;

fn bridged(rig: &mut Rig, a: Codec, b: Codec) -> (LegId, LegId) {
    let legs = (rig.leg(0, a), rig.leg(0, b));
    rig.bridge(legs.0, legs.1, 1);
    legs
}

fn coded(pcm: &[i16], codec: Codec) -> Vec<i16> {
    let f = |s: &i16| match codec {
        Codec::Pcmu => g711::pcm_from_ulaw(g711::ulaw_from_pcm(*s)),
        Codec::Pcma => g711::pcm_from_alaw(g711::alaw_from_pcm(*s)),
    };
    pcm.iter().map(f).collect()
}

#[test]
fn both_hear_the_other_in_their_own_codec() {
    use Codec::{Pcma, Pcmu};
    for (a, b) in [(Pcmu, Pcmu), (Pcma, Pcma), (Pcmu, Pcma), (Pcma, Pcmu)] {
        let mut rig = Rig::new(1);
        let (x, y) = bridged(&mut rig, a, b);
        let (one, two) = (speech(1, 2_000), speech(2, 2_000));
        rig.says(x, &one);
        rig.says(y, &two);
        rig.run(2_100);
        for (said, codec, hears) in [(&one, a, y), (&two, b, x)] {
            let heard = rig.phones[&hears].pcm();
            let (lag, r) = correlate(said, &heard);
            assert!(lag.abs() <= 160 && r > 0.99, "{a:?} {b:?}: {lag} {r}");
            if a == b {
                let said = coded(said, codec);
                assert!(heard[lag as usize..][..15_000] == said[..15_000], "not a bit is changed");
            }
            assert_one_stream(&rig, hears);
        }
    }
}

#[test]
fn a_packet_leaves_in_the_call_that_brought_it() {
    let mut rig = Rig::new(1);
    let (a, b) = bridged(&mut rig, Codec::Pcmu, Codec::Pcmu);
    rig.ticking = false;
    rig.says(a, &speech(1, 1_000));
    rig.run(1_000);
    assert_eq!(rig.phones[&b].got.len(), 50, "no tick is needed");
}

#[test]
fn any_packet_time_is_reframed() {
    for ptime in [10, 20, 30, 40, 50, 60] {
        let mut rig = Rig::new(1);
        let (a, b) = bridged(&mut rig, Codec::Pcmu, Codec::Pcma);
        rig.phone(a).ptime = ptime;
        let voice = speech(ptime, 2_400);
        rig.says(a, &voice);
        rig.run(2_500);
        let phone = &rig.phones[&b];
        assert!(phone.got.iter().all(|g| g.payload.len() == 160), "{ptime}");
        let (lag, r) = correlate(&voice, &phone.pcm());
        assert!(lag.abs() < 320 && r > 0.99, "{ptime}: {lag} {r}");
        assert_one_stream(&rig, b);
    }
}

#[test]
fn loss_and_order_are_passed_on_as_they_are() {
    let mut rig = Rig::new(1);
    let (a, b) = bridged(&mut rig, Codec::Pcmu, Codec::Pcmu);
    rig.phone(a).network = Network { loss: 10, jitter_ms: 0, reorder: 10, duplicate: 10 };
    let voice = speech(3, 10_000);
    rig.says(a, &voice);
    rig.run(10_100);
    let got = &rig.phones[&b].got;
    let mut seqs: Vec<u16> = got.iter().map(|g| g.seq.wrapping_sub(got[0].seq)).collect();
    let n = seqs.len();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), n, "no number twice");
    let span = usize::from(*seqs.last().unwrap()) + 1;
    assert!((500..=506).contains(&span) && n < 470, "holes stay holes: {n} of {span}");
    assert!(got.windows(2).any(|w| w[0].seq > w[1].seq), "order of arrival");
    let (lag, r) = correlate(&through_ulaw(&voice), &rig.phones[&b].pcm());
    assert!(lag.abs() <= 480 && r > 0.9, "{lag} {r}");
    rig.close(a);
    let lost = rig.events.iter().find_map(|(_, e)| match e {
        MediaEvent::Stats(l, s) if *l == a => Some((s.lost, s.received)),
        _ => None,
    });
    let (lost, received) = lost.unwrap();
    assert!(received as usize == n && (20..90).contains(&lost), "{lost} {received}");
}

#[test]
fn our_ssrc_sequence_and_clock_go_on_through_every_change_of_source() {
    let mut rig = Rig::new(1);
    let (a, b) = bridged(&mut rig, Codec::Pcmu, Codec::Pcmu);
    let c = rig.leg(0, Codec::Pcma);
    for leg in [a, b, c] {
        rig.says(leg, &speech(leg.0, 9_000));
    }
    rig.run(1_000);
    rig.play(a, 2, vec![Item::Clip { clip: clip(&speech(9, 500)), times: 1 }], true);
    rig.run(700);
    rig.plan(a, |p| p.source = Some((SourceId(3), Source::Leg(c))));
    rig.run(1_000);
    rig.plan(a, |p| p.source = None);
    rig.run(1_000);
    rig.plan(a, |p| p.source = Some((SourceId(4), Source::Leg(b))));
    rig.run(1_000);
    // The other's clock and sequence start over.
    rig.phone(b).ssrc = 77;
    rig.phone(b).seq = 9;
    rig.phone(b).ts = 12_345;
    rig.run(1_000);
    assert_one_stream(&rig, a);
    let got = &rig.phones[&a].got;
    let (first, last) = (&got[0], &got[got.len() - 1]);
    let real = (last.at_us - first.at_us) / 125;
    let told = ts_after(last.ts, first.ts);
    assert!((told - real as i64).abs() < 400, "timestamps follow the clock: {told} {real}");
}

#[test]
fn keys_are_passed_on_and_reported() {
    let mut rig = Rig::new(1);
    let (a, b) = bridged(&mut rig, Codec::Pcmu, Codec::Pcma);
    rig.plan(a, |p| p.keys.report = true);
    rig.says(a, &speech(1, 3_000));
    for c in [1, 1, 10] {
        rig.press(a, c, 100, true);
    }
    rig.run(1_500);
    assert_eq!(rig.keys(a), "11*");
    let keys: Vec<_> = rig.phones[&b].keys().iter().map(|k| (k.0, k.2)).collect();
    assert_eq!(keys, [(1, 8), (1, 8), (10, 8)]);
    assert_one_stream(&rig, b);
}

#[test]
fn keys_become_tones_for_a_peer_without_events() {
    let mut rig = Rig::new(1);
    let (a, b) = bridged(&mut rig, Codec::Pcmu, Codec::Pcmu);
    rig.plan(b, |p| p.peer.as_mut().unwrap().dtmf_pt = None);
    rig.says(a, &[]);
    rig.run(500);
    rig.press(a, 7, 100, true);
    rig.run(800);
    let heard = rig.phones[&b].pcm();
    let [low, high] = frequencies(7);
    let loud: Vec<i16> = heard.iter().copied().skip_while(|s| s.abs() < 200).take(760).collect();
    assert!(share(&loud, f64::from(low)) > 0.4 && share(&loud, f64::from(high)) > 0.4);
    assert!(rig.phones[&b].got.iter().all(|g| g.pt == 0));
    assert_one_stream(&rig, b);
}

#[test]
fn a_leg_on_hold_neither_hears_nor_is_heard() {
    let mut rig = Rig::new(1);
    let (a, b) = bridged(&mut rig, Codec::Pcmu, Codec::Pcmu);
    let file = rig.record(a, 1, |_| {});
    rig.says(a, &speech(1, 3_000));
    rig.says(b, &speech(2, 3_000));
    rig.run(500);
    rig.plan(a, |p| {
        let peer = p.peer.as_mut().unwrap();
        (peer.send, peer.recv) = (false, false);
    });
    let before = (rig.phones[&a].got.len(), rig.phones[&b].got.len());
    rig.run(2_000);
    assert_eq!(before.0, rig.phones[&a].got.len());
    assert!(rig.phones[&b].got[before.1..].iter().all(|g| g.payload == [0xFF; 160]), "silence");
    rig.plan(a, |p| {
        let peer = p.peer.as_mut().unwrap();
        (peer.send, peer.recv) = (true, true);
    });
    rig.run(500);
    assert_eq!(before.0 + 25, rig.phones[&a].got.len());
    rig.close(a);
    let heard = rig.files[&file].channel(0);
    assert!(heard[5_000..19_000].iter().all(|s| *s == 0), "nothing of the held time is recorded");
}

#[test]
fn a_leg_moves_to_another_engine_and_its_bridge_goes_on() {
    let mut rig = Rig::new(2);
    let a = rig.leg(0, Codec::Pcmu);
    let b = rig.leg(1, Codec::Pcmu);
    let voice = speech(8, 4_000);
    rig.says(a, &voice);
    rig.bridge(a, b, 1);
    rig.run(300);
    assert!(rig.phones[&b].got.len() <= 1, "not yet on one engine");
    rig.carry(b, 0);
    rig.run(1_200);
    rig.carry(b, 1);
    rig.carry(a, 1);
    rig.run(1_500);
    let gap = rig.phones[&b].got.windows(2).skip(1).map(|w| w[1].at_us - w[0].at_us).max();
    assert!(gap <= Some(25_000), "{gap:?}");
    assert_one_stream(&rig, b);
    let heard = rig.phones[&b].pcm();
    assert!(correlate(&voice[4_000..20_000], &heard).1 > 0.98);
    rig.close(a);
    rig.close(b);
    rig.assert_empty();
}

#[test]
fn legs_move_while_they_play_and_record_without_a_gap() {
    let mut rig = Rig::new(3);
    let a = rig.leg(0, Codec::Pcma);
    let (prompt, voice) = (speech(1, 4_000), speech(2, 4_000));
    let file = rig.record(a, 1, |r| {
        r.track = chorus::media::plan::Track::Both;
        r.channels = 2;
    });
    rig.says(a, &voice);
    rig.play(a, 1, vec![Item::Clip { clip: clip(&prompt), times: 1 }], true);
    for i in 0..40 {
        rig.run(95);
        rig.carry(a, (i + 1) % 3);
    }
    rig.run(400);
    assert_eq!(rig.ended(a), [1]);
    let got = &rig.phones[&a].got;
    let gap = got.windows(2).map(|w| w[1].at_us - w[0].at_us).max();
    assert!(gap <= Some(40_000), "{gap:?}");
    assert_one_stream(&rig, a);
    let (lag, r) = correlate(&prompt, &rig.phones[&a].pcm());
    assert!(lag == 0 && r > 0.99, "{lag} {r}");
    rig.close(a);
    let f = &rig.files[&file];
    let (l1, r1) = correlate(&voice, &f.channel(0));
    let (l2, r2) = correlate(&prompt, &f.channel(1));
    assert!(r1 > 0.98 && r2 > 0.98 && (l1 - l2).abs() < 320, "{l1} {r1} {l2} {r2}");
    rig.assert_empty();
}

#[test]
fn what_is_not_audio_of_the_leg_is_dropped_and_counted() {
    let mut rig = Rig::new(1);
    let (a, b) = bridged(&mut rig, Codec::Pcmu, Codec::Pcmu);
    let from = rig.phones[&a].addr;
    for junk in [&b"hello"[..], &[0x80; 12], &[0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5, 5], &[]] {
        rig.rtp_from(a, from, junk);
    }
    let mut long = vec![0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
    long.extend([0xFF; 600]);
    rig.rtp_from(a, from, &long);
    assert!(rig.phones[&b].got.is_empty());
    rig.close(a);
    let stats = rig.events.iter().find_map(|(_, e)| match e {
        MediaEvent::Stats(l, s) if *l == a => Some(*s),
        _ => None,
    });
    assert_eq!(
        stats.map(|s| (s.received, s.dropped)),
        Some((1, 4)),
        "a header alone is a packet without audio"
    );
}

#[test]
fn reports_tell_both_sides_loss_jitter_and_round_trip() {
    use chorus::media::rtcp::{Block, Outgoing, Report, read};
    let mut rig = Rig::new(1);
    let a = rig.leg(0, Codec::Pcmu);
    rig.phone(a).network = Network { loss: 5, jitter_ms: 15, ..Network::default() };
    rig.says(a, &speech(1, 60_000));
    rig.plan(a, |p| p.source = Some((SourceId(1), Source::Tone(chorus::media::tone::ringback("us")))));
    rig.run(60_000);
    let reports = rig.phones[&a].got_rtcp.clone();
    assert!((8..=24).contains(&reports.len()), "about every 5 s: {}", reports.len());
    let last = reports.last().unwrap();
    let mut parts = read(last).unwrap();
    let Some(Report::Sender(ssrc, ntp, blocks)) = parts.next() else { panic!("SR") };
    let block = blocks.iter().next().unwrap();
    assert_eq!(block.ssrc, rig.phones[&a].ssrc);
    assert!((100..200).contains(&block.lost) && block.jitter > 20, "{block:?}");
    // The phone answers 70 ms after the last report, 30 ms of which it kept it.
    let block = Block {
        ssrc,
        fraction: 10,
        lost: 42,
        highest: 9,
        jitter: 80,
        last_sr: (ntp >> 16) as u32,
        delay: 65_536 * 30 / 1_000,
    };
    let mut bytes = Vec::new();
    Outgoing { ssrc: 5, sender: None, block: Some(block), cname: b"p", bye: false }.write(&mut bytes);
    let sent = rig.phones[&a].got_rtcp.len();
    while rig.phones[&a].got_rtcp.len() == sent {
        rig.step();
    }
    let fresh = rig.phones[&a].got_rtcp.last().unwrap().clone();
    let Some(Report::Sender(_, ntp, _)) = read(&fresh).unwrap().next() else { panic!("SR") };
    bytes.clear();
    let block = Block { last_sr: (ntp >> 16) as u32, ..block };
    Outgoing { ssrc: 5, sender: None, block: Some(block), cname: b"p", bye: false }.write(&mut bytes);
    rig.run(70);
    let from = std::net::SocketAddr::from(([10, 0, 0, 1], 4_001));
    let now = rig.now();
    rig.engines[0].on_rtcp(now, a, from, &mut bytes.clone(), &mut rig.out);
    rig.engines[0].on_rtcp(
        now,
        a,
        std::net::SocketAddr::from(([6, 6, 6, 6], 1)),
        &mut bytes.clone(),
        &mut rig.out,
    );
    rig.perform(0);
    let stats = rig.events.iter().rev().find_map(|(at, e)| match e {
        MediaEvent::Stats(_, s) if *at > START_US => Some(*s),
        _ => None,
    });
    let s = stats.unwrap();
    assert_eq!((s.remote_lost, s.remote_jitter_us, s.dropped), (42, 10_000, 0));
    assert!((39_000..41_000).contains(&s.rtt_us), "{}", s.rtt_us);
    assert!((300..420).contains(&s.mos_x100), "{}", s.mos_x100);
    rig.close(a);
    let bye = rig.phones[&a].got_rtcp.last().unwrap();
    assert!(read(bye).unwrap().any(|r| r == Report::Bye));
}

#[test]
fn a_better_connection_has_a_better_score() {
    use chorus::media::mos::mos_x100;
    assert!((435..=441).contains(&mos_x100(0.0, 0, 0)), "G.711 at its best: {}", mos_x100(0.0, 0, 0));
    let worse = [mos_x100(0.0, 0, 0), mos_x100(0.01, 0, 0), mos_x100(0.05, 0, 0), mos_x100(0.2, 0, 0)];
    assert!(worse.windows(2).all(|w| w[0] > w[1]), "{worse:?}");
    assert!(mos_x100(0.0, 0, 800_000) < mos_x100(0.0, 0, 100_000));
    assert!(mos_x100(0.0, 50_000, 0) < mos_x100(0.0, 0, 0));
    assert_eq!(mos_x100(1.0, 1_000_000, 10_000_000), 100);
}
