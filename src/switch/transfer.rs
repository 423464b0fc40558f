//! Calls that know each other only through their dialogs: an attended transfer (REFER with a Replaces that names another call here),
//! and an INVITE with Replaces.

use super::Switch;
use super::accept::Refusal;
use crate::call::call::Call;
use crate::call::event::{Event, Word};
use crate::call::rights::NO_REFER_URL;
use crate::call::target::NoRoute;
use crate::clock::Now;
use crate::sid::{CallSid, TrunkSid};
use crate::sip::event::{Caller, Cause, Invite, LegId, SipEvent};
use crate::sip::refer::ReferTo;
use crate::store::rows::CallRow;

impl Switch {
    /// REFER: to whichever call it concerns.
    pub(super) fn on_refer(&mut self, now: Now, leg: LegId, call: CallSid, to: Box<ReferTo>) {
        let named = to.replaces.as_ref().and_then(|r| self.endpoint.find_dialog(r));
        match named.and_then(|leg| self.legs.get(&leg)).copied() {
            Some(other) => self.attend(now, call, other),
            None => self.tell(now, call, Event::Sip(SipEvent::Refer { leg, to })),
        }
    }

    /// Whoever the two calls are connected with are connected with each other; the two end.
    fn attend(&mut self, now: Now, call: CallSid, other: CallSid) {
        let (first, second, to) = match self.partners(call, other) {
            Ok(found) => found,
            Err(NoRoute { code, words }) => {
                let word = Word::NotTransferred { cause: Cause::new(603, "Decline"), code, words };
                return self.tell(now, call, Event::Told(call, word));
            }
        };
        let Some(leg) = self.calls.get(&second).map(|c| c.leg()) else { return };
        self.tell(now, call, Event::Told(call, Word::TransferAccepted { to }));
        self.tell(now, second, Event::Told(first, Word::Join));
        self.tell(now, first, Event::Told(second, Word::Adopt { leg }));
        self.tell(now, call, Event::Told(first, Word::Transferred));
        self.tell(now, other, Event::Told(second, Word::Transferred));
    }

    /// Who stays on either side, and the address of the second.
    fn partners(&self, call: CallSid, other: CallSid) -> Result<(CallSid, CallSid, String), NoRoute> {
        let no = |words: &str| NoRoute { code: NO_REFER_URL, words: words.to_owned() };
        let gone = || no("the call is over");
        let (one, two) = (self.calls.get(&call).ok_or_else(gone)?, self.calls.get(&other).ok_or_else(gone)?);
        one.may_transfer()?;
        let same = one.row().account == two.row().account;
        let stays = |c: &Call| {
            c.partner().filter(|p| self.calls.get(p).is_some_and(|p| !p.is_ending() && !p.is_vacant()))
        };
        match (same, stays(one), stays(two)) {
            (true, Some(first), Some(second)) if first != second && call != other && first != other => {
                let party = self.calls.get(&second).map(|c| c.row());
                let to = party.map(|r| if r.direction.came_in() { r.from.clone() } else { r.to.clone() });
                Ok((first, second, to.unwrap_or_default()))
            }
            (false, ..) => Err(no("REFER with a Replaces that names no call of the account")),
            _ => Err(no("REFER with a Replaces: both calls must be connected with somebody by a Dial")),
        }
    }

    /// An INVITE with Replaces, which the endpoint has compared with the dialog: only from the same trunk, or one of the same account.
    pub(super) fn replace(&mut self, now: Now, leg: LegId, old: LegId, invite: Box<Invite>, caller: Caller) {
        // A leg that a call has besides its own, for whom it is transferred to, is nobody's to take.
        let call = self.legs.get(&old).and_then(|sid| self.calls.get(sid)).filter(|call| call.leg() == old);
        let call = call.map(|call| call.row());
        let found = call.and_then(|row| Some((row.sid, self.comes_over(row, &caller)?)));
        match found {
            Some((call, trunk)) => self.tell(now, call, Event::Replaced(leg, invite, trunk, caller)),
            None => {
                let cause = Cause::new(481, "Call/Transaction Does Not Exist");
                let words = "Replaces names no call of its sender's trunk or account".to_owned();
                let refusal = Refusal::new(cause, words, self.account_of(&caller));
                self.refuse(now, leg, &invite, refusal);
            }
        }
    }

    /// Over which trunk somebody comes who may take the place of a call's peer: the call's own, else one of its account; none if
    /// through a door of the account. None: it may not.
    fn comes_over(&self, row: &CallRow, caller: &Caller) -> Option<Option<TrunkSid>> {
        match caller {
            Caller::Trunks(trunks) => {
                let own = row.trunk.filter(|t| trunks.contains(t));
                let pinned = |sid: &TrunkSid| {
                    self.tables.trunks.trunk(*sid).is_some_and(|t| t.account == Some(row.account))
                };
                own.or_else(|| trunks.iter().copied().find(pinned)).map(Some)
            }
            Caller::Door(sid, _) => {
                let door = self.tables.trunks.doors().get(*sid)?;
                (door.account == row.account).then_some(None)
            }
        }
    }
}
