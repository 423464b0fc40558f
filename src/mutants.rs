//! Planted bugs: what the simulation must find before it is believed (feature `mutants`, never in a release). Without the
//! feature [`on`] is a constant and nothing of this is in the binary.

/// One bug each; the comment where it is asked for says nothing more.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mutant {
    /// BYE leaves before the ACK of our 200 came.
    ByeBeforeAck = 1,
    /// A status callback is written by a transaction of its own.
    CallbackOutsideTx,
    /// 200 leaves before the row says so.
    AnswerBeforeCommit,
    /// INVITE leaves before the row says so.
    InviteBeforeCommit,
    /// The end of a source that is not ours any more goes on with the document.
    StaleMediaId,
    /// Callbacks that were pending at a crash are forgotten.
    CallbackLostOnCrash,
    /// Each round of a callback has another token.
    TokenChangesOnRetry,
    /// A call ends twice.
    TerminalTwice,
    /// The port of a call that is over stays open.
    PortNotClosed,
    /// The streams of a call that is over are not told so.
    StreamNotClosed,
    /// An answered call still waits for an answer.
    TimerNotDisarmed,
    /// Nobody is told of a recording.
    RecordingCallbackMissing,
    /// Legs that were up at a crash get no BYE.
    OrphanForgotten,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 13] = [
        Mutant::ByeBeforeAck,
        Mutant::CallbackOutsideTx,
        Mutant::AnswerBeforeCommit,
        Mutant::InviteBeforeCommit,
        Mutant::StaleMediaId,
        Mutant::CallbackLostOnCrash,
        Mutant::TokenChangesOnRetry,
        Mutant::TerminalTwice,
        Mutant::PortNotClosed,
        Mutant::StreamNotClosed,
        Mutant::TimerNotDisarmed,
        Mutant::RecordingCallbackMissing,
        Mutant::OrphanForgotten,
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Mutant> {
        Mutant::ALL.into_iter().find(|m| format!("{m:?}") == name)
    }
}

#[cfg(feature = "mutants")]
static PLANTED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Plants one in the whole process; None takes it out.
#[cfg(feature = "mutants")]
pub fn plant(m: Option<Mutant>) {
    PLANTED.store(m.map_or(0, |m| m as u8), std::sync::atomic::Ordering::SeqCst);
}

/// Is it planted?
#[cfg(feature = "mutants")]
pub fn on(m: Mutant) -> bool {
    PLANTED.load(std::sync::atomic::Ordering::Relaxed) == m as u8
}

/// Is it planted? Never.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn on(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
mod panics {
    use crate::sid::CallSid;
    use std::cell::Cell;

    std::thread_local! {
        /// Whose code runs.
        static INSIDE: Cell<Option<CallSid>> = const { Cell::new(None) };
        /// Who panics, after how many effects, and after how many more again.
        static PLAN: Cell<Option<(CallSid, u32, Option<u32>)>> = const { Cell::new(None) };
    }

    /// This call will panic in this thread once it has said so many more effects; and then, with `again`, once more. No message is
    /// printed.
    pub fn panic_in(call: CallSid, effects: u32, again: Option<u32>) {
        PLAN.set(Some((call, effects, again)));
    }

    /// None will, whatever was planned: another world begins.
    pub fn no_panic() {
        PLAN.set(None);
    }

    pub(crate) fn enter(call: Option<CallSid>) {
        INSIDE.set(call);
    }

    pub(crate) fn effect() {
        let Some((call, left, again)) = PLAN.get().filter(|(call, ..)| INSIDE.get() == Some(*call)) else {
            return;
        };
        if left > 1 {
            return PLAN.set(Some((call, left - 1, again)));
        }
        PLAN.set(again.map(|effects| (call, effects, None)));
        std::panic::resume_unwind(Box::new("planted"));
    }
}

#[cfg(feature = "mutants")]
pub(crate) use panics::{effect, enter};
#[cfg(feature = "mutants")]
pub use panics::{no_panic, panic_in};

#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(crate) const fn enter(_: Option<crate::sid::CallSid>) {}

#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(crate) const fn effect() {}
