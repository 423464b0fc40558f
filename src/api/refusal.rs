//! A refusal: a row of the error table with words for this request, and its body as Twilio writes it.

use crate::error;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Seconds of `Retry-After` on 429 and 503.
pub const RETRY_AFTER_S: u32 = 1;

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Twilio's code.
    pub code: u32,
    /// HTTP status.
    pub status: u16,
    /// For the client: what is wrong and, where we know, what to do.
    pub message: String,
    /// The parameter that is meant, where one is; with a `/` before it the whole JSON pointer (RFC 6901).
    pub param: Option<Cow<'static, str>>,
    /// Octets of the whole, where a part outside of it was asked for.
    pub whole: Option<u64>,
}

impl Refusal {
    /// With the HTTP status of the table.
    pub fn new(code: u32, message: impl Into<String>) -> Refusal {
        let status = error::entry(code).and_then(|e| e.http).unwrap_or(400);
        Refusal { code, status, message: message.into(), param: None, whole: None }
    }

    /// With the table's own sentence.
    pub fn plain(code: u32) -> Refusal {
        Refusal::new(code, error::sentence(code))
    }

    /// With another HTTP status than the table's.
    pub fn with_status(code: u32, status: u16, message: impl Into<String>) -> Refusal {
        Refusal { code, status, message: message.into(), param: None, whole: None }
    }

    /// About this parameter.
    pub fn about(mut self, param: impl Into<Cow<'static, str>>) -> Refusal {
        self.param = Some(param.into());
        self
    }

    /// Where in a JSON body that parameter stands.
    pub fn pointer(&self) -> Option<String> {
        let param = self.param.as_deref()?;
        Some(match param.starts_with('/') {
            true => param.to_owned(),
            false => format!("/data/attributes/{param}"),
        })
    }

    /// A part outside of so many octets.
    pub fn outside(size: u64) -> Refusal {
        let refusal = Refusal::new(20416, format!("The recording has {size} octets."));
        Refusal { whole: Some(size), ..refusal }
    }

    /// No such resource, or not this account's: nobody can tell which.
    pub fn not_found(path: &str) -> Refusal {
        Refusal::new(20404, format!("The requested resource {path} was not found"))
    }

    /// The database or the driver cannot take it now.
    pub fn unavailable() -> Refusal {
        Refusal::plain(20503)
    }

    /// The classic body of v2010.
    pub fn body(&self) -> Value {
        json!({
            "code": self.code,
            "message": self.message,
            "more_info": error::more_info(self.code),
            "status": self.status,
        })
    }
}
