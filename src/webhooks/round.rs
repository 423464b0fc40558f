//! How a round of delivery ended, and what is told about it.

use super::policy;
use super::request::{FetchError, Fetched, Method};
use crate::sid::{AccountSid, CallSid};
use crate::store::rows::OutboxRow;

/// How a round of delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoundResult {
    /// An answer below 400.
    Delivered {
        /// Its status.
        status: u16,
    },
    /// None, or one from 400.
    Failed {
        /// Twilio's code.
        code: u32,
        /// HTTP status, if there was one.
        status: Option<u16>,
        /// Without query, token or body.
        words: String,
    },
}

impl From<Result<Fetched, FetchError>> for RoundResult {
    fn from(r: Result<Fetched, FetchError>) -> RoundResult {
        match r {
            Ok(fetched) => RoundResult::Delivered { status: fetched.status },
            Err(e) => RoundResult::Failed { code: e.code, status: e.status, words: e.words },
        }
    }
}

/// What the account's debugger shall show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whose.
    pub account: AccountSid,
    /// About which call.
    pub call: Option<CallSid>,
    /// 15003 for an answer from 400, else the fetch's own.
    pub code: u32,
    /// 0: the callback has failed for good; 1: it will be tried again.
    pub level: u8,
    /// What happened.
    pub words: String,
    /// Of the request.
    pub method: Method,
    /// Of the request, without query.
    pub url: String,
}

/// What became of a row: to be written, and perhaps to be told.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// For `Op::PutOutbox`.
    pub row: OutboxRow,
    /// The first failure of a row, and its last.
    pub note: Option<Note>,
}

impl From<FetchError> for RoundResult {
    fn from(e: FetchError) -> RoundResult {
        RoundResult::Failed { code: e.code, status: e.status, words: e.words }
    }
}

/// The note about a failed round. Neither query nor user info of the URL is in it.
pub fn note(row: &OutboxRow, result: &RoundResult, level: u8) -> Note {
    let (code, status, words) = match result {
        RoundResult::Failed { code, status, words } => (*code, *status, words.clone()),
        RoundResult::Delivered { status } => (0, Some(*status), String::new()),
    };
    let url = row.hook.url.split(['?', '#']).next().unwrap_or_default();
    let url = match url::Url::parse(url) {
        Ok(parsed) => policy::split_user_info(&parsed).0.to_string(),
        Err(_) => String::new(),
    };
    Note {
        account: row.account,
        call: row.call,
        code: if status.is_some_and(|s| s >= 400) { 15003 } else { code },
        level,
        words,
        method: row.hook.method,
        url,
    }
}
