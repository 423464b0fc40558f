//! Calls that a process before us made: they are left, whoever answers.

use super::super::net::udp;
use super::super::peer::{Bench, PEER, SDP, US, response};
use super::{CONTACT, invite, targets};
use chorus::sip::event::{Cause, DialogIds, Flow, LegId, SipCmd, Transport};

/// A dialog as a process before us wrote it into its row.
fn former() -> DialogIds {
    DialogIds {
        call_id: "old@10.0.0.1".into(),
        local_tag: "we".into(),
        remote_tag: "they".into(),
        local_uri: "<sip:+1@10.0.0.1>".into(),
        remote_uri: "<sip:+2@10.0.0.2>".into(),
        remote_target: "sip:they@10.0.0.2:5066".into(),
        route_set: vec![],
        local_cseq: 7,
        flow: udp(US, PEER),
        hidden: false,
    }
}

/// It shall be left.
fn orphan(dialog: DialogIds) -> SipCmd {
    SipCmd::Orphan { leg: LegId(44), dialog: Box::new(dialog), cause: Cause::new(500, "Restart") }
}

#[test]
fn a_dialog_of_a_former_life_is_left_with_room_in_its_cseq() {
    let mut b = Bench::new();
    let orphan = orphan(former());
    b.tell(orphan.clone());
    b.tell(orphan);
    b.expect(&["BYE"]);
    assert_eq!(b.last().cseq().unwrap().number, 10_008);
    assert_eq!(b.last_flow().remote, "10.0.0.2:5066".parse().unwrap());
    assert_eq!(b.last().headers.text("To").unwrap(), "<sip:+2@10.0.0.2>;tag=they");
    b.respond("BYE", 200, "", "", "");
    b.expect(&["Ended 44 us 200"]);
    b.over();
}

#[test]
fn an_orphan_of_a_broken_connection_is_called_where_its_contact_says() {
    let mut b = Bench::new();
    let flow = Flow {
        transport: Transport::Tcp,
        remote: "10.0.0.2:49152".parse().unwrap(),
        local: US.parse().unwrap(),
        conn: 7,
    };
    let remote_target = "sip:they@10.0.0.2:5066;transport=tcp".into();
    b.tell(orphan(DialogIds { remote_target, flow, ..former() }));
    b.expect(&["BYE"]);
    let flow = b.last_flow();
    assert_eq!((flow.transport, flow.conn), (Transport::Tcp, 0));
    assert_eq!(flow.remote, "10.0.0.2:5066".parse().unwrap());
}

/// Our INVITE left, nobody had answered, the process died: its callee may still answer, for as long as a call may ring.
#[test]
fn a_late_200_to_an_invite_of_a_former_life_gets_ack_and_bye() {
    let mut b = Bench::new();
    b.dial(&targets(1));
    let sent = invite(&b);
    // Its row, as it was written before the INVITE left: no tag of theirs.
    let dialog = DialogIds {
        call_id: "ours@10.0.0.1".into(),
        local_tag: "mine".into(),
        remote_tag: String::new(),
        local_uri: "<sip:+15550199@10.0.0.1>".into(),
        remote_uri: "<sip:+15550100@pbx.example>".into(),
        remote_target: "sip:+15550100@pbx.example".into(),
        local_cseq: sent.cseq().unwrap().number,
        ..former()
    };
    let orphan = orphan(dialog);
    let restarted = || {
        let mut b = Bench::new();
        b.tell(orphan.clone());
        b.expect(&["Ended 44 us 500"]);
        b
    };
    let ok = response(&sent, 200, CONTACT, "callee", SDP);

    let mut b = restarted();
    b.pass(600_000);
    b.get(&ok.replace("tag=mine", "tag=other"));
    b.expect(&[]);
    b.get(&ok);
    b.expect(&["ACK", "BYE"]);
    assert_eq!(b.last().to_tag().as_deref(), Some("callee"));
    assert!(b.last().cseq().unwrap().number > sent.cseq().unwrap().number);
    b.get(&ok);
    b.expect(&["ACK"]);
    b.respond("BYE", 200, "", "", "");
    b.over();

    // What forked is left too; an early answer to another of our calls is none of this one.
    let mut b = restarted();
    b.get(&ok);
    b.get(&ok.replace("tag=callee", "tag=fork"));
    b.expect(&["ACK", "BYE", "ACK", "BYE"]);
    b.over();

    let mut b = restarted();
    b.pass(700_000);
    b.get(&ok);
    b.expect(&[]);
    b.over();
}
