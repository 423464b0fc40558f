//! SSML inside Say, brought down to the text that any voice can speak.

use alloc::string::String;
use roxmltree::Node;

/// The elements that Say may hold (twiml.md 3.15), at any depth; the voice inside speaks their text.
pub(crate) const ELEMENTS: &[&str] =
    &["break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"];

/// The text of `node` and of what is inside it: `sub` is replaced by its alias, everything else is kept as it
/// stands, blanks are joined. Elements that end a phrase keep the words around them apart.
pub(crate) fn plain_text(node: Node<'_, '_>) -> String {
    let mut raw = String::new();
    collect(node, &mut raw);
    let mut text = String::with_capacity(raw.len());
    for word in raw.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// Recursion is bounded: the guard let at most `DEPTH_MAX` elements nest.
fn collect(node: Node<'_, '_>, out: &mut String) {
    for child in node.children() {
        if child.is_text() {
            out.push_str(child.text().unwrap_or_default());
            continue;
        }
        if !child.is_element() {
            continue;
        }
        let name = child.tag_name().name();
        let apart = matches!(name, "break" | "p" | "s");
        if apart {
            out.push(' ');
        }
        match child.attribute("alias").filter(|_| name == "sub") {
            Some(alias) => out.push_str(alias),
            None => collect(child, out),
        }
        if apart {
            out.push(' ');
        }
    }
}
