//! Who ended a call and why, as its row tells it.

use crate::sip::wire::q850;
use crate::store::rows::{CallRow, CallStatus};

/// Who may end a call.
pub const PARTIES: &[&str] = &["caller", "callee", "chorus"];
/// For what reason we did.
pub const REASONS: &[&str] = &["api", "twiml", "timeout", "dial", "restart", "error"];

/// Who ended it, and why we did if it was us.
pub fn hung_up(row: &CallRow) -> (Option<&'static str>, Option<&str>) {
    match (row.ended_by.as_deref(), row.direction) {
        (None, _) => (None, None),
        // As an external switch told it.
        (Some("caller"), _) => (Some("caller"), None),
        (Some("callee"), _) => (Some("callee"), None),
        (Some("peer"), direction) if direction.came_in() => (Some("caller"), None),
        (Some("peer"), _) => (Some("callee"), None),
        (Some(_), _) => (Some("chorus"), Some(row.ended_how.as_deref().unwrap_or("error"))),
    }
}

/// Q.850: no answer from the user, who was alerted.
const NO_ANSWER: u8 = 19;

/// The Q.850 cause of its end: the peer's, else that of the SIP status. The CANCEL after nobody answered has a 487 as well as that of a
/// caller who gave up.
pub fn q850(row: &CallRow) -> Option<u8> {
    let cause = row.cause.as_ref().filter(|_| row.status.is_final())?;
    let unanswered = row.status == CallStatus::NoAnswer && cause.code == 487;
    cause.q850.or(unanswered.then_some(NO_ANSWER)).or_else(|| q850::of_status(cause.code))
}
