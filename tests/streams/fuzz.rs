//! The bodies of the fuzzer on made-up input.

use super::agent::SID;
use chorus::streams::fuzz::{fuzz_stream_json, fuzz_ws};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_octets_as_a_message(data in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz_stream_json(&data);
    }

    #[test]
    fn anything_json_like_as_a_message(
        event in "(media|mark|clear|stop|start|m)", sid in prop::bool::weighted(0.8), name in "\\PC{0,20}",
        payload in "[A-Za-z0-9+/=\\\\n ]{0,40}", extra in "[\\[\\]{}\",:0-9a-z]{0,12}",
    ) {
        let sid = if sid { SID.to_string() } else { "MZ1".to_owned() };
        let name = serde_json::to_string(&name).unwrap();
        fuzz_stream_json(format!(
            r#"{{"event":"{event}","streamSid":"{sid}","media":{{"payload":"{payload}"}},"mark":{{"name":{name}}}{extra}}}"#
        ).as_bytes());
    }

    #[test]
    fn any_octets_as_frames(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz_ws(&data);
    }

    #[test]
    fn frames_with_small_mistakes(
        parts in prop::collection::vec((prop::sample::select(vec![0x81u8, 0x01, 0x80, 0x00, 0x82, 0x89, 0x8A, 0x88, 0x83]), 0usize..200), 1..8),
        flip in any::<(u16, u8)>(),
    ) {
        let mut data = Vec::new();
        for (first, n) in parts {
            data.push(first);
            if n < 126 { data.push(n as u8) } else { data.extend_from_slice(&[126, 0, n as u8]) }
            data.extend((0..n).map(|i| b" {\"event\":\"clear\"}"[i % 18]));
        }
        let at = usize::from(flip.0) % (data.len() * 4);
        if let Some(b) = data.get_mut(at) { *b ^= flip.1; }
        fuzz_ws(&data);
    }
}
