//! A call that an account asks for by POST Calls: what it is asked before it is dialled, and which ways it has.

use super::{may_last, quote};
use crate::call::permission;
use crate::call::tables::Tables;
use crate::call::target::{self, Target};
use crate::clock::Now;
use crate::sid::{AccountSid, TrunkSid};
use crate::sip::event::Alternative;
use crate::sip::registration::{RegistrationState, Standing};
use crate::store::rows::{CallRow, CallStatus, TrunkRow};
use crate::switch::Switch;
use crate::trunk::destination::{self, Zone};
use crate::trunk::explain::{self, Question, Step, no, refused, yes};
use crate::trunk::route;

/// A callee's user has not registered, on Notifications.
pub(super) const NOT_REGISTERED: u32 = 32_009;

impl Switch {
    pub(super) fn explain_outbound(
        &mut self,
        now: Now,
        tables: &Tables,
        trunk: Option<&TrunkRow>,
        q: &Question,
        account: AccountSid,
    ) -> Vec<Step> {
        let mut steps = match self.may_dial(now, account) {
            Ok(seconds) => vec![may_last(account, seconds)],
            Err(no) => return vec![quote(no)],
        };
        let to = q.dials();
        match permission::may_dial(tables, &self.settings.public_url, account, to) {
            Ok(()) => steps.extend(open(to)),
            Err(no) => {
                steps.push(quote(no));
                return steps;
            }
        }
        let row = CallRow {
            to: to.to_owned(),
            from: q.from.clone().unwrap_or_default(),
            ..CallRow::empty(account, now.wall, &self.settings.node, CallStatus::Queued)
        };
        match self.target_of(now, &row) {
            Ok(target) => steps.extend(self.explain_ways(tables, trunk, q, account, &ways(target))),
            Err(refusal) => {
                if let Some(trunk) = trunk.filter(|_| target::address(to).is_none()) {
                    steps.push(no(self.why_not(tables, trunk, q, account)));
                }
                steps.push(quote(refusal));
            }
        }
        steps
    }

    fn explain_ways(
        &self,
        tables: &Tables,
        trunk: Option<&TrunkRow>,
        q: &Question,
        account: AccountSid,
        all: &[Alternative],
    ) -> Vec<Step> {
        let mut steps = vec![goes_over(tables, q.dials(), all)];
        let Some(trunk) = trunk else {
            steps.extend(all.first().and_then(|way| self.absence(way, all)));
            return steps;
        };
        let place = all.iter().position(|way| way.trunk == Some(trunk.sid));
        let Some((place, way)) = place.and_then(|place| Some((place, all.get(place)?))) else {
            steps.push(no(self.why_not(tables, trunk, q, account)));
            return steps;
        };
        steps.push(yes(format!("This trunk is way {} of {}.", place.saturating_add(1), all.len())));
        steps.extend(explain::way(trunk, way, q.from.as_deref()));
        steps.extend(self.absence(way, all).or_else(|| self.standing(trunk, all)));
        steps
    }

    /// Why it is none of the ways.
    fn why_not(&self, tables: &Tables, trunk: &TrunkRow, q: &Question, account: AccountSid) -> String {
        let carries = route::candidates(tables.trunks.trunks(), account, q.dials());
        match carries.iter().any(|t| t.sid == trunk.sid) && self.channels.is_full(trunk) {
            true => route::full(trunk),
            false => explain::why_not(trunk, q.dials(), account),
        }
    }

    /// The user of a way that leads to one, if he has not registered.
    pub(super) fn absent<'a>(&self, way: &'a Alternative) -> Option<&'a str> {
        way.registered.as_deref().filter(|user| self.endpoint.registrar().find(user).is_empty())
    }

    /// Nobody has registered where this way leads. Where no other one leads anywhere, the call is refused so.
    pub(super) fn absence(&self, way: &Alternative, all: &[Alternative]) -> Option<Step> {
        let user = self.absent(way)?;
        let nowhere: Option<Vec<&str>> = all.iter().map(|way| self.absent(way)).collect();
        Some(match nowhere.as_ref().and_then(|users| users.last()) {
            Some(last) => refused(NOT_REGISTERED, route::not_registered(last)),
            None => no(format!("{}: other ways are tried.", route::not_registered(user))),
        })
    }

    /// Where its registration stands, if not well.
    fn standing(&self, trunk: &TrunkRow, all: &[Alternative]) -> Option<Step> {
        let (_, state) = self.endpoint.registrations().find(|(sid, _)| *sid == trunk.sid)?;
        let others = |sid: TrunkSid| sid != trunk.sid && !self.endpoint.is_down(sid);
        let other = all.iter().any(|way| way.trunk.is_none_or(others));
        let RegistrationState { last_error, .. } = &state;
        let error = last_error.as_deref().unwrap_or("no reason was given");
        match state.state {
            Standing::Down if other => {
                Some(no(format!("It is down ({error}): no call goes over it while another way is up.")))
            }
            Standing::Down => Some(yes(format!("It is down ({error}): it is tried because all ways are."))),
            Standing::Failed => {
                Some(yes(format!("It could not register ({error}): it is tried all the same.")))
            }
            Standing::Registering | Standing::Registered => None,
        }
    }
}

/// The ways of a call in their order.
pub(super) fn ways(mut target: Target) -> Vec<Alternative> {
    let others = std::mem::take(&mut target.alternatives);
    std::iter::once(target.into_alternative()).chain(others).collect()
}

/// The ways of a call, named.
pub(super) fn goes_over(tables: &Tables, to: &str, all: &[Alternative]) -> Step {
    let named = |way: &Alternative| {
        let row = way.trunk.and_then(|sid| tables.trunks.trunk(sid));
        row.map_or_else(|| format!("no trunk, to {}", way.uri), explain::name)
    };
    let order: Vec<String> = all.iter().map(named).collect();
    yes(format!("'{to}' goes over {}.", order.join(", then ")))
}

/// Why the country of a number is open to who may dial it. An address says for itself where it is.
fn open(number: &str) -> Option<Step> {
    if target::address(number).is_some() {
        return None;
    }
    Some(yes(match destination::zone(number) {
        Zone::Inside => format!("'{number}' is an extension or a name: no country has to be open for it."),
        Zone::Code(zone) => format!("Calling code {zone} ({}) is open to it.", destination::names(&zone)),
        Zone::Unknown => format!("Nobody can tell where '{number}' leads, but every country is open to it."),
    }))
}
