//! `Stop`: ends streams that `Start` began (twiml.md 3.17).

use super::Stream;
use crate::declare::nest;
use crate::element::Element;
use crate::warning::{Reader, SCHEMA};
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

element! {
    /// Ends what has the name; the next verb runs at once.
    Stop = "Stop", nest(false, &["Stream"], &["Siprec", "Transcription"], SCHEMA) => {
    }
    with {
        /// Names of streams; one that nobody has is warned about by the call.
        streams: Vec<String>;
    }
}

impl Stop {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut stop = Self::open(node, reader);
        for child in node.children().filter(|c| c.has_tag_name("Stream")) {
            // SDKs repeat the stream's other attributes here; only the name says which is meant.
            match Stream::open(child, reader).name {
                Some(name) => stop.streams.push(name),
                None => reader.warn(
                    child.range().start,
                    SCHEMA,
                    "Stop needs the name of the stream; it is ignored",
                ),
            }
        }
        stop
    }

    pub(crate) fn element(&self) -> Element {
        let named = |name: &String| Stream { name: Some(name.clone()), ..Stream::default() }.shell();
        let mut element = self.shell().with_children(self.streams.iter().map(named));
        for child in &mut element.children {
            child.attributes.retain(|a| a.name == "name");
        }
        element
    }
}
