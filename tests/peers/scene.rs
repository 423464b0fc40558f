//! A server with a trunk, numbers and an application, for one test with sipp; and what it says of its calls afterwards.

use super::script;
use super::sipp::Sipp;
use crate::fault::app::{App, Request, twiml};
use crate::fault::child::{ACCOUNT, Place, Server, TOKEN, free};
use crate::fault::http;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub const LIMIT: Duration = Duration::from_secs(20);

/// Numbers, by what their documents do.
pub const SHORT: &str = "+15550000001";
pub const LONG: &str = "+15550000002";
/// Its document comes after a second.
pub const LATE: &str = "+15550000003";
pub const BRIEF: &str = "+15550000004";
pub const REFER: &str = "+15550000005";
pub const HANGUP: &str = "+15550000006";
/// Whom calls are made to.
pub const CALLEE: &str = "+17185550000";

const NUMBERS: [(&str, &str); 6] = [
    (SHORT, "/short"),
    (LONG, "/long"),
    (LATE, "/late"),
    (BRIEF, "/brief"),
    (REFER, "/refer"),
    (HANGUP, "/hangup"),
];

const TRANSFER: &str =
    "<Refer action=\"/referred\"><Sip>sip:alice@pbx.example</Sip></Refer><Say>not reached</Say>";

pub struct Scene {
    pub place: Place,
    pub server: Server,
    pub app: Arc<App>,
    /// Where the trunk's calls go.
    pub peer: SocketAddr,
}

fn documents(r: &Request) -> crate::fault::app::Reply {
    match r.path.as_str() {
        "/short" => twiml("<Say>Hello.</Say>"),
        "/long" => twiml("<Say>Hello.</Say><Pause length=\"120\"/>"),
        "/late" => {
            let (_, kind, body) = twiml("<Say>Hello.</Say>");
            (Duration::from_secs(1), kind, body)
        }
        "/brief" => twiml("<Say>Hello.</Say><Pause length=\"3\"/>"),
        "/refer" => twiml(TRANSFER),
        "/hangup" | "/referred" => twiml("<Hangup/>"),
        _ => (Duration::ZERO, "text/plain", vec![]),
    }
}

/// With a trunk that says this.
pub async fn scene(name: &str, trunk: &[(&str, &str)]) -> Scene {
    scene_at(Place::new(name), free(), trunk).await
}

/// With a trunk to `peer`.
pub async fn scene_at(place: Place, peer: SocketAddr, trunk: &[(&str, &str)]) -> Scene {
    let app = App::start(documents).await;
    let server = place.start().await;
    server.trunk(peer, trunk).await;
    for (number, path) in NUMBERS {
        let (url, status) = (app.url(path), app.url("/status"));
        server.number(number, &[("VoiceUrl", &url), ("StatusCallback", &status)]).await;
    }
    Scene { place, server, app, peer }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.place.dir);
    }
}

/// `tests/peers/NAME.sipp` with changes, as sipp reads it, in a folder.
pub fn written(dir: &Path, name: &str, change: impl Fn(String) -> String) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/peers/{name}.sipp"));
    let text = std::fs::read_to_string(&from).unwrap_or_else(|e| panic!("{name}: {e}"));
    let to = dir.join(format!("{name}.xml"));
    std::fs::write(&to, script::xml(name, &change(text))).unwrap();
    to
}

impl Scene {
    /// sipp calls `number`; its trace.
    pub async fn caller(&self, name: &str, number: &str) -> String {
        self.caller_with(name, number, &[], |text| text).await
    }

    pub async fn caller_with(
        &self,
        name: &str,
        number: &str,
        more: &[&str],
        change: impl Fn(String) -> String,
    ) -> String {
        let file = written(&self.place.dir, name, change);
        Sipp::calls(&self.place.dir, name, &file, self.server.sip, number, more).passes().await
    }

    /// sipp waits at the trunk's address.
    pub async fn callee(&self, name: &str) -> Sipp {
        self.callee_at(name, self.peer, &[], |text| text).await
    }

    pub async fn callee_at(
        &self,
        name: &str,
        at: SocketAddr,
        more: &[&str],
        change: impl Fn(String) -> String,
    ) -> Sipp {
        let file = written(&self.place.dir, name, change);
        Sipp::callee_with(&self.place.dir, name, &file, at, more).await
    }

    /// POST Calls, with every callback. The SID.
    pub async fn dials(&self, to: &str, document: &str) -> String {
        let (status, document) = (self.app.url("/status"), format!("<Response>{document}</Response>"));
        let mut form = vec![("To", to), ("From", SHORT), ("Twiml", &document), ("StatusCallback", &status)];
        for event in ["initiated", "ringing", "answered", "completed"] {
            form.push(("StatusCallbackEvent", event));
        }
        let made = self.server.post("/Calls.json", &form).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["sid"].as_str().unwrap().to_owned()
    }

    /// This many requests with such a status have come to the application.
    pub async fn until_told(&self, status: &str, times: usize) {
        let so = |seen: &[Request]| seen.iter().filter(|r| r.get("CallStatus") == status).count() >= times;
        let told = self.app.until(LIMIT, so).await;
        assert!(told, "{status} {times} times:\n{}", self.place.log_text());
    }

    /// Every call of the account.
    pub async fn rows(&self) -> Vec<Value> {
        let page = self.server.get("/Calls.json?PageSize=1000").await.json();
        page["calls"].as_array().unwrap().clone()
    }

    /// The only call has ended so. Its SID.
    pub async fn ended(&self, status: &str) -> String {
        self.until_told(status, 1).await;
        let rows = self.rows().await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0]["status"], status, "{}", rows[0]);
        rows[0]["sid"].as_str().unwrap().to_owned()
    }

    /// What the operator is told of a call.
    pub async fn verdict(&self, sid: &str, name: &str) -> Value {
        let call = self.server.carrier(&format!("/carrier/v1/calls/{sid}")).await;
        call["data"]["attributes"][name].clone()
    }

    /// Who said what in a call that has ended: `phone: INVITE`. It is written after the row, whose callback may be here before.
    pub async fn timeline(&self, sid: &str) -> Vec<String> {
        let path = format!("/chorus/v1/calls/{sid}/timeline");
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let all = loop {
            let answer = http::ask(self.server.http, "GET", &path, &http::basic(ACCOUNT, TOKEN), None).await;
            let all = answer.unwrap().json();
            if all["live"] == false && all["lines"].as_array().is_some_and(|l| !l.is_empty()) {
                break all;
            }
            looks.tick().await;
        };
        let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        let lines = all["lines"].as_array().unwrap().iter();
        lines.map(|l| format!("{}: {}", text(l, "from"), text(l, "what"))).collect()
    }

    /// These lines stand in a call's timeline, in this order.
    pub async fn went(&self, sid: &str, wanted: &[&str]) {
        let lines = self.timeline(sid).await;
        let mut rest = lines.iter();
        for line in wanted {
            assert!(rest.any(|l| l == line), "{line} is not in its place: {lines:#?}");
        }
    }
}
