//! The verbs and their nouns, one file each.

mod connect;
mod dial;
mod gather;
mod hangup;
mod noun;
mod number;
mod parameter;
mod pause;
mod play;
mod record;
mod recording;
mod redirect;
mod refer;
mod reject;
mod say;
mod sip;
mod start;
mod stop;
mod stream;

pub use connect::Connect;
pub use dial::{Dial, DialRecord, RING_TONES, RecordingTrack};
pub use gather::{Gather, Prompt};
pub use hangup::Hangup;
pub use noun::{CallEvent, Invalid, Noun, Unsupported};
pub use number::Number;
pub use parameter::Parameter;
pub use pause::Pause;
pub use play::Play;
pub use record::{Record, RecordingEvent, Trim};
pub use recording::{Channels, Recording};
pub use redirect::Redirect;
pub use refer::Refer;
pub use reject::{Reject, RejectReason};
pub use say::Say;
pub use sip::{Header, Sip, SipUri};
pub use start::Start;
pub use stop::Stop;
pub use stream::{Stream, StreamTrack};

use crate::declare::Declaration;
use crate::element::Element;
use crate::warning::{Reader, SCHEMA, cut};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use roxmltree::Node;

/// Every element that is read, verbs first.
pub const DECLARATIONS: &[Declaration] = &[
    Say::DECLARATION,
    Play::DECLARATION,
    Pause::DECLARATION,
    Gather::DECLARATION,
    Record::DECLARATION,
    Dial::DECLARATION,
    Connect::DECLARATION,
    Start::DECLARATION,
    Stop::DECLARATION,
    Redirect::DECLARATION,
    Refer::DECLARATION,
    Reject::DECLARATION,
    Hangup::DECLARATION,
    Number::DECLARATION,
    Sip::DECLARATION,
    SipUri::DECLARATION,
    Header::DECLARATION,
    Stream::DECLARATION,
    Recording::DECLARATION,
    Parameter::DECLARATION,
];

/// Verbs of Twilio's that are not offered yet: passed over like unknown ones, but the warning says why.
const NOT_OFFERED: &[&str] = &["Echo", "Enqueue", "Leave", "Pay", "Prompt", "Queue", "Sms"];

/// One step of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Speaks.
    Say(Say),
    /// Plays a file or tones.
    Play(Play),
    /// Waits.
    Pause(Pause),
    /// Collects keys.
    Gather(Gather),
    /// Records the caller.
    Record(Record),
    /// Rings other parties. Boxed: it is several times the size of the others.
    Dial(alloc::boxed::Box<Dial>),
    /// Gives the call to an agent.
    Connect(Connect),
    /// Begins something in the background.
    Start(Start),
    /// Ends something in the background.
    Stop(Stop),
    /// Another document takes over.
    Redirect(Redirect),
    /// The peer is asked to call somebody else in our place.
    Refer(Refer),
    /// The call is not taken.
    Reject(Reject),
    /// The call ends.
    Hangup(Hangup),
}

impl Verb {
    /// None, with a warning, where `node` is no verb or has nothing to do.
    pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Option<Verb> {
        match node.tag_name().name() {
            "Say" => Say::read(node, reader).map(Verb::Say),
            "Play" => Play::read(node, reader).map(Verb::Play),
            "Pause" => Some(Verb::Pause(Pause::read(node, reader))),
            "Gather" => Some(Verb::Gather(Gather::read(node, reader))),
            "Record" => Some(Verb::Record(Record::read(node, reader))),
            "Dial" => Some(Verb::Dial(Dial::read(node, reader).into())),
            "Connect" => Some(Verb::Connect(Connect::read(node, reader))),
            "Start" => Some(Verb::Start(Start::read(node, reader))),
            "Stop" => Some(Verb::Stop(Stop::read(node, reader))),
            "Redirect" => Some(Verb::Redirect(Redirect::read(node, reader))),
            "Refer" => Some(Verb::Refer(Refer::read(node, reader))),
            "Reject" => Some(Verb::Reject(Reject::read(node, reader))),
            "Hangup" => Some(Verb::Hangup(Hangup::read(node, reader))),
            name => {
                let why = if NOT_OFFERED.contains(&name) { "is not offered yet" } else { "is not a verb" };
                reader.warn(node.range().start, SCHEMA, format!("{} {why}; it is passed over", cut(name)));
                None
            }
        }
    }

    /// Twilio's name of the verb.
    pub fn name(&self) -> &'static str {
        match self {
            Verb::Say(_) => Say::DECLARATION.name,
            Verb::Play(_) => Play::DECLARATION.name,
            Verb::Pause(_) => Pause::DECLARATION.name,
            Verb::Gather(_) => Gather::DECLARATION.name,
            Verb::Record(_) => Record::DECLARATION.name,
            Verb::Dial(_) => Dial::DECLARATION.name,
            Verb::Connect(_) => Connect::DECLARATION.name,
            Verb::Start(_) => Start::DECLARATION.name,
            Verb::Stop(_) => Stop::DECLARATION.name,
            Verb::Redirect(_) => Redirect::DECLARATION.name,
            Verb::Refer(_) => Refer::DECLARATION.name,
            Verb::Reject(_) => Reject::DECLARATION.name,
            Verb::Hangup(_) => Hangup::DECLARATION.name,
        }
    }

    /// The verb as a tree, defaults applied: for writing and for people.
    pub fn element(&self) -> Element {
        match self {
            Verb::Say(verb) => verb.element(),
            Verb::Play(verb) => verb.element(),
            Verb::Pause(verb) => verb.element(),
            Verb::Gather(verb) => verb.element(),
            Verb::Record(verb) => verb.element(),
            Verb::Dial(verb) => verb.element(),
            Verb::Connect(verb) => verb.element(),
            Verb::Start(verb) => verb.element(),
            Verb::Stop(verb) => verb.element(),
            Verb::Redirect(verb) => verb.element(),
            Verb::Refer(verb) => verb.element(),
            Verb::Reject(verb) => verb.element(),
            Verb::Hangup(verb) => verb.element(),
        }
    }

    /// Whether running it answers a call that still rings (twiml.md 1.6). Reject never answers; Pause, Redirect and
    /// Stop leave it ringing; a Dial with answerOnBridge answers when its child is connected.
    pub fn answers(&self) -> bool {
        match self {
            Verb::Pause(_) | Verb::Redirect(_) | Verb::Reject(_) | Verb::Stop(_) => false,
            Verb::Dial(dial) => !dial.answer_on_bridge,
            _ => true,
        }
    }
}

/// The element's own text without that of its children, blanks at both ends taken off.
fn text_of(node: Node<'_, '_>) -> String {
    let mut text = String::new();
    for child in node.children().filter(Node::is_text) {
        text.push_str(child.text().unwrap_or_default());
    }
    text.trim().to_owned()
}
