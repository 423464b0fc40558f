//! What the REST API asks: new calls, and whatever concerns live ones.

use super::usage::Reached;
use super::{Output, Switch};
use crate::api::command::{Answer, DialRequest, Document, Request};
use crate::call::call::Call;
use crate::call::event::{Event, Ticket};
use crate::call::notify;
use crate::call::target::{self, NoRoute, Target, Wish};
use crate::clock::Now;
use crate::error;
use crate::sid::{AccountSid, CallSid};
use crate::store::rows::{CallRow, CallStatus, Direction};

impl Switch {
    pub(super) fn on_command(&mut self, now: Now, ticket: Ticket, request: Request) {
        let sid = match &request {
            Request::Dial(_) | Request::External(_) | Request::Reported(..) => None,
            Request::TablesChanged => {
                return self.out.push_back(Output::Reply(ticket, Box::new(Answer::Done)));
            }
            Request::Registrations => {
                let bindings = self.endpoint.registrar().rows().cloned().collect();
                let answer = Answer::Registrations(self.registrations(), bindings);
                return self.out.push_back(Output::Reply(ticket, Box::new(answer)));
            }
            Request::Visit(trunk) => return self.visit(now, ticket, *trunk),
            Request::Timeline(sid) => {
                let lines = self.timelines.lines(*sid).map(<[_]>::to_vec);
                let answer = lines.map_or(Answer::NotLive, Answer::Timeline);
                return self.out.push_back(Output::Reply(ticket, Box::new(answer)));
            }
            Request::Update(sid, _)
            | Request::Record(sid, _)
            | Request::ChangeRecording(sid, ..)
            | Request::StartStream(sid, _)
            | Request::StopStream(sid, _) => Some(*sid),
            Request::Explain(question) => {
                let answer = self.explain(now, question).map_or(Answer::NotLive, Answer::Explained);
                return self.out.push_back(Output::Reply(ticket, Box::new(answer)));
            }
        };
        match (sid, request) {
            (Some(sid), request) => self.tell(now, sid, Event::Command(ticket, request)),
            (None, Request::Dial(dial)) => self.dial(now, ticket, *dial),
            (None, Request::External(call)) => self.external_call(now, ticket, *call),
            (None, Request::Reported(sid, report)) => self.external_report(now, ticket, sid, *report),
            (None, _) => {}
        }
    }

    fn dial(&mut self, now: Now, ticket: Ticket, dial: DialRequest) {
        let (sid, account, left_out) = (dial.sid, dial.account, dial.twiml_left_out);
        let mut row = self.row_of_request(now, dial);
        let way = self.may_dial(now, account).and_then(|seconds| {
            row.time_limit_s = row.time_limit_s.min(seconds);
            let found = self.target_of(now, &row);
            found.inspect_err(|e| self.log(&format!("{account} cannot dial {sid}: {}", e.words)))
        });
        match way {
            Ok(target) => {
                // Who waits for its turn has no channel yet.
                row.trunk = target.trunk.filter(|_| self.is_unpaced(account));
                let begun = self.begin(now, (account, sid), None, |cx| {
                    let call = Call::outbound(cx, row, target, Some(ticket));
                    if left_out {
                        notify::write(cx, call.row(), 32019, error::sentence(32019));
                    }
                    call
                });
                if !begun {
                    self.out.push_back(Output::Reply(ticket, Box::new(Answer::Busy)));
                }
            }
            Err(e) => {
                let answer = Answer::Refused { code: e.code, words: e.words };
                self.out.push_back(Output::Reply(ticket, Box::new(answer)));
            }
        }
    }

    /// May this account have one more call that the REST API asks for, and for how many seconds? Where to is asked next:
    /// [`Switch::target_of`].
    ///
    /// # Errors
    /// 20503, 20429, 10004.
    pub(super) fn may_dial(&self, now: Now, account: AccountSid) -> Result<u32, NoRoute> {
        let unavailable = |words| NoRoute { code: 20503, words };
        if self.draining || self.endpoint.is_overloaded(now) {
            return Err(unavailable(error::sentence(20503).to_owned()));
        }
        self.is_open(now).map_err(unavailable)?;
        self.may_queue(account)?;
        self.room(now, account).map_err(|(code, words)| NoRoute { code, words })
    }

    /// Seconds that one more call of this account may last, if it may have one.
    pub(super) fn room(&self, now: Now, account: AccountSid) -> Result<u32, Reached> {
        Ok(self.usage.room(now.wall, &self.tables, account, 0)?.unwrap_or(u32::MAX))
    }

    /// The way of an outbound call, also of one found at start.
    pub(super) fn target_of(&mut self, now: Now, row: &CallRow) -> Result<Target, NoRoute> {
        let mut fx = Vec::new();
        let cx = self.cx(now, &mut fx);
        let from = row.caller_id.as_deref().unwrap_or(&row.from);
        target::find(
            &cx,
            row.account,
            &Wish {
                to: &row.to,
                from,
                auth: row.sip_auth.clone(),
                behind: Some(&row.from),
                ..Wish::default()
            },
        )
    }

    fn row_of_request(&self, now: Now, d: DialRequest) -> CallRow {
        let (voice, twiml) = match d.document {
            Document::Fetch(hook) => (Some(hook), None),
            Document::Inline(text) => (None, Some(text)),
        };
        CallRow {
            sid: d.sid,
            to: d.to,
            from: d.from,
            number: d.number,
            application: d.application,
            direction: Direction::OutboundApi,
            callbacks: d.status_callback.into_iter().collect(),
            voice,
            fallback: d.fallback,
            twiml,
            timeout_s: d.timeout_s,
            time_limit_s: d.time_limit_s,
            send_digits: d.send_digits,
            record: d.record,
            sip_auth: d.sip_auth,
            caller_id: d.caller_id,
            idempotency: d.idempotency,
            ..CallRow::empty(d.account, now.wall, &self.settings.node, CallStatus::Queued)
        }
    }

    /// A live call's document ended or not, for tests.
    pub fn is_live(&self, sid: CallSid) -> bool {
        self.calls.contains_key(&sid)
    }
}
