//! SRTP against the examples of the RFCs and of libsrtp, and what its contexts make of wraps, losses, repetitions and forgeries.

use chorus::media::srtp::{Inbound, Label, MasterKey, Outbound, STREAMS_MAX, Session, Suite, derive};
use chorus::rng::Rng;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect()
}

fn key(suite: Suite, text: &str) -> MasterKey {
    MasterKey::read(suite, &hex(text)).unwrap()
}

/// RFC 3711 appendix B.3, which libsrtp's examples use too.
const MASTER: &str = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6";

#[test]
fn session_keys_are_those_of_rfc_3711_b3() {
    let master = key(Suite::AesCm80, MASTER);
    assert_eq!(derive::<16>(&master, Label::RtpKey).to_vec(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derive::<14>(&master, Label::RtpSalt).to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
    let auth = derive::<20>(&master, Label::RtpAuth).to_vec();
    assert_eq!(auth, hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn the_key_stream_is_that_of_rfc_3711_b2() {
    let (key, salt) = (hex("2B7E151628AED2A6ABF7158809CF4F3C"), hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
    let (key, salt) = (key.try_into().unwrap(), salt.try_into().unwrap());
    let session = Session::of(Suite::AesCm80, &key, &[0; 20], &salt, 10).unwrap();
    let mut packet = vec![0; 12 + 48];
    packet[0] = 0x80;
    session.protect_rtp(&mut packet, 0, 12, 0, 0).unwrap();
    let stream =
        "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(packet[12..60].to_vec(), hex(stream));
}

/// What a context makes of a packet is what libsrtp makes of it, and comes back.
#[test]
fn packets_are_those_of_libsrtp() {
    let rtp = "800f1234decafbadcafebabe abababababababababababababababab";
    let rtcp = "81c8000bcafebabe abababababababababababababababab";
    let gcm = "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab";
    let cases = [
        (
            key(Suite::AesCm80, MASTER),
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
            "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        ),
        (
            key(Suite::AesCm32, MASTER),
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc",
            "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        ),
        (
            key(Suite::AesGcm, gcm),
            "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
            "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001",
        ),
    ];
    for (key, srtp, srtcp) in cases {
        let (mut ours, mut theirs) = (Outbound::new(&key).unwrap(), Inbound::new(&key).unwrap());
        // Something stands before it in the arena.
        let mut out = vec![1, 2, 3];
        out.extend(hex(rtp));
        ours.rtp(&mut out, 3, 0xcafe_babe, 0x1234);
        let mut packet = out.split_off(3);
        assert_eq!(packet, hex(srtp), "{key:?}");
        let len = theirs.rtp(&mut packet).unwrap();
        assert_eq!(packet[..len].to_vec(), hex(rtp), "{key:?}");
        assert_eq!(theirs.rtp(&mut hex(srtp)), None, "{key:?}: it was there before");

        let mut out = vec![9];
        out.extend(hex(rtcp));
        ours.rtcp(&mut out, 1, 0xcafe_babe);
        let mut packet = out.split_off(1);
        assert_eq!(packet, hex(srtcp), "{key:?}");
        let len = theirs.rtcp(&mut packet).unwrap();
        assert_eq!(packet[..len].to_vec(), hex(rtcp), "{key:?}");
        assert_eq!(theirs.rtcp(&mut hex(srtcp)), None, "{key:?}: it was there before");
    }
}

#[test]
fn packets_of_gcm_are_those_of_rfc_7714() {
    let (session, salt) = (hex("000102030405060708090a0b0c0d0e0f"), hex("517569642070726f2071756f 0000"));
    let (key, salt) = (session.try_into().unwrap(), salt.try_into().unwrap());
    let session = Session::of(Suite::AesGcm, &key, &[0; 20], &salt, 0).unwrap();
    let rtp = hex(
        "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573",
    );
    let mut packet = rtp.clone();
    session.protect_rtp(&mut packet, 0, 12, 0x5501_a0b2, 0xf17b).unwrap();
    let srtp = "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce";
    assert_eq!(packet, hex(srtp));
    let opened = session.open_rtp(&mut packet, 12, 0x5501_a0b2, [0xf17b].into_iter());
    assert_eq!(opened, Some((0xf17b, rtp.len())));
    assert_eq!(packet[..rtp.len()].to_vec(), rtp);

    let rtcp = hex(
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    );
    let mut packet = rtcp.clone();
    session.protect_rtcp(&mut packet, 0, 0x4d61_7273, 0x5d4).unwrap();
    let srtcp = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4";
    assert_eq!(packet, hex(srtcp));
    assert_eq!(session.open_rtcp(&mut packet, |_, _| true), Some((0x4d61_7273, 0x5d4, rtcp.len())));
    assert_eq!(packet[..rtcp.len()].to_vec(), rtcp);
    // Section 17.3: authenticated, not encrypted.
    let mut clear = rtcp.clone();
    clear.extend(hex("841dd9683dd78ec92ae58790125f62b3 000005d4"));
    assert_eq!(session.open_rtcp(&mut clear, |_, _| true), Some((0x4d61_7273, 0x5d4, rtcp.len())));
}

fn made(suite: Suite) -> MasterKey {
    MasterKey::random(suite, &mut Rng::from_number(suite.key_length() as u64))
}

fn packet(ssrc: u32, seq: u16) -> Vec<u8> {
    let payload = [seq as u8; 160];
    let mut out = Vec::new();
    chorus::media::rtp::Packet {
        marker: false,
        pt: 0,
        seq,
        ts: u32::from(seq) * 160,
        ssrc,
        payload: &payload,
    }
    .write(&mut out);
    out
}

/// A sender and a receiver of one suite.
struct Line {
    out: Outbound,
    inn: Inbound,
}

impl Line {
    fn new(suite: Suite) -> Line {
        Line { out: Outbound::new(&made(suite)).unwrap(), inn: Inbound::new(&made(suite)).unwrap() }
    }

    fn sends(&mut self, seq: u16) -> Vec<u8> {
        let mut out = packet(7, seq);
        self.out.rtp(&mut out, 0, 7, seq);
        out
    }

    /// What arrives is what was sent.
    fn arrives(&mut self, seq: u16) {
        let mut bytes = self.sends(seq);
        let len = self.inn.rtp(&mut bytes);
        assert_eq!(len.map(|n| bytes[..n].to_vec()), Some(packet(7, seq)), "{seq}");
    }
}

#[test]
fn a_stream_goes_on_over_many_wraps_with_loss_around_each() {
    for suite in Suite::ALL {
        let mut line = Line::new(suite);
        for wrap in 0..4u32 {
            for seq in (0..=u16::MAX).step_by(61) {
                let near_the_wrap = seq < 900 * wrap as u16 || seq > u16::MAX - 900;
                match near_the_wrap {
                    true => _ = line.sends(seq),
                    false => line.arrives(seq),
                }
            }
        }
    }
}

#[test]
fn one_that_was_late_around_the_wrap_is_opened_once() {
    for suite in Suite::ALL {
        let mut line = Line::new(suite);
        line.arrives(65_533);
        let late = line.sends(65_534);
        let later = line.sends(65_535);
        line.arrives(0);
        line.arrives(1);
        for mut bytes in [late, later] {
            let mut again = bytes.clone();
            assert!(line.inn.rtp(&mut bytes).is_some(), "{suite:?}");
            assert!(line.inn.rtp(&mut again).is_none(), "{suite:?}");
        }
        line.arrives(2);
    }
}

#[test]
fn more_than_half_a_circle_may_be_lost_and_the_first_packets_too() {
    for suite in Suite::ALL {
        let mut line = Line::new(suite);
        // Nothing of the first rollover arrives.
        _ = line.sends(65_500);
        _ = line.sends(30_000);
        line.arrives(60_000);
        _ = line.sends(20_000);
        _ = line.sends(40_000);
        line.arrives(60_001);
    }
}

/// The first packets came, then more than half a circle was lost: no wrap lies behind the sender, one may lie before it.
#[test]
fn more_than_half_a_circle_may_be_lost_behind_the_first_packets() {
    for suite in Suite::ALL {
        for wrapped in [false, true] {
            let mut line = Line::new(suite);
            line.arrives(5);
            _ = line.sends(20_000);
            if wrapped {
                _ = line.sends(50_000);
                _ = line.sends(10_000);
            }
            line.arrives(40_000);
            line.arrives(40_001);
        }
    }
}

#[test]
fn a_receiver_that_comes_late_understands_a_sender_that_has_wrapped() {
    for suite in Suite::ALL {
        let mut line = Line::new(suite);
        for seq in [0, 30_000, 60_000, 10_000, 40_000, 5] {
            _ = line.sends(seq);
        }
        line.arrives(6);
        line.arrives(7);
    }
}

#[test]
fn a_window_of_128_and_nothing_older() {
    let mut line = Line::new(Suite::AesCm80);
    let held: Vec<Vec<u8>> = (0..200).map(|seq| line.sends(seq)).collect();
    line.arrives(200);
    for (seq, bytes) in held.iter().enumerate() {
        let opened = line.inn.rtp(&mut bytes.clone()).is_some();
        assert_eq!(opened, seq > 200 - 128, "{seq}");
        assert!(line.inn.rtp(&mut bytes.clone()).is_none(), "{seq}: twice");
    }
}

#[test]
fn what_was_changed_on_the_way_is_refused_and_leaves_nothing_behind() {
    for suite in Suite::ALL {
        let mut line = Line::new(suite);
        line.arrives(1);
        let good = line.sends(2);
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert_eq!(line.inn.rtp(&mut bytes), None, "{suite:?}, octet {at}");
        }
        for len in 0..good.len() {
            assert_eq!(line.inn.rtp(&mut good[..len].to_vec()), None, "{suite:?}, {len} octets");
        }
        // None of them moved the window or made a sender.
        assert!(format!("{:?}", line.inn).contains("1 senders"), "{:?}", line.inn);
        assert!(line.inn.rtp(&mut good.clone()).is_some());
        line.arrives(3);
    }
}

#[test]
fn another_ssrc_begins_at_zero_and_a_bounded_number_is_remembered() {
    let key = made(Suite::AesGcm);
    let mut inn = Inbound::new(&key).unwrap();
    for ssrc in 0..100 {
        let mut out = Outbound::new(&key).unwrap();
        for seq in [65_535, 0] {
            let mut bytes = packet(ssrc, seq);
            out.rtp(&mut bytes, 0, ssrc, seq);
            assert!(inn.rtp(&mut bytes).is_some(), "{ssrc} {seq}");
        }
    }
    assert!(format!("{inn:?}").contains(&format!("{STREAMS_MAX} senders")), "{inn:?}");
}

#[test]
fn a_key_is_shown_by_nothing() {
    let key = key(Suite::AesCm80, MASTER);
    let shown = format!("{key:?} {:?} {:?}", Outbound::new(&key).unwrap(), Inbound::new(&key).unwrap());
    assert!(shown.contains("AES_CM_128_HMAC_SHA1_80"), "{shown}");
    for part in ["225", "0xe1", "E1F9", "e1f9"] {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
}
