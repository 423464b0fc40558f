//! `Connect`: the call is given to an agent until its session ends (twiml.md 3.1).

use super::Stream;
use crate::declare::{attribute, nest, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::method::Method;
use crate::warning::{Reader, SCHEMA};
use alloc::string::String;
use roxmltree::Node;

/// Nouns of Twilio's that are not offered yet.
const NOT_OFFERED: &[&str] = &[
    "AiSession",
    "Assistant",
    "Autopilot",
    "Conversation",
    "ConversationRelay",
    "ConversationRelaySession",
    "Room",
    "VirtualAgent",
];

element! {
    /// Runs until its one noun's session ends.
    Connect = "Connect", nest(false, &["Stream"], NOT_OFFERED, SCHEMA) => {
        /// Asked when it ended; None: the next verb runs; empty: the current document.
        action: Option<String> = optional("action", Kind::Url, SCHEMA);
        /// Of the action.
        method: Method = attribute("method", Kind::Method, "POST", SCHEMA);
    }
    with {
        /// The stream, in both directions; None: there is nothing to connect to, and Connect ends at once.
        stream: Option<Stream>;
    }
}

impl Connect {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut connect = Self::open(node, reader);
        for child in node.children().filter(|c| c.has_tag_name("Stream")) {
            if connect.stream.is_some() {
                reader.warn(child.range().start, SCHEMA, "Connect has one noun; this one is ignored");
            } else {
                connect.stream = Some(Stream::read_connected(child, reader));
            }
        }
        if connect.stream.is_none() {
            reader.warn(node.range().start, SCHEMA, "Connect has no noun that is offered; it ends at once");
        }
        connect
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_children(self.stream.iter().map(Stream::element))
    }
}
