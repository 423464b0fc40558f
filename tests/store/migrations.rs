//! A database of an older version, with rows in every table: what it holds is the same afterwards, and what a migration is for works
//! with the rows that were there before it.

use super::kit::{Db, Maker, postgres, sqlite};
use super::schema::tables;
use super::secrets::every_table;
use chorus::store::query::Scope;
use chorus::store::rows::*;
use chorus::store::snapshot::all;
use chorus::store::table::Row;
use chorus::store::tx::{Op, StoreError, Tx};
use chorus::store::*;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// What the version before a migration did not write: the tables that it makes, and the fields that came with its columns.
struct Step {
    version: &'static str,
    makes: &'static [&'static str],
    fields: &'static [(&'static str, &'static str)],
}

/// The newest first.
const STEPS: [Step; 5] = [
    Step { version: "00000000000016", makes: &[], fields: &[] },
    Step { version: "00000000000015", makes: &[], fields: &[] },
    Step {
        version: "00000000000014",
        makes: &[],
        fields: &[("accounts", "revision"), ("numbers", "revision")],
    },
    Step { version: "00000000000011", makes: &["reports"], fields: &[("calls", "external")] },
    Step { version: "00000000000010", makes: &["inventory"], fields: &[] },
];

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

/// The database as the version before had it. It must not be open.
fn undo(db: &Db, step: &Step) {
    let strip = |table: &str, with: String| format!("UPDATE {table} SET body = {with}");
    if db.folder.is_some() {
        let mut raw = SqliteConnection::establish(db.file().to_str().unwrap()).unwrap();
        let undone = raw.revert_last_migration(SQLITE).unwrap();
        assert_eq!(undone.to_string(), step.version);
        for (table, field) in step.fields {
            raw.batch_execute(&strip(table, format!("json_remove(body, '$.{field}')"))).unwrap();
        }
    } else {
        let mut raw = PgConnection::establish(&db.url).unwrap();
        let undone = raw.revert_last_migration(POSTGRES).unwrap();
        assert_eq!(undone.to_string(), step.version);
        for (table, field) in step.fields {
            raw.batch_execute(&strip(table, format!("(body::jsonb - '{field}')::text"))).unwrap();
        }
    }
}

/// How many rows each table has.
fn counts(db: &Db) -> Vec<(&'static str, i64)> {
    let count = |table: &str| format!("SELECT COUNT(*) AS n FROM {table}");
    let one = |rows: Vec<Count>| rows.first().unwrap().n;
    let names = tables().map(|t| t.name).into_iter();
    if db.folder.is_some() {
        let mut raw = SqliteConnection::establish(db.file().to_str().unwrap()).unwrap();
        names.map(|t| (t, one(diesel::sql_query(count(t)).load(&mut raw).unwrap()))).collect()
    } else {
        let mut raw = PgConnection::establish(&db.url).unwrap();
        names.map(|t| (t, one(diesel::sql_query(count(t)).load(&mut raw).unwrap()))).collect()
    }
}

/// All rows of a kind, every field of them.
async fn rows<R: Row + std::fmt::Debug + Send + 'static>(store: &Store) -> String {
    format!("{:?}", store.read(all::<R>).await.unwrap())
}

/// The rows of the tables that no step makes.
async fn kept(store: &Store) -> Vec<String> {
    vec![
        rows::<AccountRow>(store).await,
        rows::<ApplicationRow>(store).await,
        rows::<CallRow>(store).await,
        rows::<NumberRow>(store).await,
        rows::<TrunkRow>(store).await,
        rows::<RecordingRow>(store).await,
        rows::<NotificationRow>(store).await,
        rows::<StreamRow>(store).await,
        rows::<OutboxRow>(store).await,
        rows::<TimelineRow>(store).await,
        rows::<KeyRow>(store).await,
        rows::<SipDomainRow>(store).await,
        rows::<CredentialRow>(store).await,
        rows::<ListUseRow>(store).await,
        rows::<BindingRow>(store).await,
    ]
}

/// A trunk of each mode, beside the row in every table.
fn trunks_of_all_modes(m: &mut Maker) -> (Vec<Op>, TrunkRow) {
    let modes = [TrunkMode::ClientCredentials, TrunkMode::OutboundRegistration];
    let rows = modes.map(|mode| {
        let name = mode.as_str().to_owned();
        TrunkRow { authentication_mode: mode, username: Some(name.clone()), name, ..m.trunk(None) }
    });
    let gateway = rows[1].clone();
    (rows.into_iter().map(|row| Op::PutTrunk(Box::new(row))).collect(), gateway)
}

fn refused(answer: &Result<(), StoreError>) -> bool {
    matches!(answer, Err(StoreError::Refused(_)))
}

async fn goes_through(db: Db, steps: &[Step]) {
    let m = &mut Maker::new(160);
    let (trunks, gateway) = trunks_of_all_modes(m);
    db.store.commit(Tx { ops: [every_table(m), trunks].concat() }).await.unwrap();
    let (before, count) = (kept(&db.store).await, counts(&db));
    assert!(count.iter().all(|(_, n)| *n > 0), "{count:?}");
    db.store.close();
    steps.iter().for_each(|step| undo(&db, step));
    let (store, found) = db.reopen();
    assert_eq!(kept(&store).await, before);
    assert_eq!((found.calls.len(), found.outbox.len(), found.bindings.len()), (1, 1, 1));
    let made = |table: &&str| steps.iter().any(|step| step.makes.contains(table));
    let want = count.into_iter().map(|(t, n)| (t, if made(&t) { 0 } else { n })).collect::<Vec<_>>();
    assert_eq!(counts(&db), want);
    // 15: those where we register are found by their mode.
    let page = Page::first(10);
    let gateways = store.read(move |r| trunks::gateways(r, Scope::Operator, &page)).await.unwrap();
    assert_eq!(gateways.rows.iter().map(|t| t.sid).collect::<Vec<_>>(), [gateway.sid]);
    // 14: an older row is changed once by each who read it.
    let account = store.read(all::<AccountRow>).await.unwrap().remove(0);
    let number = store.read(all::<NumberRow>).await.unwrap().remove(0);
    let changed = |mut account: AccountRow, mut number: NumberRow, m: &mut Maker| {
        account.touch(m.tick());
        number.touch(m.tick());
        [Op::PutAccount(Box::new(account)), Op::PutNumber(Box::new(number))]
    };
    for op in changed(account.clone(), number.clone(), m) {
        store.commit(Tx::one(op)).await.unwrap();
    }
    for op in changed(account, number, m) {
        assert!(refused(&store.commit(Tx::one(op)).await), "from before the change");
    }
    // 11: an external switch names its calls once; 10: so is a number of the inventory.
    let external = |m: &mut Maker| CallRow { external: Some("switch-1".to_owned()), ..m.call() };
    store.commit(Tx::one(Op::InsertCall(Box::new(external(m))))).await.unwrap();
    let again = store.commit(Tx::one(Op::InsertCall(Box::new(external(m))))).await;
    assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
    assert!(store.read(|r| calls::by_external(r, "switch-1")).await.unwrap().is_some());
    store.close();
}

#[tokio::test]
async fn a_full_sqlite_of_an_older_version_is_brought_up_to_date() {
    for steps in 1..=STEPS.len() {
        goes_through(sqlite(), &STEPS[..steps]).await;
    }
}

#[tokio::test]
async fn a_full_postgresql_of_an_older_version_is_brought_up_to_date() {
    for steps in 1..=STEPS.len() {
        let Some(db) = postgres() else { return };
        goes_through(db, &STEPS[..steps]).await;
    }
}
