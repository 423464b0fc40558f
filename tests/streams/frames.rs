//! Frames against tungstenite, in both directions and in any pieces.

use chorus::streams::frame::{self, Got, MESSAGE_MAX, Reader};
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::{Message, protocol::Role, protocol::WebSocket};

use super::agent::Pipe;

#[derive(Debug, PartialEq, Eq, Clone)]
enum Seen {
    Text(Vec<u8>),
    Binary,
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

/// Reads `bytes` cut at `cuts`; the error's close code is the end.
fn read(bytes: &[u8], piece: impl Fn(usize) -> usize) -> (Vec<Seen>, Option<u16>) {
    let mut reader = Reader::new();
    let (mut seen, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let end = (at + piece(at).max(1)).min(bytes.len());
        while at < end {
            match reader.read(&bytes[at..end]) {
                Err(v) => return (seen, Some(v.close)),
                Ok((used, got)) => {
                    let Some(got) = got else {
                        at += used;
                        continue;
                    };
                    seen.push(match got {
                        Got::Text(t) => Seen::Text(t.to_vec()),
                        Got::Binary => Seen::Binary,
                        Got::Ping(p) => Seen::Ping(p.to_vec()),
                        Got::Pong => Seen::Pong,
                        Got::Close { code } => Seen::Close(code),
                    });
                    at += used;
                }
            }
        }
    }
    (seen, None)
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut f = vec![first];
    match payload.len() {
        n @ 0..=125 => f.push(n as u8),
        n @ 126..=0xFFFF => {
            f.push(126);
            f.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            f.push(127);
            f.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    f.extend_from_slice(payload);
    f
}

#[test]
fn every_length_of_a_masked_frame_is_understood_by_tungstenite() {
    for n in [0, 1, 7, 8, 9, 125, 126, 127, 391, 5_000, 65_535, 65_536, 200_000] {
        let text: String = (0..n).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
        let mut bytes = vec![1, 2, 3];
        frame::write(&mut bytes, frame::TEXT, [9, 0xAB, 0, 255], |v| v.extend_from_slice(text.as_bytes()));
        let pipe = Pipe { to_server: bytes[3..].to_vec(), ..Pipe::default() };
        let mut server = WebSocket::from_raw_socket(pipe, Role::Server, None);
        assert_eq!(server.read().unwrap(), Message::text(text), "length {n}");
        assert_eq!(bytes[..3], [1, 2, 3], "what was there before stays");
        assert!(server.get_mut().to_server.is_empty(), "the frame is exactly as long as it says");
    }
}

#[test]
fn a_frame_costs_no_allocation_when_there_is_room() {
    let mut bytes = Vec::with_capacity(1_024);
    let before = bytes.as_ptr();
    for _ in 0..100 {
        bytes.clear();
        frame::write(&mut bytes, frame::TEXT, [1, 2, 3, 4], |v| v.extend_from_slice(&[b'x'; 391]));
        frame::write(&mut bytes, frame::PONG, [1, 2, 3, 4], |v| v.extend_from_slice(b"short"));
    }
    assert_eq!(bytes.as_ptr(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_tungstenite_sends_is_read_in_any_pieces(
        messages in prop::collection::vec((0u8..4, 0usize..5_000), 1..12), step in 1usize..700, salt in 0usize..97,
    ) {
        let mut server = WebSocket::from_raw_socket(Pipe::default(), Role::Server, None);
        let mut expected = Vec::new();
        for (kind, n) in messages {
            let text: String = (0..n).map(|i| if i % 50 == 49 { 'ß' } else { 'q' }).collect();
            let small = text.as_bytes()[..n.min(100)].to_vec();
            let (m, seen) = match kind {
                0 => (Message::text(text.clone()), Seen::Text(text.into_bytes())),
                1 => (Message::binary(text.into_bytes()), Seen::Binary),
                2 => (Message::Ping(small.clone().into()), Seen::Ping(small)),
                _ => (Message::Pong(small.into()), Seen::Pong),
            };
            server.send(m).unwrap();
            expected.push(seen);
        }
        let bytes = std::mem::take(&mut server.get_mut().to_client);
        let (seen, error) = read(&bytes, |at| (at * 31 + salt) % step + 1);
        prop_assert_eq!(error, None);
        prop_assert_eq!(&seen, &expected);
        let (seen, _) = read(&bytes, |_| usize::MAX - 10_000_000);
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn fragments_are_joined_and_control_frames_between_them_are_heard() {
    let mut bytes = frame(0x01, b"one ");
    bytes.extend(frame(0x89, b"ping"));
    bytes.extend(frame(0x00, b"two "));
    bytes.extend(frame(0x8A, b""));
    bytes.extend(frame(0x80, b"three"));
    bytes.extend(frame(0x81, b"next"));
    let expected = vec![
        Seen::Ping(b"ping".to_vec()),
        Seen::Pong,
        Seen::Text(b"one two three".to_vec()),
        Seen::Text(b"next".to_vec()),
    ];
    for step in 1..bytes.len() {
        assert_eq!(read(&bytes, |_| step), (expected.clone(), None), "in pieces of {step}");
    }
}

#[test]
fn what_rfc_6455_forbids_is_a_violation() {
    let long = vec![b'x'; 126];
    let mut control_in_text = frame(0x01, b"a");
    control_in_text.extend(frame(0x81, b"b"));
    for (bytes, why) in [
        (frame(0x09, b"p"), "a fragmented ping"),
        (frame(0x08, b""), "a fragmented close"),
        (frame(0x89, &long), "a ping of 126 octets"),
        (frame(0xC1, b"x"), "RSV1 without an extension"),
        (frame(0x83, b"x"), "opcode 3"),
        (frame(0x8B, b"x"), "opcode 11"),
        (frame(0x80, b"x"), "a continuation of nothing"),
        (control_in_text, "a text within a text"),
        (vec![0x81, 0x81, 1, 2, 3, 4, 5], "a masked frame from the server"),
        (frame(0x88, &[3]), "a close of one octet"),
        (frame(0x88, &1005u16.to_be_bytes()), "close 1005 on the wire"),
        (frame(0x88, &999u16.to_be_bytes()), "close 999"),
        (frame(0x88, &5000u16.to_be_bytes()), "close 5000"),
    ] {
        let (_, error) = read(&bytes, |_| 3);
        assert_eq!(error, Some(1002), "{why}");
        assert_eq!(read(&bytes, |_| bytes.len()).1, Some(1002), "{why}, whole");
    }
    let reason = [&1000u16.to_be_bytes()[..], &[0xFF, 0xFE]].concat();
    assert_eq!(read(&frame(0x88, &reason), |_| 100).1, Some(1007));
}

#[test]
fn a_message_that_is_too_long_is_refused_by_its_header_already() {
    let mut one = vec![0x81, 127];
    one.extend_from_slice(&(MESSAGE_MAX as u64 + 1).to_be_bytes());
    assert_eq!(read(&one, |_| 1).1, Some(1009));
    let mut huge = vec![0x81, 127];
    huge.extend_from_slice(&u64::MAX.to_be_bytes());
    assert_eq!(read(&huge, |_| 20).1, Some(1009));
    // In fragments: the sum counts.
    let mut parts = frame(0x01, &vec![b'a'; MESSAGE_MAX - 10]);
    parts.extend(frame(0x80, &[b'a'; 11]));
    assert_eq!(read(&parts, |_| 1_000_000).1, Some(1009));
}

#[test]
fn masking_is_the_octet_loop_of_the_rfc() {
    for n in 0..40 {
        let plain: Vec<u8> = (0..n).map(|i| i as u8 * 3).collect();
        let key = [0x12, 0x34, 0x56, 0x78];
        let mut masked = plain.clone();
        frame::mask(&mut masked, key);
        let by_hand: Vec<u8> = plain.iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect();
        assert_eq!(masked, by_hand);
    }
}
