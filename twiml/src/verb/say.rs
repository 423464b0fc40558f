//! `Say`: text that is spoken (twiml.md 3.15).

use crate::declare::{attribute, nest, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::limits::SAY_MAX;
use crate::ssml::{ELEMENTS, join_blanks, plain_text};
use crate::warning::{Reader, SCHEMA, cut};
use alloc::format;
use alloc::string::String;
use roxmltree::Node;

/// Twilio's code for a Say without text.
const EMPTY: u32 = 13520;
/// Twilio's code for a Say with too much text.
const TOO_LONG: u32 = 13521;

element! {
    /// Speaks a text.
    Say = "Say", nest(true, ELEMENTS, &[], SCHEMA) => {
        /// Name of a voice; which ones exist is known to the speech room.
        voice: Option<String> = optional("voice", Kind::Text, 13511);
        /// BCP 47 tag.
        language: Option<String> = optional("language", Kind::Text, 13512);
        /// How often, 1 to 1,000.
        times: u32 = attribute("loop", Kind::Times, "1", 13510);
    }
    with {
        /// What is spoken: SSML taken out, blanks joined.
        text: String;
    }
}

impl Say {
    /// None, with a warning, where there is nothing to speak.
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Option<Self> {
        let mut say = Self::open(node, reader);
        say.text = plain_text(node);
        if say.text.is_empty() {
            reader.warn(node.range().start, EMPTY, "Say has no text; it is passed over");
            return None;
        }
        if say.shorten() {
            let words = format!("the text of Say is cut to {SAY_MAX} characters: \"{}\"", cut(&say.text));
            reader.warn(node.range().start, TOO_LONG, words);
        }
        Some(say)
    }

    /// As an answer of plain text is spoken.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut say = Self { text: join_blanks(text), ..Self::default() };
        say.shorten();
        say
    }

    /// Whether the text was too long.
    fn shorten(&mut self) -> bool {
        let Some((end, _)) = self.text.char_indices().nth(SAY_MAX) else { return false };
        self.text.truncate(end);
        // The cut may fall behind a blank, which a second reading would not keep.
        self.text.truncate(self.text.trim_end().len());
        true
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_text(&self.text)
    }
}
