//! What the switch says shall be done, as the driver would do it.

use super::media::spoken;
use super::phones::flow_to;
use super::queue::Ev;
use super::words::{answer_line, fetch_line};
use super::{APP_US, APPLY_US, COMMIT_US, World};
use crate::security::layer;
use chorus::call::event::Ticket;
use chorus::media::event::EngineCommand;
use chorus::sip::event::{Flow, Transport};
use chorus::speech::SpeechError;
use chorus::store::rows::OutboxRow;
use chorus::switch::{Input, Output};
use chorus::webhooks::schedule::{WINDOW, page};
use std::hash::Hash;

impl World {
    /// One input for the switch, and everything that follows at once.
    pub fn input(&mut self, input: Input) {
        self.switch.handle(self.now, input);
        while let Some(o) = self.switch.poll() {
            self.perform(o);
        }
        self.rearm();
    }

    /// Asks as the REST API would; the answer is in `replies` later.
    pub fn ask(&mut self, request: chorus::api::command::Request) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.input(Input::Command(ticket, request));
        ticket
    }

    pub(super) fn perform(&mut self, o: Output) {
        self.count(name_of(&o));
        match o {
            Output::Send(flow, bytes) => self.send_sip(flow, bytes),
            Output::Resolve(id, hop) => {
                let named = self.names.get(&hop.host).into_iter().flatten().copied();
                let hosts = std::iter::once(hop.host.as_str()).chain(named);
                let port = hop.port.unwrap_or(5060);
                let flows = hosts.filter_map(|host| format!("{host}:{port}").parse().ok()).map(flow_to);
                let flows = flows.map(|f| Flow { transport: hop.transport.unwrap_or(Transport::Udp), ..f });
                let input = Input::Resolved(id, flows.collect());
                self.at(100, Ev::Switch(Box::new(input)));
            }
            Output::Commit(id, tx) => {
                (self.now.mono.0, id.0, tx.ops.len()).hash(&mut self.hash);
                self.at(APPLY_US, Ev::Commit(id, tx));
            }
            Output::Fetch(id, request) => {
                (self.now.mono.0, &request.url, &request.params).hash(&mut self.hash);
                if !self.quiet {
                    let path = url::Url::parse(&request.url).map(|u| u.path().to_owned()).unwrap_or_default();
                    self.line("chorus", "app", &fetch_line(&path, &request.params));
                }
                self.oracle.fetched(&request);
                let (after, result) = self.app.answer(self.now, &request);
                let input = Input::Fetched(id, result);
                self.at(APP_US + after, Ev::Switch(Box::new(input)));
            }
            Output::Speak(id, _, speech) => {
                let input = Input::Clip(id, Ok(spoken(&speech.text)));
                self.at(3_000, Ev::Switch(Box::new(input)));
            }
            Output::Load(id, request) => {
                let path = url::Url::parse(&request.url).map(|u| u.path().to_owned()).unwrap_or_default();
                let found = self.sounds.get(&path).cloned();
                let words = "no such sound".to_owned();
                let input = Input::Clip(id, found.ok_or(SpeechError { code: 11200, words }));
                self.at(20_000, Ev::Switch(Box::new(input)));
            }
            Output::Decode(id, ..) => {
                let input = Input::Clip(id, Ok(spoken("audio")));
                self.at(3_000, Ev::Switch(Box::new(input)));
            }
            Output::OpenPort { leg, worker, ssrc, .. } => self.open_port(leg, worker, ssrc),
            Output::Engine(worker, command) => self.command(worker, command),
            Output::Move { leg, from, to } => self.move_leg(leg, from, to),
            Output::Connect(worker, c) => self.connect(worker, &c),
            Output::Reply(ticket, answer) => {
                self.oracle.replied(ticket, &answer);
                if !self.quiet {
                    let what = answer_line(&answer);
                    self.line("chorus", "app", &what);
                }
                self.replies.insert(ticket, *answer);
            }
            Output::LoadOutbox(upto) => {
                let pending: Vec<&OutboxRow> = self.store.live().collect();
                let (rows, later) = page(pending, upto, self.window.unwrap_or(WINDOW));
                let rows = rows.into_iter().cloned().collect();
                self.at(COMMIT_US, Ev::Switch(Box::new(Input::Outbox(rows, later))));
            }
            Output::Trace(call, line) => {
                layer::heard("a timeline", &line.what);
                if !self.quiet {
                    self.trace.push((call, line));
                }
            }
            Output::Log(words) if words.contains("panicked") => self.panicked(words),
            Output::Log(words) => {
                layer::heard("the log", &words);
                if !self.quiet {
                    self.logs.push(words);
                }
            }
        }
    }
}

pub(super) fn name_of(o: &Output) -> &'static str {
    match o {
        Output::Send(..) => "effect Send",
        Output::Resolve(..) => "effect Resolve",
        Output::Commit(..) => "effect Commit",
        Output::Fetch(..) => "effect Fetch",
        Output::Speak(..) => "effect Speak",
        Output::Load(..) => "effect Load",
        Output::Decode(..) => "effect Decode",
        Output::OpenPort { .. } => "effect OpenPort",
        Output::Engine(_, EngineCommand::Open { .. }) => "effect Open",
        Output::Engine(_, EngineCommand::Plan(..)) => "effect Plan",
        Output::Engine(_, EngineCommand::OpenStream(_)) => "effect OpenStream",
        Output::Engine(_, EngineCommand::CloseStream(_)) => "effect CloseStream",
        Output::Engine(_, EngineCommand::Key(..)) => "effect Key",
        Output::Engine(_, EngineCommand::Close(_)) => "effect Close",
        Output::Move { .. } => "effect Move",
        Output::Connect(..) => "effect Connect",
        Output::Reply(..) => "effect Reply",
        Output::LoadOutbox(_) => "effect LoadOutbox",
        Output::Trace(..) => "effect Trace",
        Output::Log(_) => "effect Log",
    }
}
