//! Reader and writer of SIP messages (RFC 3261 chapters 7, 19, 20 and 25). Total, panic-free and linear in the
//! length of the input. Values are parsed when somebody asks; the text as received stays reachable, so that Via,
//! Record-Route, From, To and Call-ID are echoed to the byte.
//!
//! ```text
//! datagram -> read_datagram --> Verdict::Message --> sip::check::check_request --> transactions
//! stream   -> Framer --^   \--> Verdict::Refuse (answer it, keep no state)
//!                           \-> Verdict::Drop
//! ```

mod cseq;
mod frame;
pub mod fuzz;
mod headers;
mod judge;
mod lex;
mod message;
mod method;
mod multipart;
mod name_addr;
mod params;
pub mod q850;
mod rack;
pub mod reason;
mod text;
mod uri;
mod via;
mod write;

pub use cseq::CSeq;
pub use frame::{Frame, Framer};
pub use headers::{Headers, Known};
pub use judge::{Verdict, read_datagram};
pub use message::{MediaType, Message, Q850, Start};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::Params;
pub use rack::RAck;
pub use text::{is_token, quote, split_list, unquote};
pub use uri::{Scheme, Uri, escape_user};
pub use via::Via;
pub use write::{Writer, stamp};

/// Longest start line plus header section in octets; more is 513.
pub const HEAD_MAX: usize = 48 * 1024;
/// Longest Request-URI in octets; more is 414 (RFC 3261 section 21.4.12), in whatever the rest is within its limits. As long as a URL
/// may be.
pub const URI_MAX: usize = 8 * 1024;
/// Most header fields in one message; more is 513.
pub const HEADERS_MAX: usize = 256;
/// Longest body in octets; more is 513. A datagram cannot hold more.
pub const BODY_MAX: usize = 64 * 1024;
/// Largest CSeq number (RFC 3261 section 8.1.1.5: below 2**31).
pub const CSEQ_MAX: u32 = 0x7fff_ffff;
