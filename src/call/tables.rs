//! Accounts, applications, trunks and numbers as an immutable snapshot, rebuilt after a commit that changed them.

use crate::sid::{AccountSid, ApplicationSid};
use crate::store::rows::{AccountRow, ApplicationRow, NumberRow, TrunkRow};
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
