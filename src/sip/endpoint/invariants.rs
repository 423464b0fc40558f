//! What must hold between two inputs; looked at with the feature `invariants` only.

use super::Endpoint;

/// While no more than this is held, it is looked at after each input.
const SMALL: usize = 64;

impl Endpoint {
    /// A look costs as much as there is, so of much it is not taken after each input: a server with thousands of transactions would
    /// do little else.
    pub(super) fn check_by_turns(&mut self) {
        self.unchecked = self.unchecked.saturating_add(1);
        let held = self.txns.len().saturating_add(self.legs.len());
        if self.unchecked > held / SMALL {
            self.unchecked = 0;
            self.check();
        }
    }

    /// What must hold between two inputs.
    pub(super) fn check(&self) {
        assert_eq!(self.txns.check(), Ok(()), "transactions");
        self.registrations.check(|txn| self.txns.get(txn).is_some());
        let armed = || self.legs.iter().filter_map(|(id, l)| Some((l.armed?, *id)));
        let held = armed().all(|deadline| self.clock.contains(&deadline));
        assert!(held && armed().count() == self.clock.len(), "the clock and the legs differ");
        for leg in self.legs.values() {
            assert_eq!(leg.deadline(), leg.armed, "a leg whose deadline is not armed");
            assert!(!leg.ended || leg.verdict.is_some(), "an end without a verdict");
        }
        assert!(self.losers.keys().all(|id| self.txns.get(*id).is_some()), "a loser without transaction");
        assert_eq!(self.registrar.rows().count(), self.registrar.len(), "bindings and their clock differ");
        assert_eq!(
            self.registrar.at_addresses(),
            self.registrar.len(),
            "bindings and their addresses differ"
        );
        let [nudges, nudged, hidden] = self.registrar.awake();
        assert!(nudges == nudged && nudged == hidden, "telephones behind a NAT that nobody keeps awake");
        assert!(self.dialogs.values().all(|id| self.legs.contains_key(id)), "a dialog without leg");
        assert!(self.resolving.values().all(|id| self.legs.contains_key(id)), "a lookup without leg");
        assert!(
            self.merged.values().all(|id| self.txns.get(*id).is_some()),
            "a merge key without transaction"
        );
        let orphans = self.calls.values().filter(|c| c.leg.is_none()).count();
        assert_eq!(orphans, self.forgetting.len(), "a Call-ID that nobody will forget");
    }
}
