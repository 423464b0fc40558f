//! What happens to cables: one is pulled while a call is up; a server has two.

use super::installed;
use super::network::{Host, on_hosts};
use super::scene::*;
use crate::fault::child::{Place, free};
use std::time::Duration;
use tokio::time::{interval, timeout};

const TALKS: &str = "+15550000021";
const DIALS: &str = "+15550000022";

/// A number with a document of its own.
async fn number(s: &Scene, number: &str, document: &str) {
    let document = base64_simd::STANDARD.encode_to_string(format!("<Response>{document}</Response>"));
    let (url, status) = (format!("data:text/xml;base64,{document}"), s.app.url("/status"));
    s.server.number(number, &[("VoiceUrl", &url), ("StatusCallback", &status)]).await;
}

/// Datagrams of the call reach this host.
async fn hears(host: &Host) {
    let begun = host.counted("InDelivers");
    let more = async {
        let mut looks = interval(Duration::from_millis(20));
        while host.counted("InDelivers") < begun + 25 {
            looks.tick().await;
        }
    };
    assert!(timeout(LIMIT, more).await.is_ok(), "the media stopped");
}

#[test]
fn a_call_outlives_a_cable_that_is_pulled_for_a_while() {
    on_hosts(2, async |hosts| {
        if !installed("sipp") {
            return;
        }
        let mut place = Place::new("flap");
        place.sip.set_ip([198, 18, 0, 1].into());
        let mut peer = free();
        peer.set_ip([198, 18, 0, 2].into());
        let s = scene_at(place, peer, &[("inbound_source_ips", "198.18.0.2")]).await;
        number(&s, TALKS, "<Say loop=\"100\">Hello to you. How are you today?</Say>").await;
        let caller = hosts[1].does(s.caller_with("flap", TALKS, &["-i", "198.18.0.2"], |text| text));
        let flap = async {
            hears(&hosts[1]).await;
            hosts[0].ip("link set right down");
            // Long enough for the server to have failed to send many times.
            let failed = hosts[0].counted("OutNoRoutes");
            let mut looks = interval(Duration::from_millis(20));
            while hosts[0].counted("OutNoRoutes") < failed + 25 {
                looks.tick().await;
            }
            hosts[0].ip("link set right up");
            hears(&hosts[1]).await;
        };
        tokio::join!(caller, flap);
        let sid = s.ended("completed").await;
        assert_eq!(s.verdict(&sid, "hung_up_by").await, "caller");
    });
}

#[test]
fn on_each_cable_the_server_shows_the_address_that_it_has_there() {
    on_hosts(3, async |hosts| {
        if !installed("sipp") {
            return;
        }
        let [caller, house, callee] = &hosts[..] else { panic!() };
        let mut place = Place::new("cables");
        place.sip.set_ip([0, 0, 0, 0].into());
        let mut peer = free();
        peer.set_ip([198, 18, 1, 2].into());
        let trunk = [("inbound_source_ips", "198.18.0.0/15")];
        let mut s = house.does(scene_at(place, peer, &trunk)).await;
        s.server.sip.set_ip([198, 18, 0, 2].into());
        house.does(number(&s, DIALS, &format!("<Dial><Sip>sip:anna@{peer}</Sip></Dial>"))).await;
        let far = callee.does(s.callee_at("uas_between", peer, &["-i", "198.18.1.2"], |text| text)).await;
        caller.does(s.caller_with("between", DIALS, &["-i", "198.18.0.1"], |text| text)).await;
        far.passes().await;
        house.does(s.until_told("completed", 1)).await;
    });
}
