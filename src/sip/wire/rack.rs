//! RSeq and RAck (RFC 3262 section 7): the number of a reliable provisional response, and what its PRACK says of it.

use super::{Method, text::digits};
use std::fmt;

/// Which response a PRACK acknowledges: its RSeq, and CSeq of the request that it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// RSeq of the response.
    pub rseq: u32,
    /// CSeq number of the INVITE.
    pub cseq: u32,
    /// INVITE.
    pub method: Method,
}

impl RAck {
    /// Reads the value. None: not two numbers and a method.
    pub fn parse(s: &str) -> Option<RAck> {
        let mut words = s.split([' ', '\t']).filter(|w| !w.is_empty());
        let number = |w: Option<&str>| digits(w?).and_then(|n| u32::try_from(n).ok());
        let (rseq, cseq) = (number(words.next())?, number(words.next())?);
        let method = words.next().filter(|m| super::is_token(m))?;
        words.next().is_none().then(|| RAck { rseq, cseq, method: Method::from(method) })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rseq, self.cseq, self.method)
    }
}
