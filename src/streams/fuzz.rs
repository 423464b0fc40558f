//! The bodies of the fuzz targets of this room: octets of a WebSocket server, and what an agent says inside of them.

use super::frame::{Got, Reader};
use super::message::{self, Incoming, SidText};
use super::{Session, StreamBuf};
use crate::clock::{Mono, Now, Wall};
use crate::media::event::StreamStart;
use crate::media::plan::Track;
use crate::rng::Rng;
use crate::sid::{AccountSid, CallSid, StreamSid};
use crate::sip::event::LegId;

/// The stream that every input speaks about.
pub const STREAM: StreamSid = StreamSid(0x1234_5678_9abc_def0_1234_5678_9abc_def0);

fn at(ms: u64) -> Now {
    let wall = i64::try_from(ms).unwrap_or_default();
    Now { mono: Mono(ms.saturating_mul(1_000)), wall: Wall(wall) }
}

/// A message of an agent: both readers agree, and what was read reads the same when it is written again. True: accepted.
///
/// # Panics
/// If a promise is broken.
pub fn fuzz_stream_json(data: &[u8]) -> bool {
    let text = STREAM.to_string();
    let Ok(sid) = SidText::try_from(text.as_bytes()) else { return false };
    let read = message::read(&sid, data);
    assert_eq!(read, message::read_any(&sid, data), "the two readers differ");
    match &read {
        Ok(Incoming::Media(payload)) => {
            let mut audio = Vec::new();
            payload.decode(|a| audio.extend_from_slice(a));
            let again = base64_simd::STANDARD.encode_to_string(&audio);
            let text =
                format!(r#"{{"event":"media","streamSid":"{STREAM}","media":{{"payload":"{again}"}}}}"#);
            let mut second = None;
            if let Ok(Incoming::Media(p)) = message::read(&sid, text.as_bytes()) {
                let second = second.get_or_insert_with(Vec::new);
                p.decode(|a| second.extend_from_slice(a));
            }
            assert_eq!(Some(audio), second, "audio reads otherwise when it is written again");
        }
        Ok(Incoming::Mark(name)) => {
            let mut echo = Vec::new();
            message::mark(&mut echo, 1, &sid, name);
            assert_eq!(message::read(&sid, &echo), Ok(Incoming::Mark(name.clone())));
        }
        Ok(Incoming::Stop(fields)) => {
            assert!(fields.iter().all(|(n, v)| !n.contains(['\r', '\n', ':']) && !v.contains(['\r', '\n'])));
        }
        Ok(Incoming::Clear) | Err(_) => {}
    }
    read.is_ok()
}

/// Opcode and content of every message in `data`, read `piece` octets at a time; false if the server broke a rule.
fn frames(data: &[u8], piece: usize) -> (Vec<(u8, Vec<u8>)>, bool) {
    let mut reader = Reader::new();
    let mut all = Vec::new();
    for part in data.chunks(piece) {
        let mut at = 0;
        while let Some(rest) = part.get(at..).filter(|r| !r.is_empty()) {
            let Ok((used, got)) = reader.read(rest) else { return (all, false) };
            match got {
                None => {}
                Some(Got::Text(t)) => all.push((1, t.to_vec())),
                Some(Got::Binary) => all.push((2, Vec::new())),
                Some(Got::Ping(p)) => all.push((9, p.to_vec())),
                Some(Got::Pong) => all.push((10, Vec::new())),
                Some(Got::Close { code }) => all.push((8, code.unwrap_or(0).to_be_bytes().to_vec())),
            }
            assert!(used > 0, "the reader stands still");
            at += used;
        }
    }
    (all, true)
}

/// Octets of a WebSocket server: however they are cut, the same messages come of them, and a session survives them. True:
/// no violation.
///
/// # Panics
/// If a promise is broken.
pub fn fuzz_ws(data: &[u8]) -> bool {
    let (whole, fine) = frames(data, data.len().max(1));
    let piece = usize::from(data.first().copied().unwrap_or(0)) % 13 + 1;
    assert_eq!(frames(data, piece), (whole, fine), "in pieces of {piece}");

    let start = StreamStart {
        stream: STREAM,
        leg: LegId(1),
        account: AccountSid(7),
        call: CallSid(8),
        track: Track::Inbound,
        bidirectional: true,
        parameters: vec![("a".to_owned(), "1".to_owned())],
    };
    let mut session = Session::new(&start, at(0)).with_rng(Rng::from_number(1));
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
