//! (s)
//! A connection to either database: runs statements, and says what a failure means.

use super::inventory;
use super::sql::{Dialect, Explain, Found, Stmt};
use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};
use diesel::{PgConnection, QueryResult, RunQueryDsl, SqliteConnection};

/// One connection.
pub enum Conn {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

/// What went wrong with a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A unique value is taken.
    Taken(&'static str),
    /// Anything else, in the database's words.
    Broken(String),
}

impl From<Error> for Fault {
    fn from(e: Error) -> Fault {
        match e {
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => Fault::Taken(taken(&*info)),
            other => Fault::Broken(other.to_string().replace('\n', " ")),
        }
    }
}

/// SQLite names the columns (`UNIQUE constraint failed: numbers.number`), PostgreSQL the index (`numbers_number`).
fn taken(info: &(dyn DatabaseErrorInformation + Send + Sync)) -> &'static str {
    let named = info.constraint_name().unwrap_or_else(|| info.message());
    if named.contains("idempotency") {
        "idempotency"
    } else if named.contains("numbers.number") || named.contains("numbers_number") {
        "number"
    } else if named.contains("inventory.number") || named.contains("inventory_number") {
        inventory::TAKEN
    } else {
        "sid"
    }
}

impl Conn {
    /// Its dialect.
    pub fn dialect(&self) -> Dialect {
        match self {
            Conn::Sqlite(_) => Dialect::Sqlite,
            Conn::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement; the number of rows it changed.
    pub fn execute(&mut self, s: &Stmt) -> Result<usize, Fault> {
        let changed: QueryResult<usize> = match self {
            Conn::Sqlite(c) => s.execute(c),
            Conn::Postgres(c) => s.execute(c),
        };
        changed.map_err(Fault::from)
    }

    /// Runs a statement; its rows.
    pub fn rows(&mut self, s: &Stmt) -> Result<Vec<Found>, Fault> {
        let rows: QueryResult<Vec<Found>> = match self {
            Conn::Sqlite(c) => s.load(c),
            Conn::Postgres(c) => s.load(c),
        };
        rows.map_err(Fault::from)
    }

    /// Runs statements without parameters or rows.
    pub fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        let done = match self {
            Conn::Sqlite(c) => c.batch_execute(sql),
            Conn::Postgres(c) => c.batch_execute(sql),
        };
        done.map_err(Fault::from)
    }

    /// The value of `expression`, a text, in the first row of `from` (`pragma_synchronous`, `facts WHERE ..`).
    pub fn text(&mut self, expression: &str, from: &str) -> Result<Option<String>, Fault> {
        let rows = self.rows(&Stmt::new(format!("SELECT {expression}, '', NULL{from}")))?;
        Ok(rows.into_iter().next().map(|(text, ..)| text))
    }

    /// SQLite's plan of a statement, a line a step; nothing from PostgreSQL.
    pub fn plan(&mut self, s: &Stmt) -> Result<Vec<String>, Fault> {
        match self {
            Conn::Sqlite(c) => {
                let lines: QueryResult<Vec<(i32, i32, i32, String)>> = Explain(s).load(c);
                Ok(lines?.into_iter().map(|(.., line)| line).collect())
            }
            Conn::Postgres(_) => Ok(Vec::new()),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Taken(what) => write!(f, "the {what} is taken"),
            Fault::Broken(why) => f.write_str(why),
        }
    }
}
