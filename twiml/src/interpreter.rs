//! What runs next (twiml.md 1.4 and 4).
//!
//! ```text
//!                  Next, Gathered{nothing}, Dialled, Referred or Connected without action
//!                 +---------------------------------------------+
//!                 v                                             |
//!   Ready --> next verb? --some--> Run(verb) --its event--> finished?
//!                 |  \--Redirect--> Request                     |
//!                none                                  action   |
//!                 v                                             v
//!                End <------- any event afterwards -------- Request
//! ```

use crate::document::Document;
use crate::method::Method;
use crate::verb::Verb;
use crate::warning::{DIAL_IN_WHISPER, DocumentError, SCHEMA, Warning};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// For whom a document runs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The call itself.
    Call,
    /// The child of a Dial, before the parties are connected; the End connects them.
    Whisper,
}

/// What the call reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Begin; or the running verb ended and has nothing to tell.
    Next,
    /// A Gather ended.
    Gathered {
        /// The keys, without the one that ended it.
        digits: String,
        /// The key that ended it.
        finished_on_key: Option<char>,
    },
    /// A Record ended.
    Recorded {
        /// RecordingUrl, RecordingSid, RecordingDuration, Digits.
        params: Vec<(String, String)>,
        /// Whether there is a recording; if not, the next verb runs.
        made: bool,
    },
    /// A Dial ended.
    Dialled {
        /// DialCallStatus and the others.
        params: Vec<(String, String)>,
    },
    /// It is known how a Refer went.
    Referred {
        /// ReferCallStatus and the others.
        params: Vec<(String, String)>,
    },
    /// The session of a Connect ended.
    Connected {
        /// The noun's parameters.
        params: Vec<(String, String)>,
    },
}

/// What the call shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Run this verb and report its end.
    Run(Verb),
    /// Ask for a document that replaces this one.
    Request {
        /// As written, to be resolved against the current document's URL; None or empty: the current document.
        href: Option<String>,
        /// Of the request.
        method: Method,
        /// Beside the standard parameters.
        params: Vec<(String, String)>,
    },
    /// The document cannot go on: the fallback URL is asked.
    Fail(DocumentError),
    /// Nothing is left: the call hangs up, a whisper connects.
    End,
}

/// Runs one document.
#[derive(Clone, Debug)]
pub struct Interpreter {
    verbs: VecDeque<Verb>,
    running: Option<Verb>,
    kind: Kind,
    warnings: Vec<Warning>,
}

impl Interpreter {
    /// A document that has not begun. What a whisper may not run is taken out here, with a warning.
    pub fn new(document: Document, kind: Kind) -> Self {
        let Document { verbs, mut warnings } = document;
        let allowed = |verb: &Verb| kind == Kind::Call || in_whisper(verb);
        for verb in verbs.iter().filter(|v| !allowed(v)) {
            let words =
                format!("{} is not allowed before the parties are connected; it is passed over", verb.name());
            warnings.push(Warning { code: SCHEMA, words, line: 0, column: 0 });
        }
        Self { verbs: verbs.into_iter().filter(allowed).collect(), running: None, kind, warnings }
    }

    /// The document's warnings and those of `new`.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The verb that runs now.
    pub fn running(&self) -> Option<&Verb> {
        self.running.as_ref()
    }

    /// What a Gather's prompts and the verb after the running one are: the call may fetch ahead.
    pub fn upcoming(&self) -> Option<&Verb> {
        self.verbs.front()
    }

    /// Takes what happened and says what to do. An event that is not of the running verb means that the verb ended
    /// and has nothing to tell.
    pub fn step(&mut self, event: Event) -> Step {
        match (self.running.take(), event) {
            (Some(Verb::Gather(gather)), Event::Gathered { digits, finished_on_key }) => {
                if digits.is_empty() && !gather.action_on_empty_result {
                    return self.advance();
                }
                self.request(gather.action, gather.method, gathered(digits, finished_on_key))
            }
            (Some(Verb::Record(record)), Event::Recorded { params, made: true }) => {
                self.request(record.action, record.method, params)
            }
            (Some(Verb::Dial(dial)), Event::Dialled { params }) => {
                self.action_or_next(dial.action, dial.method, params)
            }
            (Some(Verb::Refer(refer)), Event::Referred { params }) => {
                self.action_or_next(refer.action, refer.method, params)
            }
            (Some(Verb::Connect(connect)), Event::Connected { params }) => {
                self.action_or_next(connect.action, connect.method, params)
            }
            (Some(Verb::Hangup(_) | Verb::Reject(_)), _) => {
                self.verbs.clear();
                Step::End
            }
            _ => self.advance(),
        }
    }

    /// Without an action, Dial, Refer and Connect go on; Gather and Record ask for the current document instead.
    fn action_or_next(
        &mut self,
        action: Option<String>,
        method: Method,
        params: Vec<(String, String)>,
    ) -> Step {
        if action.is_some() { self.request(action, method, params) } else { self.advance() }
    }

    fn request(&mut self, href: Option<String>, method: Method, params: Vec<(String, String)>) -> Step {
        self.verbs.clear();
        Step::Request { href, method, params }
    }

    fn advance(&mut self) -> Step {
        match self.verbs.pop_front() {
            None => Step::End,
            Some(Verb::Redirect(redirect)) => self.request(redirect.url, redirect.method, Vec::new()),
            Some(Verb::Dial(_)) if self.kind == Kind::Whisper => {
                self.verbs.clear();
                let words = "Dial is not allowed before the parties are connected";
                Step::Fail(DocumentError::whole(DIAL_IN_WHISPER, words))
            }
            Some(verb) => {
                self.running = Some(verb.clone());
                Step::Run(verb)
            }
        }
    }
}

/// Dial stays in, because reaching it is an error and not a warning.
fn in_whisper(verb: &Verb) -> bool {
    match verb {
        Verb::Say(_) | Verb::Play(_) | Verb::Pause(_) | Verb::Gather(_) => true,
        Verb::Redirect(_) | Verb::Hangup(_) | Verb::Dial(_) => true,
        Verb::Record(_) | Verb::Connect(_) | Verb::Start(_) | Verb::Stop(_) => false,
        Verb::Refer(_) | Verb::Reject(_) => false,
    }
}

/// Captured requests show `FinishedOnKey` empty where no key ended it (webhooks.md 2.3).
fn gathered(digits: String, finished_on_key: Option<char>) -> Vec<(String, String)> {
    let key = finished_on_key.map(String::from).unwrap_or_default();
    [("Digits", digits), ("FinishedOnKey", key), ("msg", "Gather End".to_string())]
        .map(|(name, value)| (name.to_string(), value))
        .to_vec()
}
