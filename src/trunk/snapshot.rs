//! The trunks and numbers as they are now: immutable, rebuilt after a commit and swapped. A call keeps the one it began with.

use super::door::Doors;
use super::identify::{Network, Sources};
use super::normalise;
use crate::sid::{AccountSid, TrunkSid};
use crate::store::rows::{Ha1, NumberRow, TrunkMode, TrunkRow};
use std::collections::HashMap;
use std::net::IpAddr;

/// Most trunks that a refusal names.
const EXPLAIN_MAX: usize = 5;

/// The tables that decide who is calling and whom.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    trunks: Vec<TrunkRow>,
    by_sid: HashMap<TrunkSid, usize>,
    sources: Sources,
    numbers: HashMap<String, NumberRow>,
    /// Trunks whose peers show passwords, by their user.
    users: HashMap<String, usize>,
    /// Where those may come from that say so.
    user_sources: Sources,
    /// One of them does not say so.
    users_from_anywhere: bool,
    doors: Doors,
}

/// Why a call is for nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nobody {
    /// What the operator alone may know: what others have.
    pub aside: Option<String>,
    /// What is stored, and said to whoever asks.
    pub words: String,
}

/// How a number is looked up: without `+`, a leading `00`, and what people write between digits. A name stays a name.
fn canonical(number: &str) -> String {
    let bare: String = number.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return number.to_ascii_lowercase();
    }
    let international = if bare.starts_with('+') { None } else { digits.strip_prefix("00") };
    international.filter(|d| !d.is_empty()).unwrap_or(digits).to_owned()
}

impl Snapshot {
    /// From the rows. A source that is not an address is left out: the API refuses it before it is stored.
    pub fn new(trunks: Vec<TrunkRow>, numbers: Vec<NumberRow>) -> Snapshot {
        let (mut sources, mut user_sources) = (Sources::default(), Sources::default());
        let (mut users, mut users_from_anywhere) = (HashMap::new(), false);
        for (at, trunk) in trunks.iter().enumerate() {
            let networks = || trunk.inbound_source_ips.iter().filter_map(|s| Network::parse(s).ok());
            if trunk.authentication_mode != TrunkMode::ClientCredentials {
                networks().for_each(|network| sources.insert(network, at));
                continue;
            }
            users.extend(trunk.username.clone().map(|name| (name, at)));
            users_from_anywhere |= trunk.inbound_source_ips.is_empty();
            networks().for_each(|network| user_sources.insert(network, at));
        }
        let by_sid = trunks.iter().enumerate().map(|(at, t)| (t.sid, at)).collect();
        let numbers = numbers.into_iter().map(|n| (canonical(&n.number), n)).collect();
        let doors = Doors::default();
        Snapshot { trunks, by_sid, sources, numbers, users, user_sources, users_from_anywhere, doors }
    }

    /// The same with doors.
    pub fn with_doors(self, doors: Doors) -> Snapshot {
        Snapshot { doors, ..self }
    }

    /// Host names with their own authentication.
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// The trunks that a source address may stand for; several may share one. Empty: a stranger.
    pub fn identify(&self, source: IpAddr) -> Vec<TrunkSid> {
        self.sources.find(source).into_iter().filter_map(|at| self.trunks.get(at)).map(|t| t.sid).collect()
    }

    /// The trunks that are at an address, by the sources that they list. A wide network of an account's trunk says whom it trusts, not
    /// where it is: the other accounts' servers may be there as well.
    pub fn residents(&self, ip: IpAddr) -> Vec<TrunkSid> {
        let site = |s: &String| Network::parse(s).is_ok_and(|n| n.is_site() && n.contains(ip));
        let is = |t: &TrunkRow| t.account.is_none() || t.inbound_source_ips.iter().any(site);
        self.identify(ip).into_iter().filter(|sid| self.trunk(*sid).is_some_and(is)).collect()
    }

    /// The trunk of a user with a password, whatever it comes from.
    pub fn owner(&self, user: &str) -> Option<&TrunkRow> {
        self.trunks.get(*self.users.get(user)?)
    }

    /// The trunk of a user that may come from `source`, and what its password is compared with.
    pub fn user(&self, user: &str, source: IpAddr) -> Option<(TrunkSid, &Ha1)> {
        let at = *self.users.get(user)?;
        let trunk = self.trunks.get(at)?;
        let open = trunk.inbound_source_ips.is_empty() || self.user_sources.find(source).contains(&at);
        Some((trunk.sid, trunk.ha1.as_ref()?)).filter(|_| open)
    }

    /// Does a trunk whose peer shows a password list this address?
    pub fn lists(&self, source: IpAddr) -> bool {
        !self.user_sources.find(source).is_empty()
    }

    /// May somebody there show a password?
    pub fn takes_passwords(&self, source: IpAddr) -> bool {
        self.users_from_anywhere || self.lists(source)
    }

    /// Must its peer show a certificate?
    pub fn asks_for_certificate(&self, sid: TrunkSid) -> bool {
        self.trunk(sid).is_some_and(|t| t.tls.client_auth)
    }

    /// Is its peer known by that alone: whatever address it comes from, without a password?
    pub fn is_known_by_certificate(&self, sid: TrunkSid) -> bool {
        let by_address = |t: &TrunkRow| t.authentication_mode == TrunkMode::IpAddress;
        self.trunk(sid).is_some_and(|t| t.tls.client_auth && by_address(t) && t.inbound_source_ips.is_empty())
    }

    /// The number that a Request-URI's user part names, written with or without `+`.
    pub fn number(&self, user: &str) -> Option<&NumberRow> {
        self.numbers.get(&canonical(user.split_once(';').map_or(user, |(u, _)| u)))
    }

    /// The first number of an account, as they are written.
    pub fn number_of(&self, account: AccountSid) -> Option<&NumberRow> {
        self.numbers.values().filter(|n| n.account == account).min_by_key(|n| &n.number)
    }

    /// The number that was dialled on one of these trunks: as it is written, else as a trunk's country reads it.
    pub fn number_on(&self, trunks: &[TrunkSid], user: &str) -> Option<&NumberRow> {
        let mut countries = trunks.iter().filter_map(|sid| self.trunk(*sid)?.country.as_deref());
        self.number(user).or_else(|| countries.find_map(|c| self.number(&normalise::inbound(user, Some(c)))))
    }

    /// By SID.
    pub fn trunk(&self, sid: TrunkSid) -> Option<&TrunkRow> {
        self.trunks.get(*self.by_sid.get(&sid)?)
    }

    /// All of them.
    pub fn trunks(&self) -> &[TrunkRow] {
        &self.trunks
    }

    /// The trunks at this host, which take calls from us because they come from us. Names are compared here; the endpoint looks at what
    /// they lead to.
    pub fn carriers(&self, host: &str) -> Vec<&TrunkRow> {
        let named = comparable(host);
        let sources = named.parse().map(|ip| self.residents(ip)).unwrap_or_default();
        let is = |own: &Option<String>| own.as_deref().is_some_and(|own| comparable(own) == named);
        let at = |t: &&TrunkRow| is(&t.outbound_host) || is(&t.outbound_proxy) || sources.contains(&t.sid);
        self.trunks.iter().filter(at).collect()
    }

    /// Of the trunks that share a source, the one that may call `number`: pinned to the number's account, else pinned
    /// to none.
    pub fn choose(&self, candidates: &[TrunkSid], number: &NumberRow) -> Option<&TrunkRow> {
        let found = || candidates.iter().filter_map(|sid| self.trunk(*sid));
        found().find(|t| t.account == Some(number.account)).or_else(|| found().find(|t| t.account.is_none()))
    }

    /// Why a call over these trunks to `user` is for nobody: whoever says it, says it in these words. As long as nobody but the account
    /// that the trunks are pinned to is told, nothing that others have is in them.
    pub fn nobody(&self, candidates: &[TrunkSid], user: &str) -> Nobody {
        let looked_up = canonical(user);
        let owned = self.number_on(candidates, user).map(|number| {
            format!(
                "The number {} belongs to account {}, to which none of these trunks is open; a trunk pinned to that \
                 account or to none would have matched.",
                number.number, number.account
            )
        });
        let with = |whose: &str, near: Option<String>| {
            let near = near.map(|near| format!(" {near}")).unwrap_or_default();
            format!("no number '{user}'{whose} is configured (looked up as '{looked_up}').{near}")
        };
        let all = self.near(user, None);
        let Some(account) = self.pinned(candidates) else {
            return Nobody { aside: None, words: owned.unwrap_or_else(|| with("", all)) };
        };
        let near = self.near(user, Some(account));
        Nobody {
            aside: owned.or_else(|| all.filter(|all| near.as_ref() != Some(all))),
            words: with(" of this account", near),
        }
    }

    /// Whose calls from there are, for the log.
    pub fn belongs(&self, source: IpAddr, candidates: &[TrunkSid]) -> String {
        let names = candidates.iter().filter_map(|sid| self.trunk(*sid)).map(describe).collect::<Vec<_>>();
        format!("The source {source} belongs to {}.", names.join(" and "))
    }

    /// The trunks that a call over this one may stand for as well, because they share its address; itself among them.
    pub fn beside(&self, trunk: &TrunkRow) -> Vec<TrunkSid> {
        let by_address = trunk.authentication_mode != TrunkMode::ClientCredentials;
        let first = super::explain::sender(trunk).filter(|_| by_address);
        let shared = first.map(|source| self.identify(source)).unwrap_or_default();
        if shared.contains(&trunk.sid) { shared } else { vec![trunk.sid] }
    }

    /// Why a stranger is one: what would have matched, for the log, which is the operator's.
    pub fn stranger(&self, source: IpAddr) -> String {
        let mut out = Vec::new();
        if self.identify(source).is_empty() {
            out.push(format!("No trunk has {source} in its inbound_source_ips."));
        }
        for trunk in self.trunks.iter().take(EXPLAIN_MAX) {
            let sources = match trunk.inbound_source_ips.join(", ") {
                none if none.is_empty() && self.is_known_by_certificate(trunk.sid) => "anywhere".to_owned(),
                none if none.is_empty() => "no source at all".to_owned(),
                sources => sources,
            };
            let by = if trunk.tls.client_auth {
                ", over TLS with a certificate that its tls_ attributes name"
            } else {
                ""
            };
            out.push(format!("{} would have matched from {sources}{by}.", describe(trunk)));
        }
        if self.trunks.is_empty() {
            out.push("There is no trunk yet: POST /carrier/v1/sip_trunks makes one.".to_owned());
        }
        out.join(" ")
    }

    /// The account that these trunks are pinned to, if it is one: it hears of what is refused on them. Where several accounts share an
    /// address nobody knows whose call it was.
    pub fn pinned(&self, trunks: &[TrunkSid]) -> Option<AccountSid> {
        let mut accounts = trunks.iter().filter_map(|sid| self.trunk(*sid)?.account);
        let first = accounts.next()?;
        accounts.all(|account| account == first).then_some(first)
    }

    /// A number, of this account if one is named, that differs only in how much of the prefix was dialled.
    fn near(&self, user: &str, account: Option<AccountSid>) -> Option<String> {
        let dialled = canonical(user);
        let tail = dialled.trim_start_matches('0');
        if tail.len() < 4 {
            return None;
        }
        let mut close: Vec<&str> = self
            .numbers
            .iter()
            .filter(|(_, row)| account.is_none_or(|account| row.account == account))
            .filter(|(key, _)| key.ends_with(tail) || dialled.ends_with(key.as_str()))
            .map(|(_, row)| row.number.as_str())
            .collect();
        close.sort_unstable();
        close
            .first()
            .map(|n| format!("{n} is configured and would have matched if it had been dialled in full."))
    }
}

/// `host` of `host:port`, `[v6]` of `[v6]:port`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

/// A host in the one spelling that is compared: an address as we write it, a name in lower case, without the dot that may end it; no
/// port, no brackets.
fn comparable(host: &str) -> String {
    let address = |text: &str| text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical().to_string());
    let bare = without_port(host).trim_matches(['[', ']']);
    // An IPv6 address without brackets has colons, and no port.
    let name = || bare.trim_end_matches('.').to_ascii_lowercase();
    address(host).or_else(|| address(bare)).unwrap_or_else(name)
}

fn describe(trunk: &TrunkRow) -> String {
    format!("trunk {} ({})", trunk.sid, trunk.name)
}
