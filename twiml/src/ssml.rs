//! SSML inside Say, brought down to the text that any voice can speak.

use alloc::string::String;
use roxmltree::Node;

/// The elements that Say may hold (twiml.md 3.15), at any depth; the voice inside speaks their text.
pub(crate) const ELEMENTS: &[&str] =
    &["break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"];

/// Ways of `say-as` in which each character is spoken for itself.
const SPELT: &[&str] = &["characters", "digits", "spell-out", "telephone"];

/// The text of `node` and of what is inside it: `sub` is replaced by its alias, what `say-as` wants spelt is set
/// apart character by character, everything else is kept as it stands, blanks are joined. Elements that end a
/// phrase keep the words around them apart.
pub(crate) fn plain_text(node: Node<'_, '_>) -> String {
    let mut raw = String::new();
    collect(node, false, &mut raw);
    join_blanks(&raw)
}

/// One blank between words, none at the ends.
pub(crate) fn join_blanks(raw: &str) -> String {
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
fn collect(node: Node<'_, '_>, spelt: bool, out: &mut String) {
    for child in node.children() {
        if child.is_text() {
            push(child.text().unwrap_or_default(), spelt, out);
        } else if child.is_element() {
            element(child, spelt, out);
        }
    }
}

fn element(node: Node<'_, '_>, spelt: bool, out: &mut String) {
    let name = node.tag_name().name();
    let apart = matches!(name, "break" | "p" | "s");
    let way = node.attribute("interpret-as").filter(|_| name == "say-as");
    if apart {
        out.push(' ');
    }
    match node.attribute("alias").filter(|_| name == "sub") {
        Some(alias) => push(alias, spelt, out),
        None => collect(node, spelt || way.is_some_and(|w| SPELT.contains(&w)), out),
    }
    if apart {
        out.push(' ');
    }
}

fn push(text: &str, spelt: bool, out: &mut String) {
    if !spelt {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        out.push(' ');
        out.push(c);
    }
    out.push(' ');
}
