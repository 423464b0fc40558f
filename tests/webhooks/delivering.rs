//! Delivery as a whole: on real sockets with a receiver that hangs, and in virtual time with receivers, crashes and hosts at random.

use super::{scheduling, server::*};
use chorus::clock::{Mono, Now, Wall};
use chorus::rng::Rng;
use chorus::sid::{AccountSid, CallSid};
use chorus::store::rows::{OutboxId, OutboxRow};
use chorus::webhooks::fair::HOST_CONNECTIONS;
use chorus::webhooks::outbox;
use chorus::webhooks::request::FetchRequest;
use chorus::webhooks::schedule::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

fn row(id: OutboxId, call: u128, position: u32, url: &str, now: Wall) -> OutboxRow {
    OutboxRow { next: now, created: now, ..scheduling::row(id, call % 3, call, position, url) }
}

fn token(_: AccountSid) -> Option<String> {
    Some("0123456789abcdef0123456789abcdef".into())
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_no_other_on_real_sockets() {
    let hangs = Server::start(|_, _| vec![Step::Hang]).await;
    let works = Server::start(|_, _| reply(204, "", "")).await;
    let start = Instant::now();
    let now = || {
        let ms = start.elapsed().as_millis() as u64;
        Now { mono: Mono(ms * 1_000), wall: Wall(ms as i64) }
    };
    let fetcher = fetcher(None);
    let mut schedule = Schedule::new();
    for n in 0..100 {
        schedule.add(now(), row(n, n, 0, &hangs.url("/#tt=5000"), Wall(0)));
    }
    for n in 100..150 {
        for position in 0..3 {
            schedule.add(
                now(),
                row(n * 10 + u128::from(position), n, position, &works.url(&format!("/{n}")), Wall(0)),
            );
        }
    }
    let mut tasks = tokio::task::JoinSet::new();
    let mut delivered = 0;
    while delivered < 150 {
        while let Some((id, request)) = schedule.poll(now(), &token) {
            tasks.spawn(outbox::round(fetcher.clone(), id, request));
        }
        let (id, result) = tasks.join_next().await.unwrap().unwrap();
        assert_eq!(result, RoundResult::Delivered { status: 204 }, "the other one hangs for 5 s");
        schedule.done(now(), id, result);
        delivered += 1;
    }
    assert_eq!(schedule.flying(), HOST_CONNECTIONS);
    assert!(hangs.connections() <= HOST_CONNECTIONS);
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for seen in works.seen() {
        let position: u32 = super::only(&seen.form(), "SequenceNumber").parse().unwrap();
        assert_eq!(position, last.get(&seen.target).map_or(0, |p| p + 1), "{} out of order", seen.target);
        last.insert(seen.target, position);
    }
}

/// Calls make events, hosts answer, refuse or hang, the process crashes and loads what the store has.
struct World {
    rng: Rng,
    now: u64,
    schedule: Schedule,
    store: BTreeMap<OutboxId, OutboxRow>,
    flying: BTreeMap<OutboxId, (u64, bool, FetchRequest)>,
    tokens: BTreeMap<OutboxId, (String, Vec<(String, String)>)>,
    firsts: BTreeMap<(CallSid, String), u32>,
    started: BTreeSet<OutboxId>,
    finished: BTreeMap<OutboxId, String>,
    crashes: u32,
}

impl World {
    fn at(&self) -> Now {
        Now { mono: Mono(self.now * 1_000), wall: Wall(self.now as i64) }
    }

    fn launch(&mut self) {
        while let Some((id, request)) = self.schedule.poll(self.at(), &token) {
            let stored = &self.store[&id];
            assert_eq!(stored.state, "pending");
            assert!(Wall(self.now as i64) >= stored.next, "a round came before its time");
            let content = (request.token.clone(), request.params.clone());
            assert_eq!(
                self.tokens.entry(id).or_insert_with(|| content.clone()),
                &content,
                "token and body stay"
            );
            let per_host = self.flying.values().filter(|(_, _, r)| r.url == request.url).count();
            assert!(per_host < HOST_CONNECTIONS, "too many connections to {}", request.url);
            if stored.rounds == 0 && self.started.insert(id) {
                let place = (stored.call.unwrap(), request.url.clone());
                let before = self.firsts.insert(place, stored.position);
                assert!(before.is_none_or(|p| p < stored.position), "first attempts out of order");
            }
            let (takes, works) = match request.url.as_str() {
                "https://good.test/" => (1 + self.rng.below(50), true),
                "https://hang.test/" => (15_000, false),
                _ => (1 + self.rng.below(3_000), self.rng.below(3) > 0),
            };
            assert!(self.flying.insert(id, (self.now + takes, works, request)).is_none(), "flies twice");
        }
    }

    fn land(&mut self) {
        let landed: Vec<OutboxId> =
            self.flying.iter().filter(|(_, (at, ..))| *at <= self.now).map(|(id, _)| *id).collect();
        for id in landed {
            let (_, works, _) = self.flying.remove(&id).unwrap();
            let result = match works {
                true => RoundResult::Delivered { status: 200 },
                false => RoundResult::Failed { code: 11200, status: None, words: "no".into() },
            };
            self.schedule.done(self.at(), id, result);
        }
        for outcome in self.schedule.outcomes() {
            let row = outcome.row;
            if row.state != "pending" {
                assert!(self.finished.insert(row.id, row.state.clone()).is_none(), "ended twice");
            }
            self.store.insert(row.id, row);
        }
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.flying.clear();
        self.schedule = Schedule::new();
        let mut rows: Vec<OutboxRow> =
            self.store.values().filter(|r| r.state == "pending").cloned().collect();
        rows.sort_by_key(|r| (r.next, r.position));
        let now = self.at();
        self.schedule.load(now, rows, None);
    }
}

fn run(seed: u64) -> (u32, usize) {
    let mut w = World {
        rng: Rng::from_number(seed),
        now: 0,
        schedule: Schedule::new(),
        store: BTreeMap::new(),
        flying: BTreeMap::new(),
        tokens: BTreeMap::new(),
        firsts: BTreeMap::new(),
        started: BTreeSet::new(),
        finished: BTreeMap::new(),
        crashes: 0,
    };
    let mut positions: BTreeMap<u128, u32> = BTreeMap::new();
    for id in 0..300 {
        let call = u128::from(w.rng.below(40));
        let position = positions.entry(call).or_default();
        let host =
            ["https://good.test/", "https://hang.test/", "https://moody.test/"][w.rng.below(3) as usize];
        let new = row(id, call, *position, host, Wall(w.now as i64));
        *position += 1;
        w.store.insert(id, new.clone());
        let now = w.at();
        w.schedule.add(now, new);
        w.launch();
        w.now += w.rng.below(400);
        w.land();
        if w.rng.below(40) == 0 {
            w.crash();
        }
    }
    let mut steps = 0;
    while w.finished.len() < 300 {
        w.launch();
        let next = w.flying.values().map(|(at, ..)| *at).min();
        let timer = w.schedule.poll_timeout().map(|m| m.0.div_ceil(1_000));
        let next = next.into_iter().chain(timer).min().expect("rows are left and nothing will happen");
        w.now = w.now.max(next);
        w.land();
        steps += 1;
        assert!(steps < 100_000, "it does not come to an end");
    }
    assert!(w.schedule.is_empty() && w.store.values().all(|r| r.state != "pending"));
    for (id, state) in &w.finished {
        let row = &w.store[id];
        match row.hook.url.as_str() {
            "https://good.test/" => assert_eq!((state.as_str(), row.rounds), ("delivered", 1)),
            "https://hang.test/" => assert_eq!((state.as_str(), row.rounds), ("failed", 6)),
            _ => assert!(row.rounds <= 6),
        }
        assert!(row.done.is_some());
    }
    let again = w.finished.values().filter(|s| *s == "failed").count();
    (w.crashes, again)
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_whatever_happens() {
    let (mut crashes, mut failed) = (0, 0);
    for seed in 0..64 {
        let (c, f) = run(seed);
        crashes += c;
        failed += f;
    }
    assert!(crashes > 100 && failed > 1_000, "the world was too kind: {crashes} crashes, {failed} failed");
}

#[test]
fn a_hang_of_the_first_event_is_fifteen_seconds_for_the_next_and_no_more() {
    let mut schedule = Schedule::new();
    let at = |ms: u64| Now { mono: Mono(ms * 1_000), wall: Wall(ms as i64) };
    for position in 0..4 {
        schedule.add(at(0), row(position.into(), 1, position, "https://hang.test/", Wall(0)));
    }
    for n in 0..4_u64 {
        let (id, _) = schedule.poll(at(n * ORDER_WAIT.as_millis() as u64), &token).unwrap();
        assert_eq!(id, OutboxId::from(n));
        assert!(schedule.poll(at(n * 15_000 + 14_999), &token).is_none());
    }
    assert_eq!(ORDER_WAIT, Duration::from_secs(15));
}
