//! Where an outbound call goes: a number over a trunk, or `sip:user@host` directly.

use super::cx::Cx;
use crate::sid::{AccountSid, TrunkSid};
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::event::{Credentials, InviteCmd, LegId};
use crate::store::rows::{CallRow, TrunkRow};
use bytes::Bytes;

/// Everything of an INVITE but its dialog and its SDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Request-URI.
    pub uri: String,
    /// Where to send it, if not to the URI's host.
    pub next_hop: Option<String>,
    /// From, without tag. `LOCAL` stands for our address on the flow.
    pub from: String,
    /// To.
    pub to: String,
    /// `X-` and other headers.
    pub headers: Vec<(String, String)>,
    /// For challenges.
    pub credentials: Option<Credentials>,
    /// The trunk it goes over.
    pub trunk: Option<TrunkSid>,
    /// Hops that it may take.
    pub max_forwards: u8,
}

/// What a call is to be made of.
#[derive(Clone, Debug, Default)]
pub struct Wish<'a> {
    /// E.164, extension, or `sip:` URI with `?headers`.
    pub to: &'a str,
    /// Caller ID as the callee shall see it: E.164, `client:x`, user or URI.
    pub from: &'a str,
    /// User and password for a `sip:` callee.
    pub auth: Option<(String, String)>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// Why a call cannot be placed: Twilio's code and a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRoute {
    /// 13224, 13243 ...
    pub code: u32,
    /// The sentence.
    pub words: String,
}

/// Finds the way.
pub fn find(cx: &Cx<'_>, account: AccountSid, wish: &Wish<'_>) -> Result<Target, NoRoute> {
    let lower = wish.to.get(..5).unwrap_or(wish.to).to_ascii_lowercase();
    if lower.starts_with("sip:") || lower.starts_with("sips:") {
        to_uri(wish)
    } else {
        to_number(cx, account, wish)
    }
}

/// The user part of a caller ID.
pub fn user_of(from: &str) -> &str {
    let from = from.strip_prefix("client:").unwrap_or(from);
    let from = from.strip_prefix("sips:").or_else(|| from.strip_prefix("sip:")).unwrap_or(from);
    from.split('@').next().unwrap_or(from)
}

/// The same as it may stand in a URI (RFC 3261 section 25.1, `user`): what a caller's telephone said of itself need not be fit.
fn escaped_user(from: &str) -> String {
    user_of(from).bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

fn to_uri(wish: &Wish<'_>) -> Result<Target, NoRoute> {
    let (uri, query) = match wish.to.split_once('?') {
        Some((uri, query)) => (uri, query),
        None => (wish.to, ""),
    };
    let bad = |words: &str| NoRoute { code: 13243, words: format!("{words}: expected sip:user@host") };
    let host =
        uri.split_once(':').map(|(_, rest)| rest.split_once('@').map_or(rest, |(_, h)| h)).unwrap_or("");
    if host.is_empty() || uri.bytes().any(|b| b <= b' ' || b"<>\"".contains(&b)) {
        return Err(bad("the SIP address cannot be read"));
    }
    // In clear is not what was asked for.
    let tls = |p: &str| p.trim().eq_ignore_ascii_case("transport=tls");
    if uri.get(..5).is_some_and(|s| s.eq_ignore_ascii_case("sips:")) || uri.split(';').skip(1).any(tls) {
        let words = "SIP over TLS is not offered yet: dial sip: with transport=udp or transport=tcp";
        return Err(NoRoute { code: 13243, words: words.to_owned() });
    }
    let mut headers = wish.headers.clone();
    headers.extend(super::requests::uri_headers(query));
    let from = escaped_user(wish.from);
    let credentials = wish.auth.clone().map(|(username, password)| Credentials { username, password });
    let bare = uri.split(';').next().unwrap_or(uri);
    Ok(Target {
        uri: uri.to_owned(),
        next_hop: None,
        from: format!("<sip:{from}@LOCAL>"),
        to: format!("<{bare}>"),
        headers,
        credentials,
        trunk: None,
        max_forwards: MAX_FORWARDS,
    })
}

fn to_number(cx: &Cx<'_>, account: AccountSid, wish: &Wish<'_>) -> Result<Target, NoRoute> {
    let Some((trunk, host)) = trunk_for(cx, account) else {
        let words =
            "no trunk can dial out: POST /carrier/v1/sip_trunks with an outbound_host, or dial sip:user@host";
        return Err(NoRoute { code: 13224, words: words.to_owned() });
    };
    let next_hop = if trunk.transport == "tcp" { format!("{host};transport=tcp") } else { host.to_owned() };
    let credentials = match (&trunk.username, &trunk.password) {
        (Some(username), Some(password)) => {
            Some(Credentials { username: username.clone(), password: password.clone() })
        }
        _ => None,
    };
    let (to, from) = (wish.to, escaped_user(wish.from));
    Ok(Target {
        uri: format!("sip:{to}@{host}"),
        next_hop: Some(next_hop),
        from: format!("<sip:{from}@LOCAL>"),
        to: format!("<sip:{to}@{host}>"),
        headers: wish.headers.clone(),
        credentials,
        trunk: Some(trunk.sid),
        max_forwards: MAX_FORWARDS,
    })
}

/// The account's own trunk if it can dial, else one that is nobody's.
fn trunk_for<'a>(cx: &'a Cx<'_>, account: AccountSid) -> Option<(&'a TrunkRow, &'a str)> {
    let dials = |owner: Option<AccountSid>| {
        cx.tables
            .trunks
            .trunks()
            .iter()
            .filter(move |t| t.account == owner)
            .find_map(|t| t.outbound_host.as_deref().map(|h| (t, h)))
    };
    dials(Some(account)).or_else(|| dials(None))
}

impl Target {
    /// The next hop, if it is written as an address: says which of our addresses faces it.
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        let hop = self.next_hop.as_deref().unwrap_or_else(|| {
            let rest = self.uri.split_once(':').map_or("", |(_, rest)| rest);
            rest.rsplit_once('@').map_or(rest, |(_, host)| host)
        });
        let hop = hop.split(';').next().unwrap_or(hop);
        hop.parse()
            .ok()
            .or_else(|| Some((hop.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok()?, 5060).into()))
    }

    /// The INVITE for a leg whose dialog identity was committed.
    pub fn invite(self, leg: LegId, row: &CallRow, offer: Bytes) -> InviteCmd {
        let (call_id, local_tag) =
            row.dialog.as_ref().map(|d| (d.call_id.clone(), d.local_tag.clone())).unwrap_or_default();
        let mut headers = self.headers;
        headers.push(crate::sip::event::call_sid_header(row.sid));
        InviteCmd {
            leg,
            call_id,
            local_tag,
            uri: self.uri,
            next_hop: self.next_hop,
            registered: None,
            keep_user: false,
            alternatives: Vec::new(),
            from: self.from,
            to: self.to,
            max_forwards: self.max_forwards,
            offer,
            headers,
            credentials: self.credentials,
        }
    }
}
