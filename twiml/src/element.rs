//! A verb as a plain tree of names and texts: what is written as XML and what `chorus check` prints.

use crate::declare::Attribute;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// An attribute with its value, defaults applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Twilio's name.
    pub name: &'static str,
    /// Its value in its one spelling.
    pub value: String,
    /// Whether the value is the declared default.
    pub default: bool,
}

/// Elements that may stand in another as bare text, if they have nothing else to say.
const INLINE: &[(&str, &str)] = &[("Dial", "Number"), ("Sip", "Uri")];

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Twilio's name.
    pub name: String,
    /// Its attributes in the order of the declaration; those without value and default are left out.
    pub attributes: Vec<Shown>,
    /// Its text.
    pub text: String,
    /// Elements inside.
    pub children: Vec<Element>,
}

impl Element {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), attributes: Vec::new(), text: String::new(), children: Vec::new() }
    }

    pub(crate) fn with(mut self, of: &Attribute, value: Option<String>) -> Self {
        if let Some(value) = value {
            let default = of.default == Some(value.as_str());
            self.attributes.push(Shown { name: of.name, value, default });
        }
        self
    }

    pub(crate) fn with_text(mut self, text: &str) -> Self {
        self.text = text.to_owned();
        self
    }

    pub(crate) fn with_children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// Appends the element as XML; attributes that have their default are left out.
    pub(crate) fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for shown in self.attributes.iter().filter(|a| !a.default) {
            out.push(' ');
            out.push_str(shown.name);
            out.push_str("=\"");
            escape(&shown.value, out);
            out.push('"');
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        if let Some(text) = self.inlined() {
            escape(text, out);
            self.close(out);
            return;
        }
        escape(&self.text, out);
        for child in &self.children {
            child.write(out);
        }
        self.close(out);
    }

    fn close(&self, out: &mut String) {
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }

    /// The text of an only child that could have been written as text. It must be, or a document near the limit of
    /// nodes would be over it when it is read again.
    fn inlined(&self) -> Option<&str> {
        let [child] = self.children.as_slice() else { return None };
        let inline = INLINE.contains(&(self.name.as_str(), child.name.as_str()));
        let bare = child.children.is_empty() && child.attributes.iter().all(|a| a.default);
        (inline && bare && self.text.is_empty() && !child.text.is_empty()).then_some(child.text.as_str())
    }
}

/// Line ends and tabs go out as references: XML would turn them into others when they are read again.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}
