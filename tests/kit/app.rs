//! The user's application in virtual time: what it answers to which path, and what it was asked.

use bytes::Bytes;
use chorus::clock::Now;
use chorus::webhooks::request::{FetchError, FetchRequest, Fetched, Json, Method};
use std::collections::{HashMap, VecDeque};
use url::Url;

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
    pub after_ms: u64,
}

impl Reply {
    /// A TwiML document; `body` is what stands inside Response.
    pub fn twiml(body: &str) -> Reply {
        Reply {
            status: 200,
            content_type: "text/xml",
            body: format!("<Response>{body}</Response>"),
            after_ms: 20,
        }
    }

    pub fn status(status: u16) -> Reply {
        Reply { status, content_type: "text/plain", body: String::new(), after_ms: 20 }
    }

    pub fn after(mut self, ms: u64) -> Reply {
        self.after_ms = ms;
        self
    }
}

/// A request as the application saw it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub at: Now,
    pub method: Method,
    pub path: String,
    pub params: HashMap<String, String>,
    /// Of the operator's events: text and token.
    pub json: Option<Json>,
    pub token: String,
}

/// Answers from a seed, for paths that nobody prepared.
pub type Improvise = Box<dyn FnMut(Now, &FetchRequest) -> Reply + Send>;

#[derive(Default)]
pub struct App {
    pub improvise: Option<Improvise>,
    /// Keeps no more than the tokens of what it was asked.
    pub forgetful: bool,
    replies: HashMap<String, VecDeque<Reply>>,
    pub asked: Vec<Asked>,
}

impl App {
    /// The next answer on `path`; the last one given is repeated.
    pub fn on(&mut self, path: &str, reply: Reply) {
        self.replies.entry(path.to_owned()).or_default().push_back(reply);
    }

    /// Answers a request: after how many microseconds, and what. A path that nobody prepared gets 200 without a body if it
    /// is a callback, 404 otherwise.
    pub fn answer(&mut self, now: Now, r: &FetchRequest) -> (u64, Result<Fetched, FetchError>) {
        let url = Url::parse(&r.url).unwrap();
        let path = url.path().to_owned();
        let params = match self.forgetful {
            true => HashMap::new(),
            false => url.query_pairs().into_owned().chain(r.params.iter().cloned()).collect(),
        };
        self.asked.push(Asked {
            at: now,
            method: r.method,
            path: path.clone(),
            params,
            json: r.json.clone(),
            token: r.token.clone(),
        });
        let improvised = self.improvise.as_mut().map(|f| f(now, r));
        let reply = match self.replies.get_mut(&path) {
            None if improvised.is_some() => improvised.unwrap(),
            Some(q) if q.len() > 1 => q.pop_front().unwrap(),
            Some(q) => q.front().unwrap().clone(),
            None if path.starts_with("/status") => Reply::status(200),
            None => Reply::status(404),
        };
        let total = r.policy.total.as_millis() as u64;
        let ms = reply.after_ms.min(total);
        let result = if reply.after_ms > total {
            Err(FetchError {
                code: 11200,
                words: "the application did not answer in time".to_owned(),
                status: None,
                ms,
            })
        } else if reply.status >= 400 {
            let words = format!("{} answered {}", url.host_str().unwrap_or(""), reply.status);
            Err(FetchError { code: 11200, words, status: Some(reply.status), ms })
        } else {
            Ok(Fetched {
                status: reply.status,
                content_type: Some(reply.content_type.to_owned()),
                body: Bytes::from(reply.body),
                url: r.url.clone(),
                cookies: r.cookies.clone(),
                login: None,
                ms,
            })
        };
        (ms * 1_000, result)
    }

    /// What was asked of a path, in order.
    pub fn of(&self, path: &str) -> Vec<&Asked> {
        self.asked.iter().filter(|a| a.path == path).collect()
    }
}
