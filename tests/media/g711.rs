//! G.711 over all its octets and all samples, against the definitions written out again.

use chorus::media::codec::g711::*;

/// The decision values of mu-law by its segments (ITU-T G.711 table 2a), as the arithmetic mean of the two ends.
fn ulaw_by_segments(octet: u8) -> i32 {
    let u = u32::from(!octet);
    let (segment, step) = ((u >> 4) & 7, u & 15);
    // Segment s starts at 33 * 2^s - 33 (14 bit), its 16 steps are 2^(s+1) wide.
    let magnitude = (33 + 2 * step as i32) * (1 << segment) - 33;
    let pcm = magnitude * 4;
    if u & 0x80 != 0 { -pcm } else { pcm }
}

fn alaw_by_segments(octet: u8) -> i32 {
    let a = u32::from(octet ^ 0x55);
    let (segment, step) = ((a >> 4) & 7, (a & 15) as i32);
    // 13 bit: segment 0 and 1 have steps of 2, each further one twice that.
    let magnitude = if segment == 0 { 2 * step + 1 } else { (2 * step + 33) << (segment - 1) };
    let pcm = magnitude * 8;
    if a & 0x80 != 0 { pcm } else { -pcm }
}

#[test]
fn every_octet_of_both_laws_is_its_segment_and_step() {
    for o in 0..=255u8 {
        assert_eq!(i32::from(pcm_from_ulaw(o)), ulaw_by_segments(o), "mu-law {o:#x}");
        assert_eq!(i32::from(pcm_from_alaw(o)), alaw_by_segments(o), "A-law {o:#x}");
    }
}

#[test]
fn every_octet_survives_pcm() {
    for o in 0..=255u8 {
        // mu-law has two zeros: the negative one becomes the positive.
        let same = if o == 0x7F { 0xFF } else { o };
        assert_eq!(ulaw_from_pcm(pcm_from_ulaw(o)), same);
        assert_eq!(alaw_from_pcm(pcm_from_alaw(o)), o);
    }
}

#[test]
fn every_sample_is_coded_to_a_nearest_value_or_a_neighbour_at_a_segment_edge() {
    let all = |decode: fn(u8) -> i16| {
        let mut v: Vec<i16> = (0..=255).map(decode).collect();
        v.sort_unstable();
        v
    };
    for (encode, decode) in
        [(ulaw_from_pcm as fn(i16) -> u8, pcm_from_ulaw as fn(u8) -> i16), (alaw_from_pcm, pcm_from_alaw)]
    {
        let values = all(decode);
        for s in i16::MIN..=i16::MAX {
            let got = i32::from(decode(encode(s)));
            let error = (got - i32::from(s)).abs();
            let least = values.iter().map(|v| (i32::from(*v) - i32::from(s)).abs()).min().unwrap();
            // At a segment's edge the two neighbours differ by at most the larger step.
            assert!(error <= least + 16 + i32::from(s).abs() / 16, "{s}: {got}");
            if s.unsigned_abs() > 200 {
                assert!(error * 20 <= i32::from(s).abs(), "{s} came back as {got}: more than 5 % off");
            }
        }
    }
}

#[test]
fn coding_is_monotonic() {
    let mut before = (i16::MIN, i16::MIN);
    for s in i16::MIN..=i16::MAX {
        let now = (pcm_from_ulaw(ulaw_from_pcm(s)), pcm_from_alaw(alaw_from_pcm(s)));
        assert!(now.0 >= before.0 && now.1 >= before.1, "at {s}");
        before = now;
    }
}

#[test]
fn one_law_to_the_other_is_the_way_over_pcm() {
    for o in 0..=255u8 {
        assert_eq!(alaw_from_ulaw(o), alaw_from_pcm(pcm_from_ulaw(o)));
        assert_eq!(ulaw_from_alaw(o), ulaw_from_pcm(pcm_from_alaw(o)));
    }
    assert_eq!(pcm_from_ulaw(ULAW_SILENCE), 0);
    assert_eq!(pcm_from_alaw(ALAW_SILENCE), 8);
}
