//! `Pause`: silence; as the first verb it lets the phone ring on (twiml.md 3.8).

use crate::declare::{LEAF, attribute};
use crate::element::Element;
use crate::kind::Kind;
use crate::limits::SECONDS_MAX;
use crate::warning::Reader;
use roxmltree::Node;

element! {
    /// Waits.
    Pause = "Pause", LEAF => {
        /// Seconds; 0 goes on at once.
        seconds: u32 = attribute("length", Kind::Number { min: 0, max: SECONDS_MAX }, "1", 13910);
    }
}

impl Pause {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        Self::open(node, reader)
    }

    pub(crate) fn element(&self) -> Element {
        self.shell()
    }
}
