//! Over IPv6, signalling and media: baresip calls and is called.

use super::baresip::{Baresip, NUMBER, Scene, scene_in};
use super::installed;
use crate::fault::child::Place;
use std::net::{Ipv6Addr, SocketAddr};

/// The same port of the other family.
fn six(address: SocketAddr) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()))
}

async fn scene(name: &str) -> Scene {
    let mut place = Place::new(name);
    place.sip = six(place.sip);
    let mut s = scene_in(place, false).await;
    s.peer = six(s.peer);
    s.server.trunk(s.peer, &[("inbound_source_ips", "::1")]).await;
    s
}

#[tokio::test]
async fn baresip_calls_over_ipv6_and_both_hear_each_other() {
    if !installed("baresip") {
        return;
    }
    let s = scene("baresip-ipv6-caller").await;
    let dial = format!("/dial sip:{NUMBER}@{}", s.server.sip);
    let phone = Baresip::start(&s.place, s.peer, &["-e", &dial]);
    s.conversation(phone).await;
}

#[tokio::test]
async fn baresip_is_called_over_ipv6_and_both_hear_each_other() {
    if !installed("baresip") {
        return;
    }
    let s = scene("baresip-ipv6-callee").await;
    let mut phone = Baresip::start(&s.place, s.peer, &[]);
    phone.says("baresip is ready").await;
    s.calls("+12125550001").await;
    s.conversation(phone).await;
}
