//! `openapi.yaml` in the repository is what the tables make (`UPDATE=1` rewrites it), agrees with Twilio's document, and
//! its curl lines work.

use super::harness::*;
use super::schema::{trunking, twilio};
use super::targets::Targets;
use chorus::api::openapi::{curl, path, shell, yaml};
use chorus::api::operation::{Access, Operation, Shape, Verb};
use chorus::api::params::Kind;
use chorus::api::router::ROUTES;
use std::collections::BTreeSet;

#[test]
fn the_document_is_what_the_tables_make() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");
    let made = yaml().unwrap();
    if std::env::var("UPDATE").is_ok_and(|v| v == "1") {
        std::fs::write(file, &made).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(kept == made, "openapi.yaml is not what the tables make: run with UPDATE=1");
}

#[test]
fn every_route_has_one_operation() {
    let ids: BTreeSet<&str> = ROUTES.iter().map(|o| o.id).collect();
    assert_eq!(ids.len(), ROUTES.len());
    let made = yaml().unwrap();
    for op in ROUTES {
        assert!(made.contains(&format!("operationId: {}\n", op.id)), "{}", op.id);
    }
    assert_eq!(made.matches("operationId:").count(), ROUTES.len());
}

/// Parameters of Twilio's newer SDKs that its document does not have. May only shrink.
const NEWER: &[&str] = &["Passports", "RecordingConfigurationId"];

#[test]
fn parameters_are_twilios() {
    let (Some(v2010), Some(v1)) = (twilio(), trunking()) else { return };
    let mut compared = 0;
    let twilios = |o: &&Operation| o.path.starts_with("/2010") || o.path.starts_with("/v1/");
    for op in ROUTES.iter().filter(twilios).filter(|o| !matches!(o.shape, Shape::Media)) {
        let twilio = if op.path.starts_with("/v1/") { &v1 } else { &v2010 };
        let verb = match op.verb {
            Verb::Get => "get",
            Verb::Post => "post",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
        };
        let theirs = &twilio["paths"][path(op)][verb];
        // Two documents may use one name for two operations; ours is one document.
        let name = op.id.replace("TrunkRecording", "Recording");
        assert_eq!(theirs["operationId"], name, "{}", path(op));
        let mut want: BTreeSet<String> = theirs["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|p| p["in"] == "query")
            .map(|p| p["name"].as_str().unwrap().to_string())
            .collect();
        let form = &theirs["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
        want.extend(form["properties"].as_object().into_iter().flatten().map(|(k, _)| k.clone()));
        let mut have: BTreeSet<String> = op
            .tables()
            .into_iter()
            .flatten()
            .filter(|p| p.kind != Kind::Pairs && !NEWER.contains(&p.name))
            .map(|p| p.name.to_string())
            .collect();
        if op.params.iter().any(|p| p.kind == Kind::Pairs) {
            have.extend((1..=99).flat_map(|n| [format!("Parameter{n}.Name"), format!("Parameter{n}.Value")]));
        }
        assert_eq!(have, want, "{}", op.id);
        let required: BTreeSet<&str> =
            form["required"].as_array().into_iter().flatten().map(|v| v.as_str().unwrap()).collect();
        let ours: BTreeSet<&str> =
            op.params.iter().filter(|p| p.required.is_some()).map(|p| p.name).collect();
        assert_eq!(ours, required, "{}", op.id);
        compared += 1;
    }
    assert_eq!(compared, 113);
}

#[test]
fn every_curl_line_works() {
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        assert!(std::env::var("CHORUS_CI").is_err(), "curl is missing");
        println!("not run: no curl");
        return;
    }
    let server = Server::start();
    let targets = Targets::new(&server);
    let (last, first): (Vec<&Operation>, Vec<&Operation>) =
        ROUTES.iter().partition(|o| o.verb == Verb::Delete || o.id == "UpdateCall");
    for op in first.into_iter().chain(last.into_iter().rev()) {
        let reply = run(&server, &targets, op);
        assert_eq!(reply.0, op.status, "{}\n{}", curl(op), reply.1);
    }
}

fn run(server: &Server, targets: &Targets, op: &chorus::api::operation::Operation) -> (u16, String) {
    let line = format!("{} -w '\\n%{{http_code}}'", curl(op));
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg(line).current_dir(&server.dir).env("BASE", server.base());
    command.env("ACCOUNT_SID", server.account.sid.to_string()).env("AUTH_TOKEN", &server.account.auth_token);
    command.env("CARRIER_TOKEN", CARRIER_TOKEN).env("NUMBER_SID", &targets.number);
    let (asked, mut before) = (targets.path(op), "");
    for (part, word) in op.path.split('/').zip(asked.split('/')) {
        if part.starts_with('{') {
            let sid = word.split('.').next().unwrap();
            command.env(shell(before).trim_start_matches('$'), sid);
        }
        before = part;
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).to_string();
    let (body, code) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{}: {output:?}", op.id));
    assert!(op.access != Access::Open || !body.is_empty(), "{}", op.id);
    (code.parse().unwrap(), body.to_string())
}
