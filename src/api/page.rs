//! The paging envelopes of lists: v2010's (rest-api.md 4.1) and that of v1.

use super::form;
use super::params::{PAGE_SIZE_DEFAULT, Params};
use super::refusal::Refusal;
use crate::store::page::{Cursor, Listed, Page};
use serde_json::{Map, Value, json};

/// Which part of the list is asked for.
pub fn wanted(params: &Params) -> Result<Page, Refusal> {
    let size = params.int("PageSize").unwrap_or(PAGE_SIZE_DEFAULT);
    let cursor = match params.text("PageToken") {
        Some(token) => Some(Cursor::parse(token).ok_or_else(|| Refusal::plain(21481).about("PageToken"))?),
        None => None,
    };
    let clamp = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Page { size: clamp(size), number: clamp(params.int("Page").unwrap_or(0)), cursor })
}

/// A list before it is written: where it lies and the filters that its links repeat.
pub struct Envelope<'a> {
    /// Name of the array.
    pub key: &'a str,
    /// Path with `.json`.
    pub path: &'a str,
    /// The filters that were given.
    pub filters: &'a [(String, String)],
    /// What was asked for.
    pub page: &'a Page,
}

impl Envelope<'_> {
    /// The body: the records and the eight keys around them, no other, because SDKs take the one that is left.
    pub fn body<T>(&self, listed: &Listed<T>, show: impl Fn(&T) -> Value) -> Map<String, Value> {
        let records: Vec<Value> = listed.rows.iter().map(show).collect();
        let number = self.page.number;
        let start = u64::from(number).saturating_mul(u64::from(self.page.size));
        let end = start.saturating_add(records.len() as u64).saturating_sub(u64::from(!records.is_empty()));
        let next = listed.next.as_ref().map(|c| self.link(number.saturating_add(1), Some(c)));
        let previous = listed.previous.as_ref().map(|c| self.link(number.saturating_sub(1), Some(c)));
        let mut body = Map::new();
        body.insert(self.key.to_string(), Value::Array(records));
        for (name, value) in [
            ("end", json!(end)),
            ("first_page_uri", json!(self.link(0, None))),
            ("next_page_uri", json!(next)),
            ("page", json!(number)),
            ("page_size", json!(self.page.size)),
            ("previous_page_uri", json!(previous)),
            ("start", json!(start)),
            ("uri", json!(self.link(number, self.page.cursor.as_ref()))),
        ] {
            body.insert(name.to_string(), value);
        }
        body
    }

    /// The same in the form of v1: absolute URLs below `base`, all under `meta`.
    pub fn meta_body<T>(
        &self,
        base: &str,
        listed: &Listed<T>,
        show: impl Fn(&T) -> Value,
    ) -> Map<String, Value> {
        let records: Vec<Value> = listed.rows.iter().map(show).collect();
        let number = self.page.number;
        let url = |number, cursor| format!("{base}{}", self.link(number, cursor));
        let next = listed.next.as_ref().map(|c| url(number.saturating_add(1), Some(c)));
        let previous = listed.previous.as_ref().map(|c| url(number.saturating_sub(1), Some(c)));
        let meta = json!({
            "first_page_url": url(0, None),
            "key": self.key,
            "next_page_url": next,
            "page": number,
            "page_size": self.page.size,
            "previous_page_url": previous,
            "url": url(number, self.page.cursor.as_ref()),
        });
        Map::from_iter([(self.key.to_string(), Value::Array(records)), ("meta".to_string(), meta)])
    }

    fn link(&self, number: u32, cursor: Option<&Cursor>) -> String {
        let mut uri = format!("{}?", self.path);
        for (name, value) in self.filters {
            uri.push_str(&format!("{}={}&", form::encode(name), form::encode(value)));
        }
        uri.push_str(&format!("PageSize={}&Page={number}", self.page.size));
        if let Some(cursor) = cursor {
            uri.push_str(&format!("&PageToken={}", form::encode(&cursor.to_string())));
        }
        uri
    }
}
