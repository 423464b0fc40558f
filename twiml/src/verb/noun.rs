//! Whom a Dial rings.

use super::{Number, Sip};
use crate::element::Element;
use alloc::string::String;

words! {
    /// What a child's status callback tells.
    CallEvent {
        /// It is being dialled.
        Initiated = "initiated",
        /// It rings.
        Ringing = "ringing",
        /// It was answered.
        Answered = "answered",
        /// It ended.
        Completed = "completed",
    }
}

/// One party of a Dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noun {
    /// A telephone number.
    Number(Number),
    /// A SIP address.
    Sip(Sip),
    /// A noun of Twilio's that is not offered yet: dialling it fails.
    Unsupported(Unsupported),
    /// A Number or Sip that says nowhere to dial: dialling it fails.
    Invalid(Invalid),
}

/// A noun that is not offered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// `Client`, `Conference` ...
    pub name: &'static str,
    /// Its text.
    pub target: String,
}

/// A noun with a bad target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// `Number` or `Sip`.
    pub name: &'static str,
    /// Its text.
    pub target: String,
    /// What the warning said: 13223 or 13243.
    pub code: u32,
}

impl Noun {
    /// Twilio's name of the noun.
    pub fn name(&self) -> &'static str {
        match self {
            Noun::Number(_) => Number::DECLARATION.name,
            Noun::Sip(_) => Sip::DECLARATION.name,
            Noun::Unsupported(noun) => noun.name,
            Noun::Invalid(noun) => noun.name,
        }
    }

    pub(crate) fn element(&self) -> Element {
        match self {
            Noun::Number(noun) => noun.element(),
            Noun::Sip(noun) => noun.element(),
            Noun::Unsupported(noun) => Element::new(noun.name).with_text(&noun.target),
            Noun::Invalid(noun) => Element::new(noun.name).with_text(&noun.target),
        }
    }
}
