//! A timeline as a picture: who said what to whom, one line each, the time before it. [`Layout::fit`] makes the columns as
//! wide as the texts of a whole timeline need; [`Layout::live`] has fixed ones for lines that are printed as they come.

use crate::store::rows::Line;

/// The parties, left to right.
pub const PARTIES: [&str; 4] = ["phone", "chorus", "app", "agent"];
/// Columns of the time.
const TIME: usize = 11;
/// Where the first party stands after the time.
const LEFT: usize = 2;
/// Narrowest and widest gap between two parties.
const GAP: (usize, usize) = (16, 76);
/// What an arrow needs beside its text.
const ARROW: usize = 7;
/// Gaps of a picture that grows: the texts of SIP, of webhooks, of a stream.
const LIVE_GAPS: [usize; 3] = [26, 44, 14];
/// Longest text; what is longer says nothing more.
const TEXT_MAX: usize = 240;

/// Where the parties stand.
#[derive(Clone, Debug)]
pub struct Layout {
    parties: Vec<(&'static str, usize)>,
}

fn text(l: &Line) -> String {
    let what: String = l.what.replace(['\n', '\r'], " ");
    match what.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}..", what.get(..at).unwrap_or_default()),
        None => what,
    }
}

fn place(gaps: impl Iterator<Item = usize>, parties: &[&'static str]) -> Layout {
    let at = gaps.scan(TIME + LEFT, |at, gap| {
        *at += gap;
        Some(*at)
    });
    let at = std::iter::once(TIME + LEFT).chain(at);
    Layout { parties: parties.iter().copied().zip(at).collect() }
}

fn put(row: &mut Vec<char>, at: usize, text: &str) {
    for (i, c) in (at..).zip(text.chars()) {
        if row.len() <= i {
            row.resize(i + 1, ' ');
        }
        if let Some(slot) = row.get_mut(i) {
            *slot = c;
        }
    }
}

impl Layout {
    /// Four parties, fixed columns.
    pub fn live() -> Layout {
        place(LIVE_GAPS.into_iter(), &PARTIES)
    }

    /// Phone and chorus only, fixed columns.
    pub fn phone() -> Layout {
        place(std::iter::once(40), &["phone", "chorus"])
    }

    /// For these lines: the parties that occur (phone and chorus always), columns as wide as the texts.
    pub fn fit(lines: &[Line]) -> Layout {
        let occurs = |p: &str| lines.iter().any(|l| l.from == p || l.to == p);
        let parties: Vec<&'static str> =
            PARTIES.into_iter().filter(|p| ["phone", "chorus"].contains(p) || occurs(p)).collect();
        let index = |name: &str| parties.iter().position(|p| *p == name).unwrap_or(0);
        let mut gaps = vec![GAP.0; parties.len().saturating_sub(1)];
        // Short arrows first, so that a long one finds most of its room there already.
        let mut wanted: Vec<(usize, usize, usize)> = lines
            .iter()
            .map(|l| (index(&l.from), index(&l.to), text(l).chars().count()))
            .filter(|(a, b, _)| a != b)
            .map(|(a, b, n)| (a.min(b), a.max(b), n + ARROW))
            .collect();
        wanted.sort_by_key(|(a, b, _)| b - a);
        for (a, b, need) in wanted {
            let has: usize = gaps.iter().skip(a).take(b - a).sum();
            if let Some(last) = gaps.get_mut(b - 1) {
                *last = (*last + need.saturating_sub(has)).min(GAP.1.max(*last));
            }
        }
        place(gaps.into_iter(), &parties)
    }

    fn column(&self, party: &str) -> usize {
        let at = self.parties.iter().find(|(name, _)| *name == party).or(self.parties.first());
        at.map_or(TIME + LEFT, |(_, at)| *at)
    }

    /// The names over the columns.
    pub fn head(&self) -> String {
        let mut row = vec![];
        for (name, at) in &self.parties {
            put(&mut row, at.saturating_sub(2), name);
        }
        row.into_iter().collect()
    }

    fn bars(&self) -> Vec<char> {
        let mut row = vec![];
        self.parties.iter().for_each(|(_, at)| put(&mut row, *at, "|"));
        row
    }

    /// One line; two where the text does not fit over its arrow. `since_ms`: wall-clock milliseconds of the first.
    pub fn line(&self, l: &Line, since_ms: i64) -> String {
        let ms = l.at.0.saturating_sub(since_ms).max(0);
        let time = format!("{:>6}.{:03}", ms / 1_000, ms % 1_000);
        let (a, b, words) = (self.column(&l.from), self.column(&l.to), text(l));
        let mut row = self.bars();
        put(&mut row, 0, &time);
        if a == b {
            put(&mut row, a + 2, &format!("{words} "));
            return end(row);
        }
        let (left, right) = (a.min(b), a.max(b));
        let room = right - left - 1;
        let mut over = String::new();
        let label = if words.chars().count() + ARROW <= room + 1 {
            format!(" {words} ")
        } else {
            let mut first = self.bars();
            put(&mut first, left + 2, &format!("{words} "));
            over = end(first) + "\n";
            String::new()
        };
        put(&mut row, left + 1, &"-".repeat(room));
        put(&mut row, left + 3, &label);
        if a < b {
            put(&mut row, right - 1, ">")
        } else {
            put(&mut row, left + 1, "<")
        }
        over + &end(row)
    }
}

fn end(row: Vec<char>) -> String {
    row.into_iter().collect::<String>().trim_end().to_owned()
}

/// The whole picture; times count from the first line.
pub fn render(lines: &[Line]) -> String {
    let layout = Layout::fit(lines);
    let since = lines.first().map_or(0, |l| l.at.0);
    let mut out = layout.head();
    out.push('\n');
    for l in lines {
        out.push_str(&layout.line(l, since));
        out.push('\n');
    }
    out
}
