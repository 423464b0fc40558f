//! `POST .../test` against scripted peers on real sockets, each with a mistake to be found, and `PATCH` with what it prints.

mod addresses;
mod media;
mod mistakes;
pub mod peer;
mod tls;
mod ways;

use super::harness::Server;
use serde_json::{Value, json};

/// A trunk and what its last test said.
struct Tested {
    path: String,
    result: Value,
}

const TRUNKS: &str = "/carrier/v1/sip_trunks";

/// Makes a trunk to `host` with `more`, and tests it with a call.
fn tested(server: &Server, host: &str, more: &Value) -> Tested {
    let mut body = json!({ "authentication_mode": "ip_address", "outbound_host": host });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = server.carrier("POST", TRUNKS, &body.to_string()).good(201);
    let path = format!("{TRUNKS}/{}", made["data"]["id"].as_str().unwrap());
    let result = called(server, &path);
    Tested { path, result }
}

/// Tests a trunk with a call.
fn called(server: &Server, trunk: &str) -> Value {
    let asked = json!({ "number": "+15550002", "from": "+15550001" }).to_string();
    server.carrier("POST", &format!("{trunk}/test"), &asked).good(200)["data"]["attributes"].clone()
}

impl Tested {
    /// All sentences, a line each.
    fn words(&self) -> String {
        let findings = self.result["findings"].as_array().unwrap();
        findings.iter().map(|f| f["words"].as_str().unwrap().to_owned() + "\n").collect()
    }

    fn ok(&self) -> bool {
        self.result["ok"] == true
    }

    /// It says this, and prints this to PATCH.
    #[track_caller]
    fn says(&self, words: &str, patch: &Value) {
        assert!(self.words().contains(words), "{words}\n{:#}", self.result);
        assert_eq!(&self.result["patch"], patch, "{:#}", self.result);
    }

    /// What it prints, given to the trunk as it stands there, mends it.
    #[track_caller]
    fn is_mended_by_its_patch(&self, server: &Server) {
        assert!(!self.ok(), "{:#}", self.result);
        server.carrier("PATCH", &self.path, &self.result["patch"].to_string()).good(200);
        let now = Tested { path: self.path.clone(), result: called(server, &self.path) };
        assert!(now.ok(), "{:#}", now.result);
        assert_eq!(now.result["patch"], json!({}), "{:#}", now.result);
    }

    /// What it prints has to be filled in first: as it stands the API does not take it.
    #[track_caller]
    fn is_to_be_filled_in(&self, server: &Server) {
        let reply = server.carrier("PATCH", &self.path, &self.result["patch"].to_string());
        assert_eq!(reply.status, 422, "{:#}", self.result);
    }
}

#[track_caller]
fn mended(server: &Server, host: &str, trunk: &Value, words: &str, patch: &Value) {
    let tested = tested(server, host, trunk);
    tested.says(words, patch);
    tested.is_mended_by_its_patch(server);
}
