//! `Start`: streams and a recording that run beside the verbs (twiml.md 3.17).

use super::{Recording, Stream};
use crate::declare::{attribute, nest, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::warning::{Reader, SCHEMA};
use alloc::vec::Vec;
use roxmltree::Node;

element! {
    /// Begins things in the background; the next verb runs at once.
    Start = "Start", nest(false, &["Stream", "Recording"], &["Siprec", "Transcription"], SCHEMA) => {
    }
    with {
        /// Streams to the agent only.
        streams: Vec<Stream>;
        /// A recording.
        recording: Option<Recording>;
    }
    not_offered {
        optional("action", Kind::Url, SCHEMA);
        attribute("method", Kind::Method, "POST", SCHEMA);
    }
}

impl Start {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut start = Self::open(node, reader);
        for child in node.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "Stream" => start.streams.push(Stream::read(child, reader)),
                "Recording" if start.recording.is_some() => {
                    reader.warn(child.range().start, SCHEMA, "Start has one Recording; this one is ignored");
                }
                "Recording" => start.recording = Some(Recording::read(child, reader)),
                _ => {}
            }
        }
        start
    }

    pub(crate) fn element(&self) -> Element {
        let streams = self.streams.iter().map(Stream::element);
        self.shell().with_children(streams.chain(self.recording.iter().map(Recording::element)))
    }
}
