//! What an address that an account chose must not lead to, asked of DNS when it matters and not more often.

use super::net::udp;
use super::peer::{Bench, OUT, SDP, US};
use chorus::sid::{AccountSid, TrunkSid};
use chorus::sip::event::{Cause, Fence, Flow, InviteCmd, LegId, SipCmd};
use chorus::store::rows::TrunkRow;
use chorus::trunk::Snapshot;
use std::sync::Arc;

const CARRIER: &str = "192.0.2.1:5060";
const OTHER_EDGE: &str = "192.0.2.2:5060";
const OWN: &str = "192.0.2.9:5060";

/// One trunk by its name alone, and one by its address.
fn tables() -> Arc<Snapshot> {
    let named = TrunkRow {
        sid: TrunkSid(1),
        outbound_host: Some("Carrier.example.:5070".into()),
        outbound_proxy: Some("192.0.2.77".into()),
        ..TrunkRow::default()
    };
    let listed = TrunkRow {
        sid: TrunkSid(2),
        inbound_source_ips: vec!["198.51.100.0/24".into()],
        ..TrunkRow::default()
    };
    Arc::new(Snapshot::new(vec![named, listed], vec![]))
}

fn bench() -> Bench {
    let mut b = Bench::new();
    b.sources(tables());
    b
}

/// An INVITE of an account that must not dial this user.
fn dial(b: &mut Bench, n: u64, open: bool) {
    b.tell(SipCmd::Invite(Box::new(command(n, open))));
    b.expect(&["resolve evil.example None None"]);
}

fn command(n: u64, open: bool) -> InviteCmd {
    InviteCmd {
        leg: OUT,
        call_id: format!("ours{n}@10.0.0.1"),
        local_tag: "mine".into(),
        uri: "sip:+442079460018@evil.example".into(),
        from: "<sip:+15550199@LOCAL>".into(),
        to: "<sip:+442079460018@evil.example>".into(),
        max_forwards: 70,
        offer: SDP.into(),
        fence: Some(Fence { account: AccountSid(1), open }),
        ..InviteCmd::default()
    }
}

/// The latest lookup finds these.
fn found(b: &mut Bench, at: &[&str]) {
    let (id, flows) = (b.lookup.unwrap(), at.iter().map(|at| udp(US, at)).collect::<Vec<Flow>>());
    b.tell(SipCmd::Resolved(id, flows));
}

const REFUSED: &str = "Ended 2 us 403";

#[test]
fn names_of_trunks_are_asked_before_the_invite_and_once_a_minute() {
    let mut b = bench();
    dial(&mut b, 1, false);
    found(&mut b, &[CARRIER]);
    b.expect(&["resolve carrier.example Some(5070) None"]);
    assert_eq!(b.asked.trunk, Some(TrunkSid(1)));
    found(&mut b, &[CARRIER]);
    b.expect(&[REFUSED]);
    dial(&mut b, 2, false);
    found(&mut b, &[CARRIER]);
    b.expect(&[REFUSED]);
    // It leads elsewhere now, and is the carrier's there; where it was it still is.
    b.pass(61_000);
    for (n, at) in [(3, OTHER_EDGE), (4, CARRIER)] {
        dial(&mut b, n, false);
        found(&mut b, &[at]);
        if n == 3 {
            b.expect(&["resolve carrier.example Some(5070) None"]);
            found(&mut b, &[OTHER_EDGE]);
        }
        b.expect(&[REFUSED]);
    }
    // Not for ever; a name that is not found leaves what is known.
    b.pass(3_600_000);
    dial(&mut b, 5, false);
    found(&mut b, &[CARRIER]);
    b.take();
    found(&mut b, &[]);
    b.expect(&["INVITE"]);
}

#[test]
fn what_is_known_is_known_while_dns_says_nothing() {
    let mut b = bench();
    dial(&mut b, 1, false);
    found(&mut b, &[CARRIER]);
    b.take();
    found(&mut b, &[CARRIER]);
    b.expect(&[REFUSED]);
    b.pass(61_000);
    dial(&mut b, 2, false);
    found(&mut b, &[CARRIER]);
    b.take();
    found(&mut b, &[]);
    b.expect(&[REFUSED]);
}

#[test]
fn an_address_of_the_tables_and_one_that_is_nobodys() {
    for (at, line) in
        [("198.51.100.7:5070", REFUSED), ("[::ffff:198.51.100.7]:5060", REFUSED), (OWN, "INVITE")]
    {
        let mut b = bench();
        dial(&mut b, 1, false);
        found(&mut b, &[at]);
        b.take();
        found(&mut b, &[CARRIER]);
        b.expect(&[line]);
    }
    // Where nothing can be a carrier's nothing is asked.
    let mut b = bench();
    dial(&mut b, 1, true);
    found(&mut b, &[CARRIER]);
    b.expect(&["INVITE"]);
}

/// The account's own server sends the call on; its name leads elsewhere by now.
#[test]
fn a_3xx_leads_no_further() {
    let mut b = bench();
    dial(&mut b, 1, false);
    found(&mut b, &[OWN]);
    b.take();
    found(&mut b, &[CARRIER]);
    b.expect(&["INVITE"]);
    b.respond("INVITE", 302, "Contact: <sip:+442079460018;again@evil.example>\r\n", "them", "");
    b.expect(&["ACK", "resolve evil.example None None"]);
    found(&mut b, &[CARRIER]);
    b.expect(&[REFUSED]);
    b.over();
}

/// Whoever takes the call back while names are asked is not called after all.
#[test]
fn a_call_that_was_taken_back_stays_so() {
    let mut b = bench();
    dial(&mut b, 1, false);
    found(&mut b, &[OWN]);
    b.take();
    b.tell(SipCmd::Hangup { leg: OUT, cause: Cause::new(487, "Gone"), headers: vec![] });
    b.expect(&["Ended 2 us 487"]);
    found(&mut b, &[CARRIER]);
    b.expect(&[]);
    b.over();
}

/// A trunk that is made while names are asked counts for whoever waits then.
#[test]
fn a_trunk_that_is_made_meanwhile_is_asked_as_well() {
    let mut b = bench();
    dial(&mut b, 1, false);
    found(&mut b, &[OWN]);
    b.expect(&["resolve carrier.example Some(5070) None"]);
    let first = b.lookup.unwrap();
    let new = TrunkRow { sid: TrunkSid(3), outbound_host: Some("new.example".into()), ..TrunkRow::default() };
    let trunks = tables().trunks().iter().cloned().chain([new]).collect();
    b.sources(Arc::new(Snapshot::new(trunks, vec![])));
    let cmd = InviteCmd { leg: LegId(OUT.0 + 2), call_id: "other@10.0.0.1".into(), ..command(2, false) };
    b.tell(SipCmd::Invite(Box::new(cmd)));
    found(&mut b, &[OWN]);
    b.take();
    b.tell(SipCmd::Resolved(first, vec![udp(US, CARRIER)]));
    b.expect(&["resolve new.example None None"]);
    found(&mut b, &[OWN]);
    b.expect(&[REFUSED, "Ended 4 us 403"]);
}
