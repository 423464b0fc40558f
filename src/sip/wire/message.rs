//! A message and its typed values, parsed when asked for.

use super::{
    CSeq, Method, NameAddr, Params, Uri, Via,
    headers::{Headers, Known},
    text::{digits, split_list, trim_str},
    write,
};
use bytes::Bytes;

/// Largest time in seconds that is taken from Expires, Retry-After and the like; more is cut down to it.
pub const DELTA_SECONDS_MAX: u32 = u32::MAX;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request.
    Request {
        /// The method.
        method: Method,
        /// Request-URI as written; UTF-8 in every message that the reader accepted.
        uri: Bytes,
    },
    /// A response.
    Response {
        /// 100-699.
        code: u16,
        /// The reason phrase, perhaps empty.
        reason: String,
    },
}

/// A SIP message over the octets it came in.
#[derive(Clone, Debug)]
pub struct Message {
    /// First line.
    pub start: Start,
    /// Header fields.
    pub headers: Headers,
    /// Exactly Content-Length octets.
    pub body: Bytes,
}

/// A Content-Type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// `type/subtype` in lower case.
    pub kind: String,
    /// `charset`, `boundary` ...
    pub params: Params,
}

/// A Q.850 cause of a Reason header (RFC 3326).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Q850 {
    /// 1-127.
    pub cause: u8,
    /// Its text, perhaps empty.
    pub text: String,
}

impl Message {
    /// The method of a request.
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The code of a response.
    pub fn code(&self) -> Option<u16> {
        match &self.start {
            Start::Response { code, .. } => Some(*code),
            Start::Request { .. } => None,
        }
    }

    /// Is it this request?
    pub fn is(&self, wanted: &Method) -> bool {
        self.method() == Some(wanted)
    }

    /// Request-URI as written; empty for a response.
    pub fn uri_text(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => std::str::from_utf8(uri).unwrap_or_default(),
            Start::Response { .. } => "",
        }
    }

    /// Request-URI in parts.
    pub fn uri(&self) -> Option<Uri> {
        Uri::parse(self.uri_text()).ok()
    }

    /// The topmost Via.
    pub fn via(&self) -> Option<Via> {
        let value = self.headers.known_text(Known::Via)?;
        split_list(&value).next().and_then(|v| Via::parse(v).ok())
    }

    /// Every Via, topmost first.
    pub fn vias(&self) -> Vec<Via> {
        self.headers.elements("Via").iter().filter_map(|v| Via::parse(v).ok()).collect()
    }

    /// From.
    pub fn from(&self) -> Option<NameAddr> {
        NameAddr::parse(&self.headers.known_text(Known::From)?).ok()
    }

    /// To.
    pub fn to(&self) -> Option<NameAddr> {
        NameAddr::parse(&self.headers.known_text(Known::To)?).ok()
    }

    /// The tag of From.
    pub fn from_tag(&self) -> Option<String> {
        tag(&self.headers.known_text(Known::From)?)
    }

    /// The tag of To.
    pub fn to_tag(&self) -> Option<String> {
        tag(&self.headers.known_text(Known::To)?)
    }

    /// Call-ID as written; empty only in a message that the reader refused.
    pub fn call_id(&self) -> &str {
        self.headers.known(Known::CallId).next().and_then(|v| std::str::from_utf8(v).ok()).unwrap_or_default()
    }

    /// CSeq.
    pub fn cseq(&self) -> Option<CSeq> {
        CSeq::parse(&self.headers.known_text(Known::CSeq)?).ok()
    }

    /// Every Contact; `*` is left out, see [`Message::contact_is_star`].
    pub fn contacts(&self) -> Vec<NameAddr> {
        self.addresses("Contact")
    }

    /// The first Contact.
    pub fn contact(&self) -> Option<NameAddr> {
        let value = self.headers.known_text(Known::Contact)?;
        split_list(&value).next().and_then(|v| NameAddr::parse(v).ok())
    }

    /// Is it `Contact: *` (RFC 3261 section 10.2.2)?
    pub fn contact_is_star(&self) -> bool {
        self.headers.known(Known::Contact).any(|v| v == b"*")
    }

    /// Route values, topmost first.
    pub fn routes(&self) -> Vec<NameAddr> {
        self.addresses("Route")
    }

    /// Record-Route values, topmost first. For the text as written: `headers.elements("Record-Route")`.
    pub fn record_routes(&self) -> Vec<NameAddr> {
        self.addresses("Record-Route")
    }

    fn addresses(&self, name: &str) -> Vec<NameAddr> {
        self.headers.elements(name).iter().filter_map(|v| NameAddr::parse(v).ok()).collect()
    }

    /// Max-Forwards, if it is there and in range.
    pub fn max_forwards(&self) -> Option<u8> {
        digits(&self.headers.known_text(Known::MaxForwards)?).and_then(|n| u8::try_from(n).ok())
    }

    /// Option tags of Require.
    pub fn require(&self) -> Vec<String> {
        self.headers.elements("Require")
    }

    /// Is this option tag required?
    pub fn requires(&self, tag: &str) -> bool {
        self.require().iter().any(|t| t.eq_ignore_ascii_case(tag))
    }

    /// Is this option tag supported, or even required?
    pub fn supports(&self, tag: &str) -> bool {
        self.supported().iter().any(|t| t.eq_ignore_ascii_case(tag)) || self.requires(tag)
    }

    /// RSeq of a reliable provisional response (RFC 3262 section 7.1).
    pub fn rseq(&self) -> Option<u32> {
        digits(&self.headers.text("RSeq")?).and_then(|n| u32::try_from(n).ok())
    }

    /// RAck of a PRACK.
    pub fn rack(&self) -> Option<super::RAck> {
        super::RAck::parse(&self.headers.text("RAck")?)
    }

    /// Option tags of Supported.
    pub fn supported(&self) -> Vec<String> {
        self.headers.elements("Supported")
    }

    /// Methods of Allow.
    pub fn allow(&self) -> Vec<String> {
        self.headers.elements("Allow")
    }

    /// Seconds in a field such as Expires, Min-SE, Retry-After (parameters and comments ignored), capped.
    pub fn seconds(&self, name: &str) -> Option<u32> {
        let value = self.headers.text(name)?;
        let number: &str = value.split([';', ' ', '(', '\t']).next().unwrap_or_default();
        digits(number).map(|n| u32::try_from(n).unwrap_or(DELTA_SECONDS_MAX))
    }

    /// Content-Type.
    pub fn content_type(&self) -> Option<MediaType> {
        media_type(&self.headers.known_text(Known::ContentType)?)
    }

    /// The SDP: the body, or the first such part of a multipart body. A body without Content-Type that begins with
    /// `v=` counts too: it is seen from telephones that know of nothing else.
    pub fn sdp(&self) -> Option<Bytes> {
        if self.body.is_empty() {
            return None;
        }
        match self.content_type() {
            Some(t) if t.kind == "application/sdp" => Some(self.body.clone()),
            Some(t) if t.kind.starts_with("multipart/") => {
                super::multipart::part(&self.body, &t.params.unquoted("boundary")?, "application/sdp")
            }
            None if self.body.starts_with(b"v=") => Some(self.body.clone()),
            _ => None,
        }
    }

    /// The Q.850 cause among the Reason values.
    pub fn q850(&self) -> Option<Q850> {
        let values = self.headers.elements("Reason");
        let params = values.iter().find_map(|v| {
            let (protocol, params) = v.split_once(';')?;
            trim_str(protocol).eq_ignore_ascii_case("q.850").then(|| Params::parse(params).ok())?
        })?;
        let cause = params.unquoted("cause")?.parse().ok()?;
        Some(Q850 { cause, text: params.unquoted("text").unwrap_or_default().into_owned() })
    }

    /// The text of the first Reason header that has one.
    pub fn reason_text(&self) -> Option<String> {
        let values = self.headers.elements("Reason");
        values.iter().find_map(|v| {
            let params = Params::parse(v.split_once(';')?.1).ok()?;
            params.unquoted("text").map(|t| t.into_owned()).filter(|t| !t.is_empty())
        })
    }

    /// The message as octets again: fields as received, Content-Length made right.
    pub fn to_bytes(&self) -> Bytes {
        write::message(self)
    }
}

/// `type/subtype;params`.
pub(super) fn media_type(s: &str) -> Option<MediaType> {
    let (kind, params) = s.split_once(';').unwrap_or((s, ""));
    let (major, minor) = kind.split_once('/')?;
    let (major, minor) = (trim_str(major), trim_str(minor));
    if !super::is_token(major) || !super::is_token(minor) {
        return None;
    }
    let kind = format!("{major}/{minor}").to_ascii_lowercase();
    Some(MediaType { kind, params: Params::parse(trim_str(params)).ok()? })
}

fn tag(value: &str) -> Option<String> {
    let (_, _, params) = super::name_addr::split(value).ok()?;
    super::params::get(params, "tag").filter(|t| !t.is_empty()).map(str::to_owned)
}
