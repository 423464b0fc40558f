//! A transaction is data: everything in it is written, or nothing.

use super::elastic::{ElasticTrunkRow, OriginationUrlRow};
use super::inventory::InventoryRow;
use super::reports::ReportRow;
use super::rows::*;
use crate::call::status::StatusChange;
use crate::sid::*;

/// Names a transaction between the switch and the writer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxId(pub u64);

/// One write. Every `Put` inserts or replaces the whole row. Accounts and numbers, which more than one hand changes, count their
/// revisions: there it inserts revision 0, and replaces the revision before its own or fails with [`StoreError::Refused`].
#[derive(Clone, Debug)]
pub enum Op {
    /// A new call with its first status. Fails with [`StoreError::Duplicate`] on a known SID or idempotency key.
    InsertCall(Box<CallRow>),
    /// A change of status: the row and its callbacks. Only `call::status` can make one.
    Status(StatusChange),
    /// Any other change of a live call's row (dialog, figures). The status must not differ.
    PutCall(Box<CallRow>),
    /// DELETE of a finished call with its timeline (Twilio keeps its recordings).
    DeleteCall(CallSid),
    /// A callback that is no status callback (recording, stream).
    Callback(Box<OutboxRow>),
    /// What became of a round of delivery: state, rounds, next.
    PutOutbox(Box<OutboxRow>),
    /// Deletes a callback that retention has reached.
    DeleteOutbox(OutboxId),
    /// A recording.
    PutRecording(Box<RecordingRow>),
    /// Deletes a recording's row; the disk thread removes the file.
    DeleteRecording(RecordingSid),
    /// A notification.
    PutNotification(Box<NotificationRow>),
    /// Deletes one.
    DeleteNotification(NotificationSid),
    /// A stream.
    PutStream(Box<StreamRow>),
    /// The timeline of a call.
    PutTimeline(Box<TimelineRow>),
    /// An account.
    PutAccount(Box<AccountRow>),
    /// A key.
    PutKey(Box<KeyRow>),
    /// Deletes one.
    DeleteKey(KeySid),
    /// A number. Fails with [`StoreError::Duplicate`] if another row holds the same number.
    PutNumber(Box<NumberRow>),
    /// Deletes one if it is this account's: it may have been given to another meanwhile.
    DeleteNumber(NumberSid, AccountSid),
    /// A number of the inventory. Fails with [`StoreError::Duplicate`] if another row holds the same number.
    PutInventory(Box<InventoryRow>),
    /// Deletes one.
    DeleteInventory(NumberSid),
    /// What an external switch reported.
    PutReport(Box<ReportRow>),
    /// Deletes one.
    DeleteReport(ReportSid),
    /// An application.
    PutApplication(Box<ApplicationRow>),
    /// Deletes one.
    DeleteApplication(ApplicationSid),
    /// A trunk.
    PutTrunk(Box<TrunkRow>),
    /// Deletes one.
    DeleteTrunk(TrunkSid),
    /// A trunk of an account. Fails with [`StoreError::Duplicate`] if another one has its domain.
    PutElasticTrunk(Box<ElasticTrunkRow>),
    /// Deletes one with its origination URLs and its uses of lists; its numbers have no trunk then.
    DeleteElasticTrunk(ElasticTrunkSid),
    /// Where the numbers of such a trunk ring.
    PutOriginationUrl(Box<OriginationUrlRow>),
    /// Deletes one.
    DeleteOriginationUrl(OriginationUrlSid),
    /// A list of passwords.
    PutCredentialList(Box<CredentialListRow>),
    /// Deletes one with its passwords and uses.
    DeleteCredentialList(CredentialListSid),
    /// A password. Fails with [`StoreError::Duplicate`] if its list has another one of the same user.
    PutCredential(Box<CredentialRow>),
    /// Deletes one.
    DeleteCredential(CredentialSid),
    /// A list of addresses.
    PutIpAcl(Box<IpAclRow>),
    /// Deletes one with its addresses and uses.
    DeleteIpAcl(IpAclSid),
    /// An address.
    PutIpAddress(Box<IpAddressRow>),
    /// Deletes one.
    DeleteIpAddress(IpAddressSid),
    /// A SIP domain. Fails with [`StoreError::Duplicate`] if another row has its name.
    PutSipDomain(Box<SipDomainRow>),
    /// Deletes one with its uses of lists.
    DeleteSipDomain(SipDomainSid),
    /// A list guards a door.
    PutListUse(Box<ListUseRow>),
    /// It does so no longer.
    DeleteListUse(DoorSid, Purpose, ListSid),
    /// Where a peer that registered can be reached.
    PutBinding(Box<BindingRow>),
    /// That is over.
    DeleteBinding {
        /// Its key.
        key: String,
    },
}

/// All or nothing.
#[derive(Clone, Debug, Default)]
pub struct Tx {
    /// In order.
    pub ops: Vec<Op>,
}

impl Tx {
    /// One operation.
    pub fn one(op: Op) -> Tx {
        Tx { ops: vec![op] }
    }
}

/// Why a transaction was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A unique value is taken: `number`, `idempotency`, `sid`.
    Duplicate(&'static str),
    /// The transaction contradicts what is stored (a status of a call that is over, a late whole-row write): an
    /// error of ours, in a sentence. Nothing of it was written.
    Refused(&'static str),
    /// The database refused or was not reached; the sentence is for the log.
    Unavailable(String),
}

impl StoreError {
    /// The database is at fault, not the transaction: trying again later may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, StoreError::Unavailable(_))
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Duplicate(what) => write!(f, "the {what} is taken"),
            StoreError::Refused(why) => f.write_str(why),
            StoreError::Unavailable(why) => write!(f, "the database is not available: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// Where transactions go: memory, SQLite, PostgreSQL. One owner, the writer; no lock inside.
pub trait Backend: Send {
    /// Applies a group in order, each transaction alone (a bad one does not take the others with it), and makes the
    /// group durable before it returns.
    fn apply(&mut self, group: &[Tx]) -> Vec<Result<(), StoreError>>;
    /// What `Switch::recover` needs: calls that are not final, recordings not ended, outbox rows still pending.
    fn recover(&mut self) -> Result<Recovered, StoreError>;
    /// Is it still there? One that is not tries to get it back. Called between groups.
    fn check(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Rows found at start.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Calls without a final status.
    pub calls: Vec<CallRow>,
    /// Recordings `in-progress` or `paused` or `processing`.
    pub recordings: Vec<RecordingRow>,
    /// Streams in progress.
    pub streams: Vec<StreamRow>,
    /// Outbox rows still pending.
    pub outbox: Vec<OutboxRow>,
    /// Who had registered.
    pub bindings: Vec<BindingRow>,
    /// End and seconds of the calls of the day, of accounts whose minutes are counted. The caller reads them: it knows the day.
    pub talked: Vec<(AccountSid, crate::clock::Wall, u64)>,
}
