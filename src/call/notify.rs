//! The one maker of notifications: lines of the account's debugger (ruling 2.51).

use super::cx::Cx;
use super::event::Effect;
use crate::error;
use crate::sid::NotificationSid;
use crate::store::rows::{CallRow, NotificationRow};
use crate::store::tx::{Op, Tx};
use crate::telemetry::redact;
use crate::webhooks::request::{FetchError, FetchRequest};

fn row(cx: &mut Cx<'_>, call: &CallRow, code: u32, words: &str) -> NotificationRow {
    let warning = error::entry(code).is_some_and(|e| e.level == error::Level::Warning);
    NotificationRow {
        sid: NotificationSid::new(cx.rng),
        account: call.account,
        call: Some(call.sid),
        code,
        level: u8::from(warning),
        words: words.to_owned(),
        request_method: None,
        request_url: None,
        request_variables: None,
        response_headers: None,
        response_body: None,
        created: cx.now.wall,
    }
}

/// A notification about the call itself.
pub fn write(cx: &mut Cx<'_>, call: &CallRow, code: u32, words: &str) {
    let n = row(cx, call, code, words);
    cx.trace("chorus", "chorus", format!("notification {code}: {}", redact::unquoted(words)));
    cx.push(Effect::Commit { tx: Tx::one(Op::PutNotification(Box::new(n))), then: vec![], or_else: vec![] });
}

/// A notification about a request that failed. The URL is the account's own and is kept in full.
pub fn about_fetch(
    cx: &mut Cx<'_>,
    call: &CallRow,
    url: &str,
    request: Option<&FetchRequest>,
    e: &FetchError,
) {
    let mut n = row(cx, call, e.code, &e.words);
    n.request_url = Some(super::requests::shown(url));
    n.request_method = request.map(|r| r.method);
    n.request_variables = request.and_then(|r| serde_urlencoded::to_string(without_keys(&r.params)).ok());
    cx.trace("app", "chorus", format!("error {}", e.code));
    cx.push(Effect::Commit { tx: Tx::one(Op::PutNotification(Box::new(n))), then: vec![], or_else: vec![] });
}

/// What was asked, without the keys that were pressed (ruling 2.40): they may be a card's or a PIN.
fn without_keys(params: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = params.iter().map(|(name, value)| {
        let hidden = name == "Digits" && !value.is_empty();
        (name.as_str(), if hidden { "***" } else { value.as_str() })
    });
    pairs.collect()
}
