//! `Recording` in Start: the call is recorded while its verbs run (twiml.md 3.17).

use super::dial::RecordingTrack;
use super::record::{RecordingEvent, Trim};
use crate::declare::{LEAF, attribute, choice, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::method::Method;
use crate::warning::{Reader, SCHEMA};
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

words! {
    /// Channels of a recording.
    Channels {
        /// Each side its own.
        Dual = "dual",
        /// Both sides mixed.
        Mono = "mono",
    }
}

element! {
    /// A recording that goes on across verbs and documents.
    Recording = "Recording", LEAF => {
        /// Dual unless asked otherwise: that is what live calls showed.
        channels: Channels = attribute("channels", choice(Channels::WORDS), "dual", SCHEMA);
        /// Which side is recorded.
        track: RecordingTrack = attribute("track", choice(RecordingTrack::WORDS), "both", SCHEMA);
        /// What is done with silence at both ends.
        trim: Trim = attribute("trim", choice(Trim::WORDS), "trim-silence", SCHEMA);
        /// Told about the file; must be absolute.
        recording_status_callback: Option<String> = optional("recordingStatusCallback", Kind::Url, 13256);
        /// Of that callback.
        recording_status_callback_method: Method =
            attribute("recordingStatusCallbackMethod", Kind::Method, "POST", SCHEMA);
        /// What it is told.
        recording_status_callback_event: Vec<RecordingEvent> =
            attribute("recordingStatusCallbackEvent", Kind::Choices(RecordingEvent::WORDS), "completed", 13621);
    }
    not_offered {
        optional("recordingConfigurationId", Kind::Text, SCHEMA);
    }
}

impl Recording {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        Self::open(node, reader)
    }

    pub(crate) fn element(&self) -> Element {
        self.shell()
    }
}
