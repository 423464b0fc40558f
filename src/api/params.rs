//! A parameter is declared once, here in form and in each resource as a const table; the parser, `openapi.yaml` and
//! the bad-input tests read the same tables (law 8).

use crate::webhooks::request::Method;

/// Characters of a URL.
pub const URL_MAX: usize = 4_000;
/// Characters of `Twiml`.
pub const TWIML_MAX: usize = 4_000;
/// Characters of a `sip:` URI with its headers.
pub const ENDPOINT_MAX: usize = 1_024;
/// Keys of `SendDigits`.
pub const DIGITS_MAX: usize = 32;
/// Numbered pairs, as in `Parameter99.Value`.
pub const PAIRS_MAX: usize = 99;
/// Characters of one pair together, below this (media-streams.md A.6).
pub const PAIR_CHARS_MAX: usize = 500;
/// Fewest characters of a password of a SIP user.
pub const PASSWORD_MIN: usize = 12;
/// Most of them.
pub const PASSWORD_MAX: usize = 128;
/// Networks of one trunk.
pub const CIDRS_MAX: usize = 100;
/// Names or fingerprints that one trunk's peer may have.
pub const PEERS_MAX: usize = 20;
/// Characters of certificates in PEM: a long chain, or a few authorities.
pub const PEM_MAX: usize = 24_000;
/// Route prefixes of one trunk.
pub const PREFIXES_MAX: usize = 1_000;
/// Digits of a prefix.
pub const PREFIX_MAX: usize = 15;
/// Records of a page; a larger wish is cut to it, as SDKs send their limit here.
pub const PAGE_SIZE_MAX: i64 = 1_000;
/// Records of a page unless asked otherwise.
pub const PAGE_SIZE_DEFAULT: i64 = 50;

/// What a value must look like.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Kind {
    /// Text of so many characters at most, without control characters. Empty clears it.
    Text(usize),
    /// Printable ASCII without spaces, so many characters at most.
    Token(usize),
    /// A whole number in this range.
    Int(i64, i64),
    /// A whole number from 1; above the limit it counts as the limit.
    PageSize,
    /// `true` or `false`, any case.
    Bool,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Some of these words: repeated, or separated by spaces.
    Words(&'static [&'static str]),
    /// `GET` or `POST`, any case.
    Method,
    /// Absolute http or https URL with a host. Empty clears it.
    Url,
    /// The same, or a `data:` URL that holds the TwiML. Empty clears it.
    TwimlUrl,
    /// Absolute wss or ws URL.
    StreamUrl,
    /// A document, at most [`TWIML_MAX`] characters.
    Twiml,
    /// Prefix and 32 hexadecimal digits. Empty clears it.
    Sid(&'static str),
    /// E.164 with a plus; spaces, dots, dashes and brackets are dropped.
    Phone,
    /// A phone number with `*` as any digit, or a part of one.
    PhonePattern,
    /// Whom to call: E.164, or a `sip:` URI.
    Callee,
    /// Who calls: E.164, or the user part of a SIP address, or a `sip:` URI.
    Caller,
    /// An address that a call may have had, whatever it is: a number as it is stored, anything else as it is.
    Endpoint,
    /// Keys `0-9 A-D # * w W`.
    Digits,
    /// A day `YYYY-MM-DD`, or an instant in ISO 8601.
    Time,
    /// `host`, `host:port`, `[v6]:port`.
    Host,
    /// An IPv4 or IPv6 address.
    Address,
    /// A secret as Twilio wants it: [`PASSWORD_MIN`] characters, with a digit, an upper and a lower case letter.
    Password,
    /// Two capital letters (ISO 3166-1).
    Country,
    /// Addresses or networks, repeated.
    Cidrs,
    /// Digits or `*` that are written before a number.
    Prefix,
    /// Beginnings of numbers, digits alone, repeated.
    Prefixes,
    /// Host names or addresses, repeated.
    Names,
    /// SHA-256 fingerprints in hexadecimal, colons or not, repeated.
    Fingerprints,
    /// These words in an order, repeated.
    Order(&'static [&'static str]),
    /// A `sip:` URI with places for number, host and user.
    DialString,
    /// `NAME1.Name` and `NAME1.Value` to 99, as fields of the form.
    Pairs,
}

/// One declared parameter.
#[derive(Copy, Clone, Debug)]
pub struct Param {
    /// Twilio's name.
    pub name: &'static str,
    /// Its form.
    pub kind: Kind,
    /// Code of the refusal when it is missing; None: optional.
    pub required: Option<u32>,
    /// Code of the refusal when the value is bad.
    pub bad: u32,
    /// One sentence for openapi.yaml.
    pub words: &'static str,
    /// A good value.
    pub example: &'static str,
}

/// Declares an optional parameter; a bad value is refused with 20001.
pub const fn param(name: &'static str, kind: Kind, words: &'static str) -> Param {
    Param { name, kind, required: None, bad: 20001, words, example: "" }
}

impl Kind {
    /// May it be given more than once, in JSON as a list?
    pub const fn is_list(self) -> bool {
        matches!(self, Kind::Cidrs | Kind::Prefixes | Kind::Order(_) | Kind::Names | Kind::Fingerprints)
    }
}

impl Param {
    /// It must be there; otherwise this code.
    pub const fn required(mut self, code: u32) -> Param {
        self.required = Some(code);
        self
    }

    /// The same where it may be left out.
    pub const fn optional(mut self) -> Param {
        self.required = None;
        self
    }

    /// The code for a bad value.
    pub const fn bad(mut self, code: u32) -> Param {
        self.bad = code;
        self
    }

    /// A good value, for openapi.yaml, its curl line and the tests.
    pub const fn example(mut self, value: &'static str) -> Param {
        self.example = value;
        self
    }

    /// An empty value is legal: it clears what is stored, or counts as absent.
    pub const fn may_be_empty(&self) -> bool {
        self.required.is_none()
            && matches!(self.kind, Kind::Text(_) | Kind::Url | Kind::TwimlUrl | Kind::Sid(_))
    }
}

/// What every list takes.
pub const PAGING: &[Param] = &[
    param("PageSize", Kind::PageSize, "Records of a page, at most 1000; 50 unless given.").example("20"),
    param("Page", Kind::Int(0, i64::MAX), "Number of the page, counted by the client.").example("0"),
    param("PageToken", Kind::Token(128), "Where the page begins; from next_page_uri.").bad(21481),
];

/// A checked value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, URL, SID, phone number, keys, one of some words. Empty: clear it.
    Text(String),
    /// A number.
    Int(i64),
    /// A truth.
    Bool(bool),
    /// A method.
    Method(Method),
    /// Several words, each once, in the order declared.
    Words(Vec<&'static str>),
    /// A stretch of time: the day or the second that was named.
    Time(super::dates::Span),
    /// Networks or prefixes.
    List(Vec<String>),
    /// Names and values in order of their number.
    Pairs(Vec<(String, String)>),
}

/// The checked parameters of one request, by Twilio's names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(pub(super) Vec<(&'static str, Value)>);

impl Params {
    /// The value of a parameter that was given.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// A text that is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.field(name).filter(|t| !t.is_empty())
    }

    /// A text, where empty means "clear it".
    pub fn field(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(t) => Some(t),
            _ => None,
        }
    }

    /// A text of one's own.
    pub fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_string)
    }

    /// A number.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// A truth; `default` if not given.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        match self.get(name) {
            Some(Value::Bool(b)) => *b,
            _ => default,
        }
    }

    /// A method that was given.
    pub fn method(&self, name: &str) -> Option<Method> {
        match self.get(name)? {
            Value::Method(m) => Some(*m),
            _ => None,
        }
    }

    /// Words; empty if not given.
    pub fn words(&self, name: &str) -> &[&'static str] {
        match self.get(name) {
            Some(Value::Words(w)) => w,
            _ => &[],
        }
    }

    /// Numbered pairs; empty if not given.
    pub fn pairs(&self, name: &str) -> &[(String, String)] {
        match self.get(name) {
            Some(Value::Pairs(p)) => p,
            _ => &[],
        }
    }

    /// Networks or prefixes; empty if not given.
    pub fn list(&self, name: &str) -> &[String] {
        match self.get(name) {
            Some(Value::List(l)) => l,
            _ => &[],
        }
    }

    /// A stretch of time.
    pub fn time(&self, name: &str) -> Option<super::dates::Span> {
        match self.get(name)? {
            Value::Time(t) => Some(*t),
            _ => None,
        }
    }
}
