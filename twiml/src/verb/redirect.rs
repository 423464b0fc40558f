//! `Redirect`: another document takes over (twiml.md 3.12).

use super::text_of;
use crate::declare::{TEXT, attribute};
use crate::element::Element;
use crate::kind::Kind;
use crate::method::Method;
use crate::warning::Reader;
use alloc::string::String;
use roxmltree::Node;

element! {
    /// Asks for another document; verbs after it never run.
    Redirect = "Redirect", TEXT => {
        /// Of the request.
        method: Method = attribute("method", Kind::Method, "POST", 13710);
    }
    with {
        /// As written; None: the current document.
        url: Option<String>;
    }
}

impl Redirect {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        Self { url: Some(text_of(node)).filter(|u| !u.is_empty()), ..Self::open(node, reader) }
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_text(self.url.as_deref().unwrap_or_default())
    }
}
