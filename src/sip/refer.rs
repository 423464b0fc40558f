//! REFER and what comes with it as values: Refer-To, Replaces (RFC 3515, RFC 3891, RFC 3892), and the status in the body of a
//! NOTIFY (`message/sipfrag`, RFC 3420).

use super::telephone;
use super::wire::{Message, NameAddr, Scheme, split_list};

/// A dialog that another one shall take the place of (RFC 3891).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// Its Call-ID.
    pub call_id: String,
    /// The tag of whoever reads this.
    pub to_tag: String,
    /// The tag of the other end.
    pub from_tag: String,
    /// Only if it is not answered yet.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value of the field. None: a tag or the Call-ID is missing.
    pub fn parse(value: &str) -> Option<Replaces> {
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next().filter(|c| !c.is_empty())?.to_owned();
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "to-tag" => to_tag = Some(value.trim().to_owned()),
                "from-tag" => from_tag = Some(value.trim().to_owned()),
                "early-only" => early_only = true,
                _ => {}
            }
        }
        Some(Replaces { call_id, to_tag: to_tag?, from_tag: from_tag?, early_only })
    }

    /// Of a request: None if it has none, Some(None) if it cannot be read or there are several (RFC 3891 section 3).
    pub fn of(message: &Message) -> Option<Option<Replaces>> {
        let mut values = message.headers.all("Replaces");
        let first = values.next()?;
        let alone = values.next().is_none();
        Some(std::str::from_utf8(first).ok().filter(|_| alone).and_then(Replaces::parse))
    }
}

/// Whom a REFER names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferTo {
    /// The field as it came, brackets and all.
    pub header: String,
    /// The address without the fields behind `?`.
    pub uri: String,
    /// Its number or name.
    pub user: String,
    /// Its host; empty for a `tel:` URI.
    pub host: String,
    /// Its port, if written.
    pub port: Option<u16>,
    /// The dialog that the new call takes the place of: an attended transfer.
    pub replaces: Option<Replaces>,
    /// `X-` fields and User-to-User that the new call shall carry.
    pub headers: Vec<(String, String)>,
}

/// Why a REFER cannot be followed: code and words.
pub type Unfit = (u16, &'static str);

impl ReferTo {
    /// Reads the one Refer-To of a REFER.
    ///
    /// # Errors
    /// 400 for none, several or one that cannot be read, 416 for an address that cannot be called, 603 for another method than INVITE.
    pub fn of(message: &Message) -> Result<ReferTo, Unfit> {
        let values: Vec<&[u8]> = message.headers.all("Refer-To").collect();
        let [value] = values.as_slice() else { return Err((400, "One Refer-To Is Needed")) };
        let text = String::from_utf8_lossy(value);
        if split_list(&text).count() != 1 {
            return Err((400, "One Refer-To Is Needed"));
        }
        let address = NameAddr::parse(&text).map_err(|_| (400, "Bad Refer-To"))?;
        if address.uri.params.get("method").is_some_and(|m| !m.eq_ignore_ascii_case("INVITE")) {
            return Err((603, "Only Calls Are Transferred"));
        }
        if matches!(address.uri.scheme, Scheme::Other(_)) {
            return Err((416, "Unsupported URI Scheme"));
        }
        let fields = address.uri.header_fields();
        let named = |name: &str| fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let replaces = match named("Replaces") {
            None => None,
            Some(value) => Some(Replaces::parse(value).ok_or((400, "Bad Replaces"))?),
        };
        let passes = |name: &str| {
            name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("x-"))
                || name.eq_ignore_ascii_case("User-to-User")
        };
        let clean = |text: &str| !text.bytes().any(|b| b.is_ascii_control());
        let headers =
            fields.iter().filter(|(n, v)| passes(n) && super::wire::is_token(n) && clean(v)).cloned();
        Ok(ReferTo {
            header: text.trim().to_owned(),
            user: telephone::user(&address.uri),
            host: address.uri.bare_host().to_owned(),
            port: address.uri.port,
            replaces,
            headers: headers.collect(),
            uri: address.uri.without_headers().to_string(),
        })
    }
}

/// What a NOTIFY says of the call that a REFER led to.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// The status line in the body.
    pub code: Option<u16>,
    /// Nothing more will come (Subscription-State: terminated).
    pub over: bool,
    /// Seconds that the subscription lasts.
    pub expires: Option<u32>,
}

impl Notice {
    /// Reads the NOTIFY of a REFER of ours; None: it speaks of something else.
    pub fn of(message: &Message) -> Option<Notice> {
        let event = message.headers.text("Event")?;
        if !event.split(';').next()?.trim().eq_ignore_ascii_case("refer") {
            return None;
        }
        let state = message.headers.text("Subscription-State").unwrap_or_default();
        let mut parts = state.split(';').map(str::trim);
        let over = parts.next().is_some_and(|s| s.eq_ignore_ascii_case("terminated"));
        let expires = parts.find_map(|p| p.strip_prefix("expires=")?.parse().ok());
        Some(Notice { code: status(&message.body), over, expires })
    }
}

/// The code of `SIP/2.0 200 OK`, which may stand behind blank lines.
fn status(body: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(body).ok()?;
    let line = text.lines().map(str::trim).find(|l| !l.is_empty())?;
    let code = line.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    (100..700).contains(&code).then_some(code)
}
