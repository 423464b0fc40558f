//! Accounts, applications, trunks and numbers as an immutable snapshot, rebuilt after a commit that changed them.

use crate::sid::{AccountSid, ApplicationSid, ElasticTrunkSid};
use crate::store::elastic::{ElasticTrunkRow, OriginationUrlRow};
use crate::store::rows::{AccountRow, ApplicationRow, DoorSid, NumberRow, Standing, TrunkRow};
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
    /// The subaccounts of each main account.
    children: HashMap<AccountSid, Vec<AccountSid>>,
    /// Where the oldest number of each main account and its subaccounts is.
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
        let accounts: HashMap<_, _> = accounts.into_iter().map(|a| (a.sid, a)).collect();
        let mut children: HashMap<_, Vec<_>> = HashMap::new();
        for child in accounts.values().filter(|a| !a.is_main()) {
            children.entry(child.owner).or_default().push(child.sid);
        }
        Tables {
            first_zones: first_zones(&numbers, &accounts),
            trunks: Arc::new(Snapshot::new(trunks, numbers).with_doors(doors)),
            accounts,
            children,
            applications: applications.into_iter().map(|a| (a.sid, a)).collect(),
            elastic,
        }
    }

    /// The one account of the house that is nobody's subaccount, if there is only one.
    pub fn only_account(&self) -> Option<&AccountRow> {
        let mut main = self.accounts.values().filter(|a| a.is_main() && a.standing(None) == Standing::Active);
        main.next().filter(|_| main.next().is_none())
    }

    /// A trunk of an account.
    pub fn elastic(&self, sid: ElasticTrunkSid) -> Option<&ElasticTrunk> {
        self.elastic.get(&sid)
    }

    /// The zone of the oldest number of a main account and its subaccounts.
    pub fn first_zone(&self, main: AccountSid) -> Option<&str> {
        self.first_zones.get(&main).map(String::as_str)
    }

    /// The main account of a subaccount; None: it is one itself.
    pub fn owner(&self, row: &AccountRow) -> Option<&AccountRow> {
        self.accounts.get(&row.owner).filter(|_| !row.is_main())
    }

    /// The main account that an account belongs to, which may be itself.
    pub fn main_of(&self, account: AccountSid) -> AccountSid {
        self.accounts.get(&account).map_or(account, |row| row.owner)
    }

    /// An account and its subaccounts.
    pub fn family(&self, account: AccountSid) -> impl Iterator<Item = AccountSid> {
        std::iter::once(account).chain(self.children.get(&account).into_iter().flatten().copied())
    }

    /// May it do anything? Asked wherever a call begins, as the API asks it of every request.
    pub fn is_active(&self, account: AccountSid) -> bool {
        let row = self.accounts.get(&account);
        row.is_some_and(|row| row.standing(self.owner(row)) == Standing::Active)
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

fn first_zones(
    numbers: &[NumberRow],
    accounts: &HashMap<AccountSid, AccountRow>,
) -> HashMap<AccountSid, String> {
    let mut oldest: Vec<&NumberRow> = numbers.iter().collect();
    oldest.sort_by_key(|n| (n.created, n.sid));
    let mut zones = HashMap::new();
    for number in oldest {
        if let Zone::Code(zone) = zone(&number.number) {
            let main = accounts.get(&number.account).map_or(number.account, |a| a.owner);
            zones.entry(main).or_insert(zone);
        }
    }
    zones
}
