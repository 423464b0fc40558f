//! Three times what it can do, for real (issue 3, section 4.5): the server held to a tenth of a core, a crowd that calls. Its peak is
//! measured by callers who wait for each other, in turns with three times as many who do not, so that whatever else the machine
//! does falls on both. The ratio is asserted, no time is.

use super::app::{App, twiml};
use super::callers::Crowd;
use super::child::Place;
use super::held::Held;
use std::time::{Duration, Instant};

const NUMBER: &str = "+15550000001";
const STAYS: &str = "+15550000002";
/// Of the peak, with nothing else on the machine: scripts/test runs it in a step of its own.
const GOODPUT_MIN: f64 = 0.9;
/// Of one core.
const HUNDREDTHS: u32 = 10;
/// Calls that keep it busy without a queue.
const IN_FLIGHT: usize = 10;
/// Which turns offer three times the peak: in such an order that a server which grows slower or faster all the time shows no
/// difference. Each turn's beginning, in which the last one's calls end, does not count.
const ORDER: [bool; 8] = [false, true, true, false, false, true, true, false];
const BEGINNING: Duration = Duration::from_secs(1);
const WARM_UP: Duration = Duration::from_secs(3);
const TURN: Duration = Duration::from_secs(5);
/// Between two rounds of questions: one OPTIONS, and one request in each call that is up.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Calls that are up all the time.
const HELD: usize = 3;
/// Calls and questions that are open at the end are waited for so long; RFC 3261's 64 * T1 and a little.
const END: Duration = Duration::from_secs(40);

/// Calls come for so long, at a rate or, without one, one after the other; how many a second were served.
async fn turn(crowd: &mut Crowd, time: Duration, rate: Option<f64>) -> f64 {
    let (begun, before) = (Instant::now(), crowd.seen.clone());
    let mut asked = 0;
    while begun.elapsed() < time {
        let elapsed = begun.elapsed();
        let due = rate.map(|rate| (rate * elapsed.as_secs_f64()) as u64 + before.dialled);
        while due.map_or(crowd.in_flight() < IN_FLIGHT, |due| crowd.seen.dialled < due) {
            crowd.dial();
        }
        while ASK_EVERY * asked <= elapsed {
            crowd.ask();
            asked += 1;
        }
        crowd.go_on().await;
    }
    (crowd.seen.served - before.served) as f64 / begun.elapsed().as_secs_f64()
}

/// Until nothing is open, or the end.
async fn rest(crowd: &mut Crowd, so: impl Fn(&Crowd) -> bool) {
    let begun = Instant::now();
    while !so(crowd) && begun.elapsed() < END {
        crowd.go_on().await;
    }
    assert!(so(crowd), "{} calls are still open: {:?}", crowd.in_flight(), crowd.seen);
}

fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / of.len() as f64
}

fn say(crowd: &mut Crowd) {
    crowd.answered.sort();
    let half = crowd.answered.get(crowd.answered.len() / 2).copied().unwrap_or_default();
    let longest = crowd.answered.last().copied().unwrap_or_default();
    println!("{:?}", crowd.seen);
    println!(
        "  {} questions, {} answered, half within {half:?}, all within {longest:?}",
        crowd.asked,
        crowd.answered.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_to_a_tenth_of_a_core_it_serves_nine_tenths_of_its_peak_at_three_times_the_load() {
    let mut place = Place::new("overload");
    // A port rests for 30 s after a call.
    place.extra.push(("CHORUS_RTP_PORTS", "20000-31999".to_owned()));
    let app = App::start(|request| match request.path.as_str() {
        "/stays" => twiml("<Say>Stay.</Say><Pause length=\"600\"/>"),
        _ => twiml("<Hangup/>"),
    });
    let app = app.await;
    let server = place.start().await;
    let mut crowd = Crowd::new(server.sip);
    server.trunk("127.0.0.1:9".parse().unwrap(), &[]).await;
    server.number(NUMBER, &[("VoiceUrl", &app.url("/hangup"))]).await;
    server.number(STAYS, &[("VoiceUrl", &app.url("/stays"))]).await;
    for _ in 0..HELD {
        crowd.hold(STAYS);
    }
    rest(&mut crowd, |crowd| crowd.held() == HELD).await;

    let held = Held::to(HUNDREDTHS, server.pid());
    turn(&mut crowd, WARM_UP, None).await;
    let (mut peaks, mut goodput): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
    for threefold in ORDER {
        let rate = threefold.then(|| 3.0 * mean(&peaks));
        turn(&mut crowd, BEGINNING, rate).await;
        let (refused, served) = (crowd.seen.refused, turn(&mut crowd, TURN, rate).await);
        let refused = crowd.seen.refused - refused;
        let offered = rate.map_or("one after the other".to_owned(), |r| format!("{r:.1} a second"));
        println!("offered {offered}: {served:.1} a second served, {refused} refused");
        if threefold { goodput.push(served) } else { peaks.push(served) }
    }
    rest(&mut crowd, Crowd::is_quiet).await;
    say(&mut crowd);
    let (peak, over) = (mean(&peaks), mean(&goodput));
    println!("goodput at three times the load: {:.1} % of its peak", 100.0 * over / peak);
    drop(held);

    assert!(crowd.refused_asks.is_empty(), "known peers and calls that are up: {:?}", crowd.refused_asks);
    assert_eq!(crowd.answered.len() as u64, crowd.asked, "a question without its answer");
    assert_eq!(crowd.held(), HELD);
    assert!(crowd.seen.other.is_empty(), "{:?}", crowd.seen.other);
    let all = (1..=8).map(|n: u32| n.to_string()).collect();
    let seen = &crowd.seen;
    assert!(seen.refused > 0 && seen.retry_after.is_subset(&all), "{seen:?}");
    assert!(over >= GOODPUT_MIN * peak, "{over:.1} of {peak:.1}");
}
