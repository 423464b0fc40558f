//! The registrar (RFC 3261 section 10): where users can be reached. Pure; who may register was decided before.
//!
//! ```text
//!                REGISTER, Contact, Expires > 0
//!      (nobody) --------------------------------> bound ---+ REGISTER again: until later
//!          ^                                        |  ^---+
//!          +---- Expires 0, *, time over, its connection broke, its trunk is gone
//! ```

mod index;

use super::check::Refusal;
use super::dialog::address;
use super::event::{Flow, Transport};
use super::wire::{Message, NameAddr, Scheme, quote};
use crate::clock::{Mono, Now, Wall};
use crate::sid::SipDomainSid;
use crate::store::rows::{BindingRow, Registrant};
use index::Index;
pub use index::{NUDGE, NUDGE_EVERY};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Granted where nothing is asked, and at most.
pub const EXPIRES_MAX: u32 = 3_600;
/// Less than this is refused with 423, but for 0.
pub const EXPIRES_MIN: u32 = 60;
/// Contacts of one user: of one more, the one that ends first makes room, because a phone that starts anew on another
/// port must not lock itself out.
pub const CONTACTS_MAX: usize = 10;
/// Users that may be bound at once.
pub const USERS_MAX: usize = 100_000;
/// Octets of what tells a user's contacts apart: a database wants its keys short.
const KEY_MAX: usize = 512;
/// Octets of a contact, of a route value, of what a phone says of itself.
const TEXT_MAX: usize = 512;
/// Route values of one binding.
const PATH_MAX: usize = 8;

/// What the store has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new or renewed binding.
    Put(Box<BindingRow>),
    /// One that is over.
    Delete {
        /// Its key.
        key: String,
    },
}

/// A user that has shown its password.
#[derive(Clone, Debug)]
pub struct User<'a> {
    /// Name: with the domain, if it is a user of one.
    pub name: &'a str,
    /// Whose.
    pub owner: Registrant,
}

struct Live {
    row: BindingRow,
    until: Mono,
}

/// Every binding of this process.
#[derive(Default)]
pub struct Registrar {
    users: BTreeMap<String, Vec<Live>>,
    index: Index,
    node: String,
}

/// A Contact of a REGISTER, read.
struct Wanted {
    key: String,
    contact: String,
    instance: Option<String>,
    q: u16,
    expires: u32,
}

fn refusal(code: u16, words: &str) -> Refusal {
    Refusal { code, words: words.to_owned(), headers: Vec::new() }
}

impl Registrar {
    /// Of the process `node`.
    pub fn new(node: &str) -> Registrar {
        Registrar { node: node.to_owned(), ..Registrar::default() }
    }

    /// A REGISTER of `user` (RFC 3261 section 10.3): all of it, or nothing of it.
    pub fn register(
        &mut self,
        now: Now,
        user: &User<'_>,
        request: &Message,
        flow: Flow,
    ) -> Result<Vec<Change>, Refusal> {
        self.in_order(user.name, request)?;
        if request.contact_is_star() {
            return match request.seconds("Expires") {
                Some(0) => Ok(self.remove(user.name, |_| true)),
                _ => Err(refusal(400, "Contact * Needs Expires 0")),
            };
        }
        let wanted = read(user.name, request)?;
        if !wanted.is_empty() && !self.users.contains_key(user.name) && self.users.len() >= USERS_MAX {
            return Err(refusal(503, "Too Many Users"));
        }
        let mut changes = Vec::new();
        for one in wanted {
            changes.extend(self.bind(now, user, one, request, flow));
        }
        Ok(changes)
    }

    /// One that came late must not undo a newer one (RFC 3261 10.3, step 7).
    fn in_order(&self, user: &str, request: &Message) -> Result<(), Refusal> {
        let number = request.cseq().map_or(0, |c| c.number);
        let mut known = self.users.get(user).into_iter().flatten();
        match known.any(|l| l.row.call_id == request.call_id() && l.row.cseq >= number) {
            true => Err(refusal(500, "CSeq Out Of Order")),
            false => Ok(()),
        }
    }

    fn bind(&mut self, now: Now, user: &User<'_>, one: Wanted, request: &Message, flow: Flow) -> Vec<Change> {
        let mut changes = Vec::new();
        if one.expires == 0 {
            return self.remove(user.name, |l| l.row.key == one.key);
        }
        let list = self.users.entry(user.name.to_owned()).or_default();
        let known = list.iter().position(|l| l.row.key == one.key);
        let created = known.and_then(|at| list.get(at)).map_or(now.wall, |l| l.row.created);
        if let Some(at) = known {
            let old = list.remove(at);
            self.index.leave(&old.row, old.until);
        } else if list.len() >= CONTACTS_MAX
            && let Some(at) = list.iter().enumerate().min_by_key(|(_, l)| l.until).map(|(at, _)| at)
        {
            let old = list.remove(at);
            self.index.leave(&old.row, old.until);
            changes.push(Change::Delete { key: old.row.key });
        }
        let span = Duration::from_secs(one.expires.into());
        let until = now.mono + span;
        let row = BindingRow {
            key: one.key,
            owner: user.owner,
            user: user.name.to_owned(),
            contact: one.contact,
            path: path(request),
            flow,
            instance: one.instance,
            q: one.q,
            call_id: request.call_id().to_owned(),
            cseq: request.cseq().map_or(0, |c| c.number),
            user_agent: request.headers.text("User-Agent").unwrap_or_default().chars().take(128).collect(),
            created,
            updated: now.wall,
            expires: Wall(now.wall.0.saturating_add(i64::from(one.expires).saturating_mul(1_000))),
            node: self.node.clone(),
        };
        changes.push(Change::Put(Box::new(row.clone())));
        self.index.enter(now.mono, &row, until);
        list.push(Live { row, until });
        changes
    }

    /// Values of Contact for the 200, each with what is left of its time.
    pub fn contacts(&self, now: Mono, user: &str) -> Vec<String> {
        let list = self.users.get(user).into_iter().flatten();
        list.map(|l| {
            let left = l.until.since(now).as_secs_f64().ceil();
            let instance =
                l.row.instance.as_ref().map(|i| format!(";+sip.instance={}", quote(i))).unwrap_or_default();
            let q = match l.row.q {
                1_000 => String::new(),
                q => format!(";q=0.{q:03}"),
            };
            format!("<{}>{instance}{q};expires={left}", l.row.contact)
        })
        .collect()
    }

    /// Where to reach a user, the preferred first, of equals the latest.
    pub fn find(&self, user: &str) -> Vec<&BindingRow> {
        let mut found: Vec<&BindingRow> =
            self.users.get(user).into_iter().flatten().map(|l| &l.row).collect();
        found.sort_by_key(|r| (std::cmp::Reverse(r.q), std::cmp::Reverse(r.updated)));
        found
    }

    /// Did the peer of a trunk register from there?
    pub fn knows_peer(&self, flow: &Flow) -> bool {
        self.index.owners(flow.remote.ip()).iter().any(|o| matches!(o, Registrant::Trunk(_)))
    }

    /// The domain of a user that registered from there.
    pub fn knows_user(&self, flow: &Flow) -> Option<SipDomainSid> {
        self.index.owners(flow.remote.ip()).iter().find_map(|owner| match owner {
            Registrant::Domain(sid) => Some(*sid),
            Registrant::Trunk(_) => None,
        })
    }

    /// Is `user` bound to that very address and port?
    pub fn is_bound(&self, user: &str, flow: &Flow) -> bool {
        let mut list = self.users.get(user).into_iter().flatten();
        list.any(|l| l.row.flow.remote == flow.remote && l.row.flow.transport == flow.transport)
    }

    /// Did a telephone of this user register from there, over UDP and a NAT, whose own address is this one?
    pub fn is_behind_nat(&self, user: &str, flow: &Flow, own: IpAddr) -> bool {
        let mut rows = self.users.get(user).into_iter().flatten().map(|l| &l.row);
        own != flow.remote.ip().to_canonical()
            && rows.any(|row| {
                row.flow.remote == flow.remote && index::is_hidden(row) && address(&row.contact) == Some(own)
            })
    }

    /// All of them.
    pub fn rows(&self) -> impl Iterator<Item = &BindingRow> {
        self.users.values().flatten().map(|l| &l.row)
    }

    /// A connection is gone, and with it the only way to whoever registered on it.
    pub fn lost(&mut self, lost: Flow) -> Vec<Change> {
        if lost.transport == Transport::Udp || self.index.owners(lost.remote.ip()).is_empty() {
            return Vec::new();
        }
        let gone = |l: &Live| {
            let f = l.row.flow;
            f.transport == lost.transport && f.remote == lost.remote && f.conn == lost.conn
        };
        self.remove_all(gone)
    }

    /// Bindings whose user is no longer one of `valid`.
    pub fn keep(&mut self, valid: impl Fn(&BindingRow) -> bool) -> Vec<Change> {
        self.remove_all(|l| !valid(&l.row))
    }

    /// What a process before us left: its UDP bindings still hold, its connections are gone.
    pub fn load(&mut self, now: Now, rows: Vec<BindingRow>) -> Vec<Change> {
        let mut changes = Vec::new();
        for row in rows {
            let left = u64::try_from(row.expires.0.saturating_sub(now.wall.0)).unwrap_or(0);
            let left = left.min(u64::from(EXPIRES_MAX) * 1_000);
            if left == 0 || row.flow.transport != Transport::Udp {
                changes.push(Change::Delete { key: row.key });
                continue;
            }
            let until = now.mono + Duration::from_millis(left);
            self.index.enter(now.mono, &row, until);
            self.users.entry(row.user.clone()).or_default().push(Live { row, until });
        }
        changes
    }

    /// Ends what is over.
    pub fn on_time(&mut self, now: Mono) -> Vec<Change> {
        if !self.index.is_due(now) {
            return Vec::new();
        }
        self.remove_all(|l| l.until <= now)
    }

    /// To whom [`NUDGE`] has to be sent now: telephones behind a NAT, over UDP.
    pub fn nudge(&mut self, now: Mono) -> Vec<Flow> {
        self.index.nudge(now)
    }

    /// When [`Registrar::on_time`] and [`Registrar::nudge`] must be called.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.index.poll_timeout()
    }

    fn remove_all(&mut self, gone: impl Fn(&Live) -> bool) -> Vec<Change> {
        let users: Vec<String> =
            self.users.iter().filter(|(_, list)| list.iter().any(&gone)).map(|(u, _)| u.clone()).collect();
        users.iter().flat_map(|user| self.remove(user, &gone)).collect()
    }

    /// The one place where bindings end.
    fn remove(&mut self, user: &str, gone: impl Fn(&Live) -> bool) -> Vec<Change> {
        let Some(list) = self.users.get_mut(user) else { return Vec::new() };
        let mut changes = Vec::new();
        let index = &mut self.index;
        list.retain(|l| {
            if gone(l) {
                index.leave(&l.row, l.until);
                changes.push(Change::Delete { key: l.row.key.clone() });
                return false;
            }
            true
        });
        if list.is_empty() {
            self.users.remove(user);
        }
        changes
    }

    /// How many bindings there are; the clock has as many, and so have the addresses.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// How many the addresses have, which must be as many.
    pub fn at_addresses(&self) -> usize {
        self.index.counts().0
    }

    /// How many telephones are kept awake, by either of the two maps that say so, and by their rows.
    pub fn awake(&self) -> [usize; 3] {
        let (_, nudges, nudged) = self.index.counts();
        [nudges, nudged, self.rows().filter(|row| index::is_hidden(row)).count()]
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.index.len() == 0
    }
}

/// The Contacts of a REGISTER with their times; none: it only asks.
fn read(user: &str, request: &Message) -> Result<Vec<Wanted>, Refusal> {
    let asked = request.seconds("Expires");
    let mut out = Vec::new();
    for contact in request.contacts().into_iter().take(CONTACTS_MAX) {
        if !matches!(contact.uri.scheme, Scheme::Sip | Scheme::Sips) {
            return Err(refusal(400, "Contact Is No SIP Address"));
        }
        let own = contact.params.get("expires").and_then(|e| e.parse::<u32>().ok());
        let expires = own.or(asked).unwrap_or(EXPIRES_MAX).min(EXPIRES_MAX);
        if (1..EXPIRES_MIN).contains(&expires) {
            let headers = vec![("Min-Expires", EXPIRES_MIN.to_string())];
            return Err(Refusal { headers, ..refusal(423, "Interval Too Brief") });
        }
        let instance = contact.params.unquoted("+sip.instance").map(|i| i.into_owned());
        let key = key(user, &contact, instance.as_deref());
        if key.len() > KEY_MAX || key.chars().any(char::is_control) {
            return Err(refusal(400, "Contact Too Long"));
        }
        let q = quality(contact.params.get("q"));
        let uri = contact.uri.without_headers().to_string();
        if uri.len() > TEXT_MAX {
            return Err(refusal(400, "Contact Too Long"));
        }
        out.push(Wanted { key, contact: uri, instance, q, expires });
    }
    Ok(out)
}

/// A phone that says which one it is has one binding a flow (RFC 5626); of the others each address is one.
fn key(user: &str, contact: &NameAddr, instance: Option<&str>) -> String {
    if let Some(instance) = instance {
        let flow = contact.params.get("reg-id").unwrap_or("");
        return format!("{user}|{instance}|{flow}");
    }
    let uri = &contact.uri;
    let transport = uri.transport().unwrap_or("").to_ascii_lowercase();
    let name = uri.user.as_deref().unwrap_or("");
    let (host, port) = (uri.host.to_ascii_lowercase(), uri.port.unwrap_or(super::dialog::PORT));
    format!("{user}|{name}@{host}:{port};{transport}")
}

/// `0.7` in thousandths.
pub(super) fn quality(q: Option<&str>) -> u16 {
    let Some((whole, rest)) = q.map(|q| q.split_once('.').unwrap_or((q, ""))) else { return 1_000 };
    if whole == "1" {
        return 1_000;
    }
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    digits.parse().unwrap_or(1_000)
}

fn path(request: &Message) -> Vec<String> {
    let mut path = request.headers.elements("Path");
    path.retain(|value| value.len() <= TEXT_MAX);
    path.truncate(PATH_MAX);
    path
}
