//! CSeq (RFC 3261 section 20.16).

use super::{CSEQ_MAX, Method, text::digits};
use std::fmt;

/// Number and method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Below 2**31.
    pub number: u32,
    /// The method, of the request also in its responses.
    pub method: Method,
}

/// Number and method name, checked without allocation.
pub(super) fn split(s: &str) -> Result<(u32, &str), &'static str> {
    let mut words = s.split([' ', '\t']).filter(|w| !w.is_empty());
    let (Some(number), Some(method), None) = (words.next(), words.next(), words.next()) else {
        return Err("bad CSeq");
    };
    let number = digits(number).ok_or("bad CSeq number")?;
    let number = u32::try_from(number).ok().filter(|n| *n <= CSEQ_MAX).ok_or("CSeq number out of range")?;
    if super::is_token(method) { Ok((number, method)) } else { Err("bad CSeq method") }
}

impl CSeq {
    /// Reads the value. Errors: no number, 2**31 or more, no method.
    pub fn parse(s: &str) -> Result<CSeq, &'static str> {
        let (number, method) = split(s)?;
        Ok(CSeq { number, method: Method::from(method) })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}
