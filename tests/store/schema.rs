//! The migrated tables have exactly the columns that the declarations name, on both databases.

use super::kit::{Folder, postgres, sqlite};
use chorus::store::table::Table;
use chorus::store::*;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};

pub fn tables() -> [&'static Table; 22] {
    [
        &accounts::ACCOUNTS,
        &applications::APPLICATIONS,
        &calls::CALLS,
        &elastic::ELASTIC_TRUNKS,
        &elastic::ORIGINATION_URLS,
        &inventory::INVENTORY,
        &keys::KEYS,
        &notifications::NOTIFICATIONS,
        &numbers::NUMBERS,
        &outbox::OUTBOX,
        &recordings::RECORDINGS,
        &sip_domains::LIST_USES,
        &sip_domains::SIP_DOMAINS,
        &sip_lists::CREDENTIALS,
        &sip_lists::CREDENTIAL_LISTS,
        &sip_lists::IP_ACLS,
        &sip_lists::IP_ADDRESSES,
        &reports::REPORTS,
        &streams::STREAMS,
        &timeline::TIMELINES,
        &trunks::BINDINGS,
        &trunks::TRUNKS,
    ]
}

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

/// Sorted: a column that came later stands behind the body, and nobody asks for columns by their place.
fn declared(t: &Table) -> Vec<&str> {
    assert_eq!(t.columns.get(..3), Some(["sid", "account", "created"].as_slice()), "{}", t.name);
    let mut all: Vec<&str> = t.columns.iter().copied().chain(["body", "secret"]).collect();
    all.sort_unstable();
    all
}

#[track_caller]
fn same_columns(table: &Table, found: &[Name]) {
    let mut found: Vec<&str> = found.iter().map(|n| n.name.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, declared(table), "{}", table.name);
}

#[test]
fn sqlite_has_the_declared_columns() {
    let db = sqlite();
    let mut raw = SqliteConnection::establish(db.file().to_str().unwrap()).unwrap();
    for table in tables() {
        let sql = format!("SELECT name FROM pragma_table_info('{}')", table.name);
        let found: Vec<Name> = diesel::sql_query(sql).load(&mut raw).unwrap();
        same_columns(table, &found);
    }
}

#[test]
fn postgresql_has_the_declared_columns() {
    let Some(db) = postgres() else { return };
    let mut raw = PgConnection::establish(&db.url).unwrap();
    for table in tables() {
        let sql = format!(
            "SELECT column_name::text AS name FROM information_schema.columns WHERE table_name = '{}' \
             ORDER BY ordinal_position",
            table.name
        );
        let found: Vec<Name> = diesel::sql_query(sql).load(&mut raw).unwrap();
        same_columns(table, &found);
    }
}

#[test]
fn a_second_start_changes_nothing() {
    let folder = Folder::new();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    for _ in 0..3 {
        let (store, found) = Store::open(&url, &super::kit::key(), &Options::default()).unwrap();
        assert!(found.calls.is_empty());
        store.close();
    }
}
