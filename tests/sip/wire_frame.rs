//! Messages out of a stream.

use super::samples::{invite, text_invite};
use chorus::sip::wire::{BODY_MAX, Frame, Framer, HEAD_MAX, Verdict, read_datagram};

fn frames(data: &[u8], step: usize) -> Vec<Frame> {
    let mut framer = Framer::default();
    let mut out = Vec::new();
    for chunk in data.chunks(step) {
        framer.push(chunk);
        while let Some(frame) = framer.next() {
            out.push(frame);
        }
    }
    out
}

fn messages(frames: &[Frame]) -> Vec<Vec<u8>> {
    let only = frames.iter().filter_map(|f| match f {
        Frame::Message(b) => Some(b.to_vec()),
        _ => None,
    });
    only.collect()
}

#[test]
fn messages_come_out_whole_wherever_the_stream_is_cut() {
    let one = text_invite();
    let two = one.replace("7f3a", "8f3a").replace("\r\n", "\n").replace("Content-Length: 1", "l : 1");
    let two = {
        let (head, body) = two.split_once("\n\n").unwrap();
        let head: Vec<&str> = head.lines().filter(|l| !l.starts_with("l :")).collect();
        format!("{}\nl : {}\n\n{body}", head.join("\n"), body.len())
    };
    let stream = format!("{one}\r\n\r\n{two}{one}");
    for step in 1..=stream.len() {
        let found = frames(stream.as_bytes(), step);
        assert_eq!(messages(&found), [one.as_bytes(), two.as_bytes(), one.as_bytes()], "step {step}");
        assert_eq!(found.iter().filter(|f| **f == Frame::Ping).count(), 1, "step {step}");
    }
}

#[test]
fn keep_alives() {
    assert_eq!(frames(b"\r\n\r\n", 4), [Frame::Ping]);
    assert_eq!(frames(b"\r\n", 2), [Frame::Pong]);
    assert_eq!(frames(b"\r\n\r\n\r\n\r\n", 8), [Frame::Ping, Frame::Ping]);
    assert_eq!(frames(b"\r\n\r\n", 1).last(), Some(&Frame::Ping));
    assert_eq!(frames(b"\r", 1), []);
}

#[test]
fn a_missing_length_means_no_body() {
    let head = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\r\n";
    assert_eq!(messages(&frames(format!("{head}{head}").as_bytes(), 7)).len(), 2);
}

#[test]
fn a_body_without_length_breaks_the_stream_after_an_answer() {
    let text = text_invite();
    let at = text.find("Content-Length: ").unwrap();
    let end = at + text[at..].find("\r\n").unwrap() + 2;
    let stream = format!("{}{}{text}", &text[..at], &text[end..]);
    for step in [1, 7, stream.len()] {
        let found = frames(stream.as_bytes(), step);
        let [Frame::Broken { head, .. }] = &found[..] else { panic!("{found:?}") };
        assert!(matches!(read_datagram(head), Verdict::Refuse { code: 400, .. }), "{head:?}");
    }
}

#[test]
fn a_length_that_is_not_one_breaks_the_stream_after_an_answer() {
    for bad in ["-5", "x", "1\r\nl: 1"] {
        let text = text_invite();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let head: Vec<&str> = head.lines().filter(|l| !l.starts_with("Content-Length")).collect();
        let stream = format!("{}\r\nContent-Length: {bad}\r\n\r\nbody{text}", head.join("\r\n"));
        let found = frames(stream.as_bytes(), 100);
        let [Frame::Broken { head, .. }] = &found[..] else { panic!("{bad}: {found:?}") };
        assert!(matches!(read_datagram(head), Verdict::Refuse { code: 400, .. }), "{bad}");
    }
}

#[test]
fn limits_end_a_stream() {
    let endless = "a".repeat(HEAD_MAX + 10);
    let found = frames(endless.as_bytes(), 1_000);
    let [Frame::TooBig { head }] = &found[..] else { panic!("{found:?}") };
    assert!(matches!(read_datagram(head), Verdict::Drop { .. }), "nobody knows whom to answer");
    let text = text_invite();
    let refused = |stream: &str, step: usize| {
        let found = frames(stream.as_bytes(), step);
        let [Frame::TooBig { head }] = &found[..] else { panic!("{found:?}") };
        let Verdict::Refuse { message, code, .. } = read_datagram(head) else { panic!("{head:?}") };
        assert_eq!((code, message.call_id()), (513, invite().call_id()));
    };
    // Lines without end, a line without end, a blank line too late.
    for filler in ["X-Pad: y\r\n".repeat(HEAD_MAX / 5), format!("X-Pad: {}\r\n", "y".repeat(HEAD_MAX * 2))] {
        let long = text.replacen("\r\n\r\n", &format!("\r\n{filler}\r\n"), 1);
        [1_000, 40_000, long.len()].iter().for_each(|step| refused(&long, *step));
    }
    let at = text.find("Content-Length: ").unwrap();
    let big = format!("{}Content-Length: {}\r\n\r\n", &text[..at], BODY_MAX + 1);
    refused(&big, 50);
    let huge = format!("{}Content-Length: 99999999999999999999999\r\n\r\n", &text[..at]);
    refused(&huge, 50);
}

#[test]
fn a_slow_message_is_partial_until_it_is_whole() {
    let text = text_invite();
    let (a, b) = text.as_bytes().split_at(100);
    let mut framer = Framer::default();
    framer.push(a);
    assert!(framer.next().is_none() && framer.is_partial());
    framer.push(b);
    assert!(matches!(framer.next(), Some(Frame::Message(_))));
    assert!(!framer.is_partial());
}

#[test]
fn a_length_beyond_what_came_waits_on_a_stream() {
    let text = text_invite().replace("Content-Length: 1", "Content-Length: 91");
    let mut framer = Framer::default();
    framer.push(text.as_bytes());
    assert!(framer.next().is_none() && framer.is_partial(), "a datagram would be refused here");
    framer.push(&[b'x'; 9_000]);
    assert!(matches!(framer.next(), Some(Frame::Message(_))));
}

#[test]
fn nothing_comes_out_of_a_broken_stream_any_more() {
    let mut framer = Framer::default();
    framer.push(b"OPTIONS sip:a@b SIP/2.0\r\nl: x\r\n\r\n");
    assert!(matches!(framer.next(), Some(Frame::Broken { .. })));
    framer.push(text_invite().as_bytes());
    assert!(framer.next().is_none() && !framer.is_partial());
}

/// Found by fuzzing: a run of CRs was a blank line or none, as the reads fell.
#[test]
fn a_blank_line_is_the_same_wherever_the_stream_is_cut() {
    let odd = b"OPTIONS sip:a@b SIP/2.0\r\nX: 1\n\r\r\r\nl: 0\r\n\r\nrest";
    let whole = frames(odd, odd.len());
    assert_eq!(messages(&whole), [&odd[..odd.len() - 4]]);
    for step in 1..odd.len() {
        assert_eq!(frames(odd, step), whole, "step {step}");
    }
}
