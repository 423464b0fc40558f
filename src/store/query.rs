//! A question to the store as data: whose rows, which of them, in what order, how many. Memory answers it by walking,
//! a database by the statement that `sql` makes of it.

use super::table::{Row, Table, Value};
use crate::clock::Wall;
use crate::sid::AccountSid;

/// Rows of one page at most; a larger wish is cut to it (rest-api.md 4.1).
pub const PAGE_MAX: u32 = 1_000;
/// Rows a page number may skip: beyond it use the token. It bounds the walk that one request can ask for.
pub const OFFSET_MAX: u32 = 1_000_000;
/// Rows of one thing (callbacks or streams of a call) read at once.
pub const WHOLE_MAX: u32 = 10_000;

/// Whose rows a query may see. Every read takes one first.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One account alone.
    Account(AccountSid),
    /// An account and its subaccounts. A list over several accounts sorts what it finds: prefer `Account`.
    WithChildren(AccountSid),
    /// All.
    Operator,
}

/// A span of time, both ends included; an open end is None.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Not before.
    pub from: Option<Wall>,
    /// Not after.
    pub to: Option<Wall>,
}

/// One condition; all of a query must hold.
#[derive(Clone, Debug)]
pub enum Cond {
    /// Equal; never true of NULL.
    Is(&'static str, Value),
    /// Equal to one of a few.
    In(&'static str, Vec<Value>),
    /// A 0/1 column that is 1. Written as a literal, so that a partial index serves it.
    Flag(&'static str),
    /// A 0/1 column that is 0, likewise.
    Unset(&'static str),
    /// At least.
    From(&'static str, i64),
    /// At most.
    To(&'static str, i64),
    /// The text occurs in it, case counts.
    Contains(&'static str, String),
    /// A text like this occurs in it, where `*` is any one character. For digits: whether the case of letters counts is the database's.
    Like(&'static str, String),
    /// The column names the account or one of its subaccounts.
    Family(&'static str, AccountSid),
    /// Comes after this row in the order newest first.
    Older(Wall, String),
    /// Comes before it.
    Newer(Wall, String),
}

/// The order of the answer. All are total: the key decides between equals.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// `created` falling, then the key falling.
    Newest,
    /// The reverse.
    Oldest,
    /// Rising by a column, then by key.
    By(&'static str),
}

/// A question.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of which table.
    pub table: &'static Table,
    /// Which rows.
    pub conds: Vec<Cond>,
    /// In which order.
    pub order: Order,
    /// At most so many.
    pub limit: u32,
    /// After so many.
    pub offset: u32,
    /// Where its rows are looked for.
    pub among: Among,
}

/// Rows that are live are written time and again, so only those that are over stand in most indexes; few are live at a time.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Among {
    /// All rows, by an index of all.
    All,
    /// All rows: what is live and what is over is looked for apart, because the index that serves this question holds only what is over.
    Halves,
    /// What is live.
    Live,
}

impl Query {
    /// All rows of a table that the scope may see, newest first.
    pub fn new<R: Row>(scope: Scope) -> Query {
        let conds = match scope {
            Scope::Account(a) => vec![Cond::Is("account", Value::text(a))],
            Scope::WithChildren(a) => vec![Cond::Family("account", a)],
            Scope::Operator => Vec::new(),
        };
        Query { table: R::TABLE, conds, order: Order::Newest, limit: WHOLE_MAX, offset: 0, among: Among::All }
    }

    /// And this.
    pub fn and(mut self, c: Cond) -> Query {
        self.conds.push(c);
        self
    }

    /// And a column is this, if it is asked for.
    pub fn is(self, column: &'static str, v: Option<impl std::fmt::Display>) -> Query {
        match v {
            Some(v) => self.and(Cond::Is(column, Value::text(v))),
            None => self,
        }
    }

    /// And a text holds this, if it is asked for; `*` is any one character.
    pub fn contains(self, column: &'static str, v: Option<&str>) -> Query {
        match v {
            Some(v) if v.contains('*') => self.and(Cond::Like(column, v.replace('\0', "\u{fffd}"))),
            Some(v) => self.and(Cond::Contains(column, v.replace('\0', "\u{fffd}"))),
            None => self,
        }
    }

    /// And a time lies in the period.
    pub fn within(mut self, column: &'static str, p: Period) -> Query {
        self.conds.extend(p.from.map(|w| Cond::From(column, w.0)));
        self.conds.extend(p.to.map(|w| Cond::To(column, w.0)));
        self
    }

    /// See [`Among`].
    pub fn among(mut self, which: Among) -> Query {
        self.among = which;
        self
    }

    /// In this order.
    pub fn by(mut self, order: Order) -> Query {
        self.order = order;
        self
    }

    /// At most so many.
    pub fn limit(mut self, n: u32) -> Query {
        self.limit = n;
        self
    }
}
