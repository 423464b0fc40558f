//! Pages: complete, in order, stable while rows come and go.

use super::kit::{Db, Maker, contract};
use chorus::clock::Wall;
use chorus::sid::CallSid;
use chorus::store::rows::CallRow;
use chorus::store::tx::Op;
use chorus::store::*;

contract!(
    pages_neither_repeat_nor_hide_rows_while_others_come_and_go,
    equal_times_have_an_order,
    pages_go_back,
    page_numbers_skip,
    the_size_is_bounded,
);

async fn page(db: &Db, scope: Scope, page: Page) -> Listed<CallRow> {
    db.store.read(move |r| calls::list(r, scope, &Default::default(), &page)).await.unwrap()
}

fn sids(rows: &[CallRow]) -> Vec<CallSid> {
    rows.iter().map(|r| r.sid).collect()
}

fn with(size: u32, cursor: Option<Cursor>) -> Page {
    // Through its text, as it travels in a link.
    let cursor = cursor.map(|c| Cursor::parse(&c.to_string()).expect("reads what it wrote"));
    Page { size, number: 0, cursor }
}

async fn pages_neither_repeat_nor_hide_rows_while_others_come_and_go(db: &Db) {
    let m = &mut Maker::new(30);
    let s = Scope::Account(m.account);
    let mut first = Vec::new();
    for _ in 0..25 {
        let row = m.call();
        first.push(row.sid);
        db.put(Op::InsertCall(Box::new(row))).await;
    }
    first.reverse();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let listed = page(db, s, with(4, cursor)).await;
        assert!(listed.rows.len() <= 4);
        seen.extend(sids(&listed.rows));
        // New calls arrive, and the row at the edge of the page goes.
        db.put(Op::InsertCall(Box::new(m.call()))).await;
        db.put(Op::DeleteCall(*seen.last().unwrap())).await;
        cursor = listed.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, first);
}

async fn equal_times_have_an_order(db: &Db) {
    let m = &mut Maker::new(31);
    let s = Scope::Account(m.account);
    let mut all = Vec::new();
    for _ in 0..9 {
        let mut row = m.call();
        row.created = Wall(5);
        all.push(row.sid);
        db.put(Op::InsertCall(Box::new(row))).await;
    }
    all.sort();
    all.reverse();
    let mut seen = Vec::new();
    let mut cursor = None;
    for _ in 0..3 {
        let listed = page(db, s, with(3, cursor)).await;
        seen.extend(sids(&listed.rows));
        cursor = listed.next;
    }
    assert_eq!(cursor, None, "nine rows are three whole pages and no empty fourth");
    assert_eq!(seen, all);
}

async fn pages_go_back(db: &Db) {
    let m = &mut Maker::new(32);
    let s = Scope::Account(m.account);
    for _ in 0..7 {
        db.put(Op::InsertCall(Box::new(m.call()))).await;
    }
    let one = page(db, s, with(3, None)).await;
    assert_eq!(one.previous, None);
    let two = page(db, s, with(3, one.next.clone())).await;
    let three = page(db, s, with(3, two.next.clone())).await;
    assert_eq!((three.rows.len(), &three.next), (1, &None));
    let back = page(db, s, with(3, three.previous)).await;
    assert_eq!(sids(&back.rows), sids(&two.rows));
    let start = page(db, s, with(3, back.previous)).await;
    assert_eq!(sids(&start.rows), sids(&one.rows));
    assert_eq!(start.previous, None);
    assert_eq!(sids(&page(db, s, with(3, start.next)).await.rows), sids(&two.rows));
}

async fn page_numbers_skip(db: &Db) {
    let m = &mut Maker::new(33);
    let s = Scope::Account(m.account);
    for _ in 0..5 {
        db.put(Op::InsertCall(Box::new(m.call()))).await;
    }
    let all = sids(&page(db, s, Page::first(50)).await.rows);
    let last = page(db, s, Page { size: 2, number: 2, cursor: None }).await;
    assert_eq!(sids(&last.rows), all[4..]);
    assert!(last.next.is_none() && last.previous.is_some());
    let beyond = page(db, s, Page { size: 1_000, number: u32::MAX, cursor: None }).await;
    assert!(beyond.rows.is_empty() && beyond.next.is_none());
}

async fn the_size_is_bounded(db: &Db) {
    let m = &mut Maker::new(34);
    let s = Scope::Account(m.account);
    for _ in 0..2 {
        db.put(Op::InsertCall(Box::new(m.call()))).await;
    }
    assert_eq!(page(db, s, Page::first(0)).await.rows.len(), 1);
    assert_eq!(page(db, s, Page::first(u32::MAX)).await.rows.len(), 2);
}

#[test]
fn a_bad_token_is_refused() {
    let good = Cursor::after(Wall(77), "CA1").to_string();
    assert!(Cursor::parse(&good).is_some());
    for bad in [
        "",
        "PA",
        "PB-",
        "PACA1",
        "PACA1-",
        "PACA1-zz",
        "PA'-1",
        "PXCA1-1",
        "PACA1-ffffffffffffffff",
        &good[1..],
    ] {
        assert_eq!(Cursor::parse(bad), None, "{bad}");
    }
}
