//! docs/TWILIO_DIFFERENCES.md holds the table of what is not offered yet as the code has it.

use chorus::api::not_offered::NOT_OFFERED;
use std::collections::BTreeMap;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/TWILIO_DIFFERENCES.md");

fn table() -> String {
    let mut by_name: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in NOT_OFFERED {
        by_name.entry((row.name, row.harmless)).or_default().push(row.operation);
    }
    let mut out = String::from("| parameter | of | harmless |\n| --- | --- | --- |\n");
    for ((name, harmless), operations) in by_name {
        let harmless = if harmless.is_empty() { "" } else { &format!("`{harmless}`") };
        out += &format!("| {name} | {} | {harmless} |\n", operations.join(", "));
    }
    out + &format!("\n{} rows.\n", NOT_OFFERED.len())
}

#[test]
fn the_page_lists_what_is_not_offered() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once("<!-- made -->\n").expect("a place for the table");
    let (_, after) = rest.split_once("<!-- end -->").expect("its end");
    let made = format!("{before}<!-- made -->\n{}<!-- end -->{after}", table());
    if std::env::var("UPDATE").is_ok_and(|v| v == "1") {
        std::fs::write(PAGE, &made).unwrap();
        return;
    }
    assert!(page == made, "the table is not what the code has: run with UPDATE=1");
}
