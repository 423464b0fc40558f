//! Steps and queries as statements that SQLite and PostgreSQL both run. The two differ in one word (`instr`, `strpos`)
//! and in the mark of a parameter, which diesel writes. A statement's text depends on its shape alone, never on
//! values, so diesel's cache of prepared statements holds it.

use super::query::{Among, Cond, Order, Query};
use super::steps::{CHANGED, Step};
use super::table::{REVISION, Record, Table, Value};
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query as Answers, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Integer, Nullable, Text};

/// Which database a statement is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.35 or newer.
    Sqlite,
    /// PostgreSQL 12 or newer.
    Postgres,
}

/// A row as the database holds it: `sid`, `body`, `secret`.
pub type Found = (String, String, Option<String>);

#[derive(Clone, Debug)]
enum Part {
    Sql(String),
    Bind(Value),
}

/// A statement: text and parameters in their order. Its rows are [`Found`].
#[derive(Clone, Debug, Default)]
pub struct Stmt(Vec<Part>);

impl Stmt {
    /// Of a text.
    pub fn new(sql: impl Into<String>) -> Stmt {
        Stmt(vec![Part::Sql(sql.into())])
    }

    /// And this text.
    pub fn sql(mut self, sql: &str) -> Stmt {
        if let Some(Part::Sql(last)) = self.0.last_mut() {
            last.push_str(sql);
        } else {
            self.0.push(Part::Sql(sql.to_owned()));
        }
        self
    }

    /// And this value.
    pub fn bind(mut self, v: Value) -> Stmt {
        self.0.push(Part::Bind(v));
        self
    }
}

impl<DB> QueryFragment<DB> for Stmt
where
    DB: Backend + HasSqlType<Nullable<Text>> + HasSqlType<Nullable<BigInt>>,
    Option<String>: ToSql<Nullable<Text>, DB>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for part in &self.0 {
            match part {
                Part::Sql(text) => out.push_sql(text),
                Part::Bind(Value::Text(v)) => out.push_bind_param::<Nullable<Text>, _>(v)?,
                Part::Bind(Value::Int(v)) => out.push_bind_param::<Nullable<BigInt>, _>(v)?,
            }
        }
        Ok(())
    }
}

impl QueryId for Stmt {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Answers for &Stmt {
    type SqlType = (Text, Text, Nullable<Text>);
}

impl<C> diesel::RunQueryDsl<C> for &Stmt {}

/// How SQLite would run a statement.
pub struct Explain<'a>(pub &'a Stmt);

impl<DB: Backend> QueryFragment<DB> for Explain<'_>
where
    Stmt: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("EXPLAIN QUERY PLAN ");
        self.0.walk_ast(out)
    }
}

impl QueryId for Explain<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Answers for Explain<'_> {
    type SqlType = (Integer, Integer, Integer, Text);
}

impl<C> diesel::RunQueryDsl<C> for Explain<'_> {}

/// The statement of a query.
pub fn select(d: Dialect, q: &Query) -> Stmt {
    chosen(d, "SELECT sid, body, secret FROM ", q)
}

/// The statement that asks for the keys of its rows alone.
pub fn keys(d: Dialect, q: &Query) -> Stmt {
    chosen(d, "SELECT sid, '', NULL FROM ", q)
}

fn chosen(d: Dialect, what: &str, q: &Query) -> Stmt {
    let mut s = match q.among {
        Among::All => conditions(d, Stmt::new(what).sql(q.table.name), &q.conds.iter().collect::<Vec<_>>()),
        Among::Live => half(d, Stmt::new(what), q, &Cond::Flag("live")),
        Among::Halves => {
            // The time of creation is there for the order alone.
            let what = what.replace(" FROM ", ", created FROM ");
            let over = half(d, Stmt::new(what.as_str()), q, &Cond::Unset("live"));
            half(d, over.sql(" UNION ALL ").sql(&what), q, &Cond::Flag("live"))
        }
    };
    s = match q.order {
        Order::Newest => s.sql(" ORDER BY created DESC, sid DESC"),
        Order::Oldest => s.sql(" ORDER BY created, sid"),
        Order::By(column) => s.sql(" ORDER BY ").sql(column).sql(", sid"),
    };
    s = s.sql(" LIMIT ").bind(Value::Int(Some(i64::from(q.limit))));
    if q.offset > 0 { s.sql(" OFFSET ").bind(Value::Int(Some(i64::from(q.offset)))) } else { s }
}

/// One half of a query. Few rows are live, and SQLite, which does not know that, would walk through all of an account to find them.
fn half(d: Dialect, s: Stmt, q: &Query, which: &Cond) -> Stmt {
    let mut s = s.sql(q.table.name);
    if d == Dialect::Sqlite && matches!(which, Cond::Flag(_)) {
        s = s.sql(" INDEXED BY ").sql(q.table.name).sql("_live");
    }
    conditions(d, s, &std::iter::once(which).chain(&q.conds).collect::<Vec<_>>())
}

fn conditions(d: Dialect, mut s: Stmt, conds: &[&Cond]) -> Stmt {
    for (i, c) in conds.iter().enumerate() {
        s = condition(d, s.sql(if i == 0 { " WHERE " } else { " AND " }), c);
    }
    s
}

fn condition(d: Dialect, s: Stmt, c: &Cond) -> Stmt {
    let int = |n: i64| Value::Int(Some(n));
    match c {
        Cond::Is(column, v) => s.sql(column).sql(" = ").bind(v.clone()),
        Cond::In(column, list) => {
            let mut s = s.sql(column).sql(" IN (");
            for (i, v) in list.iter().enumerate() {
                s = s.sql(if i == 0 { "" } else { ", " }).bind(v.clone());
            }
            s.sql(")")
        }
        Cond::Flag(column) => s.sql(column).sql(" = 1"),
        Cond::Unset(column) => s.sql(column).sql(" = 0"),
        Cond::From(column, n) => s.sql(column).sql(" >= ").bind(int(*n)),
        Cond::To(column, n) => s.sql(column).sql(" <= ").bind(int(*n)),
        Cond::Contains(column, part) => {
            let name = if d == Dialect::Sqlite { "instr(" } else { "strpos(" };
            s.sql(name).sql(column).sql(", ").bind(Value::text(part)).sql(") > 0")
        }
        Cond::Like(column, part) => {
            s.sql(column).sql(" LIKE ").bind(Value::text(like(part))).sql(" ESCAPE '!'")
        }
        Cond::Family(column, a) => s
            .sql(column)
            .sql(" IN (SELECT sid FROM accounts WHERE sid = ")
            .bind(Value::text(a))
            .sql(" OR account = ")
            .bind(Value::text(a))
            .sql(")"),
        Cond::Older(created, sid) => edge(s.sql("(created, sid) < ("), created.0, sid),
        Cond::Newer(created, sid) => edge(s.sql("(created, sid) > ("), created.0, sid),
    }
}

/// The pattern of LIKE for [`Cond::Like`], with its own signs taken as they are.
fn like(part: &str) -> String {
    let mut out = String::from("%");
    for c in part.chars() {
        match c {
            '*' => out.push('_'),
            '%' | '_' | '!' => out.extend(['!', c]),
            c => out.push(c),
        }
    }
    out.push('%');
    out
}

fn edge(s: Stmt, created: i64, sid: &str) -> Stmt {
    s.bind(Value::Int(Some(created))).sql(", ").bind(Value::text(sid)).sql(")")
}

/// A statement of a write and what it means when it changes no row.
#[derive(Debug)]
pub struct Write {
    /// The statement.
    pub stmt: Stmt,
    /// The transaction is refused with these words if no row changes.
    pub refused: Option<&'static str>,
    /// Finds the row that an insert collides with. If several unique values are taken, SQLite names any of them: the
    /// key comes first.
    pub twin: Option<Stmt>,
}

/// The statement of a step. `seal` makes `body` and `secret` of a record.
pub fn write<E>(
    d: Dialect,
    step: &Step,
    mut seal: impl FnMut(&Record) -> Result<(String, Option<String>), E>,
) -> Result<Write, E> {
    let (mut refused, mut twin) = (None, None);
    let stmt = match step {
        Step::Insert(r) => {
            let find = Stmt::new("SELECT sid, '', NULL FROM ").sql(r.table.name);
            twin = Some(find.sql(" WHERE sid = ").bind(Value::text(r.sid())));
            insert(r, seal(r)?)
        }
        Step::Add(r) => insert(r, seal(r)?).sql(" ON CONFLICT (sid) DO NOTHING"),
        Step::Put(r) => replace(insert(r, seal(r)?), r),
        Step::PutIf(r, guard) => {
            refused = Some(guard.words);
            replace(insert(r, seal(r)?), r).sql(" WHERE ").sql(guard.sql)
        }
        Step::Change(r) => {
            refused = Some(CHANGED);
            change(r, seal(r)?)
        }
        Step::Delete(table, column, is) => delete(table, column, is),
        Step::DeleteOf(table, account, sid) => {
            delete(table, "sid", sid).sql(" AND account = ").bind(Value::text(account))
        }
        Step::Clear(table, column, is) => clear(d, table, column, is),
    };
    Ok(Write { stmt, refused, twin })
}

fn delete(table: &Table, column: &str, is: &str) -> Stmt {
    let s = Stmt::new("DELETE FROM ").sql(table.name).sql(" WHERE ").sql(column);
    s.sql(" = ").bind(Value::text(is))
}

fn change(r: &Record, (body, secret): (String, Option<String>)) -> Stmt {
    let mut s = Stmt::new("UPDATE ").sql(r.table.name).sql(" SET body = ").bind(Value::Text(Some(body)));
    s = s.sql(", secret = ").bind(Value::Text(secret));
    for (column, v) in r.table.columns.iter().zip(&r.columns).skip(1) {
        s = s.sql(", ").sql(column).sql(" = ").bind(v.clone());
    }
    let before = Value::Int(r.revision().map(|n| n.saturating_sub(1)));
    s.sql(" WHERE sid = ").bind(Value::text(r.sid())).sql(" AND revision = ").bind(before)
}

/// The column, and the field in the body: rows are read from there.
fn clear(d: Dialect, table: &Table, column: &str, is: &str) -> Stmt {
    let body = match d {
        Dialect::Sqlite => format!("json_set(body, '$.{column}', NULL, '$.{REVISION}', {REVISION} + 1)"),
        Dialect::Postgres => format!(
            "(body::jsonb || jsonb_build_object('{column}', NULL, '{REVISION}', {REVISION} + 1))::text"
        ),
    };
    let set = format!(" SET {column} = NULL, {REVISION} = {REVISION} + 1, body = {body} WHERE {column} = ");
    Stmt::new("UPDATE ").sql(table.name).sql(&set).bind(Value::text(is))
}

fn insert(r: &Record, (body, secret): (String, Option<String>)) -> Stmt {
    let mut s = Stmt::new("INSERT INTO ").sql(r.table.name).sql(" (");
    for column in r.table.columns {
        s = s.sql(column).sql(", ");
    }
    s = s.sql("body, secret) VALUES (");
    for v in &r.columns {
        s = s.bind(v.clone()).sql(", ");
    }
    s.bind(Value::Text(Some(body))).sql(", ").bind(Value::Text(secret)).sql(")")
}

/// SQLite writes every index anew that holds a column which an update names, whether or not its value changes.
fn replace(s: Stmt, r: &Record) -> Stmt {
    let mut s = s.sql(" ON CONFLICT (sid) DO UPDATE SET body = excluded.body, secret = excluded.secret");
    for column in r.table.columns.iter().skip(1).filter(|c| !r.fixed.contains(c)) {
        s = s.sql(", ").sql(column).sql(" = excluded.").sql(column);
    }
    s
}
