//! What agents at the other end of a stream do.

use super::Chance;
use crate::kit::agent::Behaviour;
use chorus::sid::StreamSid;

impl Chance {
    pub(super) fn live_agent(&mut self) -> Option<(StreamSid, String)> {
        let live: Vec<(StreamSid, String)> = self
            .w
            .agents
            .iter()
            .filter(|(_, a)| !a.closed && !a.closing && !a.stream_sid.is_empty())
            .map(|(s, a)| (*s, a.stream_sid.clone()))
            .collect();
        let n = self.rng.below(live.len() as u64) as usize;
        live.get(n).cloned()
    }

    pub(super) fn agent(&mut self, what: &str) {
        let Some((stream, sid)) = self.live_agent() else { return };
        self.count();
        let text = match what {
            "mark" => format!(r#"{{"event":"mark","streamSid":"{sid}","mark":{{"name":"m"}}}}"#),
            "clear" => format!(r#"{{"event":"clear","streamSid":"{sid}"}}"#),
            "media" => format!(
                r#"{{"event":"media","streamSid":"{sid}","media":{{"payload":"{}"}}}}"#,
                "/v7+".repeat(800)
            ),
            "stop" => format!(r#"{{"event":"stop","streamSid":"{sid}"}}"#),
            _ => "{\"event\":7".to_owned(),
        };
        self.w.agent_says(stream, &text);
    }

    pub(super) fn agent_closes(&mut self) {
        let Some((stream, _)) = self.live_agent() else { return };
        self.count();
        self.w.agent_closes(stream);
    }

    pub(super) fn agents_change(&mut self) {
        self.count();
        self.w.agent.behaviour = if self.chance(50) { Behaviour::Forgetful } else { Behaviour::Mute };
        self.w.agents_down = self.chance(25);
    }
}
