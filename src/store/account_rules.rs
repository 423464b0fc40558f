//! What an account may do, how fast and how much: set by the operator, part of the account's row.

use serde::{Deserialize, Serialize};

/// Opens every country.
pub const EVERYWHERE: &str = "*";

/// The rules of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountRules {
    /// Calls of the REST API that are dialled in a second; the others wait their turn. 0: as many as come.
    pub calls_per_second: u32,
    /// The country that is open to it and its subaccounts without being named: a zone as `trunk::destination` writes it. None: that of
    /// the first number of them all. Subaccounts have none of their own.
    pub home: Option<String>,
    /// Zones that it may dial beside its own; [`EVERYWHERE`]: all.
    pub allowed_calling_codes: Vec<String>,
    /// Calls at a time, in both directions and Dial's children among them; None: as many as there are.
    pub max_concurrent_calls: Option<u32>,
    /// Minutes of talk in a day (UTC), all calls together; None: no end.
    pub max_minutes_per_day: Option<u32>,
}

impl Default for AccountRules {
    /// What holds for the operator's own account, and for rows from before there were rules: nothing is held back.
    fn default() -> Self {
        AccountRules {
            calls_per_second: 0,
            home: None,
            allowed_calling_codes: vec![EVERYWHERE.to_owned()],
            max_concurrent_calls: None,
            max_minutes_per_day: None,
        }
    }
}

impl AccountRules {
    /// Of every other account until the operator says otherwise: one call a second, as at Twilio, and its own country.
    pub fn of_new() -> AccountRules {
        AccountRules { calls_per_second: 1, allowed_calling_codes: Vec::new(), ..AccountRules::default() }
    }

    /// Of a subaccount of an account with these: they are the same, but its country is that of its main account.
    pub fn for_child(&self) -> AccountRules {
        AccountRules { home: None, ..self.clone() }
    }
}
