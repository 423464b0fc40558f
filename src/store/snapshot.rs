//! The tables that the driver holds in memory: trunks, numbers, applications, accounts, all from one moment.

use super::elastic::{ElasticTrunkRow, OriginationUrlRow};
use super::query::{Query, Scope};
use super::reader::Reader;
use super::rows::*;
use super::table::Row;
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
    /// All SIP domains.
    pub domains: Vec<SipDomainRow>,
    /// All passwords of lists.
    pub credentials: Vec<CredentialRow>,
    /// All addresses of lists.
    pub addresses: Vec<IpAddressRow>,
    /// Which list guards which door.
    pub uses: Vec<ListUseRow>,
}

/// Reads them in one transaction, so that no number lacks its account.
pub fn snapshot(r: &mut Reader) -> Result<Snapshot, StoreError> {
    r.at_one_moment(|r| {
        Ok(Snapshot {
            trunks: all(r)?,
            numbers: all(r)?,
            applications: all(r)?,
            accounts: all(r)?,
            domains: all(r)?,
            credentials: all(r)?,
            addresses: all(r)?,
            uses: all(r)?,
            elastic: all(r)?,
            origination: all(r)?,
        })
    })
}

/// All rows of one of these tables.
pub fn all<R: Row>(r: &mut Reader) -> Result<Vec<R>, StoreError> {
    r.rows(&Query::new::<R>(Scope::Operator).limit(u32::MAX))
}

/// Does this transaction change what a snapshot holds?
pub fn touches(tx: &Tx) -> bool {
    tx.ops.iter().any(|op| {
        matches!(
            op,
            Op::PutTrunk(_)
                | Op::DeleteTrunk(_)
                | Op::PutNumber(_)
                | Op::DeleteNumber(..)
                | Op::PutApplication(_)
                | Op::DeleteApplication(_)
                | Op::PutAccount(_)
                | Op::PutElasticTrunk(_)
                | Op::DeleteElasticTrunk(_)
                | Op::PutOriginationUrl(_)
                | Op::DeleteOriginationUrl(_)
                | Op::DeleteCredentialList(_)
                | Op::PutCredential(_)
                | Op::DeleteCredential(_)
                | Op::DeleteIpAcl(_)
                | Op::PutIpAddress(_)
                | Op::DeleteIpAddress(_)
                | Op::PutSipDomain(_)
                | Op::DeleteSipDomain(_)
                | Op::PutListUse(_)
                | Op::DeleteListUse(..)
        )
    })
}
