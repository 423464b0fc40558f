//! Another dialog takes a leg's place: an INVITE with Replaces (RFC 3891), or our own call to whom the leg was transferred. The leg
//! keeps its id, so that whoever hears it, records it or runs on it goes on.
//!
//! ```text
//!  INVITE with Replaces --unknown, another's tags, an INVITE of the peer that rings here--> 481
//!        |              --early-only, but answered--> 486     --our BYE is out--> 603     --two of them, unreadable--> 400
//!        +--> Incoming{replaces} --the call takes it--> Swap, Answer, Hangup of the old dialog (CANCEL, if it only rang)
//! ```

use super::leg::{Cancel, Phase};
use super::request::Request;
use super::{Endpoint, LegId, User};
use crate::sip::check::Refusal;
use crate::sip::refer::Replaces;

impl Endpoint {
    /// The leg that an INVITE wants to take the place of; None: it replaces nothing.
    ///
    /// # Errors
    /// The answer to one that cannot be obeyed (RFC 3891 section 3).
    pub(super) fn replaced_by(&self, request: &Request) -> Result<Option<LegId>, Refusal> {
        let refusal = |code: u16, words: &str| Refusal { code, words: words.to_owned(), headers: Vec::new() };
        let Some(replaces) = Replaces::of(&request.message) else { return Ok(None) };
        let Some(replaces) = replaces else { return Err(refusal(400, "Bad Replaces")) };
        let unknown = || refusal(481, "Call/Transaction Does Not Exist");
        if let Some(ringing) = self.find_early(&replaces) {
            return Ok(Some(ringing));
        }
        let id = self.find_dialog(&replaces).ok_or_else(unknown)?;
        match self.legs.get(&id).map(|l| &l.phase) {
            Some(Phase::Up) if replaces.early_only => Err(refusal(486, "It Is Answered")),
            Some(Phase::Up) => Ok(Some(id)),
            Some(Phase::Leaving) => Err(refusal(603, "It Is Over")),
            // One that the peer began may not be taken from it (RFC 3891 section 3), and of ours nobody has rung yet.
            Some(Phase::Ringing(_) | Phase::Calling(_)) | None => Err(unknown()),
        }
    }

    /// A leg of ours that rings, by both tags of one of its early dialogs.
    fn find_early(&self, replaces: &Replaces) -> Option<LegId> {
        let id = self.find_leg(&replaces.call_id, &replaces.to_tag)?;
        let leg = self.legs.get(&id)?;
        let Phase::Calling(calling) = &leg.phase else { return None };
        // Nor one that is being taken back.
        leg.early(&replaces.from_tag).filter(|_| calling.cancel == Cancel::No).map(|_| id)
    }

    /// The leg of a dialog by both tags.
    pub fn find_dialog(&self, replaces: &Replaces) -> Option<LegId> {
        let id = self.find_leg(&replaces.call_id, &replaces.to_tag)?;
        let leg = self.legs.get(&id)?;
        // RFC 2543 peers have no tag: it is written as 0.
        let theirs = &leg.dialog.ids.remote_tag;
        let same = *theirs == replaces.from_tag || (theirs.is_empty() && replaces.from_tag == "0");
        same.then_some(id)
    }

    /// Two legs change places; one that is gone leaves its place empty.
    pub(super) fn swap(&mut self, one: LegId, other: LegId) {
        let pair = [one, other];
        let taken = pair.map(|id| self.legs.remove(&id));
        let changed = |id: LegId| match id {
            id if id == one => other,
            id if id == other => one,
            id => id,
        };
        for (id, leg) in pair.into_iter().zip(taken) {
            let Some(mut leg) = leg else { continue };
            if let Some(at) = leg.armed.take() {
                self.clock.remove(&(at, id));
            }
            self.legs.insert(changed(id), leg);
        }
        self.touched.extend(pair);
        let of_legs =
            self.dialogs.values_mut().chain(self.resolving.values_mut()).chain(self.carriers.legs_mut());
        let of_calls = self.calls.values_mut().filter_map(|c| c.leg.as_mut());
        of_legs.chain(of_calls).for_each(|id| *id = changed(*id));
        for user in self.txns.users_mut() {
            match user {
                User::Invite(id) | User::Twin(id) | User::Bye(id) | User::Refer(id) | User::Info(id) => {
                    *id = changed(*id);
                }
                User::Incoming(id, _) | User::Refresh(id, _) => *id = changed(*id),
                User::Request(id) | User::Prack(id) | User::Notify(id) => *id = changed(*id),
                User::Loser | User::Nobody | User::Register(..) | User::Ping(..) | User::Knock(_) => {}
            }
        }
    }
}
