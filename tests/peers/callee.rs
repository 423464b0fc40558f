//! The server calls sipp.

use super::sipp::{Sipp, received};
use super::{installed, scenario};
use crate::fault::app::App;
use crate::fault::child::{Place, Server, free};
use md5::{Digest, Md5};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
const FROM: &str = "+15550000001";
const SAYS: &str = "<Response><Say>Hello to you. How are you today?</Say></Response>";

struct Scene {
    place: Place,
    server: Server,
    app: Arc<App>,
    peer: SocketAddr,
}

async fn scene(name: &str, trunk: &[(&str, &str)]) -> Scene {
    let place = Place::new(name);
    let app = App::start(|_| (Duration::ZERO, "text/plain", vec![])).await;
    let server = place.start().await;
    let peer = free();
    server.trunk(peer, trunk).await;
    server.number(FROM, &[]).await;
    Scene { place, server, app, peer }
}

impl Scene {
    async fn sipp(&self, name: &str, file: PathBuf) -> Sipp {
        Sipp::callee(&self.place.dir, name, &file, self.peer).await
    }

    /// POST Calls over the trunk, with every callback.
    async fn calls(&self) -> String {
        let status = self.app.url("/status");
        let mut form = vec![
            ("To", "+17185550000"),
            ("From", FROM),
            ("Twiml", SAYS),
            ("StatusCallback", status.as_str()),
        ];
        for event in ["initiated", "ringing", "answered", "completed"] {
            form.push(("StatusCallbackEvent", event));
        }
        let made = self.server.post("/Calls.json", &form).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["sid"].as_str().unwrap().to_owned()
    }

    /// The statuses that were told, in order, until one that is final.
    async fn told(&self, last: &str) -> Vec<String> {
        let so = |seen: &[crate::fault::app::Request]| seen.iter().any(|r| r.get("CallStatus") == last);
        let told = self.app.until(LIMIT, so).await;
        let all: Vec<String> = self.app.seen().iter().map(|r| r.get("CallStatus").to_owned()).collect();
        assert!(told, "{last} was told, not {all:?}:\n{}", self.place.log_text());
        all
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.place.dir);
    }
}

#[tokio::test]
async fn early_media_rings_and_the_answer_is_told() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-early", &[]).await;
    let sipp = s.sipp("uas_early", scenario("uas_early")).await;
    s.calls().await;
    sipp.passes().await;
    assert_eq!(s.told("completed").await, ["initiated", "ringing", "in-progress", "completed"]);
}

#[tokio::test]
async fn the_callee_hangs_up_first() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-uas-hangup", &[]).await;
    let sipp = s.sipp("uas_hangup", scenario("uas_hangup")).await;
    s.calls().await;
    sipp.passes().await;
    assert_eq!(s.told("completed").await, ["initiated", "ringing", "in-progress", "completed"]);
}

#[tokio::test]
async fn refusals_become_twilios_statuses() {
    if !installed("sipp") {
        return;
    }
    for (code, status) in [("486", "busy"), ("603", "busy"), ("404", "failed"), ("480", "no-answer")] {
        let s = scene(&format!("sipp-{code}"), &[]).await;
        let text = std::fs::read_to_string(scenario("uas_refuse")).unwrap().replace("CODE", code);
        let file = s.place.dir.join("refuse.xml");
        std::fs::write(&file, text).unwrap();
        let sipp = s.sipp("uas_refuse", file).await;
        let sid = s.calls().await;
        sipp.passes().await;
        s.told(status).await;
        let row = s.server.get(&format!("/Calls/{sid}.json")).await.json();
        assert_eq!(row["status"], status, "{row}");
    }
}

const CREDENTIALS: &[(&str, &str)] = &[("username", "trunkuser"), ("password", "trunkpass")];

/// sipp itself checks the response to a 401.
#[tokio::test]
async fn digest_is_answered_as_sipp_wants_it() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-401", CREDENTIALS).await;
    let sipp = s.sipp("uas_401", scenario("uas_401")).await;
    s.calls().await;
    sipp.passes().await;
    s.told("completed").await;
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

#[tokio::test]
async fn a_proxys_challenge_is_answered() {
    if !installed("sipp") {
        return;
    }
    let s = scene("sipp-407", CREDENTIALS).await;
    let sipp = s.sipp("uas_407", scenario("uas_407")).await;
    s.calls().await;
    let trace = sipp.passes().await;
    s.told("completed").await;
    let line =
        received(&trace).flat_map(str::lines).find_map(|l| l.strip_prefix("Proxy-Authorization: Digest "));
    let line = line.expect("the credentials are in the trace").trim();
    let value = |name: &str| {
        let found = line.split(", ").find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("{name} in {line}")).trim_matches('"').to_owned()
    };
    let (a1, a2) = (md5("trunkuser:sipp:trunkpass"), md5(&format!("INVITE:{}", value("uri"))));
    let middle = [value("nonce"), value("nc"), value("cnonce"), value("qop")].join(":");
    assert_eq!(value("response"), md5(&format!("{a1}:{middle}:{a2}")));
}
