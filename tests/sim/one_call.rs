//! One call in, one call out, with a crash before, in and after every commit, and loss on the way.

use crate::kit::phone::OnCall;
use crate::kit::rows::dial_request;
use crate::kit::world::Death;
use crate::kit::{Reply, World};
use chorus::api::command::Request;
use chorus::sid::CallSid;
use std::time::Duration;

const LOSSES: [u64; 4] = [0, 5, 15, 30];
const DEATHS: [Death; 3] = [Death::Unwritten, Death::Unsynced, Death::Untold];

fn app(w: &mut World) {
    let record = "<Record action=\"/recorded\" timeout=\"0\" maxLength=\"1\" trim=\"do-not-trim\" recordingStatusCallback=\"/status/rec\"/>";
    w.app.on("/voice", Reply::twiml(&format!("<Say>hi</Say>{record}")));
    w.app.on("/recorded", Reply::twiml("<Hangup/>"));
}

fn inbound(seed: u64, loss: u64, dies: Option<(u64, Death)>) -> World {
    let mut w = World::new(seed);
    let caller = w.phone("caller", 10);
    app(&mut w);
    w.net.loss = loss;
    w.dies = dies;
    w.dial(caller, "+15550001");
    w.run(Duration::from_secs(100));
    w.hang_up(caller);
    w
}

fn outbound(seed: u64, loss: u64, dies: Option<(u64, Death)>) -> World {
    let mut w = World::new(seed);
    let callee = w.phone("callee", 2);
    w.phones[callee].on_call = OnCall::Answer(1_000);
    app(&mut w);
    w.net.loss = loss;
    w.dies = dies;
    let sid = CallSid::new(&mut w.rng);
    let request = dial_request(sid, w.now.wall);
    w.ask(Request::Dial(Box::new(request)));
    w.run(Duration::from_secs(100));
    w.hang_up(callee);
    w
}

/// Heals everything, lets hours pass, and asks whether every promise was kept.
fn reckon(mut w: World, what: &str) -> World {
    w.net.loss = 0;
    w.run(Duration::from_secs(12 * 3_600));
    w.reckon();
    assert!(w.oracle.wrong.is_empty(), "{what}:\n{}\n{}", w.oracle.wrong.join("\n"), w.picture());
    w
}

fn every_crash(name: &str, run: fn(u64, u64, Option<(u64, Death)>) -> World) {
    let whole = reckon(run(1, 0, None), name);
    assert!(whole.commits > 5);
    let mut died = 0;
    for loss in LOSSES {
        for n in 1..=whole.commits {
            for death in DEATHS {
                let seed = loss * 1_000 + n;
                let w = reckon(
                    run(seed, loss, Some((n, death))),
                    &format!("{name}, seed {seed}, loss {loss} %, {death:?} at {n}"),
                );
                died += w.crashes;
            }
        }
    }
    assert!(died > whole.commits * 6, "{died} crashes at {} commits", whole.commits);
    println!("{name}: {} commits, {died} crashes", whole.commits);
}

#[test]
fn inbound_survives_a_crash_at_every_commit() {
    every_crash("inbound", inbound);
}

#[test]
fn outbound_survives_a_crash_at_every_commit() {
    every_crash("outbound", outbound);
}
