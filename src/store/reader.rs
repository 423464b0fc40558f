//! (s)
//! Reads: a connection of its own for each reader thread, opened when it starts and again after a failure; or the
//! rows in memory.

use super::backend::Target;
use super::conn::Conn;
use super::crypt::Key;
use super::memory::Memory;
use super::page::{Listed, Page};
use super::query::{Cond, Order, Query};
use super::sealed;
use super::sql::{self, Found, Stmt};
use super::sqlite::Identity;
use super::table::{Record, Row};
use super::tx::StoreError;
use crate::clock::Wall;
use std::sync::{Arc, Mutex, PoisonError};

/// Answers queries. The functions of `calls`, `recordings` and their like take one.
pub struct Reader {
    source: Source,
    plans: Option<Vec<String>>,
}

/// A reader's connection, where the writer can close it.
type Slot = Arc<Mutex<Option<Conn>>>;

/// The connections of all readers. When a database file was replaced, all must be closed before it is opened again:
/// one that stays would keep the old log file in use, and SQLite would mix it with the new file.
#[derive(Clone, Default)]
pub struct Slots(Arc<Shared>);

#[derive(Default)]
struct Shared {
    slots: Mutex<Vec<Slot>>,
    file: Mutex<Option<Identity>>,
}

impl Slots {
    fn add(&self) -> Slot {
        let slot = Slot::default();
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&slot));
        slot
    }

    /// The file that the writer has open; None while it has none: then readers open none either.
    pub fn expect(&self, file: Option<Identity>) {
        *self.0.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
    }

    fn expected(&self) -> Option<Identity> {
        *self.0.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes them all; each is opened again by its next read.
    pub fn close_all(&self) {
        for slot in self.0.slots.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

enum Source {
    Memory(Arc<Mutex<Memory>>),
    Database(Box<Link>),
}

struct Link {
    target: Target,
    key: Key,
    slots: Slots,
    slot: Slot,
    /// Several reads share a moment: they must stay on one connection.
    pinned: bool,
}

impl Link {
    /// Runs a read. A connection that was kept may have died since: then once more on a new one.
    fn run<T>(&mut self, mut f: impl FnMut(&mut Conn) -> Result<T, String>) -> Result<T, String> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(conn) = slot.as_mut() {
            let first = f(conn);
            if first.is_ok() || self.pinned {
                return first;
            }
            *slot = None;
        } else if self.pinned {
            return Err("the database was opened anew".to_owned());
        }
        let mut conn = self.target.open_reader(self.slots.expected())?;
        let answer = f(&mut conn)?;
        *slot = Some(conn);
        Ok(answer)
    }

    /// What a statement finds; its plan too, if plans are kept.
    fn found(&mut self, stmt: &Stmt, plans: &mut Option<Vec<String>>) -> Result<Vec<Found>, StoreError> {
        if let Some(plans) = plans {
            let plan = self.run(|c| c.plan(stmt).map_err(|f| f.to_string()));
            plans.extend(plan.map_err(StoreError::Unavailable)?);
        }
        self.run(|c| c.rows(stmt).map_err(|f| f.to_string())).map_err(StoreError::Unavailable)
    }

    fn close(&mut self) {
        self.pinned = false;
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Reader {
    /// Reads rows in memory.
    pub fn memory(rows: Arc<Mutex<Memory>>) -> Reader {
        Reader { source: Source::Memory(rows), plans: None }
    }

    /// Reads a database, on a connection that `slots` can close.
    pub fn database(target: Target, key: Key, slots: &Slots) -> Reader {
        let link = Link { target, key, slots: slots.clone(), slot: slots.add(), pinned: false };
        Reader { source: Source::Database(Box::new(link)), plans: None }
    }

    /// Opens the connection, and with a first look all of its files: a process that has run out of descriptors can still read. A
    /// failure is the first read's to tell.
    pub(super) fn connect(&mut self) {
        if let Source::Database(link) = &mut self.source {
            let _ = link.run(|conn| conn.text("MAX(sid)", " FROM accounts").map_err(|f| f.to_string()));
        }
    }

    /// After a panic nobody knows what the connection is in the middle of.
    pub(super) fn forget_connection(&mut self) {
        self.plans = None;
        if let Source::Database(link) = &mut self.source {
            link.close();
        }
    }

    /// From now on SQLite's plan of every read is kept, for [`Reader::plans`].
    pub fn keep_plans(&mut self) {
        self.plans = Some(Vec::new());
    }

    /// The plans of the reads since [`Reader::keep_plans`], a line a step; keeping ends.
    pub fn plans(&mut self) -> Vec<String> {
        self.plans.take().unwrap_or_default()
    }

    /// The rows of a query.
    pub(super) fn rows<R: Row>(&mut self, q: &Query) -> Result<Vec<R>, StoreError> {
        let link = match &mut self.source {
            Source::Memory(rows) => {
                let rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                let found = rows.select(q).into_iter();
                return Ok(found.filter_map(|r| r.row.any().downcast_ref::<R>()).cloned().collect());
            }
            Source::Database(link) => link,
        };
        let found = link.found(&sql::select(link.target.dialect(), q), &mut self.plans)?;
        found.iter().map(|f| sealed::open(&link.key, f).map_err(StoreError::Unavailable)).collect()
    }

    /// Are there so many rows? Their keys alone are read: nothing is decrypted.
    pub(super) fn reaches(&mut self, q: &Query, n: u32) -> Result<bool, StoreError> {
        let q = q.clone().limit(n);
        let found = match &mut self.source {
            Source::Memory(rows) => rows.lock().unwrap_or_else(PoisonError::into_inner).select(&q).len(),
            Source::Database(link) => {
                link.found(&sql::keys(link.target.dialect(), &q), &mut self.plans)?.len()
            }
        };
        Ok(found >= usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// The first row of a query.
    pub(super) fn one<R: Row>(&mut self, q: Query) -> Result<Option<R>, StoreError> {
        Ok(self.rows(&q.limit(1))?.into_iter().next())
    }

    /// A page of a query.
    pub(super) fn page<R: Row>(&mut self, q: Query, page: &Page) -> Result<Listed<R>, StoreError> {
        let rows = self.rows::<R>(&page.apply(q))?;
        Ok(page.finish(rows, Record::of))
    }

    /// All rows whose `live` is 1, oldest first.
    pub(super) fn live<R: Row>(&mut self, q: Query) -> Result<Vec<R>, StoreError> {
        self.rows(&q.and(Cond::Flag("live")).by(Order::Oldest).limit(u32::MAX))
    }

    /// Rows made at `until` or before, oldest first.
    pub(super) fn aged<R: Row>(&mut self, q: Query, until: Wall, limit: u32) -> Result<Vec<R>, StoreError> {
        self.rows(&q.and(Cond::To("created", until.0)).by(Order::Oldest).limit(limit))
    }

    /// Several queries that see the same moment.
    pub(super) fn at_one_moment<T>(
        &mut self,
        f: impl FnOnce(&mut Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begin = match &self.source {
            Source::Memory(_) => return f(self),
            Source::Database(link) => match link.target {
                Target::Sqlite(_) => "BEGIN",
                Target::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            },
        };
        self.pin(true, begin)?;
        let answer = f(self);
        self.pin(false, "COMMIT")?;
        answer
    }

    fn pin(&mut self, pinned: bool, word: &str) -> Result<(), StoreError> {
        let Source::Database(link) = &mut self.source else { return Ok(()) };
        let done = link.run(|c| c.batch(word).map_err(|f| f.to_string()));
        link.pinned = pinned && done.is_ok();
        if done.is_err() {
            link.close();
        }
        done.map_err(StoreError::Unavailable)
    }
}
