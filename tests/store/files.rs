//! What happens around a SQLite file: locked, removed, replaced, hostile, written with another key.

use super::kit::{Folder, Maker, key, same, sqlite};
use chorus::store::tx::{Op, StoreError, Tx};
use chorus::store::*;
use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};

fn refusal(url: &str, key: &Key) -> String {
    match Store::open(url, key, &Options::default()) {
        Ok(_) => panic!("{url} opened"),
        Err(e) => e.to_string(),
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused_until_the_first_lets_go() {
    let db = sqlite();
    let words = refusal(&db.url, &key());
    assert!(words.contains("another Chorus serves") && words.contains("CHORUS_DATA_DIR"), "{words}");
    db.put(Op::InsertCall(Box::new(Maker::new(60).call()))).await;
    db.store.close();
    let (again, found) = db.reopen();
    assert_eq!(found.calls.len(), 1);
    again.close();
}

#[tokio::test]
async fn a_closed_store_refuses_writes() {
    let db = sqlite();
    db.store.close();
    let answer = db.try_put(Op::InsertCall(Box::new(Maker::new(61).call()))).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    db.store.close();
}

#[tokio::test]
async fn a_removed_file_is_unavailable_and_healthy_again_when_it_is_back() {
    let db = sqlite();
    let m = &mut Maker::new(62);
    let (kept, refused, late) = (m.call(), m.call(), m.call());
    db.put(Op::InsertCall(Box::new(kept.clone()))).await;
    let away = db.file().with_extension("away");
    std::fs::rename(db.file(), &away).unwrap();
    let answer = db.try_put(Op::InsertCall(Box::new(refused.clone()))).await;
    assert!(matches!(&answer, Err(StoreError::Unavailable(why)) if why.contains("is gone")), "{answer:?}");
    assert!(!db.store.healthy());
    let sid = kept.sid;
    let read = db.store.read(move |r| calls::get(r, Scope::Operator, sid)).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(!db.file().exists(), "no empty database in its place");
    std::fs::rename(&away, db.file()).unwrap();
    db.store.health().wait_for(|healthy| *healthy).await.unwrap();
    db.put(Op::InsertCall(Box::new(late.clone()))).await;
    let read = db.store.read(|r| calls::live(r, Scope::Operator)).await.unwrap();
    same(&read, &vec![kept, late]);
}

#[tokio::test]
async fn a_replaced_file_is_taken_up_whole() {
    let (db, backup) = (sqlite(), sqlite());
    let m = &mut Maker::new(63);
    let (old, new, after) = (m.call(), m.call(), m.call());
    db.put(Op::InsertCall(Box::new(old))).await;
    backup.put(Op::InsertCall(Box::new(new.clone()))).await;
    backup.store.close();
    // A reader that has the old file open must not mix its log with the new one.
    db.store.read(|r| calls::live(r, Scope::Operator)).await.unwrap();
    std::fs::rename(backup.file(), db.file()).unwrap();
    let mut health = db.store.health();
    while db.try_put(Op::InsertCall(Box::new(after.clone()))).await.is_err() {
        health.wait_for(|healthy| *healthy).await.unwrap();
    }
    let read = db.store.read(|r| calls::live(r, Scope::Operator)).await.unwrap();
    same(&read, &vec![new, after]);
    db.store.close();
    let mut raw = SqliteConnection::establish(db.file().to_str().unwrap()).unwrap();
    let found: Vec<Check> = diesel::sql_query("PRAGMA integrity_check").load(&mut raw).unwrap();
    assert_eq!(found.iter().map(|c| c.integrity_check.as_str()).collect::<Vec<_>>(), ["ok"]);
}

/// On a file system of a megabyte and a half; only root can mount one.
#[tokio::test]
async fn a_full_disk_refuses_writes_and_heals_when_there_is_room() {
    let folder = Folder::new();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2000k", "tmpfs"])
        .arg(folder.path())
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|s| s.success()) {
        eprintln!("not run: mounting a small file system needs root");
        return;
    }
    let _mount = Unmount(folder.path().to_owned());
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![0; 600_000]).unwrap();
    let url = format!("sqlite:{}", folder.path().join("chorus.db").display());
    let (store, _) = Store::open(&url, &key(), &Options::default()).unwrap();
    let m = &mut Maker::new(65);
    let mut accepted = Vec::new();
    let refused = loop {
        let row = m.call();
        match store.commit(Tx::one(Op::InsertCall(Box::new(row.clone())))).await {
            Ok(()) => accepted.push(row),
            Err(e) => break (row, e),
        }
    };
    assert!(refused.1.is_unavailable() && accepted.len() > 10, "{} then {:?}", accepted.len(), refused.1);
    assert!(!store.healthy());
    let found = store.read(|r| calls::live(r, Scope::Operator)).await.unwrap();
    same(&found, &accepted);
    std::fs::remove_file(&ballast).unwrap();
    store.health().wait_for(|healthy| *healthy).await.unwrap();
    assert_eq!(store.commit(Tx::one(Op::InsertCall(Box::new(refused.0.clone())))).await, Ok(()));
    accepted.push(refused.0);
    store.close();
    let (again, found) = Store::open(&url, &key(), &Options::default()).unwrap();
    same(&found.calls, &accepted);
    again.close();
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[derive(diesel::QueryableByName)]
struct Check {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
}

#[tokio::test]
async fn a_reader_that_never_ends_holds_up_no_write() {
    let db = sqlite();
    let m = &mut Maker::new(64);
    db.put(Op::InsertCall(Box::new(m.call()))).await;
    let mut hostile = SqliteConnection::establish(db.file().to_str().unwrap()).unwrap();
    hostile.batch_execute("BEGIN; SELECT count(*) FROM calls").unwrap();
    for _ in 0..200 {
        db.put(Op::InsertCall(Box::new(m.call()))).await;
    }
    let all = db.store.read(|r| calls::live(r, Scope::Operator)).await.unwrap();
    assert_eq!(all.len(), 201);
}

#[tokio::test]
async fn another_key_is_refused_with_the_id_of_the_right_one() {
    let db = sqlite();
    db.store.close();
    let other = Key::new(&[9; 32]);
    let words = refusal(&db.url, &other);
    assert!(words.contains(key().id()) && words.contains("CHORUS_SECRET_KEY"), "{words}");
    let (store, _) = Store::open(&db.url, &other.with_old(&key()), &Options::default()).unwrap();
    store.close();
}

#[test]
fn what_cannot_be_opened_says_what_to_do() {
    let folder = Folder::new();
    let junk = folder.path().join("junk.db");
    std::fs::write(&junk, b"this is no database, and long enough to be read as a page header".repeat(40))
        .unwrap();
    for (url, hint) in [
        (format!("sqlite:{}", junk.display()), "restore it from a backup"),
        (format!("sqlite:{}/no/such/folder/x.db", folder.path().display()), "writable"),
        ("mysql://host/db".to_owned(), "sqlite:PATH"),
        ("sqlite:".to_owned(), "sqlite:PATH"),
        ("postgres://user:canary@127.0.0.1:1/db".to_owned(), "CHORUS_DATABASE_URL"),
    ] {
        let words = refusal(&url, &key());
        assert!(words.contains(hint), "{words}");
        assert!(!words.contains("canary") && !words.contains('\n'), "{words}");
    }
}

/// "Accepted" hangs on two pragmas: they are read back at every start, and a connection that has others is refused.
#[test]
fn a_start_without_durable_commits_is_refused() {
    use chorus::store::sqlite::{WRITER, open_told, open_writer};
    let folder = Folder::new();
    let path = folder.path().join("chorus.db");
    for (from, to, words) in [
        ("synchronous = FULL", "synchronous = NORMAL", "journal_mode wal, synchronous 1"),
        ("synchronous = FULL", "synchronous = OFF", "journal_mode wal, synchronous 0"),
        ("journal_mode = WAL", "journal_mode = DELETE", "journal_mode delete, synchronous 2"),
        ("journal_mode = WAL", "journal_mode = MEMORY", "journal_mode memory, synchronous 2"),
    ] {
        let told = WRITER.replace(from, to);
        assert_ne!(told, WRITER);
        let why = open_told(&path, &told).err().expect("refused").to_string();
        assert!(why.contains(words) && why.contains("local file system"), "{why}");
    }
    // The file was left in another mode: the next start puts that right.
    drop(open_writer(&path).unwrap());
    let mut raw = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let mode: Vec<Mode> = diesel::sql_query("PRAGMA journal_mode").load(&mut raw).unwrap();
    assert_eq!(mode[0].journal_mode, "wal");
    // Here WAL cannot be had at all, whatever is asked for.
    let why = open_writer(std::path::Path::new(":memory:")).err().expect("refused").to_string();
    assert!(why.contains("journal_mode memory"), "{why}");
}

#[derive(diesel::QueryableByName)]
struct Mode {
    #[diesel(sql_type = diesel::sql_types::Text)]
    journal_mode: String,
}

#[test]
fn a_reader_makes_no_file() {
    let folder = Folder::new();
    let path = folder.path().join("100 % #1?.db");
    assert!(chorus::store::sqlite::open_reader(&path).is_err());
    assert!(!path.exists(), "an empty database would be taken for the one that was there");
    let (store, _) = Store::open(&format!("sqlite:{}", path.display()), &key(), &Options::default()).unwrap();
    assert!(path.exists() && chorus::store::sqlite::open_reader(&path).is_ok());
    store.close();
}
