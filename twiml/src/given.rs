//! An element of a document held against its declaration.

use crate::declare::{Attribute, Declaration};
use crate::warning::{Reader, SCHEMA, cut};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

/// The attributes that an element gave, each checked and in its one spelling.
pub(crate) struct Given(Vec<(&'static str, String)>);

impl Given {
    /// Nothing given: every field gets its default.
    pub(crate) const NONE: Given = Given(Vec::new());

    /// Reads the attributes of `node` and warns about those that are unknown, bad or not offered.
    pub(crate) fn read(node: Node<'_, '_>, of: &Declaration, reader: &mut Reader<'_>) -> Given {
        let mut given = Vec::new();
        for found in node.attributes() {
            let at = found.range().start;
            let known = of.attributes.iter().find(|a| a.name == found.name() && found.namespace().is_none());
            let Some(declared) = known else {
                let words = format!("{} has no attribute {}; it is ignored", of.name, cut(found.name()));
                reader.warn(at, SCHEMA, words);
                continue;
            };
            if let Some(value) = declared.read(of.name, found.value(), at, reader) {
                given.push((declared.name, value));
            }
        }
        Given(given)
    }

    /// The text of an attribute: as given, else its default.
    pub(crate) fn text(&self, of: &Attribute) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == of.name).map(|(_, value)| value.as_str()).or(of.default)
    }
}

impl Attribute {
    fn read(&self, element: &str, raw: &str, at: usize, reader: &mut Reader<'_>) -> Option<String> {
        let name = self.name;
        let value = match self.kind.check(raw) {
            Ok(value) => value,
            Err(complaint) => {
                let value = complaint.rest.or(self.instead.map(String::from));
                let used = value.as_deref().or(self.default);
                let raw = cut(raw);
                let then = used.map_or_else(|| String::from("it is ignored"), |u| format!("\"{u}\" is used"));
                let words = format!("{name}=\"{raw}\" of {element} {}; {then}", complaint.words);
                reader.warn(at, complaint.code.unwrap_or(self.code), words);
                value
            }
        };
        if self.offered {
            return value;
        }
        if value.is_some() && value.as_deref() != self.default {
            let then = self.default.map_or_else(String::new, |d| format!("; \"{d}\" is used"));
            let words = format!("{name}=\"{}\" of {element} is not offered yet{then}", cut(raw));
            reader.warn(at, self.code, words);
        }
        None
    }
}

impl Declaration {
    /// Warns about text and elements that have no meaning inside `node`.
    pub(crate) fn check_nesting(&self, node: Node<'_, '_>, reader: &mut Reader<'_>) {
        let (name, nesting) = (self.name, self.nesting);
        for child in node.children() {
            let at = child.range().start;
            if child.is_element() {
                let tag = child.tag_name().name();
                if nesting.not_offered.contains(&tag) {
                    reader.warn(at, nesting.code, format!("{tag} in {name} is not offered yet"));
                } else if !nesting.children.contains(&tag) {
                    reader.warn(
                        at,
                        nesting.code,
                        format!("{} is not allowed in {name}; it is ignored", cut(tag)),
                    );
                }
            } else if child.is_text() && !nesting.text && !child.text().unwrap_or_default().trim().is_empty()
            {
                reader.warn(at, SCHEMA, format!("{name} holds no text; it is ignored"));
            }
        }
    }
}
