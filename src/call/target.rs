//! Where an outbound call goes: a number over a trunk, or `sip:user@host` directly.

use super::cx::Cx;
use super::permission::{self, may_dial};
use super::secure;
use crate::sid::{AccountSid, TrunkSid};
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::event::{Alternative, Credentials, Fence, InviteCmd, LegId, Transport};
use crate::sip::wire::{Params, Uri};
use crate::store::rows::{CallRow, TrunkRow};
use crate::trunk::identity::{self, Caller};
use crate::trunk::{normalise, route};
use bytes::Bytes;

/// Everything of an INVITE but its dialog and its SDP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// As in [`InviteCmd::identity`].
    pub identity: Vec<(String, String)>,
    /// For challenges.
    pub credentials: Option<Credentials>,
    /// The trunk it goes over.
    pub trunk: Option<TrunkSid>,
    /// The user that registered here whose contacts are called instead of `uri`.
    pub registered: Option<String>,
    /// As in [`InviteCmd::keep_user`].
    pub keep_user: bool,
    /// Where a user that registered sends from.
    pub near: Option<std::net::SocketAddr>,
    /// Other ways to the callee, in the order in which they are tried.
    pub alternatives: Vec<Alternative>,
    /// Hops that it may take.
    pub max_forwards: u8,
    /// Over TLS with SRTP, or not at all.
    pub secure: bool,
    /// As in [`InviteCmd::hasty`].
    pub hasty: bool,
    /// As in [`InviteCmd::fence`].
    pub fence: Option<Fence>,
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
    /// The number that we vouch for where `from` is withheld.
    pub behind: Option<&'a str>,
    /// Who forwarded the call, the last one first.
    pub diverted_by: Vec<String>,
    /// A `sip:` callee is called over TLS with SRTP, or not at all.
    pub secure: bool,
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
    may_dial(cx.tables, &cx.settings.public_url, account, wish.to)?;
    match address(wish.to) {
        Some((uri, query)) => to_uri(cx, account, wish, uri, query),
        None => to_number(cx, account, wish),
    }
}

/// A callee that is an address: its URI, and the header fields that stood behind its `?`. None: a number. A `?` before the first `@`
/// is of the user (RFC 3261 section 25.1), as the reader of URIs has it.
pub fn address(to: &str) -> Option<(&str, &str)> {
    let scheme = to.split_once(':').map(|(scheme, _)| scheme)?;
    if !["sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let behind = to.find('@').unwrap_or(0);
    let at = to.get(behind..)?.find('?').map(|at| behind.saturating_add(at));
    let (uri, query) = to.split_at_checked(at.unwrap_or(to.len()))?;
    Some((uri, query.strip_prefix('?').unwrap_or("")))
}

/// The user part of a caller ID.
pub fn user_of(from: &str) -> &str {
    let from = from.strip_prefix("client:").unwrap_or(from);
    let from = from.strip_prefix("sips:").or_else(|| from.strip_prefix("sip:")).unwrap_or(from);
    from.split('@').next().unwrap_or(from)
}

/// The same as it may stand in a URI (RFC 3261 section 25.1, `user`): what a caller's telephone said of itself need not be fit.
fn escaped_user(from: &str) -> String {
    escaped(user_of(from))
}

fn escaped(user: &str) -> String {
    user.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

fn to_uri(
    cx: &Cx<'_>,
    account: AccountSid,
    wish: &Wish<'_>,
    uri: &str,
    query: &str,
) -> Result<Target, NoRoute> {
    let (uri, asked) = secure::split(uri);
    let bare = Uri::parse(&uri).map(|uri| Uri { params: Params::default(), ..uri }.to_string());
    let bare = bare.map_err(|e| {
        let words = format!("the SIP address cannot be read ({e}): expected sip:user@host");
        NoRoute { code: 13243, words }
    })?;
    let mut headers = wish.headers.clone();
    headers.extend(super::requests::uri_headers(query));
    let from = escaped_user(wish.from);
    let credentials = wish.auth.clone().map(|(username, password)| Credentials { username, password });
    let peer = registers(cx, account, &bare);
    if peer.is_some_and(|t| cx.channels.is_full(t)) {
        let words = "the user's trunk has as many calls as its max_channels allows".to_owned();
        return Err(NoRoute { code: 13224, words });
    }
    let (user, inside) = match peer.and_then(TrunkRow::registers) {
        Some(user) => (Some(user.to_owned()), false),
        None => user_of_domain(cx, account, &bare)?,
    };
    let secure = asked || wish.secure || inside;
    // A telephone that calls back from its list of calls writes this address: at its domain it is understood.
    let domain = user.as_deref().filter(|_| peer.is_none());
    let house = domain.and_then(|user| user.rsplit_once('@')).map_or("LOCAL", |(_, host)| host);
    let uri = match &user {
        _ if !secure => uri,
        Some(user) => secure::can_be_rung(cx, user).map(|()| uri)?,
        None => secure::over_tls(uri)?,
    };
    Ok(Target {
        uri,
        from: format!("<sip:{from}@{house}>"),
        to: format!("<{bare}>"),
        headers,
        credentials,
        trunk: peer.map(|t| t.sid),
        near: near(cx, user.as_deref(), secure),
        fence: user.is_none().then(|| permission::fence(cx.tables, account, wish.to)),
        registered: user,
        max_forwards: MAX_FORWARDS,
        secure,
        ..Target::default()
    })
}

/// Is this the address of a user that registers here, whom the account may call?
pub fn is_registered(cx: &Cx<'_>, account: AccountSid, uri: &str) -> bool {
    registers(cx, account, uri).is_some()
}

/// An address at the house of a trunk, whatever its host says. `wish.to`: its user, who must be one whom the account may dial there as
/// well as from anywhere else.
///
/// # Errors
/// 21215; 13224 if the trunk is full.
pub fn at_house(
    cx: &Cx<'_>,
    account: AccountSid,
    trunk: &TrunkRow,
    uri: &str,
    wish: &Wish<'_>,
) -> Result<Target, NoRoute> {
    let number = normalise::inbound(wish.to, trunk.country.as_deref());
    may_dial(cx.tables, &cx.settings.public_url, account, &number)?;
    if cx.channels.is_full(trunk) || !route::dials(trunk) {
        let words = format!("trunk {} ({}) takes no call now", trunk.sid, trunk.name);
        return Err(NoRoute { code: 13224, words });
    }
    let way = over(cx, account, trunk, wish);
    Ok(Target {
        uri: uri.to_owned(),
        next_hop: way.next_hop,
        from: way.from,
        to: format!("<{uri}>"),
        headers: wish.headers.clone(),
        identity: way.identity,
        credentials: way.credentials,
        trunk: Some(trunk.sid),
        near: near(cx, way.registered.as_deref(), false),
        registered: way.registered,
        keep_user: way.keep_user,
        max_forwards: MAX_FORWARDS,
        ..Target::default()
    })
}

/// The trunk whose peer registers here under the user of this address, if the address is one of ours and the account may use it.
fn registers<'a>(cx: &'a Cx<'_>, account: AccountSid, uri: &str) -> Option<&'a TrunkRow> {
    let uri = Uri::parse(uri).ok()?;
    let named =
        [cx.settings.realm.as_str(), route::LOCAL_DOMAIN].iter().any(|n| n.eq_ignore_ascii_case(&uri.host));
    let ip = uri.host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok();
    let address = ip.map(|ip| std::net::SocketAddr::new(ip, uri.port.unwrap_or(5060)));
    if !named && !address.is_some_and(|a| cx.settings.addresses.contains(&a)) {
        return None;
    }
    cx.tables.trunks.owner(&uri.user_decoded()).filter(|t| route::is_open(t, account))
}

/// The address of record of a user of a SIP domain of the account, and whether that domain is Secure. None: the host is no domain of
/// ours.
fn user_of_domain(cx: &Cx<'_>, account: AccountSid, uri: &str) -> Result<(Option<String>, bool), NoRoute> {
    let Ok(uri) = Uri::parse(uri) else { return Ok((None, false)) };
    let Some(door) = cx.tables.trunks.doors().at(&uri.host) else { return Ok((None, false)) };
    match door.account == account {
        true => {
            let user = door.address_of_record(&uri.user_decoded());
            Ok((Some(user), cx.tables.is_secure(door.sid)))
        }
        false => {
            let words = format!("{} is a domain of this server, and none of this account", door.host);
            Err(NoRoute { code: 13255, words })
        }
    }
}

fn to_number(cx: &Cx<'_>, account: AccountSid, wish: &Wish<'_>) -> Result<Target, NoRoute> {
    let trunks = route::candidates(cx.tables.trunks.trunks(), account, wish.to);
    let free: Vec<&TrunkRow> = trunks.iter().copied().filter(|t| !cx.channels.is_full(t)).collect();
    if free.is_empty() && !trunks.is_empty() {
        let words = "every trunk for this number has as many calls as its max_channels allows";
        return Err(NoRoute { code: 13224, words: words.to_owned() });
    }
    let mut ways = free.into_iter().map(|trunk| over(cx, account, trunk, wish));
    let Some(first) = ways.next() else {
        let words =
            "no trunk can dial out: POST /carrier/v1/sip_trunks with an outbound_host, or dial sip:user@host";
        return Err(NoRoute { code: 13224, words: words.to_owned() });
    };
    Ok(Target {
        uri: first.uri,
        next_hop: first.next_hop,
        from: first.from,
        to: first.to,
        headers: wish.headers.clone(),
        identity: first.identity,
        credentials: first.credentials,
        trunk: first.trunk,
        near: near(cx, first.registered.as_deref(), false),
        registered: first.registered,
        keep_user: first.keep_user,
        alternatives: ways.collect(),
        max_forwards: MAX_FORWARDS,
        ..Target::default()
    })
}

/// Where a user has registered from; `secure`: over TLS.
fn near(cx: &Cx<'_>, user: Option<&str>, secure: bool) -> Option<std::net::SocketAddr> {
    let bindings = cx.registrar.find(user?);
    let fit = bindings.iter().find(|b| !secure || b.flow.transport == Transport::Tls);
    fit.map(|binding| binding.flow.remote)
}

/// The way of a number over one trunk. From and To keep the number as it is, whatever the Request-URI makes of it.
fn over(cx: &Cx<'_>, account: AccountSid, trunk: &TrunkRow, wish: &Wish<'_>) -> Alternative {
    let host = route::host(trunk);
    let registered = trunk.registers().map(str::to_owned);
    let hop = trunk.outbound_proxy.as_deref().unwrap_or(host);
    let hop = match trunk.transport.as_str() {
        named @ ("tcp" | "tls") => format!("{hop};transport={named}"),
        _ => hop.to_owned(),
    };
    let credentials = route::credentials(trunk);
    let (from, identity) = calling(cx, account, trunk, wish);
    Alternative {
        uri: route::dial_string(trunk, wish.to),
        next_hop: registered.is_none().then_some(hop),
        from,
        to: format!("<sip:{}@{host}>", wish.to),
        identity,
        credentials,
        trunk: Some(trunk.sid),
        // Once there is a port.
        offer: Bytes::new(),
        // A number behind a PBX, not the user that registered.
        keep_user: registered.is_some(),
        registered,
        secure: false,
        fence: None,
    }
}

/// From over a trunk, and what else says who calls. The user part of From is what the trunk says, else the caller.
fn calling(
    cx: &Cx<'_>,
    account: AccountSid,
    trunk: &TrunkRow,
    wish: &Wish<'_>,
) -> (String, Vec<(String, String)>) {
    let withheld = identity::is_withheld(user_of(wish.from));
    let known = caller(cx, account, trunk, wish.from);
    let shown = trunk.from_user.as_deref().map_or_else(|| known.clone(), escaped);
    let behind = trunk.default_sender.as_deref().or(wish.behind).map(user_of);
    let asserted = if withheld { behind } else { Some(known.as_str()) };
    identity::write(trunk, &Caller { shown: &shown, asserted, withheld, diverted_by: &wish.diverted_by })
}

/// The caller; where that is no number of the account, the trunk's default sender, if it has one: carriers refuse what they do not know.
fn caller(cx: &Cx<'_>, account: AccountSid, trunk: &TrunkRow, from: &str) -> String {
    let own = || cx.tables.trunks.number(user_of(from)).is_some_and(|n| n.account == account);
    match &trunk.default_sender {
        Some(sender) if !own() => escaped_user(sender),
        _ => escaped_user(from),
    }
}

impl Target {
    /// The next hop, if it is known or written as an address: says which of our addresses faces it.
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        if self.near.is_some() {
            return self.near;
        }
        let hop = self.next_hop.as_deref().unwrap_or_else(|| {
            let rest = self.uri.split_once(':').map_or("", |(_, rest)| rest);
            rest.rsplit_once('@').map_or(rest, |(_, host)| host)
        });
        let hop = hop.split(';').next().unwrap_or(hop);
        hop.parse()
            .ok()
            .or_else(|| Some((hop.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok()?, 5060).into()))
    }

    /// The same as another way of a call.
    pub fn into_alternative(self) -> Alternative {
        Alternative {
            uri: self.uri,
            next_hop: self.next_hop,
            from: self.from,
            identity: self.identity,
            to: self.to,
            credentials: self.credentials,
            trunk: self.trunk,
            offer: Bytes::new(),
            registered: self.registered,
            keep_user: self.keep_user,
            secure: self.secure,
            fence: self.fence,
        }
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
            keep_user: self.keep_user,
            trunk: self.trunk,
            from: self.from,
            to: self.to,
            max_forwards: self.max_forwards,
            offer,
            headers,
            identity: self.identity,
            credentials: self.credentials,
            registered: self.registered,
            alternatives: self.alternatives,
            secure: self.secure,
            hasty: self.hasty,
            fence: self.fence,
        }
    }
}
