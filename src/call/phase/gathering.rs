//! Gather: prompts play, keys come in, the first one silences the prompts (inside the worker).

use super::Phase;
use super::playing::Playlist;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::timers::TimerKind;
use crate::media::plan::Keys;
use std::time::Duration;
use twiml::Verb;
use twiml::verb::{Gather, Prompt};

/// Most keys that one Gather collects.
pub const DIGITS_MAX: usize = 1_024;

/// What was pressed so far.
pub struct Gathering {
    /// The nested prompts.
    pub list: Playlist,
    gather: Gather,
    digits: String,
}

fn verb_of(prompt: Prompt) -> Verb {
    match prompt {
        Prompt::Say(s) => Verb::Say(s),
        Prompt::Play(p) => Verb::Play(p),
        Prompt::Pause(p) => Verb::Pause(p),
    }
}

impl Gathering {
    /// Keys are reported; the first one silences the prompts unless bargeIn is off.
    pub fn keys(&self) -> Keys {
        Keys { report: true, silence_source: self.gather.barge_in }
    }
}

impl Call {
    /// All nested prompts are asked for before the first one starts (twiml.md 3.5); listening starts at once.
    pub(in crate::call) fn begin_gather(&mut self, cx: &mut Cx<'_>, mut gather: Gather) {
        let mut list = Playlist::default();
        for prompt in std::mem::take(&mut gather.prompts) {
            match self.prompt(cx, &verb_of(prompt)) {
                Ok(parts) => parts.into_iter().for_each(|p| list.push(p)),
                Err(e) => return self.verb_failed(cx, &e),
            }
        }
        let keys = Keys { report: true, silence_source: gather.barge_in };
        self.phase = Phase::Gathering(Gathering { list, gather, digits: String::new() });
        self.replan(cx, None, keys);
        self.play_list(cx);
    }

    /// The timeout counts from the end of the prompts.
    pub(in crate::call) fn prompts_played(&mut self, cx: &mut Cx<'_>) {
        if let Phase::Gathering(g) = &self.phase {
            let at = cx.now.mono + Duration::from_secs(g.gather.timeout.into());
            self.timers.arm(TimerKind::Verb, at);
        }
    }

    /// A key that the peer pressed.
    pub(in crate::call) fn on_key(&mut self, cx: &mut Cx<'_>, digit: char) {
        match &mut self.phase {
            Phase::Gathering(_) => self.gather_key(cx, digit),
            Phase::Recording(_) => self.record_key(cx, digit),
            Phase::Dialling(_) if digit == '*' => self.dial_star(cx),
            _ => {}
        }
    }

    fn gather_key(&mut self, cx: &mut Cx<'_>, digit: char) {
        let Phase::Gathering(g) = &mut self.phase else {
            return;
        };
        cx.trace("phone", "chorus", "key");
        if g.gather.finish_on_key == Some(digit) {
            return self.gathered(cx, Some(digit));
        }
        g.digits.push(digit);
        let full = g.gather.num_digits.is_some_and(|n| g.digits.len() >= n as usize);
        if full || g.digits.len() >= DIGITS_MAX {
            return self.gathered(cx, None);
        }
        let at = cx.now.mono + Duration::from_secs(g.gather.timeout.into());
        self.timers.arm(TimerKind::Verb, at);
    }

    /// Nobody pressed anything more.
    pub(in crate::call) fn gather_timeout(&mut self, cx: &mut Cx<'_>) {
        self.gathered(cx, None);
    }

    fn gathered(&mut self, cx: &mut Cx<'_>, finished_on_key: Option<char>) {
        self.timers.disarm(TimerKind::Verb);
        let Phase::Gathering(g) = std::mem::replace(&mut self.phase, Phase::Ending) else {
            return;
        };
        self.hush(cx);
        self.next(cx, twiml::Event::Gathered { digits: g.digits, finished_on_key });
    }
}
