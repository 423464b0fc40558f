//! `Sip` in Dial: a SIP address, or several with priorities (twiml.md 3.2.3).

use super::noun::CallEvent;
use super::{Invalid, Noun, text_of};
use crate::declare::{Declaration, LEAF, TEXT, attribute, choice, nest, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::limits::SIP_URIS_MAX;
use crate::method::Method;
use crate::secret::Secret;
use crate::sip_uri::{self, HEADER_NAME};
use crate::warning::{Reader, SCHEMA, cut};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

/// Twilio's code for an address that is none.
const BAD_URI: u32 = 13243;
/// Twilio's code for too many addresses.
const TOO_MANY_URIS: u32 = 13250;

element! {
    /// A SIP address.
    Sip = "Sip", nest(true, &["Uri", "Headers"], &[], SCHEMA) => {
        /// Answers a challenge.
        username: Option<String> = optional("username", Kind::Raw, 13249);
        /// Answers a challenge.
        password: Option<Secret> = optional("password", Kind::Raw, 13249);
        /// Document that the child runs before the parties are connected.
        url: Option<String> = optional("url", Kind::Url, SCHEMA);
        /// Of that document.
        method: Method = attribute("method", Kind::Method, "POST", 13241);
        /// Told about the child's progress.
        status_callback: Option<String> = optional("statusCallback", Kind::Url, SCHEMA);
        /// Of that callback.
        status_callback_method: Method = attribute("statusCallbackMethod", Kind::Method, "POST", SCHEMA);
        /// What it is told.
        status_callback_event: Vec<CallEvent> =
            attribute("statusCallbackEvent", Kind::Choices(CallEvent::WORDS), "completed", SCHEMA);
    }
    with {
        /// Where to send the INVITE: one, or several to be tried by priority and weight; never empty.
        uris: Vec<SipUri>;
    }
    not_offered {
        optional("machineDetection", choice(&["Enable", "DetectMessageEnd"]), SCHEMA);
        attribute("machineDetectionTimeout", Kind::Number { min: 3, max: 60 }, "30", SCHEMA);
        attribute("machineDetectionSpeechThreshold", Kind::Number { min: 1000, max: 6000 }, "2400", SCHEMA);
        attribute("machineDetectionSpeechEndThreshold", Kind::Number { min: 500, max: 5000 }, "1200", SCHEMA);
        attribute("machineDetectionSilenceTimeout", Kind::Number { min: 2000, max: 10_000 }, "5000", SCHEMA);
        optional("amdStatusCallback", Kind::Url, SCHEMA);
        attribute("amdStatusCallbackMethod", Kind::Method, "POST", SCHEMA);
    }
}

element! {
    /// One address of a Sip noun.
    SipUri = "Uri", TEXT => {
        /// As in DNS SRV: the lowest is tried first.
        priority: u32 = attribute("priority", Kind::Number { min: 0, max: 65_535 }, "0", SCHEMA);
        /// As in DNS SRV: the share among those of one priority.
        weight: u32 = attribute("weight", Kind::Number { min: 0, max: 65_535 }, "0", SCHEMA);
        /// In place of the noun's.
        username: Option<String> = optional("username", Kind::Raw, 13249);
        /// In place of the noun's.
        password: Option<Secret> = optional("password", Kind::Raw, 13249);
    }
    with {
        /// `sip:` or `sips:`, with parameters, without headers; holds no blank, quote or control character.
        uri: String;
        /// Headers for the INVITE in their order, decoded; free of control characters.
        headers: Vec<(String, String)>;
    }
}

element! {
    /// A header of a Sip noun, as some SDKs write it.
    Header = "Header", LEAF => {
        /// Its name.
        name: String = optional("name", Kind::Text, HEADER_NAME);
        /// Its value.
        value: String = optional("value", Kind::Raw, HEADER_NAME);
    }
}

/// The element around `Header`s.
const HEADERS: Declaration =
    Declaration { name: "Headers", nesting: nest(false, &["Header"], &[], SCHEMA), attributes: &[] };

impl Sip {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Noun {
        let mut sip = Self::open(node, reader);
        let at = node.range().start;
        for child in node.children().filter(|c| c.has_tag_name("Uri")) {
            let uri = SipUri { uri: text_of(child), ..SipUri::open(child, reader) };
            sip.uris.extend(uri.vet(child.range().start, reader));
        }
        let text = text_of(node);
        if !text.is_empty() && sip.uris.is_empty() {
            sip.uris.extend(SipUri { uri: text.clone(), ..SipUri::default() }.vet(at, reader));
        } else if !text.is_empty() {
            reader.warn(at, SCHEMA, format!("Sip has Uri elements; its text \"{}\" is ignored", cut(&text)));
        }
        if sip.uris.len() > SIP_URIS_MAX {
            reader.warn(
                at,
                TOO_MANY_URIS,
                format!("Sip takes {SIP_URIS_MAX} Uri elements; the rest is ignored"),
            );
            sip.uris.truncate(SIP_URIS_MAX);
        }
        sip.read_headers(node, reader);
        if sip.uris.is_empty() {
            if text.is_empty() {
                reader.warn(at, BAD_URI, "Sip has no address: dialling it will fail");
            }
            return Noun::Invalid(Invalid { name: Self::DECLARATION.name, target: text, code: BAD_URI });
        }
        sip.uris.shrink_to_fit();
        Noun::Sip(sip)
    }

    /// `Headers` count for every address.
    fn read_headers(&mut self, node: Node<'_, '_>, reader: &mut Reader<'_>) {
        for group in node.children().filter(|c| c.has_tag_name("Headers")) {
            HEADERS.check_nesting(group, reader);
            for child in group.children().filter(|c| c.has_tag_name("Header")) {
                let header = Header::open(child, reader);
                for uri in &mut self.uris {
                    let more = (header.name.clone(), header.value.clone());
                    sip_uri::add_header(&mut uri.headers, more, child.range().start, reader);
                }
            }
        }
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_children(self.uris.iter().map(SipUri::element))
    }
}

impl SipUri {
    /// None, with a warning, where the text is no SIP address.
    fn vet(mut self, at: usize, reader: &mut Reader<'_>) -> Option<Self> {
        let Some((uri, headers)) = sip_uri::split(&self.uri) else {
            let words = format!("\"{}\" is not a SIP address: dialling it will fail", cut(&self.uri));
            reader.warn(at, BAD_URI, words);
            return None;
        };
        let mut kept = Vec::new();
        for header in headers {
            sip_uri::add_header(&mut kept, header, at, reader);
        }
        self.uri = uri;
        self.headers = kept;
        Some(self)
    }

    fn element(&self) -> Element {
        self.shell().with_text(&sip_uri::join(&self.uri, &self.headers))
    }
}
