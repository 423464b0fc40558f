//! (s)
//! Reads: a connection of its own for each reader thread, or the rows in memory.

use super::memory::Memory;
use super::page::{Listed, Page};
use super::query::{Cond, Order, Query};
use super::table::{Record, Row};
use super::tx::StoreError;
use crate::clock::Wall;
use std::sync::{Arc, Mutex, PoisonError};

/// Answers queries. The functions of `calls`, `recordings` and their like take one.
pub struct Reader {
    source: Source,
}

enum Source {
    Memory(Arc<Mutex<Memory>>),
}

impl Reader {
    /// Reads rows in memory.
    pub fn memory(rows: Arc<Mutex<Memory>>) -> Reader {
        Reader { source: Source::Memory(rows) }
    }

    /// After a panic nobody knows what the connection is in the middle of.
    pub(super) fn forget_connection(&mut self) {}

    /// The rows of a query.
    pub(super) fn rows<R: Row>(&mut self, q: &Query) -> Result<Vec<R>, StoreError> {
        match &mut self.source {
            Source::Memory(rows) => {
                let rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(rows
                    .select(q)
                    .into_iter()
                    .filter_map(|r| r.row.any().downcast_ref::<R>())
                    .cloned()
                    .collect())
            }
        }
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
        f(self)
    }
}
