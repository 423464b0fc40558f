//! `Hangup`: the call ends; in a whisper only the child does (twiml.md 3.6).

use super::parameter;
use crate::declare::nest;
use crate::element::Element;
use crate::warning::{Reader, SCHEMA};
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

element! {
    /// Ends the call.
    Hangup = "Hangup", nest(false, &["Parameter"], &[], SCHEMA) => {
    }
    with {
        /// As written.
        parameters: Vec<(String, String)>;
    }
}

impl Hangup {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut hangup = Self::open(node, reader);
        hangup.parameters = parameter::read(node, reader);
        hangup
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_children(parameter::elements(&self.parameters))
    }
}
