//! The twiml crate: documents in, steps out.

mod check;
mod content;
mod declarations;
mod dial;
mod document;
mod fuzz;
mod hostile;
mod interpreter;
mod nesting;
mod verbs;

use ::twiml::{Document, Verb};

/// No warning.
const NONE: [u32; 0] = [];

/// The document inside `<Response>`.
fn read(inside: &str) -> Document {
    Document::parse(&format!("<Response>{inside}</Response>")).expect("a document")
}

/// Its only verb, which must have come without a warning.
fn verb(inside: &str) -> Verb {
    let mut document = read(inside);
    assert_eq!(document.warnings, [], "{inside}");
    assert_eq!(document.verbs.len(), 1, "{inside}");
    document.verbs.remove(0)
}

/// The codes of its warnings.
fn codes(inside: &str) -> Vec<u32> {
    read(inside).warnings.iter().map(|w| w.code).collect()
}

/// An attribute that is given.
fn text(text: &str) -> Option<String> {
    Some(text.to_string())
}
