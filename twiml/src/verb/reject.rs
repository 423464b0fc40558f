//! `Reject`: the call is not taken (twiml.md 3.14).

use super::parameter;
use crate::declare::{attribute, choice, nest};
use crate::element::Element;
use crate::warning::{Reader, SCHEMA};
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

words! {
    /// What the caller is told.
    RejectReason {
        /// Not taken.
        Rejected = "rejected",
        /// Busy.
        Busy = "busy",
    }
}

element! {
    /// Refuses the call if it is not answered yet, else hangs up.
    Reject = "Reject", nest(false, &["Parameter"], &[], SCHEMA) => {
        /// What the caller is told.
        reason: RejectReason = attribute("reason", choice(RejectReason::WORDS), "rejected", 13810);
    }
    with {
        /// As written.
        parameters: Vec<(String, String)>;
    }
}

impl Reject {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut reject = Self::open(node, reader);
        reject.parameters = parameter::read(node, reader);
        reject
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_children(parameter::elements(&self.parameters))
    }
}
