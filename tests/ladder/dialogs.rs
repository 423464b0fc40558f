//! What dialogs do beside their INVITE and BYE: provisional responses that are acknowledged, timers, refreshes, redirections.

use super::scene::*;
use crate::kit::{Reply, World, ladder};

#[test]
fn sip_prack() {
    let mut w = World::new(600);
    w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Say>hello</Say>").after(3_000));
    w.dial_with(0, "+15550001", "+15559999", vec![("Require".to_owned(), "100rel".to_owned())]);
    // The 180 is lost, and comes again until it is acknowledged.
    w.run_ms(5);
    w.net.loss = 100;
    w.run_ms(100);
    w.net.loss = 0;
    over(&mut w);
    ladder::check(w, "sip_prack", "PRACK both ways: ringing that the caller requires to be reliable.");
}
