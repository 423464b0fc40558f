//! `Number` in Dial: a telephone number (twiml.md 3.2.1).

use super::noun::CallEvent;
use super::{Invalid, Noun, text_of};
use crate::declare::{TEXT, attribute, choice, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::limits::NUMBER_DIGITS_MAX;
use crate::method::Method;
use crate::warning::{Reader, SCHEMA, cut};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use roxmltree::Node;

/// Twilio's code for something that is no number.
const NOT_A_NUMBER: u32 = 13223;

element! {
    /// A telephone number.
    Number = "Number", TEXT => {
        /// Tones sent after the answer, before the parties are connected.
        send_digits: Option<String> = optional("sendDigits", Kind::Tones, 13222);
        /// Document that the child runs before the parties are connected.
        url: Option<String> = optional("url", Kind::Url, SCHEMA);
        /// Of that document.
        method: Method = attribute("method", Kind::Method, "POST", 13221);
        /// Told about the child's progress.
        status_callback: Option<String> = optional("statusCallback", Kind::Url, SCHEMA);
        /// Of that callback.
        status_callback_method: Method = attribute("statusCallbackMethod", Kind::Method, "POST", SCHEMA);
        /// What it is told.
        status_callback_event: Vec<CallEvent> =
            attribute("statusCallbackEvent", Kind::Choices(CallEvent::WORDS), "completed", SCHEMA);
    }
    with {
        /// As written: E.164, or digits with punctuation, which whoever dials brings into form.
        number: String;
    }
    not_offered {
        optional("byoc", Kind::Text, SCHEMA);
        optional("machineDetection", choice(&["Enable", "DetectMessageEnd"]), SCHEMA);
        attribute("machineDetectionTimeout", Kind::Number { min: 3, max: 60 }, "30", SCHEMA);
        attribute("machineDetectionSpeechThreshold", Kind::Number { min: 1000, max: 6000 }, "2400", SCHEMA);
        attribute("machineDetectionSpeechEndThreshold", Kind::Number { min: 500, max: 5000 }, "1200", SCHEMA);
        attribute("machineDetectionSilenceTimeout", Kind::Number { min: 2000, max: 10_000 }, "5000", SCHEMA);
        optional("amdStatusCallback", Kind::Url, SCHEMA);
        attribute("amdStatusCallbackMethod", Kind::Method, "POST", SCHEMA);
    }
}

impl Number {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Noun {
        let number = Self { number: text_of(node), ..Self::open(node, reader) };
        number.vet(node.range().start, reader)
    }

    pub(crate) fn from_text(text: &str, at: usize, reader: &mut Reader<'_>) -> Noun {
        Self { number: text.to_string(), ..Self::default() }.vet(at, reader)
    }

    fn vet(self, at: usize, reader: &mut Reader<'_>) -> Noun {
        if dialable(&self.number) {
            return Noun::Number(self);
        }
        let words = format!("\"{}\" is not a telephone number: dialling it will fail", cut(&self.number));
        reader.warn(at, NOT_A_NUMBER, words);
        Noun::Invalid(Invalid { name: Self::DECLARATION.name, target: self.number, code: NOT_A_NUMBER })
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_text(&self.number)
    }
}

/// A `+` at most in front, digits, and the punctuation that people write between them.
fn dialable(text: &str) -> bool {
    let rest = text.strip_prefix('+').unwrap_or(text);
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    let allowed = rest.chars().all(|c| c.is_ascii_digit() || " -.()/".contains(c));
    allowed && (1..=NUMBER_DIGITS_MAX).contains(&digits)
}
