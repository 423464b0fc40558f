//! TwiML as a value: bytes become a [`Document`], a document becomes an [`Interpreter`], and the interpreter says
//! step by step what a call shall do. Nothing here knows sockets, clocks or calls; URLs are handed out as written.
//!
//! ```text
//! bytes, content type -> content -> decode -> guard -> roxmltree -> verb/* -> Document { verbs, warnings }
//!                                                                                  |
//!                            Event (a verb ended: keys, recording, dial) -> Interpreter -> Step (run, request, end)
//! ```
//!
//! Each element is declared once, in its file of `verb/`, as a table of attributes (see [`Declaration`]).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[macro_use]
mod macros;
mod content;
mod declare;
mod decode;
mod document;
mod element;
mod field;
mod fuzz;
mod given;
mod guard;
mod interpreter;
mod kind;
pub mod limits;
mod method;
mod secret;
mod sip_uri;
mod ssml;
pub mod verb;
pub mod warning;

pub use content::Content;
pub use declare::{Attribute, Declaration, Nesting};
pub use document::Document;
pub use element::{Element, Shown};
pub use fuzz::fuzz_twiml;
pub use interpreter::{Event, Interpreter, Kind, Step};
pub use kind::Kind as AttributeKind;
pub use method::Method;
pub use secret::Secret;
pub use verb::{DECLARATIONS, Verb};
pub use warning::{DocumentError, Warning};
