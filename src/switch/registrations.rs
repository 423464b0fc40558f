//! Our registrations at other houses, in words and to be read.

use super::Switch;
use crate::clock::Now;
use crate::sid::TrunkSid;
use crate::sip::registration::{RegistrationState, Standing};

impl Switch {
    /// Where each trunk stands that registers at another house.
    pub fn registrations(&self) -> Vec<(TrunkSid, RegistrationState)> {
        self.endpoint.registrations().collect()
    }

    /// The log's sentence. A registration that only begins is worth none.
    pub(super) fn on_registration(&mut self, now: Now, trunk: TrunkSid, state: &RegistrationState) {
        let row = self.tables.trunks.trunk(trunk);
        let (name, host) =
            row.map_or(("", ""), |t| (t.name.as_str(), t.outbound_host.as_deref().unwrap_or("")));
        let error = state.last_error.as_deref().unwrap_or("no reason was given");
        let next = state.next_try.map_or(0, |at| at.seconds_since(now.wall));
        let words = match (state.state, state.expires) {
            (Standing::Registered, Some(until)) => {
                format!("is registered at {host} for {} s", until.seconds_since(now.wall))
            }
            (Standing::Failed, _) => format!("cannot register at {host}: {error}; next try in {next} s"),
            (Standing::Down, _) if next > 0 => format!("is down at {host}: {error}; next try in {next} s"),
            (Standing::Down, _) => format!("is down at {host}: {error}"),
            (Standing::Registering | Standing::Registered, _) => return,
        };
        self.log(&format!("trunk {trunk} ({name}) {words}"));
    }
}
