//! `Refer`: the peer of the call is asked to call somebody else in our place (twiml.md 3.13).

use super::text_of;
use crate::declare::{Declaration, TEXT, attribute, nest, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::method::Method;
use crate::sip_uri;
use crate::warning::{Reader, SCHEMA, cut};
use alloc::format;
use alloc::string::String;
use roxmltree::Node;

/// Twilio's code for an address that is none.
const BAD_URI: u32 = 13243;

element! {
    /// A transfer by SIP REFER.
    Refer = "Refer", nest(false, &["Sip"], &[], SCHEMA) => {
        /// Asked when the outcome is known; None: the next verb runs; empty: the current document.
        action: Option<String> = optional("action", Kind::Url, SCHEMA);
        /// Of the action.
        method: Method = attribute("method", Kind::Method, "POST", SCHEMA);
    }
    with {
        /// Refer-To: `sip:` or `sips:` with whatever headers the new call shall carry; holds no blank, quote or control
        /// character. None: there is nobody to refer to, and the verb fails.
        target: Option<String>;
    }
}

/// The noun: its text is the address.
const SIP: Declaration = Declaration { name: "Sip", nesting: TEXT, attributes: &[] };

impl Refer {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut refer = Self::open(node, reader);
        for child in node.children().filter(|c| c.has_tag_name("Sip")) {
            SIP.check_nesting(child, reader);
            let at = child.range().start;
            let text = text_of(child);
            if refer.target.is_some() {
                reader.warn(at, SCHEMA, "Refer has one Sip; this one is ignored");
            } else if sip_uri::is_address(&text) {
                refer.target = Some(text);
            } else {
                reader.warn(at, BAD_URI, format!("\"{}\" is not a SIP address: Refer will fail", cut(&text)));
            }
        }
        if refer.target.is_none() {
            reader.warn(node.range().start, SCHEMA, "Refer has no Sip with an address: it will fail");
        }
        refer
    }

    pub(crate) fn element(&self) -> Element {
        let noun = self.target.as_deref().map(|target| Element::new(SIP.name).with_text(target));
        self.shell().with_children(noun)
    }
}
