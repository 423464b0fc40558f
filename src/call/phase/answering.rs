//! From the first verb that needs media to the ACK: a port, the commit, 200, ACK; then the verb runs.

use super::Phase;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::event::Effect;
use twiml::Verb;

impl Call {
    /// Runs `verb`, answering first if it must be.
    pub(in crate::call) fn run(&mut self, cx: &mut Cx<'_>, verb: Verb) {
        cx.trace("chorus", "chorus", format!("<{}>", verb.name()));
        if !self.leg.answered && self.row.direction.came_in() && verb.answers() {
            return self.begin_answer(cx, verb);
        }
        self.execute(cx, verb);
    }

    fn begin_answer(&mut self, cx: &mut Cx<'_>, verb: Verb) {
        self.phase = Phase::Answering(Box::new(verb));
        if self.leg.open {
            self.answer_leg(cx);
        } else {
            self.want_port(cx);
        }
    }

    /// Asks for a port, once: whatever wanted it may be gone before it comes, and the next one wants it too.
    pub(in crate::call) fn want_port(&mut self, cx: &mut Cx<'_>) {
        if !std::mem::replace(&mut self.leg.asked, true) {
            cx.push(Effect::OpenPort { leg: self.leg.id, near: self.leg.near });
        }
    }

    /// The port of an inbound call is open, or of an outbound one before its INVITE.
    pub(in crate::call) fn on_port_open(&mut self, cx: &mut Cx<'_>) {
        match &self.phase {
            Phase::Answering(_) => self.answer_leg(cx),
            Phase::Calling => self.send_invite(cx),
            Phase::Dialling(_) => self.on_early_port(cx),
            _ if self.leg.over => {
                let close = crate::media::event::EngineCommand::Close(self.leg.id);
                cx.push(Effect::Engine(self.leg.id, close));
            }
            _ => {}
        }
    }

    /// ACK came: the verb that waited runs.
    pub(in crate::call) fn after_answer(&mut self, cx: &mut Cx<'_>) {
        self.begin_wished_recording(cx);
        if let Phase::Dialling(_) = &self.phase {
            return self.bridge(cx);
        }
        if let Phase::Answering(_) = &self.phase
            && let Phase::Answering(verb) = std::mem::replace(&mut self.phase, Phase::Ending)
        {
            self.execute(cx, *verb);
        }
    }

    fn execute(&mut self, cx: &mut Cx<'_>, verb: Verb) {
        match verb {
            Verb::Say(_) | Verb::Play(_) => self.begin_playing(cx, verb),
            Verb::Pause(p) => self.begin_pause(cx, p.seconds),
            Verb::Gather(g) => self.begin_gather(cx, g),
            Verb::Record(r) => self.begin_record(cx, r),
            Verb::Dial(d) => self.begin_dial(cx, *d),
            Verb::Connect(c) => self.begin_connect(cx, c),
            Verb::Start(s) => self.start(cx, &s),
            Verb::Stop(s) => self.stop(cx, &s),
            Verb::Redirect(_) => self.next(cx, twiml::Event::Next),
            Verb::Refer(r) => self.begin_refer(cx, r),
            Verb::Reject(r) => self.reject(cx, &r),
            Verb::Hangup(h) => self.hang_up(cx, h.parameters),
        }
    }
}
