//! Who calls: what trunks say beside From, and what they are told.

use super::elastic;
use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::{World, ladder};
use chorus::trunk::policy::{Asserts, Believed};

/// Calls with these fields; what the webhook is told of From and ForwardedFrom.
fn told(seed: u64, believed: Believed, fields: &[(&str, &str)]) -> (World, String, Option<String>) {
    let mut w = caller(seed, "<Hangup/>");
    w.trunk(|t| t.identity.inbound = believed);
    let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    w.dial_with(0, "+15550001", "+15559999", fields);
    over(&mut w);
    let params = w.app.of("/voice")[0].params.clone();
    (w, params["From"].clone(), params.get("ForwardedFrom").cloned())
}

const ASSERTED: (&str, &str) =
    ("P-Asserted-Identity", "\"Al\" <sip:al@carrier.example>, <tel:+1-555-888-0000>");

#[test]
fn identity_in() {
    let (w, from, _) = told(500, Believed::Asserted, &[ASSERTED]);
    assert_eq!(from, "+15558880000");
    ladder::check(w, "identity_in", "P-Asserted-Identity: of a trunk that is trusted it says who calls.");
}

#[test]
fn a_trunk_that_is_not_trusted_says_who_calls_in_from_alone() {
    assert_eq!(told(501, Believed::From, &[ASSERTED]).1, "+15559999");
    let remote = ("Remote-Party-ID", "<sip:+15558880001@10.0.1.10>;party=calling;privacy=off");
    assert_eq!(told(502, Believed::Asserted, &[remote]).1, "+15558880001");
    let called = ("Remote-Party-ID", "<sip:+15558880001@10.0.1.10>;party=called");
    assert_eq!(told(503, Believed::Asserted, &[called]).1, "+15559999");
}

#[test]
fn identity_withheld() {
    let (w, from, _) = told(504, Believed::Asserted, &[ASSERTED, ("Privacy", "user;id")]);
    assert_eq!(from, "anonymous");
    ladder::check(w, "identity_withheld", "Privacy: a caller who does not want to be known is anonymous.");
    assert_eq!(told(505, Believed::Asserted, &[ASSERTED, ("Privacy", "none")]).1, "+15558880000");
    let hidden = ("Remote-Party-ID", "<sip:+15558880001@10.0.1.10>;privacy=full");
    assert_eq!(told(506, Believed::From, &[hidden]).1, "anonymous");
}

#[test]
fn identity_history() {
    let history = "<sip:+15557777@carrier.example?Reason=SIP%3Bcause%3D302>;index=1, \
                   <sip:+15550001@10.0.0.1;cause=302>;index=1.1";
    let (w, _, by) = told(507, Believed::From, &[("History-Info", history)]);
    assert_eq!(by.as_deref(), Some("+15557777"));
    ladder::check(w, "identity_history", "Diversion, or History-Info: who forwarded the call is told.");
    let cause = "<sip:+15556666@carrier.example>;index=1, <sip:+15550001@10.0.0.1;cause=486>;index=1.1;mp=1";
    assert_eq!(told(508, Believed::From, &[("History-Info", cause)]).2.as_deref(), Some("+15556666"));
    let plain = "<sip:+15550001@10.0.0.1>;index=1";
    assert_eq!(told(509, Believed::From, &[("History-Info", plain)]).2, None);
}

/// A call that is passed on; what the callee's INVITE says.
fn passed_on(seed: u64, dial: &str, asserts: Asserts, fields: &[(&str, &str)]) -> World {
    let mut w = caller(seed, dial);
    w.trunk(|t| {
        t.identity.outbound = asserts;
        t.identity.diversion = true;
    });
    callee(&mut w, OnCall::Answer(200));
    let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    w.dial_with(0, "+15550001", "+15559999", fields);
    answered(&mut w, 1);
    w.hang_up(1);
    over(&mut w);
    w
}

#[test]
fn identity_out() {
    let w = passed_on(510, "<Dial><Number>+15550002</Number></Dial>", Asserts::PAssertedIdentity, &[]);
    let invite = w.phones[1].invite.clone().unwrap();
    assert_eq!(invite.identity.asserted.unwrap().user, "+15559999");
    assert_eq!((invite.identity.withheld, invite.diverted_by.as_str()), (false, "+15550001"));
    ladder::check(
        w,
        "identity_out",
        "P-Asserted-Identity and Diversion go out over a trunk that wants them: who calls, and who passed the call on.",
    );
}

#[test]
fn who_is_withheld_is_asserted_by_the_number_that_passes_the_call_on() {
    for (seed, asserts) in [(511, Asserts::PAssertedIdentity), (512, Asserts::RemotePartyId)] {
        let dial = "<Dial callerId=\"anonymous\"><Number>+15550002</Number></Dial>";
        let w = passed_on(seed, dial, asserts, &[]);
        let invite = w.phones[1].invite.clone().unwrap();
        assert_eq!(
            (invite.from_user.as_str(), invite.from_host.as_str()),
            ("anonymous", "anonymous.invalid")
        );
        assert_eq!(invite.identity.asserted.unwrap().user, "+15550001");
        assert!(invite.identity.withheld && invite.diverted_by.is_empty());
    }
}

/// A PBX behind a trunk of the account asks for privacy (RFC 3323), and the carrier is told so (RFC 3325).
#[test]
fn identity_private_from_the_pbx() {
    for (seed, asserts) in
        [(513, Asserts::PAssertedIdentity), (514, Asserts::RemotePartyId), (515, Asserts::None)]
    {
        let mut w = elastic::behind(seed, elastic::lists(Some("10.0.1.8/29"), None), |_| {});
        w.trunk(|t| t.identity.outbound = asserts);
        let fields = vec![
            ("P-Asserted-Identity".to_owned(), "<sip:+15550001@pbx.example.com>".to_owned()),
            ("Privacy".to_owned(), "id".to_owned()),
        ];
        w.dial_with(0, "+15550002", "anonymous", fields);
        answered(&mut w, 1);
        let invite = w.phones[1].invite.clone().unwrap();
        assert_eq!(invite.from_user, "anonymous");
        if asserts != Asserts::None {
            assert_eq!(
                (invite.identity.withheld, invite.identity.asserted.unwrap().user),
                (true, "+15550001".to_owned())
            );
        }
        w.hang_up(1);
        over(&mut w);
        if seed == 513 {
            let sentence = "Privacy: id of a PBX is carried on to the carrier: From is anonymous, the number is asserted.";
            ladder::check(w, "identity_private_from_the_pbx", sentence);
        }
    }
}
