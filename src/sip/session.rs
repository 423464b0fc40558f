//! Session timers (RFC 4028): who refreshes a call, how often, and when nobody did for too long. Pure words of messages; what is
//! sent and when is the endpoint's.

use super::wire::Message;
use crate::clock::Mono;
use crate::trunk::manners::MIN_SE;
use std::time::Duration;

/// A peer that names less than this is not believed: it would be asked without end.
const SHORTEST: u32 = 30;
/// The most that the end of a session comes before its expiry (RFC 4028 section 10).
const MARGIN: u32 = 32;

/// What was agreed on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Seconds from one refresh to the end of a call that has no other.
    pub interval: u32,
    /// We refresh it; otherwise the peer does.
    pub ours: bool,
    /// The last refresh.
    pub since: Mono,
}

impl Session {
    /// Half of the interval: when we refresh it.
    pub fn refresh_at(&self) -> Mono {
        self.since + Duration::from_millis(u64::from(self.interval).saturating_mul(500))
    }

    /// When it counts as dead: before its expiry by a third, at most 32 s.
    pub fn dead_at(&self) -> Mono {
        let margin = MARGIN.min(self.interval.div_euclid(3));
        self.since + Duration::from_secs(self.interval.saturating_sub(margin).into())
    }
}

/// A peer's wish for a session timer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// There is none.
    None,
    /// Shorter than we allow: 422 with our Min-SE.
    TooShort,
    /// Every `interval` seconds, by us or by the peer.
    Every {
        /// Seconds.
        interval: u32,
        /// We refresh.
        ours: bool,
    },
}

/// Is the sender of the request named as the refresher (`uac`), or who answers it (`uas`)?
fn refresher(message: &Message) -> Option<bool> {
    let value = message.headers.text("Session-Expires")?;
    let named = value.split(';').skip(1).find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim().eq_ignore_ascii_case("refresher").then(|| value.trim().to_ascii_lowercase())
    })?;
    match named.as_str() {
        "uac" => Some(true),
        "uas" => Some(false),
        _ => None,
    }
}

/// What an INVITE or UPDATE of the peer asks for (RFC 4028 section 9). One that says nothing, in a call that has a timer, keeps it. A
/// peer that does not know of timers, for whom a proxy asked, is refreshed by us, and cannot be told 422.
pub fn wish(request: &Message, before: Option<&Session>) -> Wish {
    let knows = request.supports("timer");
    let Some(asked) = request.seconds("Session-Expires") else {
        return match before {
            Some(s) => Wish::Every { interval: s.interval, ours: s.ours || !knows },
            None => Wish::None,
        };
    };
    if asked < MIN_SE && knows {
        return Wish::TooShort;
    }
    let interval = asked.max(MIN_SE).max(request.seconds("Min-SE").unwrap_or(0));
    Wish::Every { interval, ours: !knows || refresher(request) == Some(false) }
}

/// The fields of our 2xx that say what was agreed on.
pub fn fields(interval: u32, ours: bool) -> Vec<(String, String)> {
    let role = if ours { "uas" } else { "uac" };
    let mut fields = vec![("Session-Expires".to_owned(), format!("{interval};refresher={role}"))];
    if !ours {
        fields.push(("Require".to_owned(), "timer".to_owned()));
    }
    fields
}

/// What the 2xx to a request of ours agreed on; None: no timer. Where nobody is named we refresh, which harms nobody.
pub fn agreed(now: Mono, response: &Message) -> Option<Session> {
    let interval = response.seconds("Session-Expires")?.max(SHORTEST);
    Some(Session { interval, ours: refresher(response) != Some(false), since: now })
}

/// What a 422 wants at least; None if it does not say, or nothing more than we asked for.
pub fn wanted(response: &Message, asked: u32) -> Option<u32> {
    response.seconds("Min-SE").filter(|least| *least > asked)
}
