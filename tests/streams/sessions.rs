//! Conversations of a session with an agent.

use super::agent::{Pair, SID, at, sound, start};
use chorus::media::event::AgentEvent;
use chorus::media::plan::Track;
use chorus::streams::session::MARKS_MAX;
use chorus::streams::{Session, StreamBuf, audio::AUDIO_MAX, audio::Budget, codes};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

#[test]
fn the_messages_of_a_call_are_numbered_and_share_one_chunk_counter() {
    let mut p = Pair::open(true);
    p.session.frame(at(0), Track::Inbound, &[0x11; 160], &mut p.out);
    p.session.frame(at(20), Track::Inbound, &[0x22; 160], &mut p.out);
    p.session.frame(at(21), Track::Outbound, &[0x33; 160], &mut p.out);
    p.session.key(at(30), '5', &mut p.out);
    p.session.frame(at(41), Track::Inbound, &[0x44; 160], &mut p.out);
    p.session.close(at(50), &mut p.out);
    p.session.close(at(51), &mut p.out);
    let m = p.heard();
    let field = |key: &str| -> Vec<Value> { m.iter().filter_map(|m| m.get(key)).cloned().collect() };
    let events = ["connected", "start", "media", "media", "media", "dtmf", "media", "stop"];
    assert_eq!(field("event"), events.map(Value::from));
    assert_eq!(field("sequenceNumber"), ["1", "2", "3", "4", "5", "6", "7"].map(Value::from));
    let media: Vec<_> = field("media");
    let get = |key: &str| -> Vec<Value> { media.iter().map(|m| m[key].clone()).collect() };
    assert_eq!(get("chunk"), ["1", "2", "3", "4"].map(Value::from));
    assert_eq!(get("timestamp"), ["0", "20", "21", "40"].map(Value::from));
    assert_eq!(get("track"), ["inbound", "inbound", "outbound", "inbound"].map(Value::from));
    assert_eq!(m.last(), Some(&json!("close")), "a close frame follows, once");
    assert!(m[0].get("streamSid").is_none(), "connected names no stream");
}

#[test]
fn timestamps_jump_over_a_pause_and_never_go_back() {
    let mut p = Pair::started(true);
    let mut times = vec![0, 20, 40, 1_000];
    times.extend(std::iter::repeat_n(1_001, 60));
    times.extend([1_020, 1_040, 3_000]);
    for t in &times {
        p.session.frame(at(*t), Track::Inbound, &[1; 160], &mut p.out);
    }
    let got: Vec<u64> =
        p.heard().iter().map(|m| m["media"]["timestamp"].as_str().unwrap().parse().unwrap()).collect();
    assert!(got.windows(2).all(|w| w[0] <= w[1]), "{got:?}");
    assert!(got.iter().zip(&times).all(|(g, t)| g.abs_diff(*t) <= 220), "{got:?}");
    assert_eq!(got[..4], [0, 20, 40, 1_000]);
}

#[test]
fn nothing_is_sent_before_the_101_or_after_the_end() {
    let mut out = StreamBuf::new();
    let mut s = Session::new(&start(true), at(0));
    s.frame(at(0), Track::Inbound, &[0; 160], &mut out);
    s.key(at(0), '1', &mut out);
    assert!(out.is_empty());
    s.close(at(1), &mut out);
    s.opened(at(2), &mut out);
    s.frame(at(3), Track::Inbound, &[0; 160], &mut out);
    assert!(out.is_empty() && s.is_over());
}

#[test]
fn a_unidirectional_agent_hears_no_keys_and_is_not_heard() {
    let mut p = Pair::started(false);
    p.session.key(at(1), '1', &mut p.out);
    p.media(&sound(320));
    p.mark("m");
    p.clear();
    assert_eq!(p.pull(), Vec::<u8>::new());
    assert_eq!(p.heard(), Vec::<Value>::new());
    assert_eq!(p.warnings(), Vec::<u32>::new());
}

#[test]
fn audio_of_any_chunk_size_is_played_in_order() {
    for chunk in [1, 2, 3, 7, 100, 159, 160, 161, 320, 1_000, 5_000] {
        let mut p = Pair::started(true);
        let audio = sound(12_345);
        audio.chunks(chunk).for_each(|c| p.media(c));
        let mut played = Vec::new();
        loop {
            let frame = p.pull();
            if frame.is_empty() && played.len() >= audio.len() {
                break;
            }
            played.extend(frame);
        }
        assert_eq!(played.len(), audio.len().next_multiple_of(160));
        let (heard, silence) = played.split_at(audio.len());
        assert_eq!(heard, audio, "chunks of {chunk}");
        assert!(silence.iter().all(|b| *b == 0xFF));
    }
}

#[test]
fn a_rest_below_a_frame_waits_for_more_and_not_for_ever() {
    let mut p = Pair::started(true);
    p.media(&[1; 100]);
    assert_eq!(p.pull(), Vec::<u8>::new(), "60 octets may still come");
    p.media(&[1; 60]);
    assert_eq!(p.pull(), [1; 160]);
    p.media(&[2; 10]);
    assert_eq!((p.pull().len(), p.pull().len()), (0, 0));
    let last = p.pull();
    assert_eq!((&last[..10], &last[10..]), (&[2; 10][..], &[0xFF; 150][..]));
    p.media(&[3; 10]);
    p.mark("end");
    assert_eq!(p.pull()[..10], [3; 10], "a mark says that nothing belongs to it");
}

#[test]
fn a_mark_comes_back_after_its_audio_and_at_once_on_silence() {
    let mut p = Pair::started(true);
    p.mark("idle");
    assert_eq!(p.marks(), ["idle"]);
    p.media(&[1; 400]);
    p.mark("first");
    p.mark("same place");
    p.media(&[2; 80]);
    p.mark("second");
    assert_eq!(p.pull(), [1; 160]);
    assert_eq!(p.pull(), [1; 160]);
    assert_eq!(p.marks(), Vec::<String>::new());
    assert_eq!(p.pull(), [[1; 80], [2; 80]].concat());
    assert_eq!(p.marks(), Vec::<String>::new(), "the packet with its last sample leaves first");
    assert_eq!(p.pull(), Vec::<u8>::new());
    assert_eq!(p.marks(), ["first", "same place", "second"]);
    p.mark("after");
    assert_eq!(p.marks(), ["after"]);
}

#[test]
fn marks_wait_for_the_packet_that_collects_their_audio() {
    for (ms, pulls) in [(10, 1), (20, 1), (30, 2), (40, 2), (60, 3)] {
        let mut p = Pair::started(true);
        p.session.set_packet(ms);
        p.media(&[1; 160]);
        p.mark("before");
        assert_eq!(p.pull(), [1; 160]);
        if ms > 20 {
            p.mark("after");
            assert_eq!(p.marks(), Vec::<String>::new(), "its packet is still collecting");
        }
        for _ in 1..pulls {
            p.pull();
            assert_eq!(p.marks(), Vec::<String>::new(), "{ms} ms");
        }
        p.pull();
        let expected: &[&str] = if ms > 20 { &["before", "after"] } else { &["before"] };
        assert_eq!(p.marks(), expected, "{ms} ms");
        p.mark("idle");
        assert_eq!(p.marks(), ["idle"]);
    }
}

#[test]
fn clear_drops_what_waits_and_gives_back_every_mark_in_order() {
    let mut p = Pair::started(true);
    p.media(&[1; 1_600]);
    p.mark("a");
    p.media(&[2; 1_600]);
    p.mark("b");
    assert_eq!(p.pull(), [1; 160]);
    p.clear();
    assert_eq!(p.marks(), ["a", "b"]);
    assert_eq!(p.pull(), Vec::<u8>::new());
    assert_eq!(p.session.waiting(), 0);
    p.media(&[3; 160]);
    p.mark("c");
    assert_eq!(p.pull(), [3; 160]);
    p.pull();
    assert_eq!(p.marks(), ["c"]);
    p.clear();
    assert_eq!(p.marks(), Vec::<String>::new(), "a clear of nothing echoes nothing");
}

#[test]
fn ten_minutes_wait_and_what_is_more_is_discarded_with_one_warning() {
    let mut p = Pair::started(true);
    let minute = sound(60 * 8_000);
    for _ in 0..10 {
        p.media(&minute);
    }
    assert_eq!(p.session.waiting(), AUDIO_MAX);
    assert_eq!(p.warnings(), Vec::<u32>::new());
    p.media(&[0; 161]);
    p.media(&[0; 161]);
    assert_eq!(p.session.waiting(), AUDIO_MAX);
    assert_eq!(p.warnings(), [codes::AUDIO_DISCARDED]);
    assert_eq!(p.pull(), minute[..160]);
    p.media(&[9; 161]);
    assert_eq!(p.session.waiting(), AUDIO_MAX, "what fits is taken");
}

#[test]
fn sessions_share_a_bound_and_give_back_what_they_held() {
    let budget = Budget::new(3 * 8_000);
    let mut a = Session::new(&start(true), at(0)).with_budget(budget.clone());
    let (mut out, mut events) = (StreamBuf::new(), Vec::new());
    a.opened(at(0), &mut out);
    let payload = base64_simd::STANDARD.encode_to_string(vec![0u8; 30_000]);
    let text = json!({"event": "media", "streamSid": SID, "media": {"payload": payload}}).to_string();
    let mut frame = vec![0x81, 126];
    frame.extend_from_slice(&(text.len() as u16).to_be_bytes());
    frame.extend_from_slice(text.as_bytes());
    a.on_bytes(at(1), &mut frame, &mut events, &mut out);
    assert_eq!((a.waiting(), budget.left()), (24_000, 0));
    assert!(events.iter().any(|e| matches!(e, AgentEvent::Warning { code: codes::AUDIO_DISCARDED, .. })));
    drop(a);
    assert_eq!(budget.left(), 3);
}

#[test]
fn each_warning_is_given_once_and_the_stream_goes_on() {
    let mut p = Pair::started(true);
    for _ in 0..3 {
        p.say(Message::binary(vec![1, 2, 3]));
        p.say(Message::text("no json"));
        p.say_json(&json!({"event": "clear", "streamSid": "MZ00000000000000000000000000000000"}));
    }
    assert_eq!(p.warnings(), [codes::UNDECODABLE, codes::INVALID]);
    p.media(&[5; 160]);
    assert_eq!(p.pull(), [5; 160]);
    assert_eq!(p.closed(), []);
}

#[test]
fn marks_without_end_are_bounded() {
    let mut p = Pair::started(true);
    p.media(&[1; 160]);
    for i in 0..MARKS_MAX + 50 {
        p.mark(&i.to_string());
    }
    assert_eq!(p.warnings(), [codes::INVALID]);
    p.clear();
    let marks = p.marks();
    assert_eq!((marks.len(), marks[0].as_str()), (MARKS_MAX, "0"));
    let notes = p.events.iter().filter(|e| matches!(e, AgentEvent::Message { .. })).count();
    assert!(notes <= 200, "the timeline is not flooded: {notes}");
}

#[test]
fn a_ping_is_answered_with_its_octets() {
    let mut p = Pair::started(true);
    p.say(Message::Ping(vec![1, 2, 3].into()));
    assert_eq!(p.read().unwrap().unwrap(), Message::Pong(vec![1, 2, 3].into()));
}

#[test]
fn stop_from_the_agent_ends_the_stream_cleanly() {
    let mut p = Pair::started(true);
    p.media(&[1; 1_600]);
    p.mark("lost");
    p.say_json(&json!({"event": "stop", "streamSid": SID}));
    assert_eq!(p.closed(), [(None, true)]);
    assert_eq!(p.warnings(), [codes::INVALID]);
    let heard = p.heard();
    assert_eq!((heard.len(), &heard[0]["event"], &heard[1]), (2, &json!("stop"), &json!("close")));
    assert_eq!(p.pull(), Vec::<u8>::new());
    p.session.close(p.now, &mut p.out);
    p.session.eof(&mut p.events);
    assert_eq!(p.closed().len(), 1, "it is over once");
}

#[test]
fn how_the_agent_closes_decides_the_code() {
    for (code, expected) in [
        (None, None),
        (Some(1000u16), None),
        (Some(1001), None),
        (Some(1011), Some(codes::CLOSED_BY_AGENT)),
        (Some(1008), Some(codes::CLOSED_BY_AGENT)),
        (Some(4000), Some(codes::CLOSED_BY_AGENT)),
    ] {
        let mut p = Pair::started(true);
        p.say(Message::Close(code.map(|c| CloseFrame { code: CloseCode::from(c), reason: "".into() })));
        assert_eq!(p.closed(), [(expected, false)], "{code:?}");
        let answer = p.read();
        assert!(matches!(answer, Some(Ok(Message::Close(_)))), "the close is answered: {answer:?}");
        p.session.eof(&mut p.events);
        assert_eq!(p.closed().len(), 1);
    }
}

#[test]
fn a_broken_connection_and_a_broken_protocol_have_their_codes() {
    let mut p = Pair::started(true);
    p.session.eof(&mut p.events);
    p.session.eof(&mut p.events);
    assert_eq!(p.closed(), [(Some(codes::BROKEN_PIPE), false)]);

    for bytes in [vec![0x09, 0x00], vec![0x81, 0x02, 0xC3, 0x28]] {
        let mut p = Pair::started(true);
        p.session.on_bytes(at(1), &mut bytes.clone(), &mut p.events, &mut p.out);
        p.session.on_bytes(at(2), &mut bytes.clone(), &mut p.events, &mut p.out);
        assert_eq!(p.closed(), [(Some(codes::PROTOCOL), false)], "{bytes:?}");
        assert!(
            matches!(p.read(), Some(Ok(Message::Close(Some(f)))) if u16::from(f.code) == 1002 || u16::from(f.code) == 1007)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// A model of the whole: what was said, minus what was cleared, is heard in order; a mark comes back once, after
    /// the audio before it, in order; however the octets are cut.
    #[test]
    fn marks_and_audio_follow_the_model(ops in prop::collection::vec((0u8..8, 1usize..900), 1..60), cut in 1usize..400) {
        let mut p = Pair::started(true);
        let mut model: VecDeque<Result<u8, usize>> = VecDeque::new();
        let (mut heard, mut echoed, mut marks) = (Vec::new(), Vec::new(), 0);
        let (mut expected, mut expected_marks) = (Vec::new(), Vec::new());
        for (op, n) in ops.into_iter().chain([(7, 900)]) {
            match op {
                0..=2 => {
                    model.extend(sound(n).into_iter().map(Ok));
                    let payload = base64_simd::STANDARD.encode_to_string(sound(n));
                    p.agent.send(Message::text(
                        json!({"event": "media", "streamSid": SID, "media": {"payload": payload}}).to_string())).unwrap();
                }
                3 => {
                    marks += 1;
                    model.push_back(Err(marks));
                    p.agent.send(Message::text(
                        json!({"event": "mark", "streamSid": SID, "mark": {"name": marks.to_string()}}).to_string())).unwrap();
                }
                4 if n < 200 => {
                    expected_marks.extend(model.drain(..).filter_map(Result::err));
                    p.agent.send(Message::text(json!({"event": "clear", "streamSid": SID}).to_string())).unwrap();
                }
                _ => {
                    for _ in 0..(if n == 900 { 1_000 } else { n / 100 }) {
                        let frame = p.pull();
                        let mut left = frame.len();
                        while left > 0 {
                            match model.pop_front() {
                                Some(Ok(b)) => { expected.push(b); left -= 1; }
                                Some(Err(m)) => expected_marks.push(m),
                                // A padded last frame.
                                None => { prop_assert!(frame[frame.len() - left..].iter().all(|b| *b == 0xFF)); break; }
                            }
                        }
                        heard.extend_from_slice(&frame[..frame.len() - left]);
                    }
                }
            }
            let mut bytes = std::mem::take(&mut p.agent.get_mut().to_client);
            for piece in bytes.chunks_mut(cut) {
                p.session.on_bytes(p.now, piece, &mut p.events, &mut p.out);
            }
            echoed.extend(p.marks().into_iter().map(|m| m.parse::<usize>().unwrap()));
        }
        expected_marks.extend(model.drain(..).filter_map(Result::err));
        prop_assert_eq!(heard, expected);
        prop_assert_eq!(echoed, expected_marks);
        prop_assert_eq!(p.session.waiting(), 0);
        prop_assert_eq!(p.warnings(), Vec::<u32>::new());
    }
}
