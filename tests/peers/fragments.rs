//! Messages that fit no packet, on cables with an MTU of 1500 octets: cut into fragments, or over TCP (RFC 3261 section 18.1.1). A peer
//! that takes no connection, a firewall that says nothing to one, a tunnel on the way that is narrower than both ends know.

use super::installed;
use super::network::{Host, on_hosts};
use super::scene::*;
use super::sipp::Sipp;
use crate::fault::child::{Place, free};
use std::net::SocketAddr;

const SERVER: [u8; 4] = [198, 18, 0, 1];

/// The server on this host, and a trunk to `peer`, which is on another.
async fn house(name: &str, peer: [u8; 4], trunk: &[(&str, &str)]) -> Scene {
    let mut place = Place::new(name);
    place.sip.set_ip(SERVER.into());
    let peer = there(peer);
    let source = peer.ip().to_string();
    scene_at(place, peer, &[&[("inbound_source_ips", source.as_str())], trunk].concat()).await
}

/// A port on another host.
fn there(ip: [u8; 4]) -> SocketAddr {
    let mut at = free();
    at.set_ip(ip.into());
    at
}

/// Header fields of so many octets together.
fn padding(fields: usize, each: usize) -> String {
    (0..fields)
        .map(|n| format!("X-Pad-{n}: {}\n  ", "x".repeat(each)))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// Parameters or header fields of an address.
fn pads(between: &str) -> String {
    let pads: Vec<String> = (0..20).map(|n| format!("X-Pad-{n}={}", "y".repeat(35))).collect();
    pads.join(between)
}

/// An address with header fields for the INVITE, which is then longer than 1300 octets.
fn long(at: SocketAddr) -> String {
    format!("sip:anna@{at}?{}", pads("&"))
}

/// sipp answers at `at` on that host.
async fn answers(s: &Scene, host: &Host, at: SocketAddr, transport: &str) -> Sipp {
    let ip = at.ip().to_string();
    let more = ["-i", ip.as_str(), "-t", if transport == "TCP" { "t1" } else { "u1" }];
    let change = |text: String| text.replace("TRANSPORT", transport).replace("PADDING", &padding(8, 400));
    host.does(s.callee_at("uas_fragments", at, &more, change)).await
}

#[test]
fn a_call_whose_messages_are_cut_into_fragments_both_ways() {
    on_hosts(2, async |hosts| {
        if !installed("sipp") {
            return;
        }
        let s = house("fragments", [198, 18, 0, 2], &[]).await;
        let change = |text: String| {
            let route =
                |n| format!("Record-Route: <sip:198.18.0.2:[local_port];lr;number-{n}={}>", "r".repeat(60));
            let records: Vec<String> = (0..20).map(route).collect();
            let lines: Vec<String> = (0..60).map(|n| format!("| a=x-line-{n}:{}", "s".repeat(50))).collect();
            let text = text.replace("RECORDS", &records.join("\n  "));
            text.replace("DESCRIPTION", &lines.join("\n  ")).replace("PADDING", &padding(38, 300))
        };
        let more = ["-i", "198.18.0.2"];
        hosts[1].does(s.caller_with("fragments", BRIEF, &more, change)).await;
        let sid = s.ended("completed").await;
        s.went(&sid, &["phone: INVITE", "chorus: 200 INVITE", "phone: UPDATE", "chorus: 200 UPDATE"]).await;
        s.went(&sid, &["chorus: BYE", "phone: 200 BYE"]).await;
        let asked = s.app.seen().into_iter().find(|r| r.path == "/brief").unwrap();
        assert_eq!((asked.get("SipHeader_X-First"), asked.get("SipHeader_X-Last")), ("1", "2"));
        assert_eq!(asked.get("SipHeader_X-Pad-37").len(), 300);
        // The kernel put together INVITE, UPDATE and the last 200 here, our 200s there.
        let together = [0, 1].map(|n| hosts[n].counted("ReasmOKs"));
        println!("datagrams put together, here and there: {together:?}");
        assert!(together[0] >= 3 && together[1] >= 2, "{together:?}");
    });
}

#[test]
fn a_long_invite_of_ours_goes_over_tcp_and_is_not_cut() {
    on_hosts(2, async |hosts| {
        if !installed("sipp") {
            return;
        }
        let s = house("fragments-tcp", [198, 18, 0, 2], &[]).await;
        let sipp = answers(&s, &hosts[1], s.peer, "TCP").await;
        let sid = s.dials(&long(s.peer), "<Say>Hello to you.</Say>").await;
        sipp.passes().await;
        assert_eq!(s.ended("completed").await, sid);
        s.went(&sid, &["chorus: INVITE", "phone: 200 INVITE", "chorus: BYE", "phone: 200 BYE"]).await;
        assert_eq!(hosts[0].counted("FragCreates"), 0);
    });
}

#[test]
fn a_long_invite_of_ours_is_cut_where_nobody_takes_a_connection() {
    on_hosts(2, async |hosts| {
        if !installed("sipp") {
            return;
        }
        let s = house("fragments-udp", [198, 18, 0, 2], &[]).await;
        let sipp = answers(&s, &hosts[1], s.peer, "UDP").await;
        let sid = s.dials(&long(s.peer), "<Say>Hello to you.</Say>").await;
        sipp.passes().await;
        assert_eq!(s.ended("completed").await, sid);
        let cut =
            (hosts[0].counted("FragCreates"), hosts[1].counted("ReasmOKs"), hosts[0].counted("ReasmOKs"));
        println!("fragments made here, put together there, the answer put together here: {cut:?}");
        assert!(cut.0 >= 2 && cut.1 >= 1 && cut.2 >= 1, "{cut:?}");
    });
}

/// The trunk takes datagrams alone, and its firewall says nothing. It is not passed over for the next one because of that.
#[test]
fn a_firewall_that_is_silent_to_connections_gets_the_long_invite_in_fragments() {
    on_hosts(2, async |hosts| {
        if !installed("sipp") {
            return;
        }
        hosts[1].drops("tcp", "left");
        let address = format!("sip:{{number}}@{{host}};{}", pads(";"));
        let trunk = [("outbound_dial_string", address.as_str()), ("outbound_route_prefixes", "+1718")];
        let s = house("fragments-firewall", [198, 18, 0, 2], &trunk).await;
        let next = there([198, 18, 0, 2]).to_string();
        let next = [("outbound_host", next.as_str()), ("inbound_source_ips", "198.18.0.2")];
        s.server.sip_trunk("ip_address", &next).await;
        let sipp = answers(&s, &hosts[1], s.peer, "UDP").await;
        let sid = s.dials(CALLEE, "<Say>Hello to you.</Say>").await;
        sipp.passes().await;
        assert_eq!(s.ended("completed").await, sid);
    });
}

/// Behind the router a packet of 900 octets is the longest, and the router's word for it is lost on its way back.
#[test]
fn what_is_too_long_for_a_tunnel_on_the_way_is_cut_there() {
    on_hosts(3, async |hosts| {
        if !installed("sipp") {
            return;
        }
        hosts[1].routes();
        hosts[0].ip("route add 198.18.1.0/30 via 198.18.0.2");
        hosts[2].ip("route add 198.18.0.0/30 via 198.18.1.1");
        hosts[1].ip("link set right mtu 900");
        hosts[2].ip("link set left mtu 900");
        hosts[0].drops("icmp", "right");
        let s = house("fragments-tunnel", [198, 18, 1, 2], &[]).await;
        let sipp = answers(&s, &hosts[2], s.peer, "UDP").await;
        let pads: Vec<String> = (0..20).map(|n| format!("X-Pad-{n}=yy")).collect();
        let sid =
            s.dials(&format!("sip:anna@{}?{}", s.peer, pads.join("&")), "<Say>Hello to you.</Say>").await;
        sipp.passes().await;
        assert_eq!(s.ended("completed").await, sid);
        let cut =
            (hosts[0].counted("FragCreates"), hosts[1].counted("FragCreates"), hosts[2].counted("ReasmOKs"));
        println!("fragments made here, by the router, put together there: {cut:?}");
        assert!(cut.0 == 0 && cut.1 >= 2 && cut.2 >= 1, "{cut:?}");
    });
}
