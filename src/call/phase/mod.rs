//! What a call is doing right now. One file a phase; each holds the state that only it needs.

pub mod answering;
pub mod bridged;
pub mod calling;
pub mod dialling;
pub mod fetching;
pub mod gathering;
pub mod playing;
pub mod recording;
pub mod referring;
pub mod streaming;

/// Exactly one at a time.
///
/// ```text
///  inbound:  Arriving -> Fetching -> Answering -> verbs ... -> Ending
///  outbound: Calling  -> Fetching -> verbs ... -> Ending
///  child:    Calling  -> (whisper verbs) -> Bridged -> Ending
///  verbs:    Playing | Waiting | Gathering | Recording | Dialling | Referring | Streaming, joined by Fetching
/// ```
pub enum Phase {
    /// Inbound; the row is being written.
    Arriving,
    /// Outbound; until the 2xx.
    Calling,
    /// A document or an action was asked for.
    Fetching(fetching::Fetching),
    /// A verb needs the call answered: port, commit, 200, ACK; then it runs.
    Answering(Box<twiml::Verb>),
    /// Pause before the answer: it rings on.
    Waiting,
    /// Say, Play, Pause.
    Playing(playing::Playing),
    /// Gather.
    Gathering(gathering::Gathering),
    /// The Record verb.
    Recording(recording::Recording),
    /// Dial.
    Dialling(Box<dialling::Dialling>),
    /// Refer.
    Referring(Box<referring::Referring>),
    /// Connect Stream.
    Streaming(streaming::Streaming),
    /// A child that waits to be bridged, or is.
    Bridged(bridged::Bridged),
    /// Hanging up, or over.
    Ending,
}
