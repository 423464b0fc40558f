//! Whose transaction it is: who hears of its outcome.

use super::knock::KnockId;
use crate::sid::TrunkSid;
use crate::sip::event::LegId;
use crate::sip::transaction::Key;
use bytes::Bytes;

/// Who is told what happens to a transaction.
#[derive(Clone, Debug)]
pub(super) enum User {
    /// Our INVITE.
    Invite(LegId),
    /// The same INVITE at another contact of whom we call.
    Twin(LegId),
    /// An INVITE of ours that was taken back because another was answered.
    Loser,
    /// Our BYE.
    Bye(LegId),
    /// Our PRACK.
    Prack(LegId),
    /// Our re-INVITE or UPDATE, with the ACK of its refusal.
    Refresh(LegId, Bytes),
    /// Our REFER.
    Refer(LegId),
    /// Our NOTIFY of how a transfer goes.
    Notify(LegId),
    /// A key of ours.
    Info(LegId),
    /// Our CANCEL, or the BYE of a fork: the outcome matters to nobody.
    Nobody,
    /// The peer's first INVITE, with the key under which merged requests are seen.
    Incoming(LegId, Box<Key>),
    /// A request in a dialog.
    Request(LegId),
    /// Our REGISTER, by its CSeq.
    Register(TrunkSid, u32),
    /// Our OPTIONS to a registrar, by its CSeq.
    Ping(TrunkSid, u32),
    /// Our OPTIONS to a contact that registered here.
    Knock(KnockId),
}
