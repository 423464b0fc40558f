//! What an attribute may hold, and what becomes of a value that is something else.

use crate::limits::{TIMES_MAX, TONES_MAX};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The kinds of attribute values.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text; blanks around it are taken off, an empty one counts as not given.
    Text,
    /// Any text, as it is.
    Raw,
    /// A URL, absolute or relative; blanks around it are taken off, an empty one is the current document.
    Url,
    /// GET or POST, in any case of letters.
    Method,
    /// `true` or `false`, in any case of letters.
    Bool,
    /// A whole number.
    Number {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// A number of repetitions; 0 and everything above `TIMES_MAX` are `TIMES_MAX`.
    Times,
    /// One of some words.
    Choice {
        /// The words as Twilio writes them.
        words: &'static [&'static str],
        /// Other spellings, each with its word.
        aliases: &'static [(&'static str, &'static str)],
    },
    /// Some of some words, between blanks.
    Choices(&'static [&'static str]),
    /// One key of 0-9 * #, or nothing.
    Key,
    /// Any keys of 0-9 * #, or nothing.
    Keys,
    /// Tones and waits: 0-9 A-D * # w W.
    Tones,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// Where it differs from the attribute's own code.
    pub code: Option<u32>,
    /// The end of a sentence that begins with the attribute and its value.
    pub words: String,
    /// What can be used of the value, if anything.
    pub rest: Option<String>,
}

/// More than one character in a Gather's `finishOnKey`.
const MORE_THAN_ONE_KEY: u32 = 13311;

impl Kind {
    /// The value in its one spelling; None: as if not given.
    pub(crate) fn check(self, raw: &str) -> Result<Option<String>, Complaint> {
        let value = raw.trim();
        match self {
            Kind::Raw => Ok(Some(raw.to_owned())),
            Kind::Text => Ok(Some(value).filter(|v| !v.is_empty()).map(ToOwned::to_owned)),
            Kind::Url => Ok(Some(value.to_owned())),
            Kind::Method => word(value, &["GET", "POST"], &[]),
            Kind::Bool => word(value, &["true", "false"], &[]),
            Kind::Number { min, max } => match number(value) {
                Some(n) if (min..=max).contains(&n) => Ok(Some(n.to_string())),
                _ => complain(format!("is not a whole number from {min} to {max}")),
            },
            Kind::Times => match number(value) {
                Some(0) => Ok(Some(TIMES_MAX.to_string())),
                Some(n) => Ok(Some(n.min(TIMES_MAX).to_string())),
                None => complain("is not a number of times"),
            },
            Kind::Choice { words, aliases } => word(value, words, aliases),
            Kind::Choices(words) => list(value, words),
            Kind::Key => key(value),
            Kind::Keys => only(value, "0123456789*#", "may hold 0-9, * and # only"),
            Kind::Tones if value.is_empty() => Ok(None),
            Kind::Tones if value.len() > TONES_MAX => complain(format!("has more than {TONES_MAX} tones")),
            Kind::Tones => only(value, "0123456789ABCD*#wW", "may hold 0-9, A-D, *, #, w and W only"),
        }
    }
}

fn complain<T>(words: impl Into<String>) -> Result<T, Complaint> {
    Err(Complaint { code: None, words: words.into(), rest: None })
}

/// Digits only: neither sign nor fraction, and no overflow.
fn number(value: &str) -> Option<u32> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    if digits { value.parse().ok() } else { None }
}

fn word(value: &str, words: &[&str], aliases: &[(&str, &str)]) -> Result<Option<String>, Complaint> {
    let plain = words.iter().find(|w| w.eq_ignore_ascii_case(value)).copied();
    let alias = || aliases.iter().find(|(other, _)| other.eq_ignore_ascii_case(value)).map(|(_, word)| *word);
    match plain.or_else(alias) {
        Some(word) => Ok(Some(word.to_owned())),
        None => complain(format!("is not one of {}", words.join(", "))),
    }
}

/// Keeps what it knows: one wrong event must not cost the others.
fn list(value: &str, words: &[&str]) -> Result<Option<String>, Complaint> {
    let mut known: Vec<&str> = Vec::new();
    let mut strange = value.is_empty();
    for item in value.split_ascii_whitespace() {
        match words.iter().find(|w| w.eq_ignore_ascii_case(item)) {
            Some(word) if !known.contains(word) => known.push(word),
            Some(_) => {}
            None => strange = true,
        }
    }
    let rest = Some(known.join(" ")).filter(|k| !k.is_empty());
    if strange {
        Err(Complaint { code: None, words: format!("is not a list of {}", words.join(", ")), rest })
    } else {
        Ok(rest)
    }
}

fn key(value: &str) -> Result<Option<String>, Complaint> {
    if value.chars().count() > 1 {
        let words = "is more than one key".to_owned();
        return Err(Complaint { code: Some(MORE_THAN_ONE_KEY), words, rest: None });
    }
    only(value, "0123456789*#", "is not one of 0-9, * and #")
}

fn only(value: &str, allowed: &str, words: &str) -> Result<Option<String>, Complaint> {
    if value.chars().all(|c| allowed.contains(c)) { Ok(Some(value.to_owned())) } else { complain(words) }
}
