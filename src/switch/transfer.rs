//! Calls that know each other only through their dialogs: an attended transfer (REFER with a Replaces that names another call here),
//! and an INVITE with Replaces.

use super::Switch;
use crate::call::call::Call;
use crate::call::event::{Event, Word};
use crate::clock::Now;
use crate::sid::{CallSid, TrunkSid};
use crate::sip::event::{Caller, Cause, Invite, LegId, SipCmd, SipEvent};
use crate::sip::refer::ReferTo;

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
            Err(words) => {
                let word = Word::NotTransferred { cause: Cause::new(603, "Decline"), words };
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
    fn partners(&self, call: CallSid, other: CallSid) -> Result<(CallSid, CallSid, String), String> {
        let gone = || "the call is over".to_owned();
        let (one, two) = (self.calls.get(&call).ok_or_else(gone)?, self.calls.get(&other).ok_or_else(gone)?);
        one.may_transfer()?;
        let same = one.row().account == two.row().account;
        let stays = |c: &Call| c.partner().filter(|p| self.calls.get(p).is_some_and(|p| !p.is_ending()));
        match (same, stays(one), stays(two)) {
            (true, Some(first), Some(second)) if first != second && call != other && first != other => {
                let party = self.calls.get(&second).map(|c| c.row());
                let inbound = party.is_some_and(|r| r.direction == crate::store::rows::Direction::Inbound);
                let to = party.map(|r| if inbound { r.from.clone() } else { r.to.clone() });
                Ok((first, second, to.unwrap_or_default()))
            }
            (false, ..) => Err("REFER with a Replaces that names no call of the account".to_owned()),
            _ => {
                Err("REFER with a Replaces: both calls must be connected with somebody by a Dial".to_owned())
            }
        }
    }

    /// An INVITE with Replaces, which the endpoint has compared with the dialog: only from the same trunk, or one of the same account.
    pub(super) fn replace(&mut self, now: Now, leg: LegId, old: LegId, invite: Box<Invite>, caller: &Caller) {
        let call = self.legs.get(&old).copied();
        let row = call.and_then(|sid| self.calls.get(&sid)).map(|c| c.row());
        let ours = row.is_some_and(|row| {
            let pinned = |sid: &TrunkSid| {
                self.tables.trunks.trunk(*sid).is_some_and(|t| t.account == Some(row.account))
            };
            match caller {
                Caller::Trunks(trunks) => {
                    row.trunk.is_some_and(|t| trunks.contains(&t)) || trunks.iter().any(pinned)
                }
                Caller::Door(sid, _) => {
                    self.tables.trunks.doors().get(*sid).is_some_and(|door| door.account == row.account)
                }
            }
        });
        match call.filter(|_| ours) {
            Some(call) => self.tell(now, call, Event::Replaced(leg, invite)),
            None => {
                self.on_refused_call(
                    now,
                    &invite.flow,
                    481,
                    "Replaces names no call of this trunk's account",
                );
                let cause = Cause::new(481, "Call/Transaction Does Not Exist");
                self.endpoint.command(now, SipCmd::Refuse { leg, cause, headers: vec![] });
            }
        }
    }
}
