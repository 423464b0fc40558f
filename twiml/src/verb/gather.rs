//! `Gather`: keys of the caller, while prompts are played (twiml.md 3.5).

use super::{Pause, Play, Say};
use crate::declare::{attribute, nest, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::limits::SECONDS_MAX;
use crate::method::Method;
use crate::warning::{Reader, SCHEMA};
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

/// Twilio's code for a verb that may not stand in Gather.
pub(crate) const NOT_NESTABLE: u32 = 13320;
/// The most keys one Gather can ask for: it would take a day to press them.
const NUM_DIGITS_MAX: u32 = 86_400;

element! {
    /// Collects keys. Speech is not offered yet: `input` is taken as `dtmf`, with a warning.
    Gather = "Gather", nest(false, &["Say", "Play", "Pause"], &[], NOT_NESTABLE) => {
        /// Asked with the keys; None or empty: the current document.
        action: Option<String> = optional("action", Kind::Url, 13338);
        /// Of the action.
        method: Method = attribute("method", Kind::Method, "POST", 13312);
        /// Seconds without a key, after the prompts or between two keys.
        timeout: u32 = attribute("timeout", Kind::Number { min: 1, max: SECONDS_MAX }, "5", 13313);
        /// The key that ends it and is not collected; None: there is no such key.
        finish_on_key: Option<char> = attribute("finishOnKey", Kind::Key, "#", 13310);
        /// Ends at this many keys; None: no limit.
        num_digits: Option<u32> = optional("numDigits", Kind::Number { min: 1, max: NUM_DIGITS_MAX }, 13314);
        /// Whether the action is asked even if nothing was collected.
        action_on_empty_result: bool = attribute("actionOnEmptyResult", Kind::Bool, "false", 13338);
        /// Whether the first key silences the prompts.
        barge_in: bool = attribute("bargeIn", Kind::Bool, "true", 13332);
    }
    with {
        /// Played in this order; listening begins with the first.
        prompts: Vec<Prompt>;
    }
    not_offered {
        attribute("input", Kind::Choices(&["dtmf", "speech"]), "dtmf", 13326);
        optional("speechTimeout", Kind::Text, 13327);
        attribute("maxSpeechTime", Kind::Number { min: 1, max: 60 }, "60", 13328);
        optional("partialResultCallback", Kind::Url, SCHEMA);
        attribute("partialResultCallbackMethod", Kind::Method, "POST", 13329);
        optional("hints", Kind::Text, 13330);
        attribute("language", Kind::Text, "en-US", 13331);
        attribute("profanityFilter", Kind::Bool, "true", 13333);
        attribute("speechModel", Kind::Text, "default", 13334);
        attribute("enhanced", Kind::Bool, "false", SCHEMA);
        attribute("debug", Kind::Bool, "false", SCHEMA);
    }
}

/// What may be played while a Gather listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Spoken text.
    Say(Say),
    /// A file; never tones.
    Play(Play),
    /// Silence.
    Pause(Pause),
}

impl Prompt {
    fn element(&self) -> Element {
        match self {
            Prompt::Say(say) => say.element(),
            Prompt::Play(play) => play.element(),
            Prompt::Pause(pause) => pause.element(),
        }
    }
}

impl Gather {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut gather = Self::open(node, reader);
        for child in node.children().filter(Node::is_element) {
            let prompt = match child.tag_name().name() {
                "Say" => Say::read(child, reader).map(Prompt::Say),
                "Play" => Play::read_prompt(child, reader).map(Prompt::Play),
                "Pause" => Some(Prompt::Pause(Pause::read(child, reader))),
                _ => None,
            };
            gather.prompts.extend(prompt);
        }
        gather
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_children(self.prompts.iter().map(Prompt::element))
    }
}
