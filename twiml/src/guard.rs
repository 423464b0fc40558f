//! One walk over the text before the parser sees it: no DTD, and nothing that is deep, broad or repeated enough to
//! cost time or memory (promises-and-faults.md 3.5). It does not judge well-formedness; the parser does.

use crate::limits::{ATTRIBUTES_MAX, DEPTH_MAX, NAMESPACES_MAX};
use crate::warning::{DocumentError, NOT_PARSEABLE, place};
use alloc::format;
use alloc::string::String;

/// What begins at a `<`, and how it ends.
const SECTIONS: &[(&str, &str)] = &[("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];

/// Refuses what must not be parsed.
pub(crate) fn check(text: &str) -> Result<(), DocumentError> {
    let fail = |at: usize, words: String| {
        let (line, column) = place(text, at);
        Err(DocumentError { code: NOT_PARSEABLE, words, line, column })
    };
    let (mut at, mut depth, mut namespaces) = (0_usize, 0_u32, 0_u32);
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('<')) {
        let start = at.saturating_add(open);
        let rest = text.get(start..).unwrap_or_default();
        if let Some((begin, end)) = SECTIONS.iter().find(|(begin, _)| rest.starts_with(begin)) {
            let inside = rest.get(begin.len()..).unwrap_or_default();
            let Some(length) = inside.find(end) else { return Ok(()) };
            at = start.saturating_add(begin.len()).saturating_add(length).saturating_add(end.len());
            continue;
        }
        if rest.starts_with("<!") {
            return fail(start, "a document type declaration is not accepted".into());
        }
        let tag = Tag::scan(rest);
        at = start.saturating_add(tag.length);
        namespaces = namespaces.saturating_add(tag.namespaces);
        depth = match tag.kind {
            TagKind::Close => depth.saturating_sub(1),
            TagKind::Empty => depth,
            TagKind::Open => depth.saturating_add(1),
        };
        if depth > DEPTH_MAX || (depth == DEPTH_MAX && tag.kind == TagKind::Empty) {
            return fail(start, format!("elements are nested deeper than {DEPTH_MAX}"));
        }
        if tag.attributes > ATTRIBUTES_MAX {
            return fail(start, format!("an element has more than {ATTRIBUTES_MAX} attributes"));
        }
        if namespaces > NAMESPACES_MAX {
            return fail(start, format!("there are more than {NAMESPACES_MAX} namespaces"));
        }
    }
    Ok(())
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum TagKind {
    Open,
    Close,
    Empty,
}

/// A tag, from `<` to the `>` outside quotes, or to the end of the text.
struct Tag {
    length: usize,
    kind: TagKind,
    attributes: u32,
    namespaces: u32,
}

impl Tag {
    fn scan(text: &str) -> Tag {
        let (mut quote, mut last) = (None, b'<');
        let mut tag = Tag { length: text.len(), kind: TagKind::Open, attributes: 0, namespaces: 0 };
        for (index, byte) in text.bytes().enumerate() {
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'=') => {
                    tag.attributes = tag.attributes.saturating_add(1);
                    let name = text.get(..index).and_then(|t| t.split_ascii_whitespace().next_back());
                    let is_namespace = name.is_some_and(|n| n.starts_with("xmlns"));
                    tag.namespaces = tag.namespaces.saturating_add(u32::from(is_namespace));
                    // Looking for the name walks back, so a tag must not make it do so for ever.
                    if tag.attributes > ATTRIBUTES_MAX {
                        break;
                    }
                }
                (None, b'>') => {
                    tag.length = index.saturating_add(1);
                    break;
                }
                (None, _) => {}
            }
            last = byte;
        }
        if text.starts_with("</") {
            tag.kind = TagKind::Close;
        } else if last == b'/' {
            tag.kind = TagKind::Empty;
        }
        tag
    }
}
