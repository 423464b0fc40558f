//! The document a call executes, and where it came from.

use super::call::Call;
use super::cx::Cx;
use super::event::{Effect, Event};
use super::phase::{Phase, fetching::Fetching};
use super::{notify, requests};
use crate::sip::event::Cause;
use crate::store::rows::{CallStatus, Hook};
use crate::webhooks::request::{Cookie, FetchError, Login, Method};
use crate::webhooks::{data_url, params, policy};
use twiml::verb::{Hangup, Play, Say};
use twiml::{Content, Document, Interpreter, Kind, Step, Verb};

/// Documents a call may run (Twilio has no limit for voice; this one ends loops).
pub const DOCUMENTS_MAX: u32 = 1_000;

/// Twilio's code for a verb that asks for its own document where that has no URL (twiml.md 1.5).
const NO_URL: u32 = 11100;

/// What a caller hears when nothing else can be said.
const APOLOGY: &str = "We are sorry. An application error has occurred. Goodbye.";

/// Interpreter, base URL, cookies.
#[derive(Default)]
pub struct Program {
    interpreter: Option<Interpreter>,
    /// URL of the running document; None for an inline one.
    pub base: Option<String>,
    /// The call's cookies.
    pub cookies: Vec<Cookie>,
    /// Credentials that an application's challenge accepted: kept for the call (webhooks.md 1).
    pub login: Option<Login>,
    /// Requests for documents so far.
    pub documents: u32,
    /// How far the fallback has come.
    fallback: Fallback,
    /// A document that was audio itself: its one Play takes this instead of fetching.
    pub audio: Option<(String, bytes::Bytes)>,
    /// A Dial's whisper document: its end bridges instead of hanging up.
    pub whisper: bool,
    /// One registered user dials another: nobody's document but ours, which the callee's refusal ends.
    pub by_name: bool,
}

/// Any document of a call may fail, so each gets the fallback's help (twiml.md 1.7); the fallback's own failure, or that of the
/// request it leads to, is final.
#[derive(Copy, Clone, PartialEq, Eq, Default)]
enum Fallback {
    /// It is there for the next failure.
    #[default]
    Ready,
    /// Its document is awaited.
    Asked,
    /// Its document runs.
    Running,
}

impl Fallback {
    /// A document begins: the fallback's own, or one after it.
    fn begun(self) -> Fallback {
        if self == Fallback::Asked { Fallback::Running } else { Fallback::Ready }
    }
}

impl Program {
    /// A program that begins anew in the same call: its cookies and its budget of documents stay.
    pub fn replaced(self) -> Program {
        Program { cookies: self.cookies, login: self.login, documents: self.documents, ..Program::default() }
    }
}

impl Program {
    /// Another program of the same call, for a while.
    pub fn beside(&self) -> Program {
        let (cookies, login) = (self.cookies.clone(), self.login.clone());
        Program { cookies, login, documents: self.documents, ..Program::default() }
    }

    /// It goes on after the one beside it.
    pub fn after(self, beside: Program) -> Program {
        Program { cookies: beside.cookies, login: beside.login, documents: beside.documents, ..self }
    }

    /// One more document is within the budget; it is taken from it.
    pub fn has_room(&mut self) -> bool {
        self.documents += 1;
        self.documents <= DOCUMENTS_MAX
    }
}

impl Call {
    /// The effects that ask for the first document (or begin the inline one at once).
    pub(super) fn first_document(&mut self, cx: &mut Cx<'_>) -> Vec<Effect> {
        let already = cx.fx.len();
        match (self.row.twiml.clone(), self.row.voice.clone()) {
            (Some(twiml), _) => {
                self.program.by_name = self.row.direction.came_in();
                self.load(cx, twiml.as_bytes(), Some("text/xml"), None);
            }
            (None, Some(hook)) => self.fetch_hook(cx, &hook, vec![]),
            (None, None) => {
                notify::write(
                    cx,
                    &self.row,
                    11100,
                    "the number has no VoiceUrl and no application: nobody handles the call",
                );
                self.give_up(cx, Cause::new(480, "No handler for this number"), CallStatus::Failed);
            }
        }
        cx.fx.split_off(already)
    }

    /// Requests a document by an absolute URL, or takes the one that stands in it.
    pub(super) fn fetch_hook(&mut self, cx: &mut Cx<'_>, hook: &Hook, extra: Vec<(String, String)>) {
        if !self.program.has_room() {
            notify::write(
                cx,
                &self.row,
                12400,
                "the call ran 1,000 documents: look for a Redirect or action that loops",
            );
            return self.hang_up_after_failure(cx);
        }
        if let Some(given) = data_url::read(&hook.url) {
            return match given {
                Ok(given) => self.load(cx, &given.body, Some(&given.content_type), None),
                Err(e) => self.document_failed(cx, "", None, &e),
            };
        }
        match self.request(cx, hook, extra) {
            Ok(request) => {
                let id = cx.ids.fetch();
                let method = if request.method == Method::Get { "GET" } else { "POST" };
                cx.trace("chorus", "app", format!("{method} {}", requests::host(&hook.url)));
                self.phase =
                    Phase::Fetching(Fetching { id, url: hook.url.clone(), request: request.clone() });
                cx.push(Effect::Fetch(id, Box::new(request)));
            }
            Err(e) => self.document_failed(cx, &hook.url.clone(), None, &e),
        }
    }

    /// Requests an href of the running document.
    pub(super) fn fetch_href(
        &mut self,
        cx: &mut Cx<'_>,
        href: Option<&str>,
        method: Method,
        extra: Vec<(String, String)>,
    ) {
        let href = href.unwrap_or("");
        let resolved = match self.program.base.as_deref() {
            None if href.is_empty() => {
                Err(FetchError::early(NO_URL, "the document was given as Twiml: it has no URL to ask again"))
            }
            base => policy::resolve(base, href),
        };
        match resolved {
            Ok(url) => self.fetch_hook(cx, &Hook { url, method }, extra),
            Err(e) => self.document_failed(cx, href, None, &e),
        }
    }

    /// A document's bytes came.
    pub(super) fn load(
        &mut self,
        cx: &mut Cx<'_>,
        body: &[u8],
        content_type: Option<&str>,
        url: Option<String>,
    ) {
        let shown = url.clone().unwrap_or_default();
        self.program.base = url;
        match Document::read(body, content_type) {
            Ok(Content::Document(document)) => self.begin_document(cx, document),
            Ok(Content::Text(text)) => self.begin_document(cx, spoken(text)),
            Ok(Content::Audio) => {
                let kind = content_type.unwrap_or("").to_owned();
                self.program.audio = Some((kind, bytes::Bytes::copy_from_slice(body)));
                self.begin_document(cx, played());
            }
            Err(e) => {
                let words = placed(&e.words, e.line, e.column);
                let e = FetchError { code: e.code, words, status: None, ms: 0 };
                self.document_failed(cx, &shown, None, &e);
            }
        }
    }

    fn begin_document(&mut self, cx: &mut Cx<'_>, document: Document) {
        let kind = if self.program.whisper { Kind::Whisper } else { Kind::Call };
        let interpreter = Interpreter::new(document, kind);
        for w in interpreter.warnings() {
            notify::write(cx, &self.row, w.code, &placed(&w.words, w.line, w.column));
        }
        self.program.interpreter = Some(interpreter);
        self.program.fallback = self.program.fallback.begun();
        self.next(cx, twiml::Event::Next);
    }

    /// The running verb ended with `event`: what comes next is the interpreter's word.
    pub(super) fn next(&mut self, cx: &mut Cx<'_>, event: twiml::Event) {
        let Some(interpreter) = self.program.interpreter.as_mut() else {
            return self.end_of_document(cx);
        };
        match interpreter.step(event) {
            Step::Run(verb) => self.run(cx, verb),
            Step::Request { href, method, params } => {
                let method = method_of(method);
                self.fetch_href(cx, href.as_deref(), method, params);
            }
            Step::Fail(e) => {
                let e = FetchError { code: e.code, words: e.words, status: None, ms: 0 };
                self.verb_failed(cx, &e);
            }
            Step::End => self.end_of_document(cx),
        }
    }

    fn end_of_document(&mut self, cx: &mut Cx<'_>) {
        if self.program.whisper {
            self.ready(cx);
        } else if !self.unpark(cx) {
            self.run(cx, Verb::Hangup(Hangup::default()));
        }
    }

    /// A verb that cannot be run fails the document that it stands in.
    pub(super) fn verb_failed(&mut self, cx: &mut Cx<'_>, e: &FetchError) {
        let url = self.program.base.clone().unwrap_or_default();
        self.document_failed(cx, &url, None, e);
    }

    /// No usable document: the fallback, once; then the apology; then the end.
    pub(super) fn document_failed(
        &mut self,
        cx: &mut Cx<'_>,
        url: &str,
        request: Option<&crate::webhooks::request::FetchRequest>,
        e: &FetchError,
    ) {
        notify::about_fetch(cx, &self.row, url, request, e);
        self.row.error = Some(e.code);
        if self.unpark(cx) {
            return;
        }
        match self.row.fallback.clone() {
            Some(hook) if self.program.fallback == Fallback::Ready && !self.program.whisper => {
                self.program.fallback = Fallback::Asked;
                let extra = params::fallback(e.code, &requests::shown(url));
                self.fetch_hook(cx, &hook, extra);
            }
            _ => self.hang_up_after_failure(cx),
        }
    }

    /// Nothing is left to run: the caller hears that something failed (a whisper's child only ends).
    pub(super) fn hang_up_after_failure(&mut self, cx: &mut Cx<'_>) {
        if self.program.whisper {
            return self.hang_up(cx, vec![]);
        }
        self.program.interpreter = Some(Interpreter::new(spoken(APOLOGY.to_owned()), Kind::Call));
        self.program.base = None;
        self.program.fallback = Fallback::Running;
        self.next(cx, twiml::Event::Next);
    }

    /// Did this answer belong to the request we wait for?
    pub(super) fn on_fetched(
        &mut self,
        cx: &mut Cx<'_>,
        id: crate::webhooks::request::FetchId,
        result: Result<crate::webhooks::request::Fetched, FetchError>,
    ) {
        if self.is_told_of_refer(cx, id, &result) {
            return;
        }
        let Phase::Fetching(f) = &self.phase else {
            return;
        };
        if f.id != id || self.leg.over {
            return;
        }
        let (url, request) = (f.url.clone(), f.request.clone());
        match result {
            Ok(fetched) => {
                cx.trace("app", "chorus", format!("{} in {} ms", fetched.status, fetched.ms));
                self.program.cookies = fetched.cookies;
                self.program.login = fetched.login;
                if fetched.status == 204 || fetched.body.is_empty() {
                    return self.end_of_document(cx);
                }
                let body = fetched.body;
                self.load(cx, &body, fetched.content_type.as_deref(), Some(fetched.url));
            }
            Err(e) => self.document_failed(cx, &url, Some(&request), &e),
        }
    }

    /// A request whose answer changes nothing (an action after the caller has gone).
    pub(super) fn tell_app(
        &mut self,
        cx: &mut Cx<'_>,
        href: Option<&str>,
        method: Method,
        extra: Vec<(String, String)>,
    ) {
        let Ok(url) = policy::resolve(self.program.base.as_deref(), href.unwrap_or("")) else {
            return;
        };
        if let Ok(mut request) = self.request(cx, &Hook { url, method }, extra) {
            // The row becomes final only with the last figures; the app shall read how it ends.
            let ends = if self.leg.over { self.final_status() } else { CallStatus::Completed };
            for (name, value) in &mut request.params {
                if name == "CallStatus" {
                    *value = ends.as_str().to_owned();
                }
            }
            let id = cx.ids.fetch();
            cx.push(Effect::Fetch(id, Box::new(request)));
        }
    }
}

/// With the place in the document; what concerns all of it has none.
fn placed(words: &str, line: u32, column: u32) -> String {
    match line {
        0 => words.to_owned(),
        line => format!("{words} (line {line}, column {column})"),
    }
}

fn spoken(text: String) -> Document {
    Document { verbs: vec![Verb::Say(Say { text, ..Say::default() })], warnings: Vec::new() }
}

/// One Play of the audio that came as the document.
fn played() -> Document {
    Document { verbs: vec![Verb::Play(Play::default())], warnings: Vec::new() }
}

/// The twiml crate has its own word for it.
pub fn method_of(m: twiml::Method) -> Method {
    match m {
        twiml::Method::Get => Method::Get,
        twiml::Method::Post => Method::Post,
    }
}

impl Event {
    /// For log lines.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Sip(_) => "sip",
            Event::Media(_) => "media",
            Event::Fetched(..) => "fetched",
            Event::Clip(..) => "clip",
            Event::Warned(..) => "warned",
            Event::NoWay(..) => "no way",
            Event::Port(_) => "port",
            Event::Command(..) => "command",
            Event::Told(..) => "told",
            Event::NotStored(_) => "not stored",
            Event::Replaced(..) => "replaced",
            Event::Time => "time",
        }
    }
}
