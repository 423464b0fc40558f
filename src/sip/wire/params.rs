//! Parameters behind a URI or a header value: `;name=value;flag`.

use super::text::{Set, find_outside, is_quoted, trim_str, unquote};
use std::{borrow::Cow, fmt};

/// Parameters as written (whitespace around `;` and `=` left out), without the leading `;`. Looked up by scanning: there are seldom more than four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params(String);

impl Params {
    /// From the text behind the first `;` (empty: none). Errors: an empty parameter, a bad name, an open quote.
    pub fn parse(s: &str) -> Result<Params, &'static str> {
        check(s)?;
        if !s.contains([' ', '\t', '\r', '\n']) {
            return Ok(Params(s.to_owned()));
        }
        let mut out = String::with_capacity(s.len());
        for (name, value) in segments(s).map(pair) {
            let parts = [if out.is_empty() { "" } else { ";" }, name];
            out.extend(parts.into_iter().chain(value.into_iter().flat_map(|v| ["=", v])));
        }
        Ok(Params(out))
    }

    /// Name and value (if there is a `=`), in order, quotes kept.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        segments(&self.0).map(pair)
    }

    /// The value of the first parameter of this name (case-insensitive), quotes kept; `""` for a flag.
    pub fn get(&self, name: &str) -> Option<&str> {
        get(&self.0, name)
    }

    /// As [`Params::get`], without quotes.
    pub fn unquoted(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(unquote)
    }

    /// Is it there, with or without a value?
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same without the parameter of this name.
    pub fn without(&self, name: &str) -> Params {
        let kept: Vec<&str> =
            segments(&self.0).filter(|s| !pair(s).0.eq_ignore_ascii_case(name)).map(trim_str).collect();
        Params(kept.join(";"))
    }

    /// The same with one more at the end. The caller vouches for the syntax of `value`.
    pub fn with(&self, name: &str, value: &str) -> Params {
        let semi = if self.0.is_empty() { "" } else { ";" };
        let equals = if value.is_empty() { "" } else { "=" };
        Params(format!("{}{semi}{name}{equals}{value}", self.0))
    }
}

impl fmt::Display for Params {
    /// With its leading `;`, nothing if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        segments(&self.0).try_for_each(|s| write!(f, ";{}", trim_str(s)))
    }
}

/// The first parameter of this name in unparsed text.
pub(super) fn get<'a>(s: &'a str, name: &str) -> Option<&'a str> {
    segments(s).map(pair).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.unwrap_or(""))
}

/// The text between semicolons outside quotes; nothing for empty text.
pub(super) fn segments(s: &str) -> impl Iterator<Item = &str> {
    let mut rest = (!trim_str(s).is_empty()).then_some(s);
    std::iter::from_fn(move || {
        let now = rest?;
        let cut = find_outside(now, b';', false).and_then(|at| now.split_at_checked(at));
        let (head, tail) = cut.map_or((now, None), |(head, tail)| (head, tail.get(1..)));
        rest = tail;
        Some(head)
    })
}

/// Name and value of one segment.
pub(super) fn pair(s: &str) -> (&str, Option<&str>) {
    match s.split_once('=') {
        Some((name, value)) => (trim_str(name), Some(trim_str(value))),
        None => (trim_str(s), None),
    }
}

const NAME: Set = Set::alphanumeric_and(b"-.!%*_+`'~[]/:&$?#@()|");
// `=` and its like occur in base64 values that nobody quoted.
const VALUE: Set = Set::alphanumeric_and(b"-.!%*_+`'~[]/:&$?#@()|={}^");

/// Are these parameters well-formed? Costs no allocation. Wider than the grammar where peers are: non-ASCII octets,
/// and `[]/:&$?#@` anywhere in names and values, as URI parameters have them.
pub(super) fn check(s: &str) -> Result<(), &'static str> {
    for segment in segments(s) {
        let (name, value) = pair(segment);
        if name.is_empty() || !name.bytes().all(|b| NAME.has_or_wide(b)) {
            return Err("bad parameter");
        }
        let fine = match value {
            None => true,
            Some(v) if v.starts_with('"') => is_quoted(v),
            Some(v) => !v.is_empty() && v.bytes().all(|b| VALUE.has_or_wide(b)),
        };
        if !fine {
            return Err("bad parameter value");
        }
    }
    Ok(())
}
