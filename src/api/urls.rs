//! Parameters that are URLs: which a kind takes, and whether a call could ask for it.

use super::params::{Kind, Param, URL_MAX};
use super::parse::{fits, plain};
use super::refusal::Refusal;
use crate::webhooks::{data_url, policy};

/// Whether it has the form of its kind; false for kinds that are no URLs.
pub(super) fn has_form(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::TwimlUrl if data_url::read(text).is_some() => plain(text) && fits(text, URL_MAX),
        Kind::Url | Kind::TwimlUrl => absolute(text, &["http", "https"]),
        Kind::StreamUrl => absolute(text, &["wss", "ws"]),
        _ => false,
    }
}

/// A URL that could never be fetched is refused here, not in the middle of a call; so is a document in it that no call could run.
pub(super) fn check(param: &Param, text: &str) -> Result<(), Refusal> {
    let inline = if param.kind == Kind::TwimlUrl { data_url::read(text) } else { None };
    match (param.kind, inline) {
        (_, Some(given)) => given
            .map_err(|e| e.words)
            .and_then(|given| data_url::check(&given))
            .map_err(|words| Refusal::new(param.bad, format!("{}: {words}.", param.name))),
        (Kind::Url | Kind::TwimlUrl | Kind::StreamUrl, None) => policy::split(text)
            .map(drop)
            .map_err(|e| Refusal::new(e.code, format!("{}: {}.", param.name, e.words))),
        _ => Ok(()),
    }
}

/// An absolute URL of one of these schemes with a host; callback hosts have no underscore.
fn absolute(text: &str, schemes: &[&str]) -> bool {
    let printable = text.chars().all(|c| !c.is_control() && c != ' ');
    if !printable || !fits(text, URL_MAX) {
        return false;
    }
    url::Url::parse(text).is_ok_and(|u| {
        schemes.contains(&u.scheme()) && u.host_str().is_some_and(|h| !h.is_empty() && !h.contains('_'))
    })
}
