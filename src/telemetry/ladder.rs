//! A timeline as a picture: who said what to whom, one line each, with the time beside it.

use crate::store::rows::Line;

/// The parties, left to right.
const PARTIES: [&str; 4] = ["phone", "chorus", "app", "agent"];
/// Characters from one party to the next.
const WIDTH: usize = 30;
/// Where the first party stands.
const LEFT: usize = 4;

fn column(party: &str, shown: &[&str]) -> usize {
    shown.iter().position(|p| *p == party).unwrap_or(0) * WIDTH + LEFT
}

fn put(row: &mut [char], at: usize, text: &str) {
    for (slot, c) in row.iter_mut().skip(at).zip(text.chars()) {
        *slot = c;
    }
}

fn cut(what: &str, room: usize) -> String {
    let what = what.replace(['\n', '\r'], " ");
    if what.chars().count() <= room {
        return what;
    }
    what.chars().take(room.saturating_sub(2)).chain("..".chars()).collect()
}

/// The parties that occur in `lines`; phone and chorus always.
fn shown(lines: &[Line]) -> Vec<&'static str> {
    PARTIES
        .into_iter()
        .filter(|p| ["phone", "chorus"].contains(p) || lines.iter().any(|l| l.from == *p || l.to == *p))
        .collect()
}

/// The head of a picture that shows `parties`.
pub fn head(parties: &[&str]) -> String {
    let mut row = vec![' '; parties.len() * WIDTH + LEFT];
    for p in parties {
        put(&mut row, column(p, parties).saturating_sub(2), p);
    }
    row.into_iter().collect::<String>().trim_end().to_owned()
}

/// One line of a picture.
pub fn line(l: &Line, parties: &[&str], since_ms: i64) -> String {
    let width = parties.len() * WIDTH + LEFT;
    let mut row = vec![' '; width];
    for p in parties {
        put(&mut row, column(p, parties), "|");
    }
    let (a, b) = (column(&l.from, parties), column(&l.to, parties));
    if a == b {
        put(&mut row, a + 2, &cut(&l.what, width.saturating_sub(a + 3)));
    } else {
        let (left, right) = (a.min(b), a.max(b));
        let room = right - left - 1;
        put(&mut row, left + 1, &"-".repeat(room));
        let text = format!(" {} ", cut(&l.what, room.saturating_sub(6)));
        put(&mut row, left + 3, &text);
        if a < b { put(&mut row, right - 1, ">") } else { put(&mut row, left + 1, "<") }
    }
    let ms = l.at.0.saturating_sub(since_ms).max(0);
    format!("{}  {:>4}.{:03}", row.into_iter().collect::<String>(), ms / 1_000, ms % 1_000)
}

/// The whole picture; times count from the first line.
pub fn render(lines: &[Line]) -> String {
    let parties = shown(lines);
    let since = lines.first().map_or(0, |l| l.at.0);
    let mut out = head(&parties);
    out.push('\n');
    for l in lines {
        out.push_str(&line(l, &parties, since));
        out.push('\n');
    }
    out
}
