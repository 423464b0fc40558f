//! An element is declared once: its table of attributes is what the parser, the writer, `chorus check` and the
//! tests read; `element!` makes the struct from the same lines.

use crate::kind::Kind;
use crate::warning::{Reader, SCHEMA};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

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

/// What a sentence quotes of a document: the beginning, in one line.
pub(crate) fn cut(text: &str) -> String {
    const QUOTED_MAX: usize = 60;
    let mut short: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTED_MAX).collect();
    if text.chars().nth(QUOTED_MAX).is_some() {
        short.push_str("...");
    }
    short
}

/// Declares an element: struct, table, reading and writing of its attributes. `with` names the fields that come
/// from text and children, `not_offered` the attributes that are known and not obeyed yet.
macro_rules! element {
    (
        $(#[$doc:meta])*
        $name:ident = $tag:literal, $nesting:expr => {
            $( $(#[$field_doc:meta])* $field:ident : $type:ty = $attribute:expr ; )*
        }
        $( with { $( $(#[$more_doc:meta])* $more:ident : $more_type:ty ; )* } )?
        $( not_offered { $( $absent:expr ; )* } )?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
            $($( $(#[$more_doc])* pub $more: $more_type, )*)?
        }

        impl $name {
            /// The element's table: what the parser, the writer, `chorus check` and the tests go by.
            pub const DECLARATION: $crate::declare::Declaration = $crate::declare::Declaration {
                name: $tag,
                nesting: $nesting,
                attributes: &[ $( $attribute, )* $($( $absent.not_offered(), )*)? ],
            };

            fn from_given(_given: &$crate::declare::Given) -> Self {
                Self {
                    $( $field: $crate::field::Field::read(_given.text(&$attribute)), )*
                    $($( $more: Default::default(), )*)?
                }
            }

            /// The attributes of `node`, with warnings about them and about what stands inside it.
            pub(crate) fn open(node: roxmltree::Node<'_, '_>, reader: &mut $crate::warning::Reader<'_>) -> Self {
                let given = $crate::declare::Given::read(node, &Self::DECLARATION, reader);
                Self::DECLARATION.check_nesting(node, reader);
                Self::from_given(&given)
            }

            /// The element with its attributes, still without text and children.
            #[allow(dead_code, reason = "an element that is folded into its parent is never written")]
            pub(crate) fn shell(&self) -> $crate::element::Element {
                #[allow(unused_mut)]
                let mut element = $crate::element::Element::new($tag);
                $( element.push(&$attribute, $crate::field::Field::write(&self.$field)); )*
                element
            }
        }

        impl Default for $name {
            /// As if no attribute had been given.
            fn default() -> Self {
                Self::from_given(&$crate::declare::Given::NONE)
            }
        }
    };
}

/// Declares a closed set of words; the first is what an unknown one would be.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident {
            $(#[$first_doc:meta])* $first:ident = $first_word:literal,
            $( $(#[$variant_doc:meta])* $variant:ident = $word:literal, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[$first_doc])* $first,
            $( $(#[$variant_doc])* $variant, )*
        }

        impl $name {
            /// The words as Twilio writes them.
            pub const WORDS: &'static [&'static str] = &[$first_word $(, $word)*];

            /// The word as Twilio writes it.
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $( Self::$variant => $word, )*
                }
            }
        }

        impl $crate::field::Word for $name {
            fn parse(text: &str) -> Option<Self> {
                match text {
                    $first_word => Some(Self::$first),
                    $( $word => Some(Self::$variant), )*
                    _ => None,
                }
            }
            fn spelt(self) -> &'static str {
                self.as_str()
            }
        }

        impl $crate::field::Field for $name {
            fn read(text: Option<&str>) -> Self {
                text.and_then(<Self as $crate::field::Word>::parse).unwrap_or(Self::$first)
            }
            fn write(&self) -> Option<alloc::string::String> {
                Some(alloc::string::String::from(self.as_str()))
            }
        }
    };
}
