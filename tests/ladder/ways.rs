//! Which of several trunks a call takes, and when it stays with the one that it took.

use super::registering::pbx;
use super::scene::*;
use super::users::two_trunks;
use crate::kit::phone::OnCall;
use crate::kit::registrar::OnRegister;
use crate::kit::rows;
use crate::kit::{World, ladder};
use chorus::sid::TrunkSid;
use chorus::sip::registration::Standing;
use chorus::store::rows::{CallRow, CallStatus, TrunkRow};

fn taken(w: &World) -> Option<TrunkSid> {
    w.store.all::<CallRow>().next().unwrap().trunk
}

#[test]
fn trunk_is_down() {
    let mut w = pbx(420, OnRegister::Take(600), "<Say>hello</Say>");
    w.another_trunk(TrunkRow {
        name: "second".to_owned(),
        outbound_host: Some("10.0.1.3:5060".to_owned()),
        ..rows::trunk(0x72, &[])
    });
    let second = w.phone("second", 3);
    w.phones[second].on_call = OnCall::Answer(500);
    w.run_ms(1_000);
    w.phones[0].registrar.as_mut().unwrap().mute = true;
    w.until("down", |w| w.switch.registrations().iter().any(|(_, r)| r.state == Standing::Down));
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[second].ended.is_empty());
    assert_eq!(taken(&w), Some(TrunkSid(0x72)));
    assert!(w.phones[0].leg.is_none(), "nobody asked the PBX that is down");
    w.without_trunk();
    w.run_ms(1_000);
    ladder::check(w, "trunk_is_down", "A trunk that is down is passed over at once, not after 4 s.");
}

#[test]
fn trunk_takes_no_connection() {
    let mut w = two_trunks(521);
    w.trunk(|t| t.transport = "tcp".to_owned());
    let second = w.phone("second", 3);
    w.phones[second].on_call = OnCall::Answer(500);
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[second].ended.is_empty());
    assert_eq!(taken(&w), Some(TrunkSid(0x72)));
    w.run_ms(1_000);
    ladder::check(w, "trunk_takes_no_connection", "The next candidate on a refused connection.");
}

/// The first of two trunks refuses so; what became of the call, and whether anybody asked the second.
fn refused(seed: u64, code: u16) -> World {
    let mut w = two_trunks(seed);
    callee(&mut w, OnCall::Refuse(code));
    let second = w.phone("second", 3);
    api(&mut w, |_| {});
    w.until("it is over", |w| w.switch.calls().count() == 0);
    w.run_ms(5_000);
    assert!(w.phones[second].leg.is_none() && w.phones[second].ended.is_empty());
    assert_eq!(taken(&w), Some(TrunkSid(0x71)));
    w
}

#[test]
fn trunk_declines() {
    let w = refused(522, 603);
    ladder::check(w, "trunk_declines", "Never another candidate on 603.");
}

#[test]
fn trunk_knows_no_such_number() {
    let w = refused(523, 404);
    assert_eq!(w.store.all::<CallRow>().next().unwrap().status, CallStatus::Failed);
    ladder::check(w, "trunk_knows_no_such_number", "Never another candidate on 404.");
}
