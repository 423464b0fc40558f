//! A softphone behind a NAT, a real one: a router that masks the phone's address and port. What the phone writes into Via, Contact and
//! SDP is an address to which the server has no way at all.

use super::baresip::{Baresip, NUMBER, Scene, scene_in};
use super::installed;
use super::network::{Host, on_hosts, possible};
use crate::fault::child::{Place, free};
use crate::security::secrets;

const PASSWORD: &str = "correct-horse-battery";

/// The server, the router, and the phone behind it, registered by this transport.
async fn behind_a_nat(name: &str, transport: &str, hosts: &[Host]) -> (Scene, Baresip) {
    hosts[1].routes();
    hosts[1].masks("left");
    // The network behind it is private (RFC 1918), as they are.
    hosts[1].ip("addr add 10.77.0.1/30 dev right");
    hosts[2].ip("addr flush dev left");
    hosts[2].ip("addr add 10.77.0.2/30 dev left");
    hosts[2].ip("route add default via 10.77.0.1");
    secrets::plant(PASSWORD);
    let mut place = Place::new(name);
    let mut tls = free();
    tls.set_ip([198, 18, 0, 1].into());
    place.sip.set_ip(tls.ip());
    place.extra.push(("CHORUS_SIP_TLS_LISTEN", tls.to_string()));
    let mut s = scene_in(place, false).await;
    s.peer.set_ip([10, 77, 0, 2].into());
    let user = [("username", "alice"), ("password", PASSWORD)];
    s.server.sip_trunk("client_credentials", &user).await;
    let at = if transport == "tls" { tls } else { s.server.sip };
    let account = format!(
        "<sip:alice@{at};transport={transport}>;auth_user=alice;auth_pass={PASSWORD};regint=60;answermode=auto;audio_codecs=PCMU\n"
    );
    let mut phone = hosts[2].does(async { Baresip::with(&s.place, s.peer, &account, &[]) }).await;
    phone.says("200 OK").await;
    (s, phone)
}

fn can() -> bool {
    let trial = || Host::made().unwrap().masks("lo");
    installed("baresip") && installed("nft") && possible("a NAT", trial)
}

#[test]
fn a_softphone_behind_a_nat_calls_and_both_hear_each_other() {
    on_hosts(3, async |hosts| {
        if !can() {
            return;
        }
        let (s, mut phone) = behind_a_nat("nat-caller", "udp", &hosts).await;
        phone.press(&format!("/dial sip:{NUMBER}@{}\n", s.server.sip)).await;
        s.conversation(phone).await;
    });
}

#[test]
fn a_softphone_behind_a_nat_is_called_where_its_register_came_from() {
    is_called("udp");
}

#[test]
fn a_softphone_behind_a_nat_is_called_on_its_connection() {
    is_called("tls");
}

fn is_called(transport: &'static str) {
    on_hosts(3, async move |hosts| {
        if !can() {
            return;
        }
        let (s, phone) = behind_a_nat(&format!("nat-callee-{transport}"), transport, &hosts).await;
        s.calls("sip:alice@chorus").await;
        s.conversation(phone).await;
    });
}
