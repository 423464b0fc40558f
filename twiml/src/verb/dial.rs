//! `Dial`: other parties are rung, and the first that answers is connected (twiml.md 3.2).

use super::record::{RecordingEvent, Trim};
use super::{Noun, Number, Sip, Unsupported, text_of};
use crate::declare::{attribute, choice, nest, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::limits::{NOUNS_MAX, SECONDS_MAX};
use crate::method::Method;
use crate::warning::{Reader, SCHEMA, cut};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

/// Twilio's code for an element that may not stand in Dial.
const NOT_NESTABLE: u32 = 13215;
/// Twilio's code for a Conference or Queue beside other nouns.
const MIXED: u32 = 13000;
/// Twilio's code for a Dial without a number.
const NO_NUMBER: u32 = 13223;
/// Nouns of Twilio's that are not offered yet; the Dial keeps them so that it can fail honestly.
const NOT_OFFERED: &[&str] = &["Application", "Client", "Conference", "Queue", "Sim", "WhatsApp"];
/// Nouns that must be alone.
const ALONE: &[&str] = &["Conference", "Queue"];

words! {
    /// Whether and from when a Dial is recorded.
    DialRecord {
        /// Not at all.
        DoNotRecord = "do-not-record",
        /// From the answer, both parties in one channel.
        FromAnswer = "record-from-answer",
        /// From the ringing, both parties in one channel.
        FromRinging = "record-from-ringing",
        /// From the answer, the parent in channel 1, the child in channel 2.
        FromAnswerDual = "record-from-answer-dual",
        /// From the ringing, in two channels.
        FromRingingDual = "record-from-ringing-dual",
    }
}

words! {
    /// Which party a recording holds.
    RecordingTrack {
        /// Both.
        Both = "both",
        /// What is received from the leg.
        Inbound = "inbound",
        /// What is sent to the leg.
        Outbound = "outbound",
    }
}

/// `true` and `false` are older spellings.
const RECORD: Kind = Kind::Choice {
    words: DialRecord::WORDS,
    aliases: &[("true", "record-from-answer"), ("false", "do-not-record")],
};

/// The countries whose ringing tone can be asked for.
pub const RING_TONES: &[&str] = &[
    "at", "au", "bg", "br", "be", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hu",
    "il", "in", "it", "lt", "jp", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se", "sg", "th",
    "uk", "us", "us-old", "tw", "ve", "za",
];

element! {
    /// Rings other parties.
    Dial = "Dial", nest(true, &["Number", "Sip"], NOT_OFFERED, NOT_NESTABLE) => {
        /// Asked when it ended; None: the next verb runs; empty: the current document.
        action: Option<String> = optional("action", Kind::Url, SCHEMA);
        /// Of the action.
        method: Method = attribute("method", Kind::Method, "POST", 13210);
        /// Seconds of ringing, for each party where they are rung in turn.
        timeout: u32 = attribute("timeout", Kind::Number { min: 5, max: 600 }, "30", 13212);
        /// Seconds of talking.
        time_limit: u32 = attribute("timeLimit", Kind::Number { min: 1, max: SECONDS_MAX }, "14400", 13216);
        /// Whether the parent's `*` hangs the child up.
        hangup_on_star: bool = attribute("hangupOnStar", Kind::Bool, "false", 13213);
        /// Shown to the child; whether it is allowed is for the call to say (13214).
        caller_id: Option<String> = optional("callerId", Kind::Text, 13214);
        /// Whether and from when it is recorded.
        record: DialRecord = attribute("record", RECORD, "do-not-record", 13217);
        /// What is done with silence at both ends of the recording.
        trim: Trim = attribute("trim", choice(Trim::WORDS), "do-not-trim", 13699);
        /// Which party is recorded.
        recording_track: RecordingTrack = attribute("recordingTrack", choice(RecordingTrack::WORDS), "both", SCHEMA);
        /// Told about the file.
        recording_status_callback: Option<String> = optional("recordingStatusCallback", Kind::Url, 13256);
        /// Of that callback.
        recording_status_callback_method: Method =
            attribute("recordingStatusCallbackMethod", Kind::Method, "POST", SCHEMA);
        /// What it is told.
        recording_status_callback_event: Vec<RecordingEvent> =
            attribute("recordingStatusCallbackEvent", Kind::Choices(RecordingEvent::WORDS), "completed", 13621);
        /// Whether the parent is answered only when a child is connected.
        answer_on_bridge: bool = attribute("answerOnBridge", Kind::Bool, "false", 13219);
        /// Country of the ringing tone the parent hears, one of `RING_TONES`.
        ring_tone: Option<String> = optional("ringTone", choice(RING_TONES), 13220);
        /// Whether the parties are rung one after another.
        sequential: bool = attribute("sequential", Kind::Bool, "false", 13218);
        /// Asked for a document when a party transfers the other by REFER; None: it may not, unless its trunk lets it.
        refer_url: Option<String> = optional("referUrl", Kind::Url, SCHEMA);
        /// Of that request.
        refer_method: Method = attribute("referMethod", Kind::Method, "POST", SCHEMA);
    }
    with {
        /// Whom to ring, in the order of the document; empty: the Dial fails.
        nouns: Vec<Noun>;
    }
    not_offered {
        optional("callReason", Kind::Text, SCHEMA);
        optional("events", Kind::Text, SCHEMA);
        optional("passports", Kind::Text, SCHEMA);
        optional("recordingConfigurationId", Kind::Text, SCHEMA);
    }
}

impl Dial {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut dial = Self::open(node, reader);
        let at = node.range().start;
        for child in node.children().filter(Node::is_element) {
            dial.nouns.extend(noun(child, reader));
        }
        if let Some(extra) = dial.nouns.len().checked_sub(NOUNS_MAX).filter(|n| *n > 0) {
            reader.warn(
                at,
                NOT_NESTABLE,
                format!("Dial rings {NOUNS_MAX} parties; the last {extra} are ignored"),
            );
            dial.nouns.truncate(NOUNS_MAX);
        }
        let alone = dial.nouns.iter().any(|n| ALONE.contains(&n.name()));
        if alone && dial.nouns.len() > 1 {
            reader.warn(at, MIXED, "Conference and Queue must be the only noun of a Dial");
        }
        dial.take_text(&text_of(node), at, reader);
        // A document of thousands of Dials must stay small, and a list grows by four at first.
        dial.nouns.shrink_to_fit();
        dial
    }

    /// A number may stand in Dial as bare text.
    fn take_text(&mut self, text: &str, at: usize, reader: &mut Reader<'_>) {
        if text.is_empty() {
            if self.nouns.is_empty() {
                reader.warn(at, NO_NUMBER, "Dial has no number and no noun: it will fail");
            }
        } else if self.nouns.is_empty() {
            self.nouns.push(Number::from_text(text, at, reader));
        } else {
            let words = format!("text and nouns cannot be mixed in Dial; \"{}\" is ignored", cut(text));
            reader.warn(at, NOT_NESTABLE, words);
        }
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_children(self.nouns.iter().map(Noun::element))
    }
}

fn noun(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Option<Noun> {
    match node.tag_name().name() {
        "Number" => Some(Number::read(node, reader)),
        "Sip" => Some(Sip::read(node, reader)),
        name => {
            let name = NOT_OFFERED.iter().find(|n| **n == name)?;
            Some(Noun::Unsupported(Unsupported { name, target: text_of(node) }))
        }
    }
}
