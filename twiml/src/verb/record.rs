//! `Record`: the caller's voice into a file (twiml.md 3.11).

use crate::declare::{LEAF, attribute, choice, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::limits::SECONDS_MAX;
use crate::method::Method;
use crate::warning::{Reader, SCHEMA};
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

words! {
    /// What is done with silence at both ends of a recording.
    Trim {
        /// Kept.
        DoNotTrim = "do-not-trim",
        /// Cut off.
        TrimSilence = "trim-silence",
    }
}

words! {
    /// What a recording's callback tells.
    RecordingEvent {
        /// The recording began.
        InProgress = "in-progress",
        /// The file is there.
        Completed = "completed",
        /// There was nothing to record.
        Absent = "absent",
    }
}

element! {
    /// Records the caller alone, in one channel.
    Record = "Record", LEAF => {
        /// Asked when a recording was made; None or empty: the current document.
        action: Option<String> = optional("action", Kind::Url, SCHEMA);
        /// Of the action.
        method: Method = attribute("method", Kind::Method, "POST", 13610);
        /// Seconds of silence that end it; 0: silence does not end it.
        timeout: u32 = attribute("timeout", Kind::Number { min: 0, max: SECONDS_MAX }, "5", 13611);
        /// The keys that end it; empty: none does.
        finish_on_key: String = attribute("finishOnKey", Kind::Keys, "1234567890*#", 13613);
        /// Seconds.
        max_length: u32 = attribute("maxLength", Kind::Number { min: 2, max: 14_400 }, "3600", 13612);
        /// Whether a beep, itself not recorded, goes before.
        play_beep: bool = attribute("playBeep", Kind::Bool, "true", 13616);
        /// What is done with silence at both ends.
        trim: Trim = attribute("trim", choice(Trim::WORDS), "trim-silence", 13699).or_instead("do-not-trim");
        /// Told about the file.
        recording_status_callback: Option<String> = optional("recordingStatusCallback", Kind::Url, 13256);
        /// Of that callback.
        recording_status_callback_method: Method =
            attribute("recordingStatusCallbackMethod", Kind::Method, "POST", 13610);
        /// What it is told.
        recording_status_callback_event: Vec<RecordingEvent> =
            attribute("recordingStatusCallbackEvent", Kind::Choices(RecordingEvent::WORDS), "completed", 13621);
    }
    not_offered {
        attribute("transcribe", Kind::Bool, "false", 13614);
        optional("transcribeCallback", Kind::Url, 13257);
        optional("recordingConfigurationId", Kind::Text, SCHEMA);
    }
}

impl Record {
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Self {
        Self::open(node, reader)
    }

    pub(crate) fn element(&self) -> Element {
        self.shell()
    }
}
