//! Documents that stand in their URL.

use chorus::webhooks::data_url::{check, read};

fn given(url: &str) -> (String, String) {
    let given = read(url).unwrap().unwrap();
    (given.content_type, String::from_utf8(given.body).unwrap())
}

#[test]
fn a_data_url_is_its_document() {
    let plain = "text/plain;charset=US-ASCII";
    for (url, content_type, body) in [
        ("data:text/xml,<Response/>", "text/xml", "<Response/>"),
        ("DATA:text/xml;charset=utf-8,%3CResponse%2F%3E", "text/xml;charset=utf-8", "<Response/>"),
        ("data:text/xml;base64,PFJlc3BvbnNlLz4=", "text/xml", "<Response/>"),
        ("data:text/xml;charset=utf-8;BASE64,PFJlc3BvbnNlLz4", "text/xml;charset=utf-8", "<Response/>"),
        ("data:,Hello%2C+world", plain, "Hello,+world"),
        ("data:;base64,SGVsbG8=", plain, "Hello"),
        ("data:;charset=utf-8,%C3%A9", "text/plain;charset=utf-8", "é"),
        ("data:text/xml,100%<%zz>%2", "text/xml", "100%<%zz>%2"),
        (
            "data:text/xml,<Response>\n <Say>a, b</Say></Response>",
            "text/xml",
            "<Response>\n <Say>a, b</Say></Response>",
        ),
    ] {
        assert_eq!(given(url), (content_type.to_owned(), body.to_owned()), "{url}");
    }
}

#[test]
fn other_urls_are_not_touched_and_bad_ones_say_why() {
    for url in ["http://a.test/data:text/xml,x", "https://a.test/", "database:x,y", "/data", ""] {
        assert_eq!(read(url), None, "{url}");
    }
    for (url, words) in [
        ("data:text/xml", "comma"),
        ("data:text/xml,<Gather finishOnKey='#'/>", "%23"),
        ("data:text/xml;base64,&&&", "base64"),
    ] {
        let e = read(url).unwrap().unwrap_err();
        assert!(e.code == 11100 && e.words.contains(words), "{url}: {e:?}");
    }
}

#[test]
fn what_no_call_could_run_is_told_with_its_place() {
    let words = |url: &str| check(&read(url).unwrap().unwrap());
    assert_eq!(words("data:text/xml,<Response><Gather finishOnKey='%23'/></Response>"), Ok(()));
    assert_eq!(words("data:,Hello"), Ok(()));
    assert!(words("data:audio/wav,x").unwrap_err().contains("audio"));
    assert!(words("data:text/xml,<Response>\n<Say></Response>").unwrap_err().contains("(line 2, column"));
    assert!(words("data:text/xml,<Html/>").is_err());
    assert!(words("data:image/png,x").is_err());
}
