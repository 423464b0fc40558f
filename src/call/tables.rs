//! Accounts, applications, trunks and numbers as an immutable snapshot, rebuilt after a commit that changed them.

use crate::sid::{AccountSid, ApplicationSid};
use crate::store::rows::{AccountRow, ApplicationRow, NumberRow, TrunkRow};
use crate::store::snapshot;
use crate::trunk::door::{Doors, Lists};
use crate::trunk::snapshot::Snapshot;
use std::{collections::HashMap, sync::Arc};

/// Everything a decision about a call looks up.
#[derive(Debug, Default)]
pub struct Tables {
    /// Trunks and numbers.
    pub trunks: Arc<Snapshot>,
    accounts: HashMap<AccountSid, AccountRow>,
    applications: HashMap<ApplicationSid, ApplicationRow>,
}

impl Tables {
    /// From the rows of the store.
    pub fn new(
        trunks: Vec<TrunkRow>,
        numbers: Vec<NumberRow>,
        applications: Vec<ApplicationRow>,
        accounts: Vec<AccountRow>,
    ) -> Tables {
        Tables {
            trunks: Arc::new(Snapshot::new(trunks, numbers)),
            accounts: accounts.into_iter().map(|a| (a.sid, a)).collect(),
            applications: applications.into_iter().map(|a| (a.sid, a)).collect(),
        }
    }

    /// From all rows of the store.
    pub fn of(s: snapshot::Snapshot) -> Tables {
        let lists = Lists::new(&s.credentials, &s.addresses, s.uses);
        let doors = Doors::of_domains(s.domains, &lists);
        let tables = Tables::new(vec![], vec![], s.applications, s.accounts);
        Tables { trunks: Arc::new(Snapshot::new(s.trunks, s.numbers).with_doors(doors)), ..tables }
    }

    /// The one account of the house that is nobody's subaccount, if there is only one.
    pub fn only_account(&self) -> Option<&AccountRow> {
        let mut main = self.accounts.values().filter(|a| a.sid == a.owner && a.status == "active");
        main.next().filter(|_| main.next().is_none())
    }

    /// An account.
    pub fn account(&self, sid: AccountSid) -> Option<&AccountRow> {
        self.accounts.get(&sid)
    }

    /// The key of the account's signatures; empty if the account is unknown.
    pub fn auth_token(&self, sid: AccountSid) -> String {
        self.accounts.get(&sid).map(|a| a.auth_token.clone()).unwrap_or_default()
    }

    /// An application.
    pub fn application(&self, sid: ApplicationSid) -> Option<&ApplicationRow> {
        self.applications.get(&sid)
    }
}
