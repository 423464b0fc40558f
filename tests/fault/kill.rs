//! kill -9 at random instants under ten calls a second, each doing another verb. The oracle is this process: it noted
//! every 201, 200, ACK, callback and packet it saw before, and asks for all of it after the restart.

use super::child::{Place, Server};
use super::load::{VERBS, World};
use super::power::Lost;
use super::recordings::{self, Found};
use super::{reconcile, wave};
use chorus::rng::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const KILLS: usize = 15;
const KILLS_LONG: usize = 50;
const KILLS_POSTGRES: usize = 3;
const KILLS_POSTGRES_LONG: usize = 15;
const SETTLE: Duration = Duration::from_secs(20);
/// Rounds of callbacks after the first come 10 s later at the earliest, and no callback fails here but by the kill.
const CALLBACKS_MAX: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(50);

/// What happened, for print.
#[derive(Default)]
pub struct Totals {
    kills: usize,
    states: BTreeMap<String, usize>,
    byes: usize,
    slowest_bye: Duration,
    slowest_start: Duration,
    /// Octets that each power cut took, of the database and of other files.
    pub lost: Vec<Lost>,
}

/// One server, killed and started again, and the world around it.
pub struct Ordeal {
    name: &'static str,
    place: Place,
    world: World,
    server: Server,
    rng: Rng,
    totals: Totals,
    pub faults: Vec<String>,
}

/// Waits until `so` or the instant.
async fn until(end: Instant, mut so: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(LOOK);
    while !so() && Instant::now() < end {
        looks.tick().await;
    }
}

impl Ordeal {
    pub async fn begin(name: &'static str, place: Place, seed: u64) -> Ordeal {
        let world = World::new(&place, seed).await;
        let server = place.start().await;
        world.furnish(&server).await;
        let (rng, totals) = (Rng::from_number(seed ^ 0x6b11), Totals::default());
        Ordeal { name, place, world, server, rng, totals, faults: vec![] }
    }

    /// Load for a random while, kill -9, a new process, and BYE to whoever was up.
    pub async fn kill(&mut self) {
        self.world.load(Duration::from_millis(600 + self.rng.below(3_500))).await;
        self.server.kill().await;
        let killed = Instant::now();
        if let Some(power) = &self.place.power {
            self.totals.lost.push(power.cut(&self.place));
        }
        {
            let mut book = self.world.bank.book.lock().unwrap();
            for (state, n) in book.states() {
                *self.totals.states.entry(state).or_default() += n;
            }
            book.killed(killed);
        }
        self.world.bank.give_up_early();
        self.server = self.place.start().await;
        let began = self.server.began;
        let over = || self.world.bank.book.lock().unwrap().cut(killed).all(|l| l.ended.is_some());
        until(began + reconcile::BYE_MAX, over).await;
        let mut book = self.world.bank.book.lock().unwrap();
        let before = self.faults.len();
        let (byes, last) = reconcile::byes(&book, killed, began, &mut self.faults);
        book.frozen = false;
        let t = &mut self.totals;
        t.kills += 1;
        t.byes += byes;
        t.slowest_bye = t.slowest_bye.max(last - began);
        t.slowest_start = t.slowest_start.max(self.server.ready - began);
        for fault in &mut self.faults[before..] {
            *fault = format!("kill {}: {fault}", t.kills);
        }
    }

    /// Everything ends; then all that was noted is asked for.
    pub async fn reckon(&mut self) {
        self.settle().await;
        let owed = reconcile::owed(&self.world.bank.book.lock().unwrap());
        let app = &self.world.app;
        app.until(CALLBACKS_MAX, |seen| reconcile::untold(&owed, seen).is_empty()).await;
        let calls = self.calls().await;
        let rows = list(&self.server, "/Recordings.json", "recordings").await;
        app.until(CALLBACKS_MAX, |seen| recordings::untold(&rows, seen).is_empty()).await;
        let seen = app.seen();
        for (path, field, value) in reconcile::untold(&owed, &seen) {
            self.faults.push(format!("no completed callback at {path} for {field} {value}"));
        }
        for row in recordings::untold(&rows, &seen) {
            self.faults.push(format!("nobody was told of the recording {row}"));
        }
        let twice = reconcile::tokens(&seen, &mut self.faults);
        reconcile::order(&seen, &mut self.faults);
        // What was said before a power cut may be gone; its row has ended and was told of.
        let promised = self.place.power.is_none();
        let ms = if promised { self.fetch(&rows).await } else { BTreeMap::new() };
        let book = self.world.bank.book.lock().unwrap();
        let statuses = reconcile::rows(&book, &calls, &seen, &mut self.faults);
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let froms = calls.iter().map(|c| (text(c, "sid"), text(c, "from"))).collect();
        let talks = if promised { recordings::talks(&book) } else { vec![] };
        let rows = if promised { rows.as_slice() } else { &[] };
        let found = recordings::judge(&talks, rows, &froms, &ms, &mut self.faults);
        drop(book);
        self.print(twice, &statuses, &found);
    }

    /// Their rows, once each has its end: an INVITE that a phone repeated to the new process and took back makes one late.
    async fn calls(&self) -> Vec<Value> {
        let mut looks = tokio::time::interval(LOOK);
        let end = Instant::now() + CALLBACKS_MAX;
        loop {
            looks.tick().await;
            let calls = list(&self.server, "/Calls.json", "calls").await;
            if calls.iter().all(reconcile::is_over) || Instant::now() > end {
                return calls;
            }
        }
    }

    /// The last calls end by themselves.
    async fn settle(&mut self) {
        let up = || -> Vec<String> {
            let book = self.world.bank.book.lock().unwrap();
            let up = book.legs.values().filter(|l| l.is_up());
            up.map(|l| format!("{} {} never ends", l.verb, l.key)).collect()
        };
        until(Instant::now() + SETTLE, || up().is_empty()).await;
        self.faults.extend(up());
    }

    /// The lengths of all recordings that are complete, as Python's wave reads what REST gives; every file of the folder
    /// opens too.
    async fn fetch(&mut self, rows: &[Value]) -> BTreeMap<String, u64> {
        let dir = self.place.dir.join("fetched");
        std::fs::create_dir_all(&dir).unwrap();
        let (mut files, mut sids): (Vec<PathBuf>, Vec<String>) = (vec![], vec![]);
        for row in rows.iter().filter(|r| r["status"] == "completed") {
            let sid = row["sid"].as_str().unwrap();
            let media = self.server.get(&format!("/Recordings/{sid}.wav")).await;
            if media.status != 200 {
                self.faults.push(format!("the recording {sid} cannot be fetched: {}", media.status));
                continue;
            }
            files.push(dir.join(format!("{sid}.wav")));
            std::fs::write(files.last().unwrap(), media.body).unwrap();
            sids.push(sid.to_owned());
        }
        wave::python(&wave::files(&self.place.dir.join("recordings")));
        sids.into_iter().zip(wave::python(&files)).collect()
    }

    fn print(&self, twice: usize, statuses: &BTreeMap<String, usize>, found: &Found) {
        let (book, t) = (self.world.bank.book.lock().unwrap(), &self.totals);
        let legs = || book.legs.values();
        let rtp: u64 = legs().map(|l| l.received).sum();
        println!("{}: {} kills; at the kills: {:?}", self.name, t.kills, t.states);
        println!(
            "  seen outside: {} 201s, {} 200s, {} ACKs, {} requests at the app, {} s of RTP; {} legs got BYE after a \
             start, the last {:?} after exec",
            book.created.len(),
            legs().filter(|l| l.caller && l.answered.is_some()).count(),
            legs().filter(|l| !l.caller && l.answered.is_some()).count(),
            self.world.app.seen().len(),
            rtp / 50,
            t.byes,
            t.slowest_bye,
        );
        let unanswered = self.world.app.seen().iter().filter(|r| !r.answered).count();
        println!(
            "  {} media messages at the agent; {unanswered} requests broken off by a kill; {} requests that a phone refused",
            self.world.agent.load(std::sync::atomic::Ordering::Relaxed),
            book.refused,
        );
        println!(
            "  rows: {statuses:?}; {twice} callbacks came twice, with the same token; slowest start {:?}",
            t.slowest_start
        );
        println!(
            "  {} recordings, {} cut by a kill after {:.1} s altogether; the most that one lacks: {:?} if cut, {:?} if not; \
             without audio, though the phone talked for: {:?}",
            found.all,
            found.cut,
            found.said.as_secs_f64(),
            found.lacks[0],
            found.lacks[1],
            found.empty,
        );
    }

    /// A run that saw nothing shows nothing.
    fn saw_everything(&mut self) {
        for verb in VERBS.iter().filter(|v| **v != "reject") {
            let state = format!("{verb} in-progress");
            if !self.totals.states.contains_key(&state) {
                self.faults.push(format!("no kill fell on '{state}'"));
            }
        }
        if self.totals.byes == 0 {
            self.faults.push("no leg was up at a kill".to_owned());
        }
    }

    fn end(self) -> Totals {
        let (place, faults, totals) = (self.place, self.faults, self.totals);
        if !faults.is_empty() {
            let log = std::env::temp_dir().join(format!("chorus-{}.log", self.name));
            std::fs::write(&log, place.log_text()).unwrap();
            let (n, log, data) = (faults.len(), log.display(), place.dir.display());
            panic!("{n} faults (log: {log}, data: {data}):\n{}", faults.join("\n"));
        }
        let _ = std::fs::remove_dir_all(&place.dir);
        totals
    }
}

/// All rows under a list, page by page.
async fn list(server: &Server, path: &str, name: &str) -> Vec<Value> {
    let mut rows = vec![];
    let mut next = format!("{path}?PageSize=1000");
    loop {
        let page = server.get(&next).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        rows.extend(page[name].as_array().unwrap().iter().cloned());
        match page["next_page_uri"].as_str() {
            Some(uri) => next = uri.to_owned(),
            None => return rows,
        }
    }
}

/// So many kills in `place`, and everything asked for that was accepted.
pub async fn run(name: &'static str, place: Place, kills: usize, seed: u64) -> Totals {
    let mut ordeal = Ordeal::begin(name, place, seed).await;
    while ordeal.totals.kills < kills && ordeal.faults.is_empty() {
        ordeal.kill().await;
    }
    ordeal.reckon().await;
    if kills >= KILLS {
        ordeal.saw_everything();
    }
    ordeal.end()
}

fn kills(few: usize, many: usize) -> usize {
    if std::env::var_os("CHORUS_LONG").is_some() { many } else { few }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_that_was_accepted() {
    run("kill", Place::new("kill"), kills(KILLS, KILLS_LONG), 0x9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_on_postgresql() {
    let kills = kills(KILLS_POSTGRES, KILLS_POSTGRES_LONG);
    match std::env::var("CHORUS_TEST_POSTGRES") {
        Ok(url) => {
            let mut place = Place::new("kill-postgres");
            place.database = crate::api::postgres::fresh(&url);
            run("kill-postgres", place, kills, 0x99).await;
        }
        Err(_) if std::env::var_os("CHORUS_CI").is_some() => panic!("CHORUS_TEST_POSTGRES is not set"),
        Err(_) => println!("not run: CHORUS_TEST_POSTGRES is not set"),
    }
}
