//! What can be wrong with a document: a `DocumentError` ends it, a `Warning` does not.

use crate::limits::WARNINGS_MAX;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The document cannot be run: the call asks its fallback URL (twiml.md 1.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// Twilio's code: 11750, 11770, 12100, 12101, 12102, 12300 or 13201.
    pub code: u32,
    /// One sentence that says what is wrong.
    pub words: String,
    /// Line from 1; 0 where the document as a whole is meant.
    pub line: u32,
    /// Column from 1, in characters; 0 as above.
    pub column: u32,
}

impl DocumentError {
    /// An error of the document as a whole.
    pub(crate) fn whole(code: u32, words: impl Into<String>) -> Self {
        Self { code, words: words.into(), line: 0, column: 0 }
    }

    /// 11770: a chunked answer without a body. The caller knows the transfer coding, this crate does not.
    pub fn empty_chunked() -> Self {
        Self::whole(EMPTY_CHUNKED, "the answer announced chunks and had no body")
    }
}

/// Something was passed over or replaced by its default; the document runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Twilio's code: 12200, or the verb's own (13xxx).
    pub code: u32,
    /// One sentence: what is wrong and what is done instead.
    pub words: String,
    /// Line from 1; 0 where no place is known.
    pub line: u32,
    /// Column from 1, in characters; 0 as above.
    pub column: u32,
}

/// Body over the limit.
pub const TOO_LARGE: u32 = 11750;
/// Chunked answer without a body.
pub const EMPTY_CHUNKED: u32 = 11770;
/// Not parseable.
pub const NOT_PARSEABLE: u32 = 12100;
/// Bad `version` of Response.
pub const BAD_VERSION: u32 = 12101;
/// The root is not Response.
pub const BAD_ROOT: u32 = 12102;
/// Unknown element, attribute or nesting.
pub const SCHEMA: u32 = 12200;
/// Content type missing or not acceptable.
pub const CONTENT_TYPE: u32 = 12300;
/// Dial in a whisper document.
pub const DIAL_IN_WHISPER: u32 = 13201;

/// Collects warnings while a document is read, and knows where each octet of it stands.
pub(crate) struct Reader<'t> {
    text: &'t str,
    warnings: Vec<Warning>,
    dropped: u32,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, warnings: Vec::new(), dropped: 0 }
    }

    /// Notes a warning about what stands at octet `at`.
    pub(crate) fn warn(&mut self, at: usize, code: u32, words: impl Into<String>) {
        // Finding a place costs a walk over the text, so a document of nothing but faults must not pay for each.
        if self.warnings.len() >= WARNINGS_MAX {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let (line, column) = place(self.text, at);
        self.warnings.push(Warning { code, words: words.into(), line, column });
    }

    /// The warnings in the order of the document, with the count of those that were not kept.
    pub(crate) fn finish(mut self) -> Vec<Warning> {
        // An element's own fault is often noticed only after its children were read.
        self.warnings.sort_by_key(|w| (w.line, w.column));
        if self.dropped > 0 {
            let words = format!("{} further warnings are not listed", self.dropped);
            self.warnings.push(Warning { code: SCHEMA, words, line: 0, column: 0 });
        }
        self.warnings
    }
}

/// Line and column, both from 1, of octet `at`.
pub(crate) fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count();
    let column = before.rsplit('\n').next().unwrap_or("").chars().count();
    (small(line).saturating_add(1), small(column).saturating_add(1))
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// What a sentence quotes of a document: the beginning, in one line, without the mark that ends it.
pub(crate) fn cut(text: &str) -> String {
    const QUOTED_MAX: usize = 60;
    let shown = |c: char| match c {
        '"' => '\'',
        c if c.is_control() => ' ',
        c => c,
    };
    let mut short: String = text.chars().map(shown).take(QUOTED_MAX).collect();
    if text.chars().nth(QUOTED_MAX).is_some() {
        short.push_str("...");
    }
    short
}
