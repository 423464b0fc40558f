//! Scenarios in short: `tests/peers/*.sipp`, made into the XML that sipp reads.
//!
//! ```text
//!  > INVITE sdp            a request of sipp's; `sdp=sendonly`; `new`: outside a dialog; `same`: the branch of its last INVITE
//!    Require: 100rel         a header field, instead of the usual one of that name
//!    | Signal=5              a line of the body
//!  > 180 Ringing           an answer to what was received last
//!  < 200 optional          what must come, or may; `timeout=40000`
//!    ~ Min-SE: 90            what it must contain, and (`!`) must not
//!    rseq = RSeq: ([0-9]+)   what is kept of it: a part, or (`hdr Via`) a header field; written [$rseq] from then on
//!  pause 200               milliseconds; `timewait 4000`: it only answers repetitions
//! ```

use std::collections::BTreeSet;
use std::fmt::Write;

/// One step with the indented lines below it.
struct Step<'a> {
    head: Vec<&'a str>,
    below: Vec<&'a str>,
}

fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step> = vec![];
    for line in text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        if line.starts_with(' ') {
            steps.last_mut().expect("a step").below.push(line.trim());
        } else {
            steps.push(Step { head: line.split(' ').collect(), below: vec![] });
        }
    }
    steps
}

#[derive(Default)]
struct Writer {
    out: String,
    at: usize,
    caller: bool,
    cseq: u32,
    /// CSeq and step of its last INVITE.
    invite: (u32, usize),
    /// The request that it answers.
    asked: String,
    /// It has answered the first INVITE for good.
    answered: bool,
    sdp: u32,
    variables: BTreeSet<String>,
}

/// The scenario as XML.
pub fn xml(name: &str, text: &str) -> String {
    let steps = steps(text);
    let mut w = Writer { caller: steps[0].head[0] == ">", ..Writer::default() };
    for step in &steps {
        match step.head[0] {
            "<" => w.receive(step),
            ">" if step.head[1].parse::<u16>().is_ok() => w.answer(step),
            ">" => w.request(step),
            "pause" => w.line(&format!("<pause milliseconds=\"{}\"/>", step.head[1])),
            "timewait" => w.line(&format!("<timewait milliseconds=\"{}\"/>", step.head[1])),
            other => panic!("{name}: {other} is no step"),
        }
        w.at += 1;
    }
    let used = w.variables.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let used = if used.is_empty() { used } else { format!("<Reference variables=\"{used}\"/>") };
    format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<scenario name=\"{name}\">\n{}{used}\n</scenario>\n",
        w.out
    )
}

fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Name of a header line, which may go on with a kept field: `Via[$via]`.
fn field(line: &str) -> &str {
    line.split([':', '[']).next().unwrap_or(line)
}

impl Writer {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn keeps(&mut self, name: &str) -> String {
        self.variables.insert(name.to_owned());
        name.to_owned()
    }

    fn receive(&mut self, step: &Step) {
        let what = step.head[1];
        let response = what.parse::<u16>().is_ok();
        let mut more = if response { format!("response=\"{what}\"") } else { format!("request=\"{what}\"") };
        if what == "INVITE" {
            more += " rrs=\"true\"";
        }
        for word in &step.head[2..] {
            match word.split_once('=') {
                Some((name, value)) => write!(more, " {name}=\"{value}\"").unwrap(),
                None => write!(more, " {word}=\"true\"").unwrap(),
            }
        }
        let mut actions = String::new();
        if !response && !self.caller && self.asked.is_empty() {
            let them = self.keeps("them");
            actions += &format!(
                "<ereg regexp=\".*\" search_in=\"hdr\" header=\"From\" check_it=\"true\" assign_to=\"{them}\"/>"
            );
        }
        for line in &step.below {
            actions += &self.action(line);
        }
        if !response {
            self.asked = what.to_owned();
        }
        self.line(
            &format!("<recv {more}><action>{actions}</action></recv>").replace("<action></action>", ""),
        );
    }

    fn action(&mut self, line: &str) -> String {
        let ereg = |regex: &str, more: &str, to: &str| {
            format!("<ereg regexp=\"{}\" {more} assign_to=\"{to}\"/>", attribute(regex))
        };
        let (word, rest) = line.split_once(' ').expect("an action");
        match word {
            "~" => ereg(rest, "search_in=\"msg\" check_it=\"true\"", &self.keeps("seen")),
            "!" => ereg(rest, "search_in=\"msg\" check_it_inverse=\"true\"", &self.keeps("unseen")),
            name => {
                let what = rest.strip_prefix("= ").expect("name = what");
                let name = self.keeps(name);
                match what.strip_prefix("hdr ") {
                    Some(header) => {
                        ereg(".*", &format!("search_in=\"hdr\" header=\"{header}\" check_it=\"true\""), &name)
                    }
                    None => {
                        let all = self.keeps(&format!("all_{name}"));
                        ereg(what, "search_in=\"msg\" check_it=\"true\"", &format!("{all},{name}"))
                    }
                }
            }
        }
    }

    fn request(&mut self, step: &Step) {
        let (method, words) = (step.head[1], &step.head[2..]);
        let (mut cseq, mut branch) = (self.invite.0, "[branch]".to_owned());
        if !matches!(method, "ACK" | "CANCEL") {
            self.cseq += 1;
            cseq = self.cseq;
        }
        if method == "INVITE" {
            self.invite = (cseq, self.at);
        }
        if method == "CANCEL" || words.contains(&"same") {
            branch = format!("[branch-{}]", self.at - self.invite.1);
        }
        let them = "sip:[service]@[remote_ip]:[remote_port]";
        let (uri, from, to) = match self.caller {
            true => {
                let tag = if words.contains(&"new") { "" } else { "[peer_tag_param]" };
                let from = "From: <sip:+12125550001@[local_ip]:[local_port]>;tag=[call_number]a".to_owned();
                (them, from, format!("To: <{them}>{tag}"))
            }
            false => {
                let from = "From: <sip:[service]@[local_ip]:[local_port]>;tag=[call_number]b".to_owned();
                ("[next_url]", from, "To[$them]".to_owned())
            }
        };
        let head = [
            format!("{method} {uri} SIP/2.0"),
            format!("Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch};rport"),
            "Max-Forwards: 70".to_owned(),
            from,
            to,
            "Call-ID: [call_id]".to_owned(),
            format!("CSeq: {cseq} {method}"),
        ];
        self.send(if method == "ACK" { "" } else { " retrans=\"500\"" }, &head, step);
    }

    fn answer(&mut self, step: &Step) {
        let code: u16 = step.head[1].parse().unwrap();
        let words: Vec<&str> = step.head[2..].iter().copied().filter(|w| !w.starts_with("sdp")).collect();
        let first =
            !self.caller && !self.answered && matches!(self.asked.as_str(), "INVITE" | "CANCEL" | "PRACK");
        let tag = if first && code > 100 && self.asked != "PRACK" { ";tag=[call_number]b" } else { "" };
        let head = [
            format!("SIP/2.0 {code} {}", words.join(" ")),
            "[last_Via:]".to_owned(),
            "[last_From:]".to_owned(),
            format!("[last_To:]{tag}"),
            "[last_Call-ID:]".to_owned(),
            "[last_CSeq:]".to_owned(),
        ];
        let retrans = self.asked == "INVITE" && code >= 200;
        if self.asked == "INVITE" && (200..300).contains(&code) {
            self.answered = true;
        }
        self.send(if retrans { " retrans=\"500\"" } else { "" }, &head, step);
    }

    fn send(&mut self, more: &str, head: &[String], step: &Step) {
        let (body, fields): (Vec<&str>, Vec<&str>) = step.below.iter().partition(|l| l.starts_with('|'));
        let usual = |line: &String| {
            let name = line.trim_start_matches("[last_");
            !fields.iter().any(|f| field(f) == field(name))
        };
        let mut lines: Vec<String> = vec![head[0].clone()];
        lines.extend(head[1..].iter().filter(|l| usual(l)).cloned());
        let contact = "Contact: <sip:+12125550001@[local_ip]:[local_port];transport=[transport]>".to_owned();
        lines.extend(Some(contact).filter(usual));
        lines.extend(fields.iter().map(|f| (*f).to_owned()));
        let mut text: Vec<String> = body.iter().map(|l| l.trim_start_matches("| ").to_owned()).collect();
        if let Some(word) = step.head[2..].iter().find(|w| **w == "sdp" || w.starts_with("sdp=")) {
            lines.push("Content-Type: application/sdp".to_owned());
            text = self.description(word.strip_prefix("sdp=").unwrap_or("sendrecv"));
        }
        lines.push(format!("Content-Length: {}", if text.is_empty() { "0" } else { "[len]" }));
        let text = if text.is_empty() { String::new() } else { format!("{}\n", text.join("\n")) };
        self.line(&format!("<send{more}><![CDATA[\n\n{}\n\n{text}\n]]></send>", lines.join("\n")));
    }

    fn description(&mut self, direction: &str) -> Vec<String> {
        self.sdp += 1;
        let own = format!("o=sipp 1 {} IN IP4 [local_ip]", self.sdp);
        let lines = ["v=0", &own, "s=-", "c=IN IP4 [local_ip]", "t=0 0"];
        let media = ["m=audio [auto_media_port] RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000"];
        let rest = ["a=rtpmap:101 telephone-event/8000", &format!("a={direction}")];
        lines.iter().chain(&media).chain(&rest).map(|l| (*l).to_owned()).collect()
    }
}
