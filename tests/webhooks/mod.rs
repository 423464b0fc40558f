//! Webhooks, callbacks, Play and Say.

mod clips;
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
        account: AccountSid(0xac),
        parent: None,
        to: "+15005550001".into(),
        from: "+15005550006".into(),
        number: Some(NumberSid(1)),
        application: None,
        trunk: None,
        status: CallStatus::Ringing,
        direction: Direction::Inbound,
        created: Wall(0),
        updated: Wall(0),
        started: None,
        answered: None,
        ended: None,
        callbacks: Vec::new(),
        voice: None,
        fallback: None,
        twiml: None,
        timeout_s: 60,
        time_limit_s: 14_400,
        send_digits: None,
        record: None,
        sip_auth: None,
        caller_id: None,
        sequence: 0,
        dialog: None,
        invited: false,
        cause: None,
        ended_by: None,
        error: None,
        stats: None,
        post_dial_delay_ms: None,
        idempotency: None,
        node: String::new(),
    }
}

/// The value of a parameter that must be there exactly once.
pub fn only<'a>(params: &'a [(String, String)], name: &str) -> &'a str {
    let found: Vec<&str> = params.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
    assert_eq!(found.len(), 1, "{name} must occur once in {params:?}");
    found[0]
}
