//! Old things leave, young and unfinished ones stay.

use super::kit::{Db, Folder, Maker, contract};
use chorus::clock::Wall;
use chorus::sid::CallSid;
use chorus::store::retention::Retention;
use chorus::store::sweep::sweep;
use chorus::store::tx::Op;
use chorus::store::*;
use std::time::Duration;

contract!(
    what_has_reached_its_age_leaves_and_the_rest_stays,
    a_file_without_a_row_leaves_at_the_age_of_a_recording,
    nothing_leaves_that_shall_be_kept_for_ever
);

const HOUR: Duration = Duration::from_secs(3_600);

async fn what_has_reached_its_age_leaves_and_the_rest_stays(db: &Db) {
    let m = &mut Maker::new(100);
    let around = Folder::new();
    let folder = around.path().join("recordings");
    std::fs::create_dir(&folder).unwrap();
    let call = CallSid::new(&mut m.rng);
    let (old, busy, lost) =
        (m.recording(call, "completed"), m.recording(call, "in-progress"), m.recording(call, "completed"));
    let mut outside = m.recording(call, "completed");
    outside.file = "../outside.wav".to_owned();
    let beside = around.path().join("outside.wav");
    std::fs::write(&beside, b"stays").unwrap();
    std::fs::write(folder.join(&old.file), b"wav").unwrap();
    std::fs::write(folder.join(&busy.file), b"wav").unwrap();
    for row in [&old, &busy, &lost, &outside] {
        db.put(Op::PutRecording(Box::new(row.clone()))).await;
    }
    // More than one transaction's worth.
    for _ in 0..450 {
        db.put(Op::PutNotification(Box::new(m.notification(None, 0)))).await;
    }
    let pending = m.callback(call, 0);
    let mut delivered = m.callback(call, 1);
    delivered.state = "delivered".to_owned();
    db.put(Op::Callback(Box::new(pending.clone()))).await;
    db.put(Op::Callback(Box::new(delivered))).await;
    let now = Wall(m.at).plus(HOUR);
    m.at = now.0;
    let (young, note) = (m.recording(call, "completed"), m.notification(None, 0));
    std::fs::write(folder.join(&young.file), b"wav").unwrap();
    db.put(Op::PutRecording(Box::new(young.clone()))).await;
    db.put(Op::PutNotification(Box::new(note.clone()))).await;

    let keep = Retention { recordings: Some(HOUR), notifications: Some(HOUR), outbox: Some(HOUR) };
    let gone = sweep(&db.store, now, keep, &folder).await.unwrap();
    assert_eq!(gone, 3 + 450 + 1);
    assert_eq!(sweep(&db.store, now, keep, &folder).await.unwrap(), 0);
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert_eq!(left.len(), 2, "the files of the one in progress and of the young one");
    assert!(std::fs::remove_file(beside).is_ok(), "a file outside of the folder was deleted");
    let read = db.store.read(move |r| {
        let s = Scope::Account(m_account(&young));
        let recordings = recordings::list(r, s, &Default::default(), &Page::first(9))?.rows;
        assert_eq!(recordings.iter().map(|r| r.sid).collect::<Vec<_>>(), [young.sid, busy.sid]);
        let notes = notifications::list(r, s, &Default::default(), &Page::first(9))?.rows;
        assert_eq!(notes.iter().map(|n| n.sid).collect::<Vec<_>>(), [note.sid]);
        let callbacks = outbox::of_call(r, s, call)?;
        assert_eq!(callbacks.iter().map(|c| c.id).collect::<Vec<_>>(), [pending.id]);
        Ok(())
    });
    read.await.unwrap();
}

/// What a kill between a recording's file and its row leaves.
async fn a_file_without_a_row_leaves_at_the_age_of_a_recording(db: &Db) {
    let m = &mut Maker::new(102);
    let (begun, folder) = (Wall(m.at), Folder::new());
    let now = begun.plus(2 * HOUR);
    let put = |name: &str, at: Wall| {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_millis(at.0 as u64)).unwrap();
    };
    let (old, young) = (m.recording(CallSid(1), "completed").file, m.recording(CallSid(1), "completed").file);
    m.at = now.0;
    let known = m.recording(CallSid(1), "completed");
    db.put(Op::PutRecording(Box::new(known.clone()))).await;
    put(&old, begun);
    put(&young, now);
    put(&known.file, begun);
    put("notes.wav", begun);
    let keep = |age| Retention { recordings: age, ..Retention::default() };
    assert_eq!(sweep(&db.store, now, keep(None), folder.path()).await.unwrap(), 0);
    assert_eq!(sweep(&db.store, now, keep(Some(HOUR)), folder.path()).await.unwrap(), 1);
    let name = |f: std::io::Result<std::fs::DirEntry>| f.unwrap().file_name().into_string().unwrap();
    let left: std::collections::BTreeSet<String> =
        std::fs::read_dir(folder.path()).unwrap().map(name).collect();
    assert_eq!(left, [young, known.file, "notes.wav".to_owned()].into());
}

fn m_account(row: &rows::RecordingRow) -> chorus::sid::AccountSid {
    row.account
}

async fn nothing_leaves_that_shall_be_kept_for_ever(db: &Db) {
    let m = &mut Maker::new(101);
    let row = m.recording(CallSid(1), "completed");
    db.put(Op::PutRecording(Box::new(row))).await;
    let far = Wall(i64::MAX);
    let folder = Folder::new();
    assert_eq!(sweep(&db.store, far, Retention::default(), folder.path()).await.unwrap(), 0);
    let keep = Retention { recordings: Some(Duration::MAX), notifications: None, outbox: None };
    assert_eq!(sweep(&db.store, Wall(0), keep, folder.path()).await.unwrap(), 0);
}
