//! The tables that the driver holds in memory: trunks, numbers, applications, accounts, all from one moment.

use super::elastic::{ElasticTrunkRow, OriginationUrlRow, TrunkListRow};
use super::query::{Query, Scope};
use super::reader::Reader;
use super::rows::{AccountRow, ApplicationRow, NumberRow, TrunkRow};
use super::tx::{Op, StoreError, Tx};

/// What calls are routed by.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// All trunks.
    pub trunks: Vec<TrunkRow>,
    /// All numbers.
    pub numbers: Vec<NumberRow>,
    /// All applications.
    pub applications: Vec<ApplicationRow>,
    /// All accounts.
    pub accounts: Vec<AccountRow>,
    /// The trunks of accounts.
    pub elastic: Vec<ElasticTrunkRow>,
    /// Where their numbers ring.
    pub origination: Vec<OriginationUrlRow>,
    /// Which lists open them.
    pub trunk_lists: Vec<TrunkListRow>,
}

/// Reads them in one transaction, so that no number lacks its account.
pub fn snapshot(r: &mut Reader) -> Result<Snapshot, StoreError> {
    r.at_one_moment(|r| {
        Ok(Snapshot {
            trunks: r.rows(&Query::new::<TrunkRow>(Scope::Operator).limit(u32::MAX))?,
            numbers: r.rows(&Query::new::<NumberRow>(Scope::Operator).limit(u32::MAX))?,
            applications: r.rows(&Query::new::<ApplicationRow>(Scope::Operator).limit(u32::MAX))?,
            accounts: r.rows(&Query::new::<AccountRow>(Scope::Operator).limit(u32::MAX))?,
            elastic: r.rows(&Query::new::<ElasticTrunkRow>(Scope::Operator).limit(u32::MAX))?,
            origination: r.rows(&Query::new::<OriginationUrlRow>(Scope::Operator).limit(u32::MAX))?,
            trunk_lists: r.rows(&Query::new::<TrunkListRow>(Scope::Operator).limit(u32::MAX))?,
        })
    })
}

/// Does this transaction change what a snapshot holds?
pub fn touches(tx: &Tx) -> bool {
    tx.ops.iter().any(|op| {
        matches!(
            op,
            Op::PutTrunk(_)
                | Op::DeleteTrunk(_)
                | Op::PutNumber(_)
                | Op::DeleteNumber(_)
                | Op::PutApplication(_)
                | Op::DeleteApplication(_)
                | Op::PutAccount(_)
                | Op::PutElasticTrunk(_)
                | Op::DeleteElasticTrunk(_)
                | Op::PutOriginationUrl(_)
                | Op::DeleteOriginationUrl(_)
                | Op::PutTrunkList(_)
                | Op::DeleteTrunkList(_)
        )
    })
}
