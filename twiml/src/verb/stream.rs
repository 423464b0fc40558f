//! `Stream` in Connect, Start and Stop: the call's audio over a WebSocket (media-streams.md A.6).

use super::parameter;
use crate::declare::{attribute, choice, nest, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::method::Method;
use crate::warning::{Reader, SCHEMA};
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

/// Twilio's code for a track that the stream cannot have.
const BAD_TRACK: u32 = 31941;
/// Twilio's code for a connector that does not exist.
const NO_CONNECTOR: u32 = 31940;
/// Twilio's code for a URL that is none.
const BAD_URL: u32 = 31923;

words! {
    /// Which audio an agent gets, seen from the platform.
    StreamTrack {
        /// What is received from the leg.
        Inbound = "inbound_track",
        /// What is sent to the leg.
        Outbound = "outbound_track",
        /// Both.
        Both = "both_tracks",
    }
}

element! {
    /// A media stream.
    Stream = "Stream", nest(false, &["Parameter"], &[], SCHEMA) => {
        /// `wss:` or, where allowed, `ws:`; empty: the stream fails with 31923.
        url: String = optional("url", Kind::Url, BAD_URL);
        /// Unique in the call; None: the stream's SID.
        name: Option<String> = optional("name", Kind::Text, SCHEMA);
        /// Which audio the agent gets.
        track: StreamTrack = attribute("track", choice(StreamTrack::WORDS), "inbound_track", BAD_TRACK);
        /// Told that it began, ended or failed.
        status_callback: Option<String> = optional("statusCallback", Kind::Url, SCHEMA);
        /// Of that callback.
        status_callback_method: Method = attribute("statusCallbackMethod", Kind::Method, "POST", SCHEMA);
    }
    with {
        /// What the agent finds as customParameters, in the order of the document.
        parameters: Vec<(String, String)>;
    }
    not_offered {
        optional("connectorName", Kind::Text, NO_CONNECTOR);
        optional("audioFormat", Kind::Text, SCHEMA);
        optional("sampleRate", Kind::Text, SCHEMA);
    }
}

impl Stream {
    /// As a noun of Start.
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut stream = Self::open(node, reader);
        stream.parameters = parameter::read(node, reader);
        if stream.url.is_empty() {
            reader.warn(node.range().start, BAD_URL, "Stream has no url: it will fail");
        }
        stream
    }

    /// As the noun of Connect, where the agent answers and so gets one track only.
    pub(crate) fn read_connected(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        let mut stream = Self::read(node, reader);
        if stream.track != StreamTrack::Inbound {
            let words = "a Stream in Connect has inbound_track only; that is used";
            reader.warn(node.range().start, BAD_TRACK, words);
            stream.track = StreamTrack::Inbound;
        }
        stream
    }

    pub(crate) fn element(&self) -> Element {
        self.shell().with_children(parameter::elements(&self.parameters))
    }
}
