//! The picture of a timeline: nothing that matters is cut.

use chorus::clock::Wall;
use chorus::store::rows::Line;
use chorus::telemetry::ladder::{Layout, render};

fn line(ms: i64, from: &str, to: &str, what: &str) -> Line {
    Line { at: Wall(1_000 + ms), from: from.to_owned(), to: to.to_owned(), what: what.to_owned() }
}

#[test]
fn columns_fit_the_text() {
    let long = "POST app.example.com:8443/a/long/path/to/the/voice/handler";
    let text = render(&[
        line(0, "phone", "chorus", "INVITE"),
        line(5, "chorus", "app", long),
        line(1_234, "app", "chorus", "200 in 20 ms"),
        line(1_234, "chorus", "chorus", "<Say>"),
    ]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[2].contains(&format!("-- {long} -")) && lines[2].ends_with(">|"), "{text}");
    assert!(lines[3].trim_start().starts_with("1.234"), "{text}");
    assert!(lines[4].contains("| <Say>"), "{text}");
    assert!(!text.contains("agent"), "who does not occur is not shown:\n{text}");
}

#[test]
fn an_arrow_points_at_its_reader() {
    let text = render(&[line(0, "phone", "chorus", "INVITE"), line(1, "chorus", "phone", "100 INVITE")]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].contains("|-- INVITE -") && lines[1].ends_with("->|"), "{text}");
    assert!(lines[2].contains("|<- 100 INVITE -"), "{text}");
}

#[test]
fn fixed_columns_give_a_long_text_a_line_of_its_own() {
    let layout = Layout::live();
    let long = "x".repeat(70);
    let text = layout.line(&line(0, "chorus", "app", &long), 1_000);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains(&long) && lines[1].contains("--->|"), "{text}");
    let short = layout.line(&line(0, "agent", "chorus", "clear"), 1_000);
    assert!(short.contains("|<- clear -") && short.lines().count() == 1, "{short}");
}

#[test]
fn a_text_of_many_lines_stays_on_one() {
    let text = render(&[line(0, "phone", "chorus", "a\r\nb"), line(0, "phone", "nobody", "c")]);
    assert_eq!(text.lines().count(), 3, "{text}");
}
