//! REGISTER of a peer: who it is, then the registrar, then one 200 with everything that is bound.

use super::engine::reliable;
use super::identify::forbidden;
use super::request::Request;
use super::{Endpoint, User};
use crate::clock::Now;
use crate::sip::check::Refusal;
use crate::sip::event::SipEvent;
use crate::sip::registrar::Registrar;
use crate::sip::registrar::{self, Change};
use crate::sip::transaction::{Machine, Server};
use crate::store::rows::{BindingRow, DoorSid, Ha1, Purpose, Registrant};
use crate::trunk::Snapshot;
use crate::trunk::door::{Users, plain};

impl Endpoint {
    /// Who has registered.
    pub fn registrar(&self) -> &Registrar {
        &self.registrar
    }

    /// The request has passed the checks that need no state.
    pub(super) fn on_register(&mut self, now: Now, request: &Request, users: Users) {
        let Some(member) = self.authenticate(now.mono, request, users) else { return };
        let to = request.message.to().map(|to| to.uri);
        let wanted = to.as_ref().map(|uri| uri.user_decoded()).unwrap_or_default();
        // Peers of trunks have names of the whole house, whatever host their telephones write.
        let here = match users {
            Users::Peers => wanted,
            Users::Door(..) => {
                format!("{wanted}@{}", to.map(|uri| plain(&uri.host)).unwrap_or_default())
            }
        };
        let Some(owner) = member.owner.filter(|_| here == member.name) else {
            return self.turn_away(request, forbidden("Register Yourself Only"));
        };
        let full = self.txns.len() >= self.config.transactions_max;
        if self.draining || full {
            let headers = vec![("Retry-After", self.retry_after())];
            let words = if full { "Too Many Transactions" } else { "Draining" };
            let refusal = Refusal { code: 503, words: words.to_owned(), headers };
            return self.turn_away(request, refusal);
        }
        let user = registrar::User { name: &member.name, owner };
        match self.registrar.register(now, &user, &request.message, request.flow) {
            Ok(changes) => {
                self.bindings_changed(changes);
                self.registered(now, request, &member.name);
            }
            Err(refusal) => self.turn_away(request, refusal),
        }
    }

    /// 200 with what is bound now (RFC 3261 section 10.3, step 8).
    fn registered(&mut self, now: Now, request: &Request, user: &str) {
        let tag = self.tag(request.call_id(), &request.from_tag, request.branch());
        let mut w = self.response(&request.message, &request.flow, 200, "", &tag);
        let contacts = self.registrar.contacts(now.mono, user);
        if let Some((_, expires)) = contacts.last().and_then(|c| c.rsplit_once("expires=")) {
            w = w.header("Expires", expires);
        }
        for contact in &contacts {
            w = w.header("Contact", contact);
        }
        for path in request.message.headers.elements("Path") {
            w = w.header("Path", &path);
        }
        let w = w
            .header("Date", &now.wall.rfc2822().replace("+0000", "GMT"))
            .header("Server", &self.config.user_agent);
        let flow = self.reply_flow(&request.message, request.flow);
        let machine = Machine::Server(Server::new(reliable(&flow)));
        let txn = self.txns.insert(request.key.clone(), machine, flow, User::Nobody);
        self.respond(now.mono, txn, 200, w.finish());
    }

    /// For the store.
    pub(super) fn bindings_changed(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.emit(SipEvent::Binding(change));
        }
    }

    /// What a process before us left in the store.
    pub(super) fn load_bindings(&mut self, now: Now, rows: Vec<BindingRow>) {
        let changes = self.registrar.load(now, rows);
        self.bindings_changed(changes);
        let sources = self.sources.clone();
        self.drop_bindings_of_nobody(&sources);
    }

    /// A user whose trunk is gone, whose password is another one, or who may no longer be where it is, is bound no longer.
    pub(super) fn drop_bindings_of_nobody(&mut self, old: &Snapshot) {
        let new = self.sources.clone();
        let changes = self.registrar.keep(|row| {
            let (here, before) = (may_stay(&new, row), hash_of(old, row));
            here.is_some_and(|ha1| before.is_none_or(|before| before == ha1))
        });
        self.bindings_changed(changes);
    }
}

/// What the password of a bound user is compared with, if it may be where it is.
fn may_stay<'a>(tables: &'a Snapshot, row: &BindingRow) -> Option<&'a Ha1> {
    match row.owner {
        Registrant::Trunk(sid) => {
            let (trunk, ha1) = tables.user(&row.user, row.flow.remote.ip())?;
            (trunk == sid).then_some(ha1)
        }
        Registrant::Domain(_) => hash_of(tables, row),
    }
}

/// The same, wherever it is.
fn hash_of<'a>(tables: &'a Snapshot, row: &BindingRow) -> Option<&'a Ha1> {
    match row.owner {
        Registrant::Trunk(sid) => tables.owner(&row.user).filter(|t| t.sid == sid)?.ha1.as_ref(),
        Registrant::Domain(sid) => {
            let (name, host) = row.user.split_once('@')?;
            let door = tables.doors().get(DoorSid::Domain(sid)).filter(|door| door.host == host)?;
            door.user(Purpose::Registrations, name)
        }
    }
}
