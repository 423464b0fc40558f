//! Calls that come in.

use crate::kit::{Reply, World, ladder};

#[test]
fn inbound_hangup() {
    let mut w = World::new(1);
    let caller = w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Hangup/>"));
    w.dial(caller, "+15550001");
    w.until("the call is over", |w| w.phones[0].ended.len() == 1);
    ladder::check(w, "inbound_hangup", "INVITE from a trunk -> number -> webhook -> <Hangup/> -> commit -> 200 -> ACK -> BYE, its row, its status, its callback.");
}
