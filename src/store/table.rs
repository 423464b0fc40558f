//! How a row becomes a record: each aggregate declares its table once, and memory, SQLite and PostgreSQL all follow
//! that declaration. A table holds the columns that are filtered or ordered by, the other fields as JSON (`body`), and
//! the fields that are secret as one encrypted text (`secret`).

use crate::clock::Wall;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};
use std::{any::Any, fmt::Display, sync::Arc};

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Text or NULL.
    Text(Option<String>),
    /// Number, time in milliseconds, or NULL.
    Int(Option<i64>),
}

impl Value {
    /// Text. A NUL, which PostgreSQL refuses, becomes U+FFFD on every backend, so that all compare alike.
    pub fn text(v: impl Display) -> Value {
        let s = v.to_string();
        Value::Text(Some(if s.contains('\0') { s.replace('\0', "\u{fffd}") } else { s }))
    }

    /// Text or NULL.
    pub fn maybe(v: Option<impl Display>) -> Value {
        v.map_or(Value::Text(None), Value::text)
    }

    /// A time.
    pub fn time(v: Wall) -> Value {
        Value::Int(Some(v.0))
    }

    /// A time or NULL.
    pub fn maybe_time(v: Option<Wall>) -> Value {
        Value::Int(v.map(|w| w.0))
    }

    /// How many.
    pub fn count(v: u64) -> Value {
        Value::Int(i64::try_from(v).ok())
    }

    /// A yes or no as 1 or 0.
    pub fn flag(v: bool) -> Value {
        Value::Int(Some(i64::from(v)))
    }

    /// Neither a text nor a number.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Text(None) | Value::Int(None))
    }
}

/// The column, and the field, of tables whose rows are changed by more than one hand: how often that was.
pub const REVISION: &str = "revision";

/// Columns whose values may occur once; a row with a NULL among them is free.
#[derive(Debug)]
pub struct Unique {
    /// Together unique.
    pub columns: &'static [&'static str],
    /// What [`super::tx::StoreError::Duplicate`] says.
    pub word: &'static str,
}

/// The declaration of a table. Every table begins with the columns `sid` (its key), `account`, `created`.
#[derive(Debug)]
pub struct Table {
    /// Name.
    pub name: &'static str,
    /// All columns except `body` and `secret`, in the order of [`Row::columns`].
    pub columns: &'static [&'static str],
    /// Fields of the row that are encrypted: what authenticates, and what may carry a token, a key pressed or a query
    /// value (every URL of a user).
    pub secrets: &'static [&'static str],
    /// Beside the key.
    pub unique: &'static [Unique],
}

impl Table {
    /// Where a column stands in [`Row::columns`].
    pub fn index(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| *c == column)
    }
}

/// A row that has a table.
pub trait Row: Clone + std::fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its declaration.
    const TABLE: &'static Table;
    /// The values of [`Table::columns`].
    fn columns(&self) -> Vec<Value>;
}

/// A row on its way into a table.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where to.
    pub table: &'static Table,
    /// The values of [`Table::columns`].
    pub columns: Vec<Value>,
    /// The row itself.
    pub row: Arc<dyn Stored>,
}

impl Record {
    /// Of a row.
    pub fn of<R: Row>(row: &R) -> Record {
        Record { table: R::TABLE, columns: row.columns(), row: Arc::new(row.clone()) }
    }

    /// Value of a column; NULL if the table has no such column.
    pub fn value(&self, column: &str) -> &Value {
        self.table.index(column).and_then(|i| self.columns.get(i)).unwrap_or(&Value::Text(None))
    }

    /// How often it was changed, if its table counts that.
    pub fn revision(&self) -> Option<i64> {
        match self.value(REVISION) {
            Value::Int(n) => *n,
            Value::Text(_) => None,
        }
    }

    /// The key.
    pub fn sid(&self) -> &str {
        match self.columns.first() {
            Some(Value::Text(Some(sid))) => sid,
            _ => "",
        }
    }
}

/// A row whose type is forgotten until somebody asks for it.
pub trait Stored: Any + Send + Sync + std::fmt::Debug {
    /// For a downcast.
    fn any(&self) -> &dyn Any;
    /// The row in two parts: what may be read in the file, and what is encrypted.
    fn parts(&self) -> Result<Parts, serde_json::Error>;
    /// The row with nothing in a field that may be empty, a revision later.
    fn without(&self, field: &str) -> Result<Record, serde_json::Error>;
}

/// A row as two JSON objects.
#[derive(Debug, Default)]
pub struct Parts {
    /// In the clear.
    pub body: Map<String, Json>,
    /// To be encrypted; empty if the row holds no secret.
    pub secret: Map<String, Json>,
}

impl<R: Row> Stored for R {
    fn any(&self) -> &dyn Any {
        self
    }

    fn parts(&self) -> Result<Parts, serde_json::Error> {
        let mut parts = Parts::default();
        let Json::Object(all) = serde_json::to_value(self)? else { return Ok(parts) };
        for (field, value) in all {
            let secret = !value.is_null() && R::TABLE.secrets.contains(&field.as_str());
            let half = if secret { &mut parts.secret } else { &mut parts.body };
            half.insert(field, value);
        }
        Ok(parts)
    }

    fn without(&self, field: &str) -> Result<Record, serde_json::Error> {
        let mut all = serde_json::to_value(self)?;
        if let Some(all) = all.as_object_mut() {
            let revision = all.get(REVISION).and_then(Json::as_u64).unwrap_or_default();
            all.insert(field.to_owned(), Json::Null);
            all.insert(REVISION.to_owned(), Json::from(revision.saturating_add(1)));
        }
        serde_json::from_value::<R>(all).map(|row| Record::of(&row))
    }
}

/// Puts a row together again.
pub fn join<R: Row>(parts: Parts) -> Result<R, serde_json::Error> {
    let Parts { mut body, secret } = parts;
    body.extend(secret);
    serde_json::from_value(Json::Object(body))
}
