//! Paging: by number, or by a token that names the row at the edge of the page, so that rows that come or go meanwhile
//! neither repeat nor hide others.

use super::query::{Cond, OFFSET_MAX, Order, PAGE_MAX, Query};
use super::table::{Record, Value};
use crate::clock::Wall;
use std::fmt;

/// Octets of a key that pages end at: that of a list's use, which names a door, a purpose and a list.
const KEY_MAX: usize = 84;

/// The edge of a page. It holds the row's time as well as its SID, so that it stays good when that row is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    back: bool,
    created: Wall,
    sid: String,
}

impl Cursor {
    /// What comes after this row in a list that is newest first.
    pub fn after(created: Wall, sid: impl fmt::Display) -> Cursor {
        Cursor { back: false, created, sid: sid.to_string() }
    }

    /// What comes before it.
    pub fn before(created: Wall, sid: impl fmt::Display) -> Cursor {
        Cursor { back: true, created, sid: sid.to_string() }
    }

    /// Reads what `Display` wrote; None if it is anything else (21481).
    pub fn parse(token: &str) -> Option<Cursor> {
        let (back, rest) = match token.strip_prefix("PA") {
            Some(rest) => (false, rest),
            None => (true, token.strip_prefix("PB")?),
        };
        let (sid, created) = rest.split_once('-')?;
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'/';
        let good = !sid.is_empty() && sid.len() <= KEY_MAX && sid.bytes().all(known);
        let created = i64::try_from(u64::from_str_radix(created, 16).ok()?).ok()?;
        good.then(|| Cursor { back, created: Wall(created), sid: sid.to_owned() })
    }
}

impl fmt::Display for Cursor {
    /// `PA` (after) or `PB` (before), the SID, the time in hexadecimal: `PACA01...-197a3f`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}-{:x}", if self.back { "PB" } else { "PA" }, self.sid, self.created.0.max(0))
    }
}

/// Which part of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Rows, 1 to [`PAGE_MAX`].
    pub size: u32,
    /// From 0. Decides only where no cursor is given.
    pub number: u32,
    /// Where the last page ended.
    pub cursor: Option<Cursor>,
}

impl Page {
    /// The first page.
    pub fn first(size: u32) -> Page {
        Page { size, number: 0, cursor: None }
    }
}

/// A page of a list, newest first.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The edge of the next page; None at the end.
    pub next: Option<Cursor>,
    /// The edge of the page before; None at the beginning.
    pub previous: Option<Cursor>,
}

impl Page {
    fn size(&self) -> u32 {
        self.size.clamp(1, PAGE_MAX)
    }

    /// The query of this page: one row more than it shows, to know whether there is another page.
    pub(super) fn apply(&self, q: Query) -> Query {
        let mut q = q.by(Order::Newest).limit(self.size().saturating_add(1));
        match &self.cursor {
            None => {
                q.offset = self.number.saturating_mul(self.size()).min(OFFSET_MAX);
                q
            }
            Some(c) if c.back => q.and(Cond::Newer(c.created, c.sid.clone())).by(Order::Oldest),
            Some(c) => q.and(Cond::Older(c.created, c.sid.clone())),
        }
    }

    /// Makes the page of what the query found.
    pub(super) fn finish<T>(&self, mut found: Vec<T>, record: impl Fn(&T) -> Record) -> Listed<T> {
        let more = found.len() > self.size() as usize;
        found.truncate(self.size() as usize);
        let back = self.cursor.as_ref().is_some_and(|c| c.back);
        if back {
            found.reverse();
        }
        let edge = |row: &T, back: bool| {
            let record = record(row);
            let Value::Int(Some(created)) = *record.value("created") else { return None };
            Some(Cursor { back, created: Wall(created), sid: record.sid().to_owned() })
        };
        let (newer, older) =
            if back { (more, true) } else { (self.cursor.is_some() || self.number > 0, more) };
        Listed {
            next: if older { found.last().and_then(|r| edge(r, false)) } else { None },
            previous: if newer { found.first().and_then(|r| edge(r, true)) } else { None },
            rows: found,
        }
    }
}
