//! Twilio's dialect in JSON (media-streams.md A.3 and A.4). Out: formatted by hand, counters as strings. In: the shape that
//! almost every agent sends is recognised octet by octet, everything else goes through serde; both give the same answer.

use crate::media::event::StreamStart;
use crate::media::plan::Track;
use base64_simd::STANDARD;
use serde::Deserialize;
use std::{borrow::Cow, io::Write};

/// The longest name of a mark.
pub const MARK_NAME_MAX: usize = 512;
/// Octets of a StreamSid.
pub const SID: usize = 34;

/// A StreamSid in letters, made once for a session.
pub type SidText = [u8; SID];

/// `Call`, version `1.0.0`: the first message.
pub fn connected(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#);
}

/// Everything before the part of an event that is its own.
fn begin(out: &mut Vec<u8>, event: &str, sequence: u64, sid: &SidText) {
    out.extend_from_slice(br#"{"event":""#);
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(br#"","sequenceNumber":""#);
    number(out, sequence);
    out.extend_from_slice(br#"","streamSid":""#);
    out.extend_from_slice(sid);
    out.extend_from_slice(br#"",""#);
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(br#"":"#);
}

/// The second message: what the stream is.
pub fn start(out: &mut Vec<u8>, sequence: u64, sid: &SidText, s: &StreamStart) {
    begin(out, "start", sequence, sid);
    let tracks = match s.track {
        Track::Inbound => r#"["inbound"]"#,
        Track::Outbound => r#"["outbound"]"#,
        Track::Both => r#"["inbound","outbound"]"#,
    };
    print(out, format_args!(r#"{{"streamSid":"{}","accountSid":"{}","#, s.stream, s.account));
    print(out, format_args!(r#""callSid":"{}","tracks":{tracks},"customParameters":{{"#, s.call));
    for (i, (name, value)) in s.parameters.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        string(out, value);
    }
    out.extend_from_slice(
        br#"},"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#,
    );
}

/// The counters of one media message.
#[derive(Copy, Clone, Debug)]
pub struct Counters {
    /// Of all messages.
    pub sequence: u64,
    /// Of media messages, both tracks together.
    pub chunk: u64,
    /// Milliseconds since the stream began.
    pub timestamp: u64,
}

/// Audio. The hot path: no allocation if `out` has room.
pub fn media(out: &mut Vec<u8>, c: Counters, sid: &SidText, outbound: bool, ulaw: &[u8]) {
    begin(out, "media", c.sequence, sid);
    out.extend_from_slice(if outbound {
        br#"{"track":"outbound","chunk":""#
    } else {
        br#"{"track":"inbound","chunk":""#
    });
    number(out, c.chunk);
    out.extend_from_slice(br#"","timestamp":""#);
    number(out, c.timestamp);
    out.extend_from_slice(br#"","payload":""#);
    STANDARD.encode_append(ulaw, out);
    out.extend_from_slice(br#""}}"#);
}

/// A key that the caller pressed.
pub fn dtmf(out: &mut Vec<u8>, sequence: u64, sid: &SidText, digit: char) {
    begin(out, "dtmf", sequence, sid);
    print(out, format_args!(r#"{{"track":"inbound_track","digit":"{digit}"}}}}"#));
}

/// The echo of a mark.
pub fn mark(out: &mut Vec<u8>, sequence: u64, sid: &SidText, name: &str) {
    begin(out, "mark", sequence, sid);
    out.extend_from_slice(br#"{"name":"#);
    string(out, name);
    out.extend_from_slice(b"}}");
}

/// The last message.
pub fn stop(out: &mut Vec<u8>, sequence: u64, sid: &SidText, s: &StreamStart) {
    begin(out, "stop", sequence, sid);
    print(out, format_args!(r#"{{"accountSid":"{}","callSid":"{}"}}}}"#, s.account, s.call));
}

fn print(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    // Writing to a Vec does not fail.
    let _ = out.write_fmt(what);
}

fn string(out: &mut Vec<u8>, s: &str) {
    // A str always serialises, and writing to a Vec does not fail.
    let _ = serde_json::to_writer(out, s);
}

fn number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for d in digits.iter_mut().rev() {
        *d = b'0' + (n % 10) as u8;
        n /= 10;
        used += 1;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.last_chunk::<20>().and_then(|d| d.get(20 - used..)).unwrap_or_default());
}

/// A message of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// Audio to be heard.
    Media(Payload<'a>),
    /// To be echoed when everything before it was heard.
    Mark(Cow<'a, str>),
    /// Forget what waits.
    Clear,
    /// End the stream (ruling 2.3). What it says for the BYE, if that follows: `X-` fields, so that a PBX learns the outcome.
    Stop(Vec<(String, String)>),
}

/// Base64 of a media message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Checked, canonical base64.
    Standard(Cow<'a, str>),
    /// Base64 with line ends or without padding, decoded already.
    Decoded(Vec<u8>),
}

/// Canonical base64 is decoded through a buffer of this many octets.
const BLOCK: usize = 3 * 1_024;

impl Payload<'_> {
    /// Hands the audio to `each`, in pieces.
    pub fn decode(&self, mut each: impl FnMut(&[u8])) {
        match self {
            Payload::Decoded(audio) => each(audio),
            Payload::Standard(text) => {
                let mut block = [0u8; BLOCK];
                for chars in text.as_bytes().chunks(BLOCK / 3 * 4) {
                    let out = base64_simd::Out::from_slice(&mut block);
                    // It was checked as a whole, so that each block of whole quartets is right too.
                    each(STANDARD.decode(chars, out).map_or(&[], |audio| audio));
                }
            }
        }
    }
}

/// Why a message is ignored (31951).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub &'static str);

/// Reads a message for the stream `sid`.
///
/// # Errors
/// What 31951 shall say.
pub fn read<'a>(sid: &SidText, text: &'a [u8]) -> Result<Incoming<'a>, Invalid> {
    match read_exact(sid, text) {
        Some(payload) => Ok(Incoming::Media(Payload::Standard(Cow::Borrowed(payload)))),
        None => read_any(sid, text),
    }
}

/// How the two most common JSON writers put a media message: without spaces, and with one after each `:` and `,`.
const SHAPES: [[&[u8]; 2]; 2] = [
    [br#"{"event":"media","streamSid":""#, br#"","media":{"payload":""#],
    [br#"{"event": "media", "streamSid": ""#, br#"", "media": {"payload": ""#],
];

/// The payload if `text` is exactly a media message of a known shape with canonical base64.
pub fn read_exact<'a>(sid: &SidText, text: &'a [u8]) -> Option<&'a str> {
    let rest = SHAPES.iter().find_map(|[before, after]| {
        text.strip_prefix(*before)?.strip_prefix(sid.as_slice())?.strip_prefix(*after)
    })?;
    let payload = rest.strip_suffix(br#""}}"#)?;
    STANDARD.check(payload).ok()?;
    std::str::from_utf8(payload).ok()
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, rename = "streamSid")]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    media: Option<WireMedia<'a>>,
    #[serde(borrow)]
    mark: Option<WireMark<'a>>,
    stop: Option<serde_json::Value>,
    #[serde(rename = "customParameters")]
    parameters: Option<serde_json::Value>,
}

impl Wire<'_> {
    /// The fields of a stop: its `customParameters`, beside or inside `stop`. Whatever cannot be a header field is left out.
    fn fields(&self) -> Vec<(String, String)> {
        let inside = self.stop.as_ref().and_then(|s| s.get("customParameters"));
        let Some(given) = self.parameters.as_ref().or(inside).and_then(|p| p.as_object()) else {
            return Vec::new();
        };
        let text = |(name, value): (&String, &serde_json::Value)| {
            let value = match value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Number(_) | serde_json::Value::Bool(_) => value.to_string(),
                _ => return None,
            };
            Some((name.clone(), value))
        };
        given.iter().filter_map(text).filter(|(name, value)| is_field(name, value)).take(FIELDS_MAX).collect()
    }
}

/// Fields that an agent may send with its stop, and the octets of one.
const FIELDS_MAX: usize = 16;
const FIELD_MAX: usize = 512;

fn is_field(name: &str, value: &str) -> bool {
    let custom = name.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("x-"));
    (custom || name.eq_ignore_ascii_case("User-to-User"))
        && name.len() + value.len() <= FIELD_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !value.chars().any(char::is_control)
}

#[derive(Deserialize)]
struct WireMedia<'a> {
    #[serde(borrow)]
    payload: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct WireMark<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

/// Reads a message in whatever order and with whatever else is in it.
///
/// # Errors
/// What 31951 shall say.
pub fn read_any<'a>(sid: &SidText, text: &'a [u8]) -> Result<Incoming<'a>, Invalid> {
    let wire: Wire<'_> = serde_json::from_slice(text).map_err(|_| Invalid("it is not a message in JSON"))?;
    let ours = |s: &Cow<'_, str>| s.as_bytes() == sid.as_slice();
    let event = wire.event.as_ref();
    match (event, &wire.stream) {
        ("stop", None) => return Ok(Incoming::Stop(wire.fields())),
        (_, Some(s)) if ours(s) => {}
        (_, None) => return Err(Invalid("it names no streamSid")),
        (_, Some(_)) => return Err(Invalid("its streamSid is not that of this stream")),
    }
    match event {
        "media" => {
            let payload = wire.media.and_then(|m| m.payload).ok_or(Invalid("media without payload"))?;
            payload_of(payload).map(Incoming::Media)
        }
        "mark" => {
            let name = wire.mark.and_then(|m| m.name).ok_or(Invalid("mark without name"))?;
            if name.len() > MARK_NAME_MAX {
                Err(Invalid("the name of a mark is too long"))
            } else {
                Ok(Incoming::Mark(name))
            }
        }
        "clear" => Ok(Incoming::Clear),
        "stop" => Ok(Incoming::Stop(wire.fields())),
        _ => Err(Invalid("its event is unknown")),
    }
}

fn payload_of(text: Cow<'_, str>) -> Result<Payload<'_>, Invalid> {
    if STANDARD.check(text.as_bytes()).is_ok() {
        return Ok(Payload::Standard(text));
    }
    let decoded = base64_simd::forgiving_decode_to_vec(text.as_bytes());
    decoded.map(Payload::Decoded).map_err(|_| Invalid("its payload is not base64"))
}
