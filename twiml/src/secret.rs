//! A text that must not reach a log line.

use alloc::string::String;
use core::fmt;

/// A password: as a value it is itself, in debug output it is not.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
