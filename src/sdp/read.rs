//! What a peer's document says about audio.

use super::{
    Direction, PTIME, PTIME_RANGE, SdpError,
    clean::clean,
    crypto::{CRYPTO_MAX, CryptoLine},
};
use crate::media::plan::Codec;
use sdp_types::{Attribute, Connection, Media, Session};
use std::net::{IpAddr, SocketAddr};

/// A peer's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Session id and version of `o=`, as written.
    pub origin: (String, String),
    /// Every m-line in order; an answer has as many.
    pub media: Vec<MediaLine>,
    /// Every audio line with a port: a peer may offer one with SRTP and one without.
    pub audio: Vec<Audio>,
}

/// An m-line as it must come back if it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaLine {
    /// `audio`, `video`, `image` ...
    pub kind: String,
    /// 0: refused or disabled.
    pub port: u16,
    /// `RTP/AVP` ...
    pub proto: String,
    /// Formats, as written.
    pub formats: String,
}

/// One format of the audio line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Payload type, 0-127.
    pub pt: u8,
    /// Encoding name; empty for a dynamic one without rtpmap.
    pub name: String,
    /// Clock rate in Hz; 0 if unknown.
    pub clock: u32,
}

/// The audio line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Which of the m-lines.
    pub index: usize,
    /// `RTP/AVP` or whatever else stands there.
    pub proto: String,
    /// Address of c=; None if it is a name, which nothing here resolves.
    pub ip: Option<IpAddr>,
    /// RTP port, not 0.
    pub port: u16,
    /// RTCP, where `a=rtcp` says so. `a=rtcp-mux` is declined by not answering it.
    pub rtcp: Option<SocketAddr>,
    /// Formats in the order of preference.
    pub formats: Vec<Format>,
    /// Packet time in milliseconds that the peer asks for, if it does.
    pub ptime: Option<u8>,
    /// The longest that it takes.
    pub maxptime: u8,
    /// The `a=crypto` lines that we can use, in the peer's order.
    pub crypto: Vec<CryptoLine>,
    /// As the peer wrote it.
    pub direction: Direction,
}

/// Static payload types with the names to tell (RFC 3551); all of them 8 kHz on the wire, MPA excepted.
const STATIC: [(u8, &str, u32); 14] = [
    (0, "PCMU", 8_000),
    (3, "GSM", 8_000),
    (4, "G723", 8_000),
    (5, "DVI4", 8_000),
    (7, "LPC", 8_000),
    (8, "PCMA", 8_000),
    (9, "G722", 8_000),
    (10, "L16", 44_100),
    (11, "L16", 44_100),
    (12, "QCELP", 8_000),
    (13, "CN", 8_000),
    (14, "MPA", 90_000),
    (15, "G728", 8_000),
    (18, "G729", 8_000),
];

impl Format {
    fn is(&self, name: &str) -> bool {
        self.clock == 8_000 && self.name.eq_ignore_ascii_case(name)
    }

    /// G.711, if it is.
    pub fn codec(&self) -> Option<Codec> {
        match self {
            f if f.is("PCMU") => Some(Codec::Pcmu),
            f if f.is("PCMA") => Some(Codec::Pcma),
            _ => None,
        }
    }
}

impl Remote {
    /// Same `o=` as before: a refresh that must not disturb media (RFC 3264 section 8).
    pub fn is_refresh_of(&self, before: &Remote) -> bool {
        !self.origin.1.is_empty() && self.origin == before.origin
    }
}

impl Audio {
    /// G.711 formats in the peer's order.
    pub fn codecs(&self) -> impl Iterator<Item = (Codec, u8)> {
        self.formats.iter().filter_map(|f| Some((f.codec()?, f.pt)))
    }

    /// telephone-event at 8 kHz; others beside it belong to wideband codecs.
    pub fn dtmf_pt(&self) -> Option<u8> {
        self.formats.iter().find(|f| f.is("telephone-event")).map(|f| f.pt)
    }

    /// Comfort noise at 8 kHz.
    pub fn cn_pt(&self) -> Option<u8> {
        self.formats.iter().find(|f| f.is("CN")).map(|f| f.pt)
    }

    /// Plain RTP, with or without feedback?
    pub fn is_plain(&self) -> bool {
        matches!(self.proto.to_ascii_uppercase().as_str(), "RTP/AVP" | "RTP/AVPF")
    }

    /// SRTP, with or without feedback?
    pub fn is_secure(&self) -> bool {
        matches!(self.proto.to_ascii_uppercase().as_str(), "RTP/SAVP" | "RTP/SAVPF")
    }

    /// Can it be answered, on terms that allow it?
    fn is_usable(&self) -> bool {
        (self.is_plain() || self.is_secure()) && self.codecs().next().is_some()
    }

    /// Packet time of what is sent to the peer: what it asks for, else `ours`, else 20 ms.
    pub fn packet_time(&self, ours: Option<u8>) -> u8 {
        let (low, high) = PTIME_RANGE;
        self.ptime.or(ours).unwrap_or(PTIME).min(self.maxptime).clamp(low, high)
    }

    /// Where to send RTP; None for hold by `c=0.0.0.0` and for a name.
    pub fn rtp(&self) -> Option<SocketAddr> {
        self.ip.filter(|ip| !ip.is_unspecified()).map(|ip| SocketAddr::new(ip, self.port))
    }

    /// Held in the way of RFC 2543: `c=0.0.0.0`?
    pub fn is_zero(&self) -> bool {
        self.ip.is_some_and(|ip| ip.is_unspecified())
    }
}

/// Reads a document. Errors: too long, no `v=0` in front, an m- or c-line that cannot be read.
pub fn read(bytes: &[u8]) -> Result<Remote, SdpError> {
    let clean = clean(bytes)?;
    let session = Session::parse(clean.text.as_bytes()).map_err(|e| SdpError::Malformed(e.to_string()))?;
    let with_port = |m: &Media| m.media.eq_ignore_ascii_case("audio") && m.port != 0;
    let lines = session.medias.iter().enumerate().filter(|(_, m)| with_port(m));
    let mut audio: Vec<Audio> = Vec::new();
    for (index, media) in lines {
        match read_audio(index, media, &session) {
            Ok(found) => audio.push(found),
            // What is wrong with a line matters only where none before it can be used.
            Err(_) if audio.iter().any(Audio::is_usable) => {}
            Err(e) => return Err(e),
        }
    }
    let line = |m: Media| MediaLine { kind: m.media, port: m.port, proto: m.proto, formats: m.fmt };
    Ok(Remote { origin: clean.origin, media: session.medias.into_iter().map(line).collect(), audio })
}

fn read_audio(index: usize, media: &Media, session: &Session) -> Result<Audio, SdpError> {
    let connection = media.connections.first().or(session.connection.as_ref());
    let connection = connection.ok_or_else(|| SdpError::Malformed("c= is missing".to_owned()))?;
    let ip = address(connection)?;
    // What the media section does not say, the session may.
    let both = || media.attributes.iter().chain(&session.attributes);
    let value = |name: &str| both().find(|a| a.attribute.eq_ignore_ascii_case(name)).and_then(text);
    Ok(Audio {
        index,
        proto: media.proto.clone(),
        ip,
        port: media.port,
        rtcp: value("rtcp").and_then(|v| rtcp(v, ip)),
        formats: formats(media),
        ptime: value("ptime").and_then(milliseconds),
        maxptime: value("maxptime").and_then(milliseconds).unwrap_or(u8::MAX),
        crypto: crypto(media),
        direction: both().find_map(direction).unwrap_or_default(),
    })
}

fn text(a: &Attribute) -> Option<&str> {
    a.value.as_deref().map(str::trim)
}

/// None for a host name. Multicast is refused: nobody calls a group.
fn address(c: &Connection) -> Result<Option<IpAddr>, SdpError> {
    let text = c.connection_address.split('/').next().unwrap_or_default();
    let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() else { return Ok(None) };
    let ip = ip.to_canonical();
    if ip.is_multicast() {
        return Err(SdpError::Malformed("the address is multicast".to_owned()));
    }
    Ok(Some(ip))
}

fn direction(a: &Attribute) -> Option<Direction> {
    match a.attribute.to_ascii_lowercase().as_str() {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

/// `port [IN IP4 address]` (RFC 3605).
fn rtcp(value: &str, ip: Option<IpAddr>) -> Option<SocketAddr> {
    let mut words = value.split_whitespace();
    let port: u16 = words.next()?.parse().ok().filter(|p| *p != 0)?;
    let own = words.nth(2).and_then(|a| a.parse::<IpAddr>().ok());
    own.or(ip).filter(|ip| !ip.is_unspecified() && !ip.is_multicast()).map(|ip| SocketAddr::new(ip, port))
}

/// Whole milliseconds; what stands behind the digits is passed over, what is longer than any packet is 255.
fn milliseconds(text: &str) -> Option<u8> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).take(6).collect();
    let number: u32 = digits.parse().ok().filter(|n| *n > 0)?;
    Some(u8::try_from(number).unwrap_or(u8::MAX))
}

fn crypto(media: &Media) -> Vec<CryptoLine> {
    let lines = media.attributes.iter().filter(|a| a.attribute.eq_ignore_ascii_case("crypto"));
    lines.take(CRYPTO_MAX).filter_map(text).filter_map(CryptoLine::read).collect()
}

/// The formats of the m-line with their names: from rtpmap, else the static ones. A format that is written twice counts once.
fn formats(media: &Media) -> Vec<Format> {
    let mut out: Vec<Format> = Vec::new();
    for pt in media.fmt.split_whitespace().filter_map(|f| f.parse::<u8>().ok()).filter(|pt| *pt < 128) {
        if out.iter().any(|f| f.pt == pt) {
            continue;
        }
        let mapped = media.attributes.iter().find_map(|a| rtpmap(a, pt));
        let fixed = || STATIC.iter().find(|(n, ..)| *n == pt).map(|(_, n, c)| ((*n).to_owned(), *c));
        let (name, clock) = mapped.or_else(fixed).unwrap_or_default();
        out.push(Format { pt, name, clock });
    }
    out
}

/// `0 PCMU/8000[/1]`.
fn rtpmap(a: &Attribute, pt: u8) -> Option<(String, u32)> {
    if !a.attribute.eq_ignore_ascii_case("rtpmap") {
        return None;
    }
    let (number, encoding) = text(a)?.split_once([' ', '\t'])?;
    if number.parse() != Ok(pt) {
        return None;
    }
    let mut parts = encoding.trim().split('/').map(str::trim);
    let name = parts.next().filter(|n| !n.is_empty())?;
    // A missing clock is 8000: what telephones mean.
    let clock = parts.next().map_or(Some(8_000), |c| c.parse().ok())?;
    let mono = parts.next().is_none_or(|channels| channels == "1" || channels.is_empty());
    mono.then(|| (name.to_owned(), clock))
        // Two channels of G.711 are another codec; the name keeps it from being taken for ours.
        .or_else(|| Some((format!("{name}/{clock}/stereo"), 0)))
}
