//! sipp calls the server.

use super::installed;
use super::sipp::{Sipp, received};
use crate::fault::app::{App, twiml};
use crate::fault::child::{Place, Server};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

const SHORT: &str = "+15550000001";
const LONG: &str = "+15550000002";
const SLOW: &str = "+15550000003";
const KEYS: &str = "+15550000004";

struct Scene {
    place: Place,
    server: Server,
    app: Arc<App>,
}

async fn scene(name: &str) -> Scene {
    let place = Place::new(name);
    let app = App::start(|r| match r.path.as_str() {
        "/short" => twiml("<Say>Hello.</Say>"),
        "/long" => twiml("<Say>Hello.</Say><Pause length=\"120\"/>"),
        "/slow" => (Duration::from_secs(8), "text/xml", b"<Response/>".to_vec()),
        "/keys" => twiml("<Gather numDigits=\"2\" timeout=\"10\" action=\"/short\"/>"),
        _ => (Duration::ZERO, "text/plain", vec![]),
    })
    .await;
    let server = place.start().await;
    server.trunk("127.0.0.1:9".parse().unwrap(), &[]).await;
    for (number, path) in [(SHORT, "/short"), (LONG, "/long"), (SLOW, "/slow"), (KEYS, "/keys")] {
        let (url, status) = (app.url(path), app.url("/status"));
        server.number(number, &[("VoiceUrl", &url), ("StatusCallback", &status)]).await;
    }
    Scene { place, server, app }
}

impl Scene {
    async fn call(&self, name: &str, number: &str, more: &[&str]) -> String {
        Sipp::caller(&self.place.dir, name, self.server.sip, number, more).passes().await
    }

    /// Its one call told this end.
    async fn told(&self, status: &str) {
        let so = |seen: &[crate::fault::app::Request]| seen.iter().any(|r| r.get("CallStatus") == status);
        assert!(self.app.until(LIMIT, so).await, "{status} was told:\n{}", self.place.log_text());
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.place.dir);
    }
}

#[tokio::test]
async fn a_call_is_answered_and_hung_up_over_udp_and_tcp() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-hangup").await;
    s.call("hangup", SHORT, &[]).await;
    s.told("completed").await;
    s.call("hangup-tcp", SHORT, &["-t", "t1"]).await;
    s.call("options", SHORT, &[]).await;
    s.call("options-tcp", SHORT, &["-t", "t1"]).await;
}

#[tokio::test]
async fn an_invite_without_sdp_gets_an_offer() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-offerless").await;
    s.call("offerless", SHORT, &[]).await;
    s.told("completed").await;
}

#[tokio::test]
async fn hold_and_resume_by_reinvite_and_update() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-hold").await;
    s.call("hold", LONG, &[]).await;
    s.told("completed").await;
}

#[tokio::test]
async fn a_cancelled_call_is_canceled() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-cancel").await;
    s.call("cancel", SLOW, &[]).await;
    s.told("canceled").await;
}

#[tokio::test]
async fn keys_by_info_reach_gather() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-info").await;
    s.call("info", KEYS, &[]).await;
    s.told("completed").await;
    assert!(s.app.seen().iter().any(|r| r.get("Digits") == "57"), "{:?}", s.app.seen());
}

#[tokio::test]
async fn a_200_without_ack_is_repeated_and_then_hung_up() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-noack").await;
    let trace = s.call("noack", LONG, &[]).await;
    let answers = received(&trace).filter(|m| m.contains("SIP/2.0 200 OK")).count();
    // RFC 3261 13.3.1.4: at 0, 0.5, 1.5, 3.5 s and then every 4 s, until 32 s are over.
    assert!((10..=12).contains(&answers), "{answers} times 200:\n{trace}");
    s.told("completed").await;
}
