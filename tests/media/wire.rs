//! RTP and RTCP octets: our own reader against the known library, a corpus, and random octets.

use bytes::Bytes;
use chorus::media::rtcp::{self, Block, Outgoing, Report, fuzz_rtcp};
use chorus::media::rtp::{Packet, fuzz_rtp, seq_after, ts_after};
use proptest::prelude::*;
use webrtc_util::marshal::{Marshal, MarshalSize, Unmarshal};

fn hex(s: &str) -> Vec<u8> {
    let d: Vec<u8> = s.bytes().filter(u8::is_ascii_hexdigit).collect();
    d.chunks(2).map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap()).collect()
}

/// Lines of `rtp_cases.txt`: verdict, protocol, octets, words.
fn corpus() -> Vec<(bool, bool, Vec<u8>, String)> {
    let mut all = Vec::new();
    for line in include_str!("rtp_cases.txt").lines() {
        let mut parts = line.split('|').map(str::trim);
        let (Some(verdict), Some(protocol), Some(octets), Some(words)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            assert!(line.is_empty() || line.starts_with('#'), "{line}");
            continue;
        };
        all.push((verdict == "ok", protocol == "rtp", hex(octets), words.to_owned()));
    }
    all
}

#[test]
fn the_corpus_meets_its_verdicts() {
    let all = corpus();
    assert!(all.len() >= 30);
    for (ok, rtp, octets, words) in &all {
        let got = if *rtp { fuzz_rtp(octets) } else { fuzz_rtcp(octets) };
        assert_eq!(got, *ok, "{words}");
    }
    let accepted = all.iter().filter(|c| c.0).count();
    assert!(accepted * 3 >= all.len(), "a third of the corpus is valid");
}

#[test]
fn a_packet_reads_as_the_known_library_reads_it() {
    let mut chance = super::audio::Lcg(3);
    for _ in 0..2_000 {
        let payload: Vec<u8> = (0..chance.below(200)).map(|_| chance.next() as u8).collect();
        let header = rtp::header::Header {
            version: 2,
            marker: chance.percent(50),
            payload_type: chance.below(128) as u8,
            sequence_number: chance.next() as u16,
            timestamp: chance.next() << 1,
            ssrc: chance.next() << 1,
            csrc: (0..chance.below(16)).map(|_| chance.next()).collect(),
            ..Default::default()
        };
        let packet = rtp::packet::Packet { header: header.clone(), payload: Bytes::from(payload.clone()) };
        let mut octets = vec![0; packet.marshal_size()];
        packet.marshal_to(&mut octets).unwrap();
        let ours = Packet::parse(&octets).unwrap();
        assert_eq!(
            (ours.marker, ours.pt, ours.seq, ours.ts, ours.ssrc, ours.payload),
            (
                header.marker,
                header.payload_type,
                header.sequence_number,
                header.timestamp,
                header.ssrc,
                &payload[..]
            )
        );
        let mut written = Vec::new();
        ours.write(&mut written);
        let theirs = rtp::packet::Packet::unmarshal(&mut Bytes::from(written)).unwrap();
        assert_eq!(theirs.payload, payload);
        assert_eq!(theirs.header.sequence_number, header.sequence_number);
        assert_eq!(theirs.header.timestamp, header.timestamp);
        assert!(theirs.header.csrc.is_empty());
    }
}

#[test]
fn a_report_of_ours_reads_as_the_known_library_reads_it() {
    let block = Block {
        ssrc: 7,
        fraction: 25,
        lost: 300,
        highest: 0x1_2345,
        jitter: 40,
        last_sr: 0xAABB_CCDD,
        delay: 65_536,
    };
    let report = Outgoing {
        ssrc: 99,
        sender: Some((0x0102_0304_0506_0708, 1_600, 10, 1_600)),
        block: Some(block),
        cname: b"abcdefghijklmnop",
        bye: true,
    };
    let mut octets = Vec::new();
    report.write(&mut octets);
    let packets = rtcp::read(&octets).unwrap().count();
    assert_eq!(packets, 3, "SR, SDES, BYE");
    let theirs = ::rtcp::packet::unmarshal(&mut Bytes::from(octets.clone())).unwrap();
    assert_eq!(theirs.len(), 3);
    let sr = theirs[0].as_any().downcast_ref::<::rtcp::sender_report::SenderReport>().unwrap();
    assert_eq!((sr.ssrc, sr.ntp_time, sr.rtp_time), (99, 0x0102_0304_0506_0708, 1_600));
    assert_eq!((sr.packet_count, sr.octet_count), (10, 1_600));
    let b = &sr.reports[0];
    assert_eq!((b.ssrc, b.fraction_lost, b.total_lost), (7, 25, 300));
    assert_eq!(
        (b.last_sequence_number, b.jitter, b.last_sender_report, b.delay),
        (0x1_2345, 40, 0xAABB_CCDD, 65_536)
    );
    let sdes = theirs[1].as_any().downcast_ref::<::rtcp::source_description::SourceDescription>().unwrap();
    assert_eq!(&sdes.chunks[0].items[0].text[..], b"abcdefghijklmnop");
    // And theirs by ours.
    let rr = ::rtcp::receiver_report::ReceiverReport {
        ssrc: 5,
        reports: vec![b.clone(), b.clone()],
        ..Default::default()
    };
    let octets = rr.marshal().unwrap();
    let Some(Report::Receiver(5, blocks)) = rtcp::read(&octets).unwrap().next() else { panic!("RR") };
    assert!(blocks.iter().eq([block, block]));
}

#[test]
fn circles_are_compared_the_short_way() {
    assert_eq!(seq_after(2, 65_534), 4);
    assert_eq!(seq_after(65_534, 2), -4);
    assert_eq!(ts_after(80, u32::MAX - 79), 160);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn random_octets_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz_rtp(&data);
        fuzz_rtcp(&data);
    }

    #[test]
    fn changed_corpus_never_panics(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), to in any::<u8>(), cut in 0usize..8) {
        let all = corpus();
        let (_, _, mut octets, _) = pick.get(&all).clone();
        if !octets.is_empty() {
            let i = at.index(octets.len());
            octets[i] = to;
        }
        octets.truncate(octets.len().saturating_sub(cut));
        fuzz_rtp(&octets);
        fuzz_rtcp(&octets);
    }
}
