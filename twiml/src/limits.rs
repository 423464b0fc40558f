//! Every limit of a document, by name.

/// Octets of a document's body; more is 11750.
pub const BODY_MAX: usize = 64 * 1024;
/// Elements within elements, `Response` being the first; more is 12100.
pub const DEPTH_MAX: u32 = 32;
/// Nodes of a document (elements, texts, comments, instructions); more is 12100.
pub const NODES_MAX: u32 = 10_000;
/// Attributes of one element; more is 12100.
pub const ATTRIBUTES_MAX: u32 = 64;
/// `xmlns` declarations of a whole document: TwiML has none, and each is copied to every element below it.
pub const NAMESPACES_MAX: u32 = 16;
/// Warnings kept of one document; the rest are counted in a last one.
pub const WARNINGS_MAX: usize = 50;
/// Documents that one call may run before it is taken for a loop (counted by the call, not here).
pub const DOCUMENTS_MAX: u32 = 1_000;
/// The longest call in seconds: no duration in a document may be longer.
pub const SECONDS_MAX: u32 = 86_400;
/// What `loop="0"` stands for.
pub const TIMES_MAX: u32 = 1_000;
/// Characters that one Say speaks; more is 13521.
pub const SAY_MAX: usize = 4_096;
/// Tones of one `digits` or `sendDigits`.
pub const TONES_MAX: usize = 512;
/// Nouns that one Dial rings.
pub const NOUNS_MAX: usize = 10;
/// `Uri` children of one Sip; more is 13250.
pub const SIP_URIS_MAX: usize = 10;
/// Characters of a SIP URI without its headers; more is 13243.
pub const SIP_URI_MAX: usize = 254;
/// Headers of one SIP URI; more is 13251.
pub const SIP_HEADERS_MAX: usize = 32;
/// Characters of a SIP URI's headers as they are written in it; more is 13253.
pub const SIP_HEADERS_LENGTH_MAX: usize = 1_023;
/// Digits of a number to dial (E.164 has 15, a dial prefix may stand before them); more is 13223.
pub const NUMBER_DIGITS_MAX: usize = 24;
/// Characters of name and value of a `Parameter` together.
pub const PARAMETER_MAX: usize = 499;
/// `Parameter` children of one element.
pub const PARAMETERS_MAX: usize = 99;
