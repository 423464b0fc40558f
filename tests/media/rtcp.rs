//! Our reports against RFC 3550: what stands in them is what happened.

use super::audio::speech;
use super::rig::{Rig, START_US};
use chorus::media::plan::Codec;
use chorus::media::rtcp::{Block, Outgoing, Report, read};
use chorus::media::rtp::ts_after;
use chorus::sip::event::LegId;
use std::net::SocketAddr;

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The next report that the phone gets.
fn next_report(rig: &mut Rig, leg: LegId) -> Vec<u8> {
    let before = rig.phones[&leg].got_rtcp.len();
    while rig.phones[&leg].got_rtcp.len() == before {
        rig.step();
        assert!(rig.ms() < 120_000, "a report about every 5 s");
    }
    rig.phones[&leg].got_rtcp.last().unwrap().clone()
}

fn block(report: &[u8]) -> Block {
    match read(report).unwrap().next() {
        Some(Report::Sender(_, _, blocks) | Report::Receiver(_, blocks)) => blocks.iter().next().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_senders_report_holds_the_time_and_what_was_sent() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    for _ in 0..3 {
        let report = next_report(&mut rig, leg);
        let got = &rig.phones[&leg].got;
        assert_eq!(report[1], 200, "SR: silence is sent");
        assert_eq!(word(&report, 4), got[0].ssrc);
        let wall_us = 1_700_000_000_000_000 + rig.now_us;
        let (seconds, fraction) = (u64::from(word(&report, 8)), u64::from(word(&report, 12)));
        let ntp_us = (seconds - 2_208_988_800) * 1_000_000 + ((fraction * 1_000_000) >> 32);
        assert!(ntp_us.abs_diff(wall_us) <= 1_001, "NTP time: {ntp_us} {wall_us}");
        let last = got.last().unwrap();
        let since = (rig.now_us - last.at_us) as i64 / 125;
        let ahead = ts_after(word(&report, 16), last.ts);
        assert!((ahead - since).abs() <= 1, "the timestamp is of the same moment: {ahead} {since}");
        assert_eq!((word(&report, 20), word(&report, 24)), (got.len() as u32, got.len() as u32 * 160));
    }
}

#[test]
fn a_block_holds_loss_by_interval_and_in_all_and_the_age_of_the_peers_report() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    rig.says(leg, &speech(1, 60_000));
    let first = block(&next_report(&mut rig, leg));
    assert_eq!((first.fraction, first.lost, first.last_sr, first.delay), (0, 0, 0, 0));
    let counted = rig.phones[&leg].count as i64;
    rig.run(200);
    rig.phone(leg).network.loss = 100;
    rig.run(400);
    rig.phone(leg).network.loss = 0;
    // The peer's own report, with a time of its clock.
    let mut bytes = Vec::new();
    let ssrc = rig.phones[&leg].ssrc;
    let ntp = 0x1122_3344_5566_7788;
    Outgoing { ssrc, sender: Some((ntp, 0, 1, 1)), block: None, cname: b"p", bye: false }.write(&mut bytes);
    let (now, at_us) = (rig.now(), rig.now_us);
    let from = SocketAddr::from(([10, 0, 0, 1], 4_001));
    rig.engines[0].on_rtcp(now, leg, from, &mut bytes.clone(), &mut rig.out);
    rig.perform(0);
    let second = block(&next_report(&mut rig, leg));
    let phone = &rig.phones[&leg];
    let (lost, expected) = (phone.lost.len() as i64, phone.count as i64 - counted);
    assert_eq!(lost, 20);
    assert_eq!((i64::from(second.fraction), i64::from(second.lost)), ((lost << 8) / expected, lost));
    assert_eq!(second.last_sr, 0x3344_5566, "the middle of it");
    assert_eq!(u64::from(second.delay), ((rig.now_us - at_us) << 16) / 1_000_000);
    assert_eq!(second.highest & 0xFFFF, u32::from(rig.phones[&leg].seq.wrapping_sub(1)));
    assert_eq!(second.highest >> 16, 1, "the sequence has wrapped once");
    let third = block(&next_report(&mut rig, leg));
    assert_eq!((third.fraction, third.lost), (0, 20), "by interval and in all");
}

/// RFC 3550 appendix A.8, by hand, for arrivals that alternate between 0 and 10 ms of delay.
#[test]
fn jitter_is_that_of_the_rfc() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    let from = rig.phones[&leg].addr;
    let mut expected = 0i64;
    for i in 0..200u32 {
        rig.now_us = START_US + u64::from(i) * 20_000 + if i % 2 == 0 { 0 } else { 10_000 };
        let mut bytes = Vec::new();
        let packet = chorus::media::rtp::Packet {
            marker: false,
            pt: 0,
            seq: i as u16,
            ts: i * 160,
            ssrc: 9,
            payload: &[0xFF; 160],
        };
        packet.write(&mut bytes);
        rig.rtp_from(leg, from, &bytes);
        if i > 0 {
            expected += 80 - ((expected + 8) >> 4);
        }
    }
    let report = next_report(&mut rig, leg);
    assert_eq!(i64::from(block(&report).jitter), expected >> 4);
}

#[test]
fn a_leg_that_only_receives_reports_too_and_says_goodbye() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    rig.plan(leg, |p| p.peer.as_mut().unwrap().send = false);
    rig.says(leg, &speech(1, 20_000));
    let report = next_report(&mut rig, leg);
    assert_eq!(report[1], 201, "RR: nothing was sent");
    let kinds = |report: &[u8]| -> Vec<u8> {
        let (mut at, mut kinds) = (0, Vec::new());
        while at < report.len() {
            kinds.push(report[at + 1]);
            at += 4 + 4 * usize::from(u16::from_be_bytes([report[at + 2], report[at + 3]]));
        }
        kinds
    };
    assert_eq!(kinds(&report), [201, 202], "with our name");
    let name =
        |report: &[u8]| report.windows(16).find(|w| w.iter().all(u8::is_ascii_lowercase)).map(<[u8]>::to_vec);
    let named = name(&report);
    assert!(named.is_some());
    rig.close(leg);
    let last = rig.phones[&leg].got_rtcp.last().unwrap();
    assert_eq!(kinds(last), [201, 202, 203]);
    assert_eq!(name(last), named, "the same name in all reports");
}
