//! `Play`: a sound file, or tones (twiml.md 3.10).

use super::text_of;
use crate::declare::{TEXT, attribute, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::warning::{Reader, SCHEMA};
use alloc::string::String;
use roxmltree::Node;

element! {
    /// Plays a file or, where `digits` is there, tones instead.
    Play = "Play", TEXT => {
        /// How often, 1 to 1,000.
        times: u32 = attribute("loop", Kind::Times, "1", 13410);
        /// Tones and waits (w 0.5 s, W 1 s); they win over the URL.
        digits: Option<String> = optional("digits", Kind::Tones, 13430);
    }
    with {
        /// As written, relative ones too; empty if only tones are played.
        url: String;
    }
}

impl Play {
    /// None, with a warning, where there is nothing to play.
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Option<Self> {
        let mut play = Self::open(node, reader);
        play.url = text_of(node);
        if play.url.is_empty() && play.digits.is_none() {
            reader.warn(node.range().start, SCHEMA, "Play has neither a URL nor digits; it is passed over");
            return None;
        }
        Some(play)
    }

    /// As a prompt of Gather, where tones are not allowed.
    pub(crate) fn read_prompt(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Option<Self> {
        let mut play = Self::read(node, reader)?;
        if play.digits.take().is_some() {
            reader.warn(node.range().start, super::gather::NOT_NESTABLE, "Play in Gather plays no digits");
        }
        Some(play).filter(|p| !p.url.is_empty())
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_text(&self.url)
    }
}
