//! The measurement of `chorus bench`, and, with CHORUS_LONG, the figures of a filled database.

use super::kit::{Db, Maker, contract, postgres, sqlite};
use chorus::rng::Rng;
use chorus::store::bench::measure;
use chorus::store::tx::{Op, Tx};
use chorus::store::*;

contract!(a_measurement_counts_its_commits_and_leaves_nothing);

async fn a_measurement_counts_its_commits_and_leaves_nothing(db: &Db) {
    let store = db.store.clone();
    let figures = tokio::task::spawn_blocking(move || measure(&store, &mut Rng::from_number(1), 300, 32));
    let figures = figures.await.unwrap().unwrap();
    assert_eq!(figures.commits, 300);
    assert!(figures.p50 <= figures.p99 && figures.per_second > 0.0);
    let page = Page::first(1);
    let left = db.store.read(move |r| notifications::list(r, Scope::Operator, &Default::default(), &page));
    assert!(left.await.unwrap().rows.is_empty());
}

/// Prints commits per second and the time of pages with many calls in the table.
#[tokio::test]
async fn figures_of_a_filled_database() {
    let Ok(n) = std::env::var("CHORUS_LONG").map(|v| v.parse::<usize>().unwrap_or(1).max(1) * 100_000) else {
        eprintln!("not run: CHORUS_LONG=1 measures a filled database");
        return;
    };
    println!("SQLite");
    figures(&sqlite(), n).await;
    if let Some(db) = postgres() {
        println!("PostgreSQL");
        figures(&db, n).await;
    }
}

async fn figures(db: &Db, n: usize) {
    let m = &mut Maker::new(110);
    let began = std::time::Instant::now();
    for _ in 0..n / 500 {
        let ops = (0..500).map(|i| {
            let mut row = m.call();
            row.status = rows::CallStatus::Completed;
            row.to = format!("+1555{}", i % 97);
            row.started = Some(row.created);
            row.ended = Some(row.created);
            Op::InsertCall(Box::new(row))
        });
        let ops = ops.collect();
        db.store.commit(Tx { ops }).await.unwrap();
    }
    println!("{n} calls inserted in {:?}", began.elapsed());
    for in_flight in [1, 8, 64, 256, 1_000] {
        let store = db.store.clone();
        let run = move || measure(&store, &mut Rng::from_number(2), in_flight * 40 + 400, in_flight);
        println!("{in_flight} in flight: {:?}", tokio::task::spawn_blocking(run).await.unwrap().unwrap());
    }
    let s = Scope::Account(m.account);
    let mut times = Vec::new();
    let mut cursor = None;
    for _ in 0..400 {
        let page = Page { size: 50, number: 0, cursor: cursor.take() };
        let filter = calls::CallFilter { to: Some("+15551".to_owned()), ..Default::default() };
        let at = std::time::Instant::now();
        let listed = db.store.read(move |r| calls::list(r, s, &filter, &page)).await.unwrap();
        times.push(at.elapsed());
        cursor = listed.next;
    }
    times.sort();
    println!("page of 50 by To: p50 {:?}, p99 {:?}", times[200], times[396]);
}
