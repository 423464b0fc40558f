//! Who has registered here as the user of a trunk: are they there, and who tried in vain?

use super::{Output, Switch};
use crate::api::command::{Answer, TurnedAway, Visited};
use crate::call::event::Ticket;
use crate::clock::Now;
use crate::sid::TrunkSid;
use crate::sip::endpoint::KnockId;
use crate::sip::event::Flow;
use crate::store::rows::{BindingRow, Registrant};
use crate::trunk::Snapshot;
use crate::trunk::door::Turned;
use std::collections::HashMap;

/// Questions under way.
#[derive(Debug, Default)]
pub(super) struct Visits {
    begun: u64,
    running: HashMap<u64, Running>,
    /// At most one of each trunk.
    turned_away: HashMap<TrunkSid, TurnedAway>,
}

#[derive(Debug)]
struct Running {
    ticket: Ticket,
    /// Contacts that have not answered.
    open: usize,
    visited: Visited,
}

impl Visits {
    /// A request that showed a wrong password, or came from a wrong place.
    pub fn turned_away(&mut self, now: Now, what: &str, flow: &Flow, why: &Turned) {
        if let Some(trunk) = why.trunk {
            let away = TurnedAway { at: now.wall, source: flow.remote, what: what.to_owned() };
            self.turned_away.insert(trunk, away);
        }
    }

    /// Of trunks that are gone nothing is kept.
    pub fn follow(&mut self, tables: &Snapshot) {
        self.turned_away.retain(|sid, _| tables.trunk(*sid).is_some());
    }

    pub fn under_way(&self) -> usize {
        self.running.len()
    }
}

impl Switch {
    pub(super) fn visit(&mut self, now: Now, ticket: Ticket, trunk: TrunkSid) {
        let of_it = |row: &&BindingRow| row.owner == Registrant::Trunk(trunk);
        let rows: Vec<BindingRow> = self.endpoint.registrar().rows().filter(of_it).cloned().collect();
        self.visits.begun += 1;
        let visit = self.visits.begun;
        for (contact, row) in rows.iter().enumerate() {
            self.endpoint.knock(now.mono, row, KnockId { visit, contact });
        }
        let turned_away = self.visits.turned_away.get(&trunk).cloned();
        let open = rows.len();
        let contacts = rows.into_iter().map(|row| (row, None)).collect();
        let (addresses, realm) = (self.settings.addresses.clone(), self.settings.realm.clone());
        let visited = Visited { contacts, turned_away, addresses, realm };
        let running = Running { ticket, open, visited };
        self.visits.running.insert(visit, running);
        self.end_visit(visit);
    }

    pub(super) fn on_knocked(&mut self, id: KnockId, answer: Option<(u16, String)>) {
        let Some(running) = self.visits.running.get_mut(&id.visit) else { return };
        running.open = running.open.saturating_sub(1);
        if let Some((_, heard)) = running.visited.contacts.get_mut(id.contact) {
            *heard = answer;
        }
        self.end_visit(id.visit);
    }

    /// Answers whoever asked, once nobody is waited for.
    fn end_visit(&mut self, visit: u64) {
        if self.visits.running.get(&visit).is_some_and(|r| r.open == 0)
            && let Some(Running { ticket, visited, .. }) = self.visits.running.remove(&visit)
        {
            self.out.push_back(Output::Reply(ticket, Box::new(Answer::Visited(Box::new(visited)))));
        }
    }
}
