//! Targets that failed are tried last for a while.

use super::net::udp;
use super::peer::{Bench, US};
use chorus::sip::event::{Flow, InviteCmd, LegId, SipCmd};
use std::net::SocketAddr;

const FIRST: &str = "10.0.0.21:5060";
const SECOND: &str = "10.0.0.22:5060";

/// One more call to a name that has both; whom it is sent to.
fn call(b: &mut Bench, n: u64) -> SocketAddr {
    b.take();
    let cmd = InviteCmd {
        leg: LegId(2 * n),
        call_id: format!("{n}@10.0.0.1"),
        local_tag: format!("mine{n}"),
        uri: "sip:+15550100@pbx.example".into(),
        from: "<sip:+15550199@LOCAL>".into(),
        to: "<sip:+15550100@pbx.example>".into(),
        max_forwards: 70,
        ..InviteCmd::default()
    };
    b.tell(SipCmd::Invite(Box::new(cmd)));
    let flows: Vec<Flow> = [FIRST, SECOND].iter().map(|to| udp(US, to)).collect();
    let id = b.lookup.take().unwrap();
    b.tell(SipCmd::Resolved(id, flows));
    b.sent.last().unwrap().0.remote
}

#[test]
fn a_target_that_failed_is_tried_last_until_its_time_is_over() {
    let mut b = Bench::new();
    let (first, second): (SocketAddr, SocketAddr) = (FIRST.parse().unwrap(), SECOND.parse().unwrap());
    assert_eq!(call(&mut b, 1), first);
    b.respond("INVITE", 503, "Retry-After: 100\r\n", "x", "");
    assert_eq!(b.sent.last().unwrap().0.remote, second, "the next of the same call");
    b.respond("INVITE", 486, "", "y", "");
    assert_eq!(call(&mut b, 2), second, "and of the next");
    // It may still be the only one that answers.
    b.lost(udp(US, SECOND));
    assert_eq!(b.sent.last().unwrap().0.remote, first);
    b.respond("INVITE", 486, "", "y", "");
    assert_eq!(call(&mut b, 3), first, "it answered: the other one is the last now");
    b.respond("INVITE", 503, "Retry-After: 100\r\n", "x", "");
    b.respond("INVITE", 486, "", "y", "");
    b.pass(101_000);
    assert_eq!(call(&mut b, 4), first, "as DNS has them");
}
