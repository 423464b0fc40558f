//! (s) `POST /carrier/v1/sip_trunks/{Sid}/test`: asks the trunk's peer, from sockets of its own, and says what is wrong. A call that
//! rings is taken back at once. [`line`] has the sockets, [`exchange`] one request, [`prober`] the order of what is asked.

mod exchange;
mod line;
mod prober;

use super::carrier_body::{Given, unprocessable};
use super::command::{Answer, Request};
use super::operation::{Ctx, Outcome, unavailable};
use super::params::{Kind, Param, param};
use super::refusal::Refusal;
use super::schema::{Schema, Type, always};
use crate::sid::TrunkSid;
use crate::sip::transport::Config;
use crate::store::rows::{BindingRow, TrunkMode, TrunkRow};
use crate::store::tx::StoreError;
use crate::trunk::doctor::guest::examine;
use line::Line;
use prober::{Prober, Report};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// Caller of the probes, where none is given.
const NOBODY: &str = "anonymous";

/// What the test takes.
pub const TEST: &[Param] = &[
    param(
        "number",
        Kind::Text(64),
        "Calls this number until it rings; without it only the way there is looked at.",
    ),
    param("from", Kind::Text(64), "The caller; the trunk's from_user or default_sender by default."),
];

/// What it says.
pub const RESULT: Schema = Schema {
    name: "carrier.v1.sip_trunk.test",
    element: "Test",
    props: &[
        always("ok", Type::Bool),
        always("findings", Type::Records(&super::sip_trunks::STEP)),
        always("ladder", Type::Texts),
        always("patch", Type::Any),
    ],
};

/// POST /carrier/v1/sip_trunks/{Sid}/test.
pub async fn test(ctx: Ctx) -> Result<Outcome, Refusal> {
    let trunk = super::sip_trunks::find(&ctx).await?;
    let given = Given::of(&ctx, &super::trunk_fields::TRUNK)?;
    let number = given.text("number").flatten();
    let from = given.text("from").flatten().or_else(|| trunk.default_sender.clone());
    if trunk.outbound_host.is_none() && trunk.outbound_proxy.is_none() {
        if trunk.authentication_mode == TrunkMode::ClientCredentials {
            return guest(&ctx, &trunk).await;
        }
        return Err(
            unprocessable("The trunk has no outbound_host: there is nobody to ask.").about("outbound_host")
        );
    }
    let reach = ctx.api.config.reach.clone();
    // The addresses that calls are sent from reach whom they reach, and are known to whom they are known.
    let config = Config {
        external: reach.external_ip,
        roots: reach.roots,
        dns: reach.dns,
        ..Config::new(SocketAddr::new(reach.listen, 0))
    };
    let line = Line::open(config, &trunk).await;
    let line = line.map_err(|e| unavailable(&StoreError::Unavailable(e.to_string())))?;
    let sid = trunk.sid;
    let prober = Prober::new(line, trunk, reach.listen);
    let report = prober.examine(number, from.unwrap_or_else(|| NOBODY.to_owned())).await;
    Ok(shown(sid, report))
}

/// Whose peer registers here is asked over the flow that it registered by.
async fn guest(ctx: &Ctx, trunk: &TrunkRow) -> Result<Outcome, Refusal> {
    let Answer::Visited(visited) = ctx.api.live.ask(Request::Visit(trunk.sid)).await else {
        return Err(unavailable(&StoreError::Unavailable("the switch is busy".to_owned())));
    };
    let findings = examine(trunk, &visited);
    let patch = findings.iter().flat_map(|f| f.patch.clone()).collect();
    let ok = findings.iter().all(|f| f.ok);
    let heard = |(row, heard): &(BindingRow, Option<(u16, String)>)| {
        let answer = heard.as_ref().map(|(code, words)| format!("<- {code} {words}"));
        [Some(format!("-> OPTIONS {} to {}", row.contact, row.flow.remote)), answer]
    };
    let ladder = visited.contacts.iter().flat_map(heard).flatten().collect();
    Ok(shown(trunk.sid, Report { ok, findings, ladder, patch }))
}

fn shown(sid: TrunkSid, report: Report) -> Outcome {
    Outcome::Record(json!({ "data": {
        "id": sid, "type": "sip_trunk_test", "attributes": attributes(report),
    }}))
}

fn attributes(report: Report) -> Value {
    let steps: Vec<Value> = report.findings.iter().map(|f| json!({ "ok": f.ok, "words": f.words })).collect();
    let patch: Map<String, Value> =
        report.patch.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    json!({ "ok": report.ok, "findings": steps, "ladder": report.ladder, "patch": patch })
}
