//! The store in memory: for tests, and for the simulation, which crashes it back to what it had synced.
//!
//! What was not synced is kept as the way back: a crash costs what it undoes, however much is stored.

use super::query::{Among, Cond, Order, Query};
use super::rows::*;
use super::steps::{CHANGED, Step, steps};
use super::table::{Record, Row, Table, Value};
use super::tx::{Backend, Recovered, StoreError, Tx};
use crate::sid::AccountSid;
use std::collections::{BTreeMap, BTreeSet};

/// The backend. [`Backend::apply`] syncs at once unless it was made by [`Memory::lazy`].
#[derive(Debug, Default)]
pub struct Memory {
    live: Tables,
    /// From `live` back to what was synced.
    unsynced: Undo,
    lazy: bool,
}

impl Memory {
    /// An empty one that syncs after each group, as a database does.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// An empty one that syncs when [`Memory::sync`] is called: the simulation's lying disk.
    pub fn lazy() -> Memory {
        Memory { lazy: true, ..Memory::default() }
    }

    /// Everything applied so far survives a crash.
    pub fn sync(&mut self) {
        self.unsynced.clear();
    }

    /// Everything after the last sync never was.
    pub fn crash(&mut self) {
        self.live.revert(std::mem::take(&mut self.unsynced));
    }

    /// The row with this key, typed: `memory.get::<CallRow>(&sid)`.
    pub fn get<R: Row>(&self, sid: impl std::fmt::Display) -> Option<&R> {
        self.live.rows(R::TABLE).and_then(|t| t.get(&sid.to_string())).and_then(typed)
    }

    /// All rows of a type in the order of their keys.
    pub fn all<R: Row>(&self) -> impl Iterator<Item = &R> {
        self.live.rows(R::TABLE).into_iter().flat_map(|t| t.values()).filter_map(typed)
    }

    /// Those of them that a restart would read, in the order of their keys.
    pub fn live<R: Row>(&self) -> impl Iterator<Item = &R> {
        let keyed = self.live.0.get(R::TABLE.name);
        keyed.into_iter().flat_map(|t| t.live.iter().filter_map(move |key| t.rows.get(key))).filter_map(typed)
    }

    /// The answer to a query.
    pub(super) fn select(&self, q: &Query) -> Vec<&Record> {
        self.live.select(q)
    }

    fn live_rows<R: Row>(&self) -> Vec<R> {
        let query = Query {
            table: R::TABLE,
            conds: vec![Cond::Flag("live")],
            order: Order::Oldest,
            limit: u32::MAX,
            offset: 0,
            among: Among::All,
        };
        self.select(&query).into_iter().filter_map(typed).cloned().collect()
    }
}

impl Backend for Memory {
    fn apply(&mut self, group: &[Tx]) -> Vec<Result<(), StoreError>> {
        let mut answers = Vec::with_capacity(group.len());
        for tx in group {
            let answer = self.live.apply(tx);
            answers.push(answer.map(|undo| self.unsynced.extend(undo)));
        }
        if !self.lazy {
            self.sync();
        }
        answers
    }

    fn recover(&mut self) -> Result<Recovered, StoreError> {
        Ok(Recovered {
            calls: self.live_rows::<CallRow>(),
            recordings: self.live_rows::<RecordingRow>(),
            streams: self.live_rows::<StreamRow>(),
            outbox: self.live_rows::<OutboxRow>(),
            bindings: self.all::<BindingRow>().cloned().collect(),
            talked: Vec::new(),
        })
    }
}

fn typed<R: Row>(r: &Record) -> Option<&R> {
    r.row.any().downcast_ref::<R>()
}

type Rows = BTreeMap<String, Record>;

/// Records by key, and the keys of those with a set `live`: what a restart reads.
#[derive(Debug, Default)]
struct Keyed {
    rows: Rows,
    live: BTreeSet<String>,
}

/// Tables by name.
#[derive(Debug, Default)]
struct Tables(BTreeMap<&'static str, Keyed>);

/// What each step replaced, in order: the way back.
type Undo = Vec<(&'static Table, String, Option<Record>)>;

impl Tables {
    fn rows(&self, t: &Table) -> Option<&Rows> {
        self.0.get(t.name).map(|keyed| &keyed.rows)
    }

    /// The only place where a record comes, changes or goes.
    fn set(&mut self, table: &'static Table, key: String, new: Option<Record>, undo: &mut Undo) {
        let keyed = self.0.entry(table.name).or_default();
        let live = table.index("live").is_some()
            && new.as_ref().is_some_and(|r| *r.value("live") == Value::flag(true));
        match live {
            true => keyed.live.insert(key.clone()),
            false => keyed.live.remove(&key),
        };
        let old = match new {
            Some(new) => keyed.rows.insert(key.clone(), new),
            None => keyed.rows.remove(&key),
        };
        undo.push((table, key, old));
    }

    fn revert(&mut self, undo: Undo) {
        for (table, key, old) in undo.into_iter().rev() {
            self.set(table, key, old, &mut Undo::new());
        }
    }

    /// The way back, if all of it could be done; else nothing was.
    fn apply(&mut self, tx: &Tx) -> Result<Undo, StoreError> {
        let mut undo = Undo::new();
        let outcome = steps(tx).into_iter().try_for_each(|s| self.step(s, &mut undo));
        match outcome {
            Ok(()) => Ok(undo),
            Err(e) => {
                self.revert(undo);
                Err(e)
            }
        }
    }

    fn step(&mut self, s: Step, undo: &mut Undo) -> Result<(), StoreError> {
        match s {
            Step::Insert(new) => match self.old(&new) {
                Some(_) => Err(StoreError::Duplicate("sid")),
                None => self.write(new, undo),
            },
            Step::Put(new) => self.write(new, undo),
            Step::PutIf(new, guard) => match self.old(&new) {
                Some(old) if !(guard.holds)(old, &new) => Err(StoreError::Refused(guard.words)),
                _ => self.write(new, undo),
            },
            Step::Change(new) => match self.old(&new).and_then(Record::revision) {
                Some(old) if new.revision() == Some(old.saturating_add(1)) => self.write(new, undo),
                _ => Err(StoreError::Refused(CHANGED)),
            },
            Step::Add(new) => match self.old(&new) {
                Some(_) => Ok(()),
                None => self.write(new, undo),
            },
            Step::Delete(table, column, is) => {
                if column == "sid" {
                    self.set(table, is, None, undo);
                    return Ok(());
                }
                for (key, _) in self.having(table, column, is) {
                    self.set(table, key, None, undo);
                }
                Ok(())
            }
            Step::DeleteOf(table, account, sid) => {
                let theirs = |r: &Record| *r.value("account") == Value::text(account);
                if self.rows(table).and_then(|rows| rows.get(&sid)).is_some_and(theirs) {
                    self.set(table, sid, None, undo);
                }
                Ok(())
            }
            Step::Clear(table, column, is) => {
                for (key, old) in self.having(table, column, is) {
                    let new = old.row.without(column);
                    let new = new.map_err(|e| StoreError::Unavailable(e.to_string()))?;
                    self.set(table, key, Some(new), undo);
                }
                Ok(())
            }
        }
    }

    /// Key and record of the rows where a text column is this.
    fn having(&self, table: &'static Table, column: &str, is: String) -> Vec<(String, Record)> {
        let wanted = Value::Text(Some(is));
        let rows = self.rows(table).into_iter().flatten().filter(|(_, r)| *r.value(column) == wanted);
        rows.map(|(key, r)| (key.clone(), r.clone())).collect()
    }

    fn old(&self, new: &Record) -> Option<&Record> {
        self.rows(new.table)?.get(new.sid())
    }

    fn write(&mut self, new: Record, undo: &mut Undo) -> Result<(), StoreError> {
        for unique in new.table.unique {
            let same = |r: &Record| unique.columns.iter().all(|c| r.value(c) == new.value(c));
            let free = unique.columns.iter().any(|c| new.value(c).is_null());
            let mut others = self.rows(new.table).into_iter().flat_map(|t| t.values());
            if !free && others.any(|r| r.sid() != new.sid() && same(r)) {
                return Err(StoreError::Duplicate(unique.word));
            }
        }
        let (table, key) = (new.table, new.sid().to_owned());
        if cfg!(feature = "invariants")
            && let Some(old) = self.old(&new)
        {
            for column in new.fixed {
                assert_eq!(old.value(column), new.value(column), "{column} of {} never changes", table.name);
            }
        }
        self.set(table, key, Some(new), undo);
        Ok(())
    }

    fn select(&self, q: &Query) -> Vec<&Record> {
        let rows: Box<dyn Iterator<Item = &Record>> = match self.0.get(q.table.name) {
            Some(t) if q.conds.iter().any(|c| matches!(c, Cond::Flag("live"))) => {
                Box::new(t.live.iter().filter_map(|key| t.rows.get(key)))
            }
            Some(t) => Box::new(t.rows.values()),
            None => Box::new(std::iter::empty()),
        };
        let mut found: Vec<&Record> = rows.filter(|r| q.conds.iter().all(|c| self.holds(r, c))).collect();
        match q.order {
            Order::Newest => found.sort_by(|a, b| age(b).cmp(&age(a))),
            Order::Oldest => found.sort_by(|a, b| age(a).cmp(&age(b))),
            Order::By(column) => {
                found.sort_by(|a, b| (a.value(column), a.sid()).cmp(&(b.value(column), b.sid())))
            }
        }
        found.into_iter().skip(q.offset as usize).take(q.limit as usize).collect()
    }

    fn holds(&self, r: &Record, c: &Cond) -> bool {
        match c {
            Cond::Is(column, v) => !v.is_null() && r.value(column) == v,
            Cond::In(column, list) => list.iter().any(|v| !v.is_null() && r.value(column) == v),
            Cond::Flag(column) => *r.value(column) == Value::flag(true),
            Cond::Unset(column) => *r.value(column) == Value::flag(false),
            Cond::From(column, n) => matches!(r.value(column), Value::Int(Some(v)) if v >= n),
            Cond::To(column, n) => matches!(r.value(column), Value::Int(Some(v)) if v <= n),
            Cond::Contains(column, part) => {
                matches!(r.value(column), Value::Text(Some(v)) if v.contains(part.as_str()))
            }
            Cond::Like(column, part) => {
                matches!(r.value(column), Value::Text(Some(v)) if occurs(v, part))
            }
            Cond::Family(column, a) => self.is_family(r.value(column), *a),
            Cond::Older(created, sid) => age(r) < (&Value::time(*created), sid.as_str()),
            Cond::Newer(created, sid) => age(r) > (&Value::time(*created), sid.as_str()),
        }
    }

    fn is_family(&self, v: &Value, a: AccountSid) -> bool {
        let a = Value::text(a);
        let child = |sid: &String| {
            let row = self.0.get("accounts").and_then(|t| t.rows.get(sid));
            row.is_some_and(|row| *row.value("account") == a)
        };
        *v == a || matches!(v, Value::Text(Some(sid)) if child(sid))
    }
}

/// Does it occur in the text, where `*` is any one character? Letters of either case are the same, as SQLite has it.
fn occurs(text: &str, part: &str) -> bool {
    let (text, part): (Vec<char>, Vec<char>) = (text.chars().collect(), part.chars().collect());
    let same = |a: &char, b: &char| *b == '*' || a.eq_ignore_ascii_case(b);
    text.windows(part.len().max(1)).any(|w| w.iter().zip(&part).all(|(a, b)| same(a, b)))
}

fn age(r: &Record) -> (&Value, &str) {
    (r.value("created"), r.sid())
}
