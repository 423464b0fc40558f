//! The body of the fuzzer; the suite runs the same one over the corpus and over random input.

use crate::content::Content;
use crate::document::Document;
use crate::interpreter::{Event, Interpreter, Kind, Step};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

/// As applications label their documents.
const XML: Option<&str> = Some("text/xml");

/// How the same octets are labelled.
const LABELS: &[Option<&str>] = &[
    XML,
    Some("text/plain; charset=iso-8859-1"),
    Some("text/html; charset=\"windows-1252\""),
    Some("application/xml; charset=utf-16le"),
    Some("audio/wav"),
    None,
];

/// Steps of one document.
const STEPS: usize = 50;

/// Reads `data` in every way, runs what can be run with every kind of event, and asserts that what is written reads
/// the same. True: read as the XML that applications send, it is a document that does something (as plain text nearly everything is
/// one).
///
/// # Panics
/// If reading what was written gives other verbs, or a document goes on after its end.
pub fn fuzz_twiml(data: &[u8]) -> bool {
    let mut accepted = false;
    for label in LABELS {
        let Ok(Content::Document(mut document)) = Document::read(data, *label) else { continue };
        accepted |= *label == XML && !document.verbs.is_empty();
        let written = document.write();
        let again = Document::parse(&written).map(|d| d.verbs);
        assert_eq!(again.as_ref(), Ok(&document.verbs), "read(write(x)) differs from x: {written}");
        document.verbs.truncate(STEPS); // more is never reached
        for kind in [Kind::Call, Kind::Whisper] {
            for first in 0..events().len() {
                run(Interpreter::new(document.clone(), kind), first);
            }
        }
    }
    accepted
}

fn run(mut interpreter: Interpreter, first: usize) {
    let mut ended = false;
    for event in events().into_iter().cycle().skip(first).take(STEPS) {
        let step = interpreter.step(event);
        assert!(!ended || step == Step::End, "a document went on after its end");
        ended |= !matches!(step, Step::Run(_));
    }
}

fn events() -> Vec<Event> {
    let params = || vec![("Name".to_string(), "value".to_string())];
    vec![
        Event::Next,
        Event::Gathered { digits: "12".to_string(), finished_on_key: Some('#') },
        Event::Gathered { digits: "".to_string(), finished_on_key: None },
        Event::Recorded { params: params(), made: true },
        Event::Recorded { params: params(), made: false },
        Event::Dialled { params: params() },
        Event::Connected { params: params() },
    ]
}
