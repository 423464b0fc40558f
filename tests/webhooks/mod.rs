//! Webhooks, callbacks, Play and Say.

mod clips;
mod data_urls;
mod delivering;
mod fetching;
mod fuzzing;
mod guarding;
mod parameters;
mod policies;
mod scheduling;
pub mod server;
mod signatures;
mod speaking;
mod tls;

use chorus::clock::Wall;
use chorus::sid::*;
use chorus::store::rows::*;

/// An inbound call that has just come in.
pub fn call_row() -> CallRow {
    CallRow {
        sid: CallSid(0x11),
        to: "+15005550001".into(),
        from: "+15005550006".into(),
        number: Some(NumberSid(1)),
        ..CallRow::empty(AccountSid(0xac), Wall(0), "", CallStatus::Ringing)
    }
}

/// The value of a parameter that must be there exactly once.
pub fn only<'a>(params: &'a [(String, String)], name: &str) -> &'a str {
    let found: Vec<&str> = params.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
    assert_eq!(found.len(), 1, "{name} must occur once in {params:?}");
    found[0]
}
