//! Bodies that serve the fuzzer and the suite: each takes any octets, must not panic, and asserts what must always hold.

use super::agent::{SID, at, start};
use chorus::rng::Rng;
use chorus::streams::frame::{Got, Reader};
use chorus::streams::message::{self, Incoming, Payload, SidText};
use chorus::streams::{Session, StreamBuf};
use proptest::prelude::*;
use std::path::Path;

/// A message of an agent: both readers agree, and what was read reads the same when it is written again. True: accepted.
pub fn fuzz_stream_json(data: &[u8]) -> bool {
    let sid: SidText = SID.to_string().as_bytes().try_into().unwrap();
    let read = message::read(&sid, data);
    assert_eq!(read, message::read_any(&sid, data));
    match &read {
        Ok(Incoming::Media(p)) => {
            let mut audio = Vec::new();
            p.decode(|a| audio.extend_from_slice(a));
            let again = base64_simd::STANDARD.encode_to_string(&audio);
            let text = format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"{again}"}}}}"#);
            let Ok(Incoming::Media(p)) = message::read(&sid, text.as_bytes()) else { panic!("not media") };
            assert!(matches!(p, Payload::Standard(_)));
            let mut second = Vec::new();
            p.decode(|a| second.extend_from_slice(a));
            assert_eq!(audio, second);
        }
        Ok(Incoming::Mark(name)) => {
            let mut echo = Vec::new();
            message::mark(&mut echo, 1, &sid, name);
            assert_eq!(message::read(&sid, &echo), Ok(Incoming::Mark(name.clone())));
        }
        Ok(Incoming::Clear | Incoming::Stop) | Err(_) => {}
    }
    read.is_ok()
}

fn frames(data: &[u8], piece: usize) -> (Vec<(u8, Vec<u8>)>, bool) {
    let mut reader = Reader::new();
    let mut all = Vec::new();
    for part in data.chunks(piece) {
        let mut at = 0;
        while at < part.len() {
            let Ok((used, got)) = reader.read(&part[at..]) else { return (all, false) };
            match got {
                None => {}
                Some(Got::Text(t)) => all.push((1, t.to_vec())),
                Some(Got::Binary) => all.push((2, Vec::new())),
                Some(Got::Ping(p)) => all.push((9, p.to_vec())),
                Some(Got::Pong) => all.push((10, Vec::new())),
                Some(Got::Close { code }) => all.push((8, code.unwrap_or(0).to_be_bytes().to_vec())),
            }
            at += used;
        }
    }
    (all, true)
}

/// Octets of a WebSocket server: however they are cut, the same messages come of them; a session survives them. True: no
/// violation.
pub fn fuzz_ws(data: &[u8]) -> bool {
    let (whole, fine) = frames(data, data.len().max(1));
    let piece = usize::from(data.first().copied().unwrap_or(0)) % 13 + 1;
    assert_eq!(frames(data, piece), (whole, fine), "in pieces of {piece}");

    let mut session = Session::new(&start(true), at(0)).with_rng(Rng::from_number(1));
    let (mut out, mut events) = (StreamBuf::new(), Vec::new());
    session.opened(at(0), &mut out);
    for part in data.to_vec().chunks_mut(piece * 7) {
        session.on_bytes(at(1), part, &mut events, &mut out);
    }
    let mut frame = [0; 160];
    session.pull(at(2), &mut frame, &mut out);
    session.close(at(3), &mut out);
    session.eof(&mut events);
    fine
}

/// Every file of a corpus folder; at least a third must be accepted, or the corpus tests only the first refusal.
fn replay(folder: &str, body: fn(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/streams").join(folder);
    let (mut all, mut accepted) = (0, 0);
    for file in std::fs::read_dir(&folder).unwrap() {
        let data = std::fs::read(file.unwrap().path()).unwrap();
        all += 1;
        accepted += usize::from(body(&data));
    }
    assert!(all >= 12, "{folder:?} has {all} files");
    assert!(accepted * 3 >= all, "{accepted} of {all} accepted");
}

#[test]
fn the_corpus_of_messages() {
    replay("json", fuzz_stream_json);
}

#[test]
fn the_corpus_of_frames() {
    replay("ws", fuzz_ws);
}

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
