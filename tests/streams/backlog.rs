//! What waits for an agent that does not read (ruling 2.43).

use super::agent::at;
use chorus::streams::StreamBuf;
use chorus::streams::buf::BACKLOG_MAX;
use proptest::prelude::*;

fn push(b: &mut StreamBuf, ms: u64, droppable: bool, bytes: &[u8]) {
    b.push(at(ms).mono, droppable, |v| v.extend_from_slice(bytes));
}

#[test]
fn audio_older_than_200_ms_is_dropped_and_everything_else_stays() {
    let mut b = StreamBuf::new();
    push(&mut b, 0, true, b"old0");
    push(&mut b, 10, false, b"mark");
    push(&mut b, 20, true, b"old1");
    push(&mut b, 220, true, b"young");
    assert_eq!(b.shed(at(200).mono), 0);
    assert_eq!(b.shed(at(221).mono), 2);
    assert_eq!(b.front(), b"markyoung");
    assert_eq!((b.dropped(), b.shed(at(221).mono)), (2, 0));
}

#[test]
fn a_frame_that_has_begun_to_leave_is_never_dropped() {
    let mut b = StreamBuf::new();
    push(&mut b, 0, true, b"0123456789");
    push(&mut b, 0, true, b"abcdef");
    b.consume(4);
    assert_eq!(b.shed(at(1_000).mono), 1);
    assert_eq!(b.front(), b"456789");
    b.consume(6);
    assert!(b.is_empty());
}

#[test]
fn draining_hands_out_whole_frames_and_keeps_the_memory() {
    let mut b = StreamBuf::new();
    push(&mut b, 0, true, b"one");
    push(&mut b, 0, false, b"two");
    push(&mut b, 0, false, b"");
    let mut seen = Vec::new();
    b.drain(|d, f| seen.push((d, f.to_vec())));
    assert_eq!(seen, [(true, b"one".to_vec()), (false, b"two".to_vec())]);
    assert!(b.is_empty());
    push(&mut b, 0, false, &vec![0; BACKLOG_MAX]);
    assert!(!b.is_overfull());
    push(&mut b, 0, false, b"x");
    assert!(b.is_overfull());
}

proptest! {
    /// Whatever is pushed, consumed and shed: what leaves is made of whole frames in order, and only old audio is missing.
    #[test]
    fn frames_leave_whole_and_in_order(ops in prop::collection::vec((0u8..4, 1usize..3_000), 1..200)) {
        let mut b = StreamBuf::new();
        let (mut left, mut expected, mut sent) = (Vec::new(), Frames::new(), 0u32);
        for (i, (op, n)) in ops.into_iter().enumerate() {
            let ms = i as u64 * 37;
            match op {
                0 | 1 => {
                    sent += 1;
                    let frame: Vec<u8> = sent.to_be_bytes().into_iter().cycle().take(4 + n / 4 * 4).collect();
                    push(&mut b, ms, op == 0, &frame);
                    expected.push((op == 0, ms, frame));
                }
                2 => {
                    let n = n.min(b.len());
                    left.extend_from_slice(&b.front()[..n]);
                    b.consume(n);
                }
                _ => {
                    b.shed(at(ms).mono);
                    // The model drops the same: old audio of which nothing has left.
                    let (mut at_octet, gone) = (0, left.len());
                    expected.retain(|(droppable, since, f)| {
                        let begun = at_octet < gone;
                        let keep = begun || !droppable || ms - since <= 200;
                        if keep { at_octet += f.len(); }
                        keep
                    });
                }
            }
        }
        left.extend_from_slice(b.front());
        prop_assert_eq!(left, expected.concat_frames());
    }
}

/// Droppable, since, octets.
type Frames = Vec<(bool, u64, Vec<u8>)>;

trait ConcatFrames {
    fn concat_frames(&self) -> Vec<u8>;
}

impl ConcatFrames for Frames {
    fn concat_frames(&self) -> Vec<u8> {
        self.iter().flat_map(|(_, _, f)| f.iter().copied()).collect()
    }
}
