//! Accounts, applications, trunks and numbers as an immutable snapshot, rebuilt after a commit that changed them.

use crate::sid::{AccountSid, ApplicationSid, ElasticTrunkSid};
use crate::store::elastic::{ElasticTrunkRow, OriginationUrlRow};
use crate::store::rows::{AccountRow, ApplicationRow, DoorSid, NumberRow, TrunkRow};
use crate::store::snapshot;
use crate::trunk::destination::{Zone, zone};
use crate::trunk::door::{Doors, Lists};
use crate::trunk::snapshot::Snapshot;
use std::{collections::HashMap, sync::Arc};

/// Everything a decision about a call looks up.
#[derive(Debug, Default)]
pub struct Tables {
    /// Trunks and numbers.
    pub trunks: Arc<Snapshot>,
    accounts: HashMap<AccountSid, AccountRow>,
    /// Where each account's oldest number is.
    first_zones: HashMap<AccountSid, String>,
    applications: HashMap<ApplicationSid, ApplicationRow>,
    elastic: HashMap<ElasticTrunkSid, ElasticTrunk>,
}

/// A trunk of an account, and where its numbers ring.
#[derive(Debug)]
pub struct ElasticTrunk {
    /// The trunk.
    pub row: ElasticTrunkRow,
    /// In the order of their rows.
    pub urls: Vec<OriginationUrlRow>,
}

impl Tables {
    /// From rows that no door is among.
    pub fn new(
        trunks: Vec<TrunkRow>,
        numbers: Vec<NumberRow>,
        applications: Vec<ApplicationRow>,
        accounts: Vec<AccountRow>,
    ) -> Tables {
        Tables::of(snapshot::Snapshot { trunks, numbers, applications, accounts, ..Default::default() })
    }

    /// From all rows of the store.
    pub fn of(s: snapshot::Snapshot) -> Tables {
        let snapshot::Snapshot { trunks, numbers, applications, accounts, .. } = s;
        let lists = Lists::new(&s.credentials, &s.addresses, s.uses);
        let mut doors = Doors::of_domains(s.domains, &lists);
        for row in &s.elastic {
            if let Some(host) = &row.domain_name {
                doors.open(&lists, DoorSid::Trunk(row.sid), row.account, host, false);
            }
        }
        let mut elastic: HashMap<_, _> =
            s.elastic.into_iter().map(|row| (row.sid, ElasticTrunk { row, urls: Vec::new() })).collect();
        for url in s.origination {
            if let Some(trunk) = elastic.get_mut(&url.trunk) {
                trunk.urls.push(url);
            }
        }
        Tables {
            first_zones: first_zones(&numbers),
            trunks: Arc::new(Snapshot::new(trunks, numbers).with_doors(doors)),
            accounts: accounts.into_iter().map(|a| (a.sid, a)).collect(),
            applications: applications.into_iter().map(|a| (a.sid, a)).collect(),
            elastic,
        }
    }

    /// The one account of the house that is nobody's subaccount, if there is only one.
    pub fn only_account(&self) -> Option<&AccountRow> {
        let mut main = self.accounts.values().filter(|a| a.sid == a.owner && a.status == "active");
        main.next().filter(|_| main.next().is_none())
    }

    /// A trunk of an account.
    pub fn elastic(&self, sid: ElasticTrunkSid) -> Option<&ElasticTrunk> {
        self.elastic.get(&sid)
    }

    /// Does this door take encrypted calls alone?
    pub fn is_secure(&self, door: DoorSid) -> bool {
        match door {
            DoorSid::Domain(sid) => self.trunks.doors().domain(sid).is_some_and(|d| d.secure),
            DoorSid::Trunk(sid) => self.elastic(sid).is_some_and(|t| t.row.secure),
        }
    }

    /// The zone of an account's oldest number.
    pub fn first_zone(&self, account: AccountSid) -> Option<&str> {
        self.first_zones.get(&account).map(String::as_str)
    }

    /// All accounts.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountRow> {
        self.accounts.values()
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

fn first_zones(numbers: &[NumberRow]) -> HashMap<AccountSid, String> {
    let mut oldest: Vec<&NumberRow> = numbers.iter().collect();
    oldest.sort_by_key(|n| (n.created, n.sid));
    let mut zones = HashMap::new();
    for number in oldest {
        if let Zone::Code(zone) = zone(&number.number) {
            zones.entry(number.account).or_insert(zone);
        }
    }
    zones
}
