//! An element is declared once: its table of attributes is what the parser (`given.rs`), the writer, `chorus check`
//! and the tests read; `element!` (`macros.rs`) makes the struct from the same lines.

use crate::kind::Kind;
use crate::warning::SCHEMA;

/// One attribute.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Twilio's name.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What counts if it is missing or bad.
    pub default: Option<&'static str>,
    /// What counts if it is bad, where Twilio does not fall back to the default.
    pub instead: Option<&'static str>,
    /// The warning a bad value gets.
    pub code: u32,
    /// False: known, but not offered yet; a value other than the default is warned about and not obeyed.
    pub offered: bool,
}

impl Attribute {
    const fn new(name: &'static str, kind: Kind, default: Option<&'static str>, code: u32) -> Self {
        Self { name, kind, default, instead: None, code, offered: true }
    }

    /// Marks it as known, but not offered yet.
    pub(crate) const fn not_offered(mut self) -> Self {
        self.offered = false;
        self
    }

    /// Sets what a bad value stands for.
    pub(crate) const fn or_instead(mut self, text: &'static str) -> Self {
        self.instead = Some(text);
        self
    }
}

/// An attribute with a default.
pub(crate) const fn attribute(name: &'static str, kind: Kind, default: &'static str, code: u32) -> Attribute {
    Attribute::new(name, kind, Some(default), code)
}

/// An attribute that may be missing.
pub(crate) const fn optional(name: &'static str, kind: Kind, code: u32) -> Attribute {
    Attribute::new(name, kind, None, code)
}

/// One of some words.
pub(crate) const fn choice(words: &'static [&'static str]) -> Kind {
    Kind::Choice { words, aliases: &[] }
}

/// What may stand inside an element.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Nesting {
    /// Whether text has a meaning.
    pub text: bool,
    /// Elements that are read.
    pub children: &'static [&'static str],
    /// Elements of Twilio's that are known and not offered yet.
    pub not_offered: &'static [&'static str],
    /// The warning that any other element gets.
    pub code: u32,
}

/// Neither text nor elements.
pub(crate) const LEAF: Nesting = nest(false, &[], &[], SCHEMA);
/// Text alone.
pub(crate) const TEXT: Nesting = nest(true, &[], &[], SCHEMA);

/// Text or not, elements, elements not offered, warning.
pub(crate) const fn nest(
    text: bool,
    children: &'static [&'static str],
    not_offered: &'static [&'static str],
    code: u32,
) -> Nesting {
    Nesting { text, children, not_offered, code }
}

/// One element.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Twilio's name.
    pub name: &'static str,
    /// What may stand inside.
    pub nesting: Nesting,
    /// Its attributes.
    pub attributes: &'static [Attribute],
}
