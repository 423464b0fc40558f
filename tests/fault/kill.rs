//! kill -9 at random instants under ten calls a second, each doing another verb. The oracle is this process: it noted
//! every 201, 200, ACK, callback and packet it saw before, and asks for all of it after the restart.

use super::book::Seen;
use super::child::{Place, Server};
use super::load::World;
use super::power::Power;
use super::{reconcile, wave};
use chorus::rng::Rng;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const KILLS: usize = 15;
const KILLS_LONG: usize = 50;
const KILLS_POSTGRES: usize = 3;
const POWER_CUTS: usize = 8;
/// What a recording may lack after kill -9.
const LOST_MAX: Duration = Duration::from_secs(1);
const SETTLE: Duration = Duration::from_secs(20);

/// A call whose Record was cut by a kill: from the 200 to the kill.
struct Cut {
    from: String,
    talked: Duration,
}

fn cuts(legs: impl Iterator<Item = Seen>, killed: Instant) -> Vec<Cut> {
    let recording = |l: &Seen| l.verb == "record" && l.caller && l.ended.is_none() && l.received + l.sent > 0;
    legs.filter(recording).filter_map(|l| Some(Cut { talked: killed - l.answered?, from: l.key })).collect()
}

struct Totals {
    states: BTreeMap<String, usize>,
    byes: usize,
    cuts: Vec<Cut>,
    starts: Vec<Duration>,
    /// Octets that each power cut took, of the database and of other files.
    lost: Vec<(u64, u64)>,
}

async fn one_kill(
    place: &Place,
    world: &mut World,
    server: Server,
    wait: Duration,
    t: &mut Totals,
) -> (Server, Vec<String>) {
    world.load(wait).await;
    let killed = Instant::now();
    server.kill().await;
    if let Some(power) = &place.power {
        let lost = power.cut(place);
        t.lost.push((lost.database, lost.other));
    }
    {
        let mut book = world.bank.book.lock().unwrap();
        book.frozen = true;
        for (state, n) in book.states() {
            *t.states.entry(state).or_default() += n;
        }
        t.cuts.extend(cuts(book.legs.values().cloned(), killed));
        book.created.iter_mut().for_each(|c| c.done = true);
    }
    world.bank.give_up_early();
    let server = place.start().await;
    t.starts.push(server.ready - server.began);
    let mut faults = vec![];
    t.byes += reconcile::byes(world, &server, &mut faults).await;
    world.bank.book.lock().unwrap().frozen = false;
    (server, faults)
}

async fn run(place: Place, name: &str, kills: usize, seed: u64) -> Totals {
    let mut world = World::new(&place, seed).await;
    let mut server = place.start().await;
    world.furnish(&server).await;
    let mut rng = Rng::from_number(seed ^ 0x6b11);
    let mut t = Totals { states: BTreeMap::new(), byes: 0, cuts: vec![], starts: vec![], lost: vec![] };
    let mut faults = vec![];
    for kill in 1..=kills {
        let wait = Duration::from_millis(600 + rng.below(3_500));
        let (next, found) = one_kill(&place, &mut world, server, wait, &mut t).await;
        server = next;
        faults.extend(found.into_iter().map(|f| format!("kill {kill}: {f}")));
        if !faults.is_empty() {
            break;
        }
    }
    settle(&world, &mut faults).await;
    reconcile::callbacks(&world, &mut faults).await;
    let twice = reconcile::order(&world.app.seen(), &mut faults);
    let statuses = reconcile::rows(&world, &server, &mut faults).await;
    let recordings = recordings(&place, &world, &server, &t.cuts, &mut faults).await;
    print(name, kills, &world, &t, twice, &statuses, recordings);
    if !faults.is_empty() {
        let log = std::env::temp_dir().join(format!("chorus-{name}.log"));
        std::fs::write(&log, place.log_text()).unwrap();
        panic!(
            "{} faults (log: {}, data: {}):\n{}",
            faults.len(),
            log.display(),
            place.dir.display(),
            faults.join("\n")
        );
    }
    let _ = std::fs::remove_dir_all(&place.dir);
    t
}

/// The last calls end by themselves.
async fn settle(world: &World, faults: &mut Vec<String>) {
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    let end = Instant::now() + SETTLE;
    loop {
        looks.tick().await;
        let up: Vec<String> = {
            let book = world.bank.book.lock().unwrap();
            book.legs
                .values()
                .filter(|l| l.is_up())
                .map(|l| format!("{} {} never ends", l.verb, l.key))
                .collect()
        };
        if up.is_empty() {
            return;
        }
        if Instant::now() > end {
            return faults.extend(up);
        }
    }
}

/// Every recording is over, opens with Python's wave by REST and on the disk, has its callback, and lacks less than a
/// second if a kill cut it. How many there are, and how many were cut.
async fn recordings(
    place: &Place,
    world: &World,
    server: &Server,
    cuts: &[Cut],
    faults: &mut Vec<String>,
) -> (usize, usize) {
    let dir = place.dir.join("fetched");
    std::fs::create_dir_all(&dir).unwrap();
    let seen = world.app.seen();
    let rows = reconcile::list(server, "/Recordings.json", "recordings").await;
    let (mut files, mut calls): (Vec<PathBuf>, Vec<String>) = (vec![], vec![]);
    for row in &rows {
        let (sid, status) = (row["sid"].as_str().unwrap(), row["status"].as_str().unwrap());
        if !matches!(status, "completed" | "absent") {
            faults.push(format!("the recording {sid} is {status}"));
            continue;
        }
        // Twilio's default event is `completed` alone.
        if status == "completed"
            && !seen.iter().any(|r| r.path == "/recording" && r.get("RecordingSid") == sid)
        {
            faults.push(format!("the recording {sid} ({status}) sent no callback"));
        }
        let media = server.get(&format!("/Recordings/{sid}.wav")).await;
        if status == "completed" && media.status != 200 {
            faults.push(format!("the recording {sid} cannot be fetched: {}", media.status));
        } else if media.status == 200 {
            files.push(dir.join(format!("{sid}.wav")));
            std::fs::write(files.last().unwrap(), media.body).unwrap();
            calls.push(row["call_sid"].as_str().unwrap().to_owned());
        }
    }
    let lengths = wave::python(&files);
    if place.power.is_some() {
        // Of what was said before a power cut nothing is promised but that its row ends.
        return (rows.len(), cuts.len());
    }
    wave::python(&wave::files(&place.dir.join("recordings")));
    for cut in cuts {
        let call =
            seen.iter().find(|r| r.path == "/record" && r.get("From") == cut.from).map(|r| r.get("CallSid"));
        let ms = call.and_then(|c| calls.iter().position(|x| x == c)).map_or(0, |i| lengths[i]);
        let lacks = cut.talked.saturating_sub(Duration::from_millis(ms));
        if lacks >= LOST_MAX {
            faults.push(format!("the recording of {} lacks {lacks:?} of {:?}", cut.from, cut.talked));
        }
    }
    (rows.len(), cuts.len())
}

fn print(
    name: &str,
    kills: usize,
    world: &World,
    t: &Totals,
    twice: usize,
    statuses: &BTreeMap<String, usize>,
    (recordings, cut): (usize, usize),
) {
    let book = world.bank.book.lock().unwrap();
    let legs = || book.legs.values();
    let rtp: u64 = legs().map(|l| l.received).sum();
    println!("{name}: {kills} kills; at the kills: {:?}", t.states);
    println!(
        "  seen outside: {} 201s, {} 200s, {} ACKs, {} requests at the app, {} s of RTP; {} legs got BYE after a start",
        book.created.len(),
        legs().filter(|l| l.caller && l.answered.is_some()).count(),
        legs().filter(|l| !l.caller && l.answered.is_some()).count(),
        world.app.seen().len(),
        rtp / 50,
        t.byes,
    );
    let unanswered = world.app.seen().iter().filter(|r| !r.answered).count();
    println!(
        "  {} media messages at the agent; {unanswered} requests broken off by a kill; {} requests that a phone refused",
        world.agent.load(std::sync::atomic::Ordering::Relaxed),
        book.refused,
    );
    println!(
        "  rows: {statuses:?}; {twice} callbacks came twice, with the same token; {recordings} recordings, {cut} cut by a \
         kill; slowest start {:?}",
        t.starts.iter().max().unwrap(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_that_was_accepted() {
    let kills = if std::env::var_os("CHORUS_LONG").is_some() { KILLS_LONG } else { KILLS };
    run(Place::new("kill"), "kill", kills, 0x9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_loses_nothing_that_was_accepted() {
    let mut place = Place::new("power");
    let power = Power::of(&place.dir);
    place.extra = power.settings(&place.dir);
    place.power = Some(power);
    let t = run(place, "power", POWER_CUTS, 0xcafe).await;
    let cuts = t.lost.iter().filter(|(database, _)| *database > 0).count();
    println!(
        "  {cuts} of {} cuts took something of the database that was written and not synced: {:?}",
        t.lost.len(),
        t.lost
    );
    assert!(cuts > 0, "no cut fell between a write and its sync: this run shows nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_on_postgresql() {
    match std::env::var("CHORUS_TEST_POSTGRES") {
        Ok(url) => {
            let mut place = Place::new("kill-postgres");
            place.database = crate::api::postgres::fresh(&url);
            run(place, "kill-postgres", KILLS_POSTGRES, 0x99).await;
        }
        Err(_) if std::env::var_os("CHORUS_CI").is_some() => panic!("CHORUS_TEST_POSTGRES is not set"),
        Err(_) => println!("not run: CHORUS_TEST_POSTGRES is not set"),
    }
}
