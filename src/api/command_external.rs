//! What an external switch reports, checked, on its way to the one that writes statuses (ruling 2.12).

use crate::clock::Wall;
use crate::sid::TrunkSid;
use crate::store::reports::ReportRow;
use crate::store::rows::CallStatus;
use std::net::IpAddr;

/// How the switch knows where a call came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By the gateway: a trunk that registers elsewhere.
    Gateway(TrunkSid),
    /// By the user that registered.
    Client(String),
    /// By the address alone.
    Source(IpAddr),
}

/// A call that came in at an external switch.
#[derive(Clone, Debug)]
pub struct ExternalCall {
    /// Its id there.
    pub external: Option<String>,
    /// As it was dialled.
    pub to: String,
    /// As it was shown.
    pub from: String,
    /// Host of From, for a caller that is no number.
    pub host: String,
    /// Which trunk.
    pub origin: Origin,
    /// The address that it came from, if it was told.
    pub source: Option<IpAddr>,
}

/// How far a call has come.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It rings.
    Ringing,
    /// It was answered.
    Answered,
    /// It is over; with the status, where the word says more than that.
    Over(Option<CallStatus>),
}

/// A report about a call.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// What happened, if it is anything that we know.
    pub progress: Option<Progress>,
    /// Last SIP status.
    pub sip_code: Option<u16>,
    /// Q.850 cause.
    pub q850: Option<u8>,
    /// Words of the cause.
    pub words: Option<String>,
    /// When it was answered.
    pub answered: Option<Wall>,
    /// Seconds from answer to end.
    pub seconds: Option<u64>,
    /// The caller hung up, or the callee; None: not told.
    pub by_caller: Option<bool>,
    /// To be kept.
    pub row: ReportRow,
}
