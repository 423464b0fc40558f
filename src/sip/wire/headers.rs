//! The header fields of a message: spans over its octets, in the order received.

use super::text::{split_list, text};
use bytes::Bytes;
use std::borrow::Cow;

macro_rules! known {
    ($($variant:ident $name:literal $compact:literal $once:literal;)*) => {
        /// Header fields that the reader recognises while it indexes.
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the variants are the header names")]
        pub enum Known { $($variant,)* Unknown }

        impl Known {
            /// Full name; empty for `Unknown`.
            pub fn name(self) -> &'static str {
                match self { $(Known::$variant => $name,)* Known::Unknown => "" }
            }

            /// May it occur once only, so that a second one makes the message ambiguous?
            pub fn once(self) -> bool {
                match self { $(Known::$variant => $once,)* Known::Unknown => false }
            }

            /// The field that a written name means, whatever its case, in full or compact form.
            pub fn of(name: &[u8]) -> Known {
                if let [one] = name {
                    return match one.to_ascii_lowercase() {
                        0 => Known::Unknown,
                        $(b if $compact == b => Known::$variant,)*
                        _ => Known::Unknown,
                    };
                }
                // The first letter tells most of them apart before anything is compared.
                let first = name.first().map(u8::to_ascii_lowercase);
                $(if first == const { first_of($name) } && name.len() == $name.len() && name.eq_ignore_ascii_case($name.as_bytes()) {
                    return Known::$variant;
                })*
                Known::Unknown
            }
        }
    };
}

const fn first_of(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [first, ..] => Some(first.to_ascii_lowercase()),
        [] => None,
    }
}

// Variant, name, compact form (0: none; RFC 3261 section 7.3.3, RFC 3515, 3892, 4028, 6665), once.
known! {
    Via "Via" b'v' false;
    From "From" b'f' true;
    To "To" b't' true;
    CallId "Call-ID" b'i' true;
    CSeq "CSeq" 0 true;
    MaxForwards "Max-Forwards" 0 true;
    Contact "Contact" b'm' false;
    ContentLength "Content-Length" b'l' true;
    ContentType "Content-Type" b'c' true;
    ContentEncoding "Content-Encoding" b'e' false;
    Route "Route" 0 false;
    RecordRoute "Record-Route" 0 false;
    Require "Require" 0 false;
    Supported "Supported" b'k' false;
    Allow "Allow" 0 false;
    AllowEvents "Allow-Events" b'u' false;
    Subject "Subject" b's' false;
    ReferTo "Refer-To" b'r' false;
    ReferredBy "Referred-By" b'b' false;
    Event "Event" b'o' false;
    SessionExpires "Session-Expires" b'x' false;
}

/// Where one field lies in the message.
#[derive(Copy, Clone, Debug)]
pub(super) struct Span {
    pub known: Known,
    pub name: (u32, u32),
    pub value: (u32, u32),
}

/// The header fields of a message. Names are found without regard to case and in both forms.
#[derive(Clone, Debug)]
pub struct Headers {
    pub(super) raw: Bytes,
    pub(super) spans: Vec<Span>,
}

fn cut(raw: &[u8], (from, to): (u32, u32)) -> &[u8] {
    raw.get(from as usize..to as usize).unwrap_or_default()
}

impl Headers {
    /// Name and value of each field as written, folds included, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.spans.iter().map(|s| {
            let name = std::str::from_utf8(cut(&self.raw, s.name)).unwrap_or_default();
            (name, cut(&self.raw, s.value))
        })
    }

    /// The values of every field of this name, as written.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let known = Known::of(name.as_bytes());
        let wanted = name.as_bytes().to_vec();
        self.spans
            .iter()
            .filter(move |s| match known {
                Known::Unknown => cut(&self.raw, s.name).eq_ignore_ascii_case(&wanted),
                known => s.known == known,
            })
            .map(|s| cut(&self.raw, s.value))
    }

    /// The values of every field of this kind, as written.
    pub fn known(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().filter(move |s| s.known == known).map(|s| cut(&self.raw, s.value))
    }

    /// The value of the first field of this name, as written.
    pub fn get<'a>(&'a self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The first field of this name as text: unfolded; Latin-1 where it is not UTF-8.
    pub fn text<'a>(&'a self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).map(text)
    }

    /// As [`Headers::text`] for a known field.
    pub(super) fn known_text(&self, known: Known) -> Option<Cow<'_, str>> {
        self.known(known).next().map(text)
    }

    /// Is there a field of this name?
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The elements of a list field over all its lines (Record-Route, Contact, Require ...), empty ones left out.
    pub fn elements(&self, name: &str) -> Vec<String> {
        let mut out = Vec::new();
        for value in self.all(name) {
            out.extend(split_list(&text(value)).filter(|e| !e.is_empty()).map(str::to_owned));
        }
        out
    }

    /// Fields whose name begins with `prefix` (case-insensitive), as text, in order: `X-` and the like.
    pub fn with_prefix(&self, prefix: &str) -> Vec<(String, String)> {
        self.iter()
            .filter(|(n, _)| n.get(..prefix.len()).is_some_and(|p| p.eq_ignore_ascii_case(prefix)))
            .map(|(n, v)| (n.to_owned(), text(v).into_owned()))
            .collect()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}
