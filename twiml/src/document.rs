//! A document: its verbs in order, and what was wrong with it (twiml.md 1.3).

use crate::guard;
use crate::limits::NODES_MAX;
use crate::verb::Verb;
use crate::warning::{
    BAD_ROOT, BAD_VERSION, DocumentError, NOT_PARSEABLE, Reader, SCHEMA, Warning, cut, place,
};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use roxmltree::{Error, Node, ParsingOptions};

/// A document that can be run.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Document {
    /// In the order of the document.
    pub verbs: Vec<Verb>,
    /// In the order of the document, at most `WARNINGS_MAX` and one that counts the rest.
    pub warnings: Vec<Warning>,
}

impl Document {
    /// Reads the text of a document, whatever its length; [`Document::read`] holds it to 64 KiB.
    pub fn parse(text: &str) -> Result<Document, DocumentError> {
        guard::check(text)?;
        let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
        let tree = roxmltree::Document::parse_with_options(text, options).map_err(|e| not_parseable(&e))?;
        let root = tree.root_element();
        if root.tag_name().name() != "Response" {
            let words = format!("the root element is {}, not Response", cut(root.tag_name().name()));
            return Err(at(text, root.range().start, BAD_ROOT, words));
        }
        let mut reader = Reader::new(text);
        read_root_attributes(text, root, &mut reader)?;
        // Reserved once: a list that doubles would cost the largest documents more than their verbs.
        let mut verbs = Vec::with_capacity(root.children().filter(Node::is_element).count());
        for child in root.children() {
            if child.is_element() {
                verbs.extend(Verb::read(child, &mut reader));
            } else if child.is_text() && !child.text().unwrap_or_default().trim().is_empty() {
                reader.warn(child.range().start, SCHEMA, "Response holds no text; it is ignored");
            }
        }
        Ok(Document { verbs, warnings: reader.finish() })
    }

    /// The document as XML. Reading it again gives the same verbs.
    pub fn write(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>");
        for verb in &self.verbs {
            verb.element().write(&mut out);
        }
        out.push_str("</Response>");
        out
    }
}

/// Response has one attribute, and a bad one is an error.
fn read_root_attributes(
    text: &str,
    root: Node<'_, '_>,
    reader: &mut Reader<'_>,
) -> Result<(), DocumentError> {
    for found in root.attributes() {
        let start = found.range().start;
        if found.name() != "version" || found.namespace().is_some() {
            let words = format!("Response has no attribute {}; it is ignored", cut(found.name()));
            reader.warn(start, SCHEMA, words);
            continue;
        }
        // Versions have been numbers ("1.0") and dates ("2010-04-01").
        let value = found.value().trim();
        let known = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit() || ".-".contains(c));
        if !known {
            let words = format!("\"{}\" is not a version of Response", cut(value));
            return Err(at(text, start, BAD_VERSION, words));
        }
    }
    Ok(())
}

fn at(text: &str, octet: usize, code: u32, words: String) -> DocumentError {
    let (line, column) = place(text, octet);
    DocumentError { code, words, line, column }
}

fn not_parseable(error: &Error) -> DocumentError {
    let words = match error {
        Error::DtdDetected => "a document type declaration is not accepted".to_string(),
        Error::NodesLimitReached => format!("there are more than {NODES_MAX} nodes"),
        Error::NoRootNode => "the document has no element".to_string(),
        Error::UnclosedRootNode => "the root element is not closed".to_string(),
        Error::UnexpectedCloseTag(expected, actual, _) => {
            format!("</{}> was expected, </{}> found", cut(expected), cut(actual))
        }
        Error::MalformedEntityReference(_) => "an & must begin a reference, or be written &amp;".to_string(),
        Error::UnexpectedDeclaration(_) => "the XML declaration must stand at the very beginning".to_string(),
        // The parser's sentence ends with the place, which is told beside it.
        other => {
            cut(other.to_string().rsplit_once(" at ").map_or("the document is not XML", |(words, _)| words))
        }
    };
    let position = error.pos();
    DocumentError { code: NOT_PARSEABLE, words, line: position.row, column: position.col }
}
