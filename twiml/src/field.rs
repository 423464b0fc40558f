//! Between the text of an attribute and the type of its field.

use crate::method::Method;
use crate::secret::Secret;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A field that an attribute fills. The text has passed its `Kind` before, or is the declared default, so that
/// reading cannot fail; and `read(write(x)) == x`, on which the round trip of documents rests.
pub(crate) trait Field {
    /// From the attribute's text; None where it is neither given nor has a default.
    fn read(text: Option<&str>) -> Self;
    /// To the attribute's text; None leaves it out.
    fn write(&self) -> Option<String>;
}

/// A closed set of words.
pub(crate) trait Word: Sized + Copy {
    /// The variant that is spelt so.
    fn parse(text: &str) -> Option<Self>;
    /// The spelling.
    fn spelt(self) -> &'static str;
}

impl Field for String {
    fn read(text: Option<&str>) -> Self {
        text.unwrap_or_default().to_owned()
    }
    fn write(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl Field for Option<String> {
    fn read(text: Option<&str>) -> Self {
        text.map(ToOwned::to_owned)
    }
    fn write(&self) -> Option<String> {
        self.clone()
    }
}

impl Field for Option<Secret> {
    fn read(text: Option<&str>) -> Self {
        text.map(|t| Secret(t.to_owned()))
    }
    fn write(&self) -> Option<String> {
        self.as_ref().map(|secret| secret.0.clone())
    }
}

impl Field for u32 {
    fn read(text: Option<&str>) -> Self {
        text.and_then(|t| t.parse().ok()).unwrap_or_default()
    }
    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Field for Option<u32> {
    fn read(text: Option<&str>) -> Self {
        text.and_then(|t| t.parse().ok())
    }
    fn write(&self) -> Option<String> {
        self.map(|n| n.to_string())
    }
}

impl Field for bool {
    fn read(text: Option<&str>) -> Self {
        text == Some("true")
    }
    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// A key: the empty text is "no key", which is not the same as "not given".
impl Field for Option<char> {
    fn read(text: Option<&str>) -> Self {
        text.and_then(|t| t.chars().next())
    }
    fn write(&self) -> Option<String> {
        Some(self.map(String::from).unwrap_or_default())
    }
}

impl Field for Method {
    fn read(text: Option<&str>) -> Self {
        if text == Some("GET") { Method::Get } else { Method::Post }
    }
    fn write(&self) -> Option<String> {
        Some(self.as_str().to_owned())
    }
}

impl<T: Word> Field for Vec<T> {
    fn read(text: Option<&str>) -> Self {
        text.unwrap_or_default().split_ascii_whitespace().filter_map(T::parse).collect()
    }
    fn write(&self) -> Option<String> {
        let words: Vec<&str> = self.iter().map(|w| w.spelt()).collect();
        Some(words.join(" "))
    }
}
