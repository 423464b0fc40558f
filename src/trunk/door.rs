//! Doors: host names of ours that have their own authentication (rulings 2.6 to 2.8). One table for every kind of them, and one
//! function, [`Snapshot::claim`], that says who a request may come from: by its host first, then by its source.
//!
//! ```text
//!  host of a door ---- its lists: address (if any) AND password (if any) ----> through that door
//!  any other host ---- trunks of the address or the token ----> those trunks
//!                 |--- a password is shown, or may be ---------> its user's trunk
//!                 +--- known to a door alone ------------------> 404: not this host
//!  nobody's ------------------------------------------------> dropped and counted
//! ```
//!
//! To add a kind of door: a variant of [`DoorSid`](crate::store::rows::DoorSid), a call of [`Doors::open`] for each of its rows
//! (the lists follow from the rows of uses), and what a call through it becomes in `switch::accept`. Nothing here or in the
//! endpoint asks which kind a door is.

use super::identify::{Network, Sources};
use super::snapshot::Snapshot;
use crate::sid::{AccountSid, SipDomainSid, TrunkSid};
use crate::store::rows::*;
use std::collections::HashMap;
use std::net::IpAddr;

/// What must be passed. None: that kind is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    addresses: Option<Vec<Network>>,
    users: Option<HashMap<String, Ha1>>,
}

/// A host name with its own authentication.
#[derive(Clone, Debug)]
pub struct Door {
    /// Which.
    pub sid: DoorSid,
    /// Whose.
    pub account: AccountSid,
    /// The name, in lower case.
    pub host: String,
    /// For calls.
    calls: Auth,
    /// For registrations; None: nobody registers here.
    registrations: Option<Auth>,
}

impl Door {
    fn auth(&self, purpose: Purpose) -> Option<&Auth> {
        match purpose {
            Purpose::Calls => Some(&self.calls),
            Purpose::Registrations => self.registrations.as_ref(),
        }
    }

    /// What the password of a user is compared with.
    pub fn user(&self, purpose: Purpose, name: &str) -> Option<&Ha1> {
        self.auth(purpose)?.users.as_ref()?.get(name)
    }

    /// Whom its lists let call, in words; None: it has no list.
    pub fn guard(&self) -> Option<String> {
        let Auth { addresses, users } = &self.calls;
        let nets = addresses.as_ref().map(|nets| {
            let nets: Vec<String> = nets.iter().map(ToString::to_string).collect();
            let nets = if nets.is_empty() { "nowhere".to_owned() } else { nets.join(", ") };
            format!("comes from {nets} (IP access control lists)")
        });
        let users = users.as_ref().map(|users| {
            let none = if users.is_empty() { ", which have none" } else { "" };
            format!("shows a user's password of its credential lists{none} (asked for with 407)")
        });
        let kinds: Vec<String> = nets.into_iter().chain(users).collect();
        (!kinds.is_empty()).then(|| kinds.join(" and "))
    }

    /// An address that its lists have, if they name any.
    pub fn listed(&self) -> Option<IpAddr> {
        self.calls.addresses.iter().flatten().next().map(Network::base)
    }

    /// The address of record of a user here.
    pub fn address_of_record(&self, user: &str) -> String {
        format!("{user}@{}", self.host)
    }
}

/// The lists, found by who uses them.
pub struct Lists {
    users: HashMap<(DoorSid, Purpose), HashMap<String, Ha1>>,
    addresses: HashMap<(DoorSid, Purpose), Vec<Network>>,
}

impl Lists {
    /// From the rows. Where two lists of one door have the same user, the list that was mapped first counts.
    pub fn new(
        credentials: &[CredentialRow],
        addresses: &[IpAddressRow],
        mut uses: Vec<ListUseRow>,
    ) -> Lists {
        let mut lists = Lists { users: HashMap::new(), addresses: HashMap::new() };
        let mut of: HashMap<ListSid, Vec<usize>> = HashMap::new();
        for (at, row) in credentials.iter().enumerate() {
            of.entry(ListSid::Credentials(row.list)).or_default().push(at);
        }
        for (at, row) in addresses.iter().enumerate() {
            of.entry(ListSid::Addresses(row.list)).or_default().push(at);
        }
        uses.sort_by_key(|u| (u.created, u.list));
        for used in uses {
            let (door, rows) = ((used.owner, used.purpose), of.get(&used.list).into_iter().flatten());
            match used.list {
                ListSid::Credentials(_) => {
                    let users = lists.users.entry(door).or_default();
                    for row in rows.filter_map(|at| credentials.get(*at)) {
                        users.entry(row.username.clone()).or_insert_with(|| row.ha1.clone());
                    }
                }
                ListSid::Addresses(_) => {
                    let networks = rows.filter_map(|at| Network::parse(&addresses.get(*at)?.cidr()).ok());
                    lists.addresses.entry(door).or_default().extend(networks);
                }
            }
        }
        lists
    }

    fn auth(&self, door: DoorSid, purpose: Purpose) -> Auth {
        Auth {
            addresses: self.addresses.get(&(door, purpose)).cloned(),
            users: self.users.get(&(door, purpose)).cloned(),
        }
    }
}

/// Every door.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    all: Vec<Door>,
    by_host: HashMap<String, usize>,
    by_sid: HashMap<DoorSid, usize>,
    sources: Sources,
    domains: HashMap<SipDomainSid, SipDomainRow>,
}

impl Doors {
    /// Of SIP domains.
    pub fn of_domains(domains: Vec<SipDomainRow>, lists: &Lists) -> Doors {
        let mut doors = Doors::default();
        for row in domains {
            doors.open(lists, DoorSid::Domain(row.sid), row.account, &row.name, row.registration);
            doors.domains.insert(row.sid, row);
        }
        doors
    }

    /// Adds one, guarded by the lists that its rows of use name.
    pub fn open(&mut self, lists: &Lists, sid: DoorSid, account: AccountSid, host: &str, registers: bool) {
        let (host, at) = (plain(host), self.all.len());
        let calls = lists.auth(sid, Purpose::Calls);
        for network in calls.addresses.iter().flatten() {
            self.sources.insert(*network, at);
        }
        let registrations = registers.then(|| lists.auth(sid, Purpose::Registrations));
        self.by_host.insert(host.clone(), at);
        self.by_sid.insert(sid, at);
        self.all.push(Door { sid, account, host, calls, registrations });
    }

    /// By its SID.
    pub fn get(&self, sid: DoorSid) -> Option<&Door> {
        self.all.get(*self.by_sid.get(&sid)?)
    }

    /// By its name.
    pub fn at(&self, host: &str) -> Option<&Door> {
        self.all.get(*self.by_host.get(&plain(host))?)
    }

    /// The row of a SIP domain.
    pub fn domain(&self, sid: SipDomainSid) -> Option<&SipDomainRow> {
        self.domains.get(&sid)
    }

    /// A door whose lists of addresses have this one.
    pub fn listing(&self, source: IpAddr) -> Option<&Door> {
        self.all.get(*self.sources.find(source).first()?)
    }
}

/// Whose password is to be shown.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Users {
    /// The peers of trunks.
    Peers,
    /// Those of a door's lists.
    Door(DoorSid, Purpose),
}

/// What is known of a request outside a dialog before its password is looked at.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Host of the Request-URI.
    pub host: &'a str,
    /// From where.
    pub source: IpAddr,
    /// A call, a registration; None: neither, so that no password helps.
    pub purpose: Option<Purpose>,
    /// The trunks that its token or its address stands for.
    pub trunks: Vec<TrunkSid>,
    /// The peer of a trunk registered from that address.
    pub peer_bound: bool,
    /// A user of a door registered from that address: the account.
    pub user_bound: Option<AccountSid>,
    /// Too many wrong passwords came from there.
    pub shut_out: bool,
    /// It shows an answer to a challenge of ours.
    pub shows: bool,
}

/// Who it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Dropped silently and counted (ruling 2.7).
    Nobody,
    /// A known source that neither calls nor registers.
    Known,
    /// The peer of one of these trunks, without a password.
    Trunks(Vec<TrunkSid>),
    /// Whoever comes from there may call through this door.
    Door(DoorSid),
    /// Whoever shows a password of these users.
    Password(Users),
    /// Known, and not taken.
    Refused(Turned),
}

/// Why a known source is turned away: whose debugger is told, what its peer is told, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned {
    /// SIP status.
    pub code: u16,
    /// What the answer says.
    pub phrase: &'static str,
    /// Twilio's code for the debugger.
    pub error: u32,
    /// Whose debugger.
    pub account: Option<AccountSid>,
    /// What happened and what would have matched.
    pub words: String,
    /// Whose user it was that showed a wrong password, or from a wrong place, if it is a trunk's.
    pub trunk: Option<TrunkSid>,
}

impl Turned {
    /// As the account's debugger has it of `what` (a method and whom it was for), and as `explain` says it beforehand.
    pub fn stored(&self, what: &str, source: IpAddr) -> String {
        format!("{what} from {} was refused with {}: {}", source.to_canonical(), self.code, self.words)
    }
}

/// A claim, and whether its source is known without it: a stranger that may show a password hears nothing but the challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Of a trunk, a list, or a binding.
    pub known: bool,
    /// See there.
    pub claim: Claim,
}

impl Snapshot {
    /// The one function that says who a request may come from; see the module.
    pub fn claim(&self, asked: Asked<'_>) -> Standing {
        let listed = !asked.shut_out && self.lists(asked.source);
        let peer = listed || (!asked.shut_out && asked.peer_bound);
        let of_a_door = asked.user_bound.or(self.doors().listing(asked.source).map(|d| d.account));
        let of_a_door = of_a_door.filter(|_| !asked.shut_out);
        let known = !asked.trunks.is_empty() || peer || of_a_door.is_some();
        let claim = match (asked.purpose, self.doors().at(asked.host)) {
            (Some(Purpose::Registrations), _) if asked.shut_out => Claim::Nobody,
            (None, _) if known => Claim::Known,
            (None, _) => Claim::Nobody,
            (Some(purpose), Some(door)) => through(door, purpose, &asked, known),
            (Some(purpose), None) => self.elsewhere(purpose, asked, peer, of_a_door),
        };
        Standing { known, claim }
    }

    /// To a host that is no door's: the order of the trunks.
    fn elsewhere(
        &self,
        purpose: Purpose,
        asked: Asked<'_>,
        peer: bool,
        of_a_door: Option<AccountSid>,
    ) -> Claim {
        let may_try = !asked.shut_out && self.takes_passwords(asked.source);
        if !asked.trunks.is_empty() {
            let password = purpose == Purpose::Registrations || asked.shows && may_try;
            return if password { Claim::Password(Users::Peers) } else { Claim::Trunks(asked.trunks) };
        }
        match of_a_door {
            _ if peer => Claim::Password(Users::Peers),
            Some(account) => Claim::Refused(Turned {
                code: 404,
                phrase: "No Such Domain",
                error: NO_SUCH_DOMAIN,
                account: Some(account),
                words: format!("'{}' is no SIP domain of this server", asked.host),
                trunk: None,
            }),
            None if may_try => Claim::Password(Users::Peers),
            None => Claim::Nobody,
        }
    }

    /// What a wrong password is to the owner of these users.
    pub fn wrong_password(&self, users: Users, name: &str) -> Turned {
        let door = match users {
            Users::Door(sid, _) => self.doors().get(sid),
            Users::Peers => None,
        };
        let peer = || self.owner(name).and_then(|t| t.account);
        Turned {
            code: 403,
            // Never says whether the user exists (ruling 2.9).
            phrase: "Forbidden",
            error: WRONG_CREDENTIALS,
            account: door.map_or_else(peer, |d| Some(d.account)),
            words: match door {
                Some(door) => format!("wrong user or password ('{name}') at {}", door.host),
                None => format!("wrong user or password ('{name}')"),
            },
            trunk: door.is_none().then(|| self.owner(name)).flatten().map(|t| t.sid),
        }
    }
}

/// A host in the one spelling that is compared: in lower case, without the dot that may end a name.
pub fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The call came to no number, domain or trunk.
const NO_SUCH_DOMAIN: u32 = 32100;
/// The source address is in no list.
const NOT_LISTED: u32 = 32201;
/// The credentials are wrong.
const WRONG_CREDENTIALS: u32 = 32202;

/// At a door: every kind of list that it has must be passed, and it must have one (as Twilio's domains).
fn through(door: &Door, purpose: Purpose, asked: &Asked<'_>, known: bool) -> Claim {
    let refuse = |error: u32, words: String| match known {
        true => {
            let phrase = "Forbidden";
            Claim::Refused(Turned {
                code: 403,
                phrase,
                error,
                account: Some(door.account),
                words,
                trunk: None,
            })
        }
        // A stranger learns nothing of what there is.
        false => Claim::Nobody,
    };
    let Some(auth) = door.auth(purpose) else {
        return refuse(NO_SUCH_DOMAIN, format!("{} does not take registrations", door.host));
    };
    let listed = auth.addresses.as_ref().map(|nets| nets.iter().any(|n| n.contains(asked.source)));
    match (listed, auth.users.is_some()) {
        (Some(false), _) => {
            refuse(NOT_LISTED, format!("{} is in no IP access control list of {}", asked.source, door.host))
        }
        (None, false) => refuse(
            NOT_LISTED,
            format!(
                "{} has neither an IP access control list nor a credential list: it takes nothing",
                door.host
            ),
        ),
        (_, true) if asked.shut_out => Claim::Nobody,
        (_, true) => Claim::Password(Users::Door(door.sid, purpose)),
        (Some(true), false) => Claim::Door(door.sid),
    }
}
