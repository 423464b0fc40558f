//! Say: the embedded voice, the provider over HTTP, and names.

use super::clips::wav;
use super::server::*;
use chorus::speech::embedded::{Embedded, TEXT_MAX};
use chorus::speech::openai::{OpenAi, OpenAiConfig};
use chorus::speech::say::Say;
use chorus::speech::voices::*;
use chorus::speech::{Provider, Speech};
use std::collections::BTreeMap;
use std::sync::Arc;

fn speech(text: &str, voice: &str, language: &str) -> Speech {
    Speech { text: text.into(), voice: voice.into(), language: language.into() }
}

fn embedded() -> Say {
    Say::new(Box::new(Embedded::new(2).unwrap()))
}

#[tokio::test]
async fn the_embedded_voice_speaks_and_is_kept() {
    let say = embedded();
    let hello = speech("Hello. You have reached the front desk.", "", "");
    let first = say.speak(&hello).await.unwrap();
    assert!((1_500..5_000).contains(&first.clip.ms()), "{} ms", first.clip.ms());
    // 0xff and 0x7f are silence; speech uses much of the range.
    let mut codes: Vec<u8> = first.clip.ulaw.clone();
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() > 100, "{} different samples", codes.len());
    assert!(first.warning.is_none(), "man is the real one");
    assert!(Arc::ptr_eq(&first.clip, &say.speak(&hello).await.unwrap().clip));
}

#[tokio::test]
async fn text_that_gives_no_sound_is_an_error_that_names_the_voice() {
    let say = embedded();
    for (text, code) in [("", 13520), (" \n", 13520), ("こんにちは世界", 13512), ("Привет мир", 13512)]
    {
        let error = say.speak(&speech(text, "", "")).await.unwrap_err();
        assert_eq!(error.code, code, "{text}: {}", error.words);
        assert!(code == 13520 || error.words.contains("kal"), "{}", error.words);
    }
    let error = say.speak(&speech(&"a".repeat(TEXT_MAX + 1), "", "")).await.unwrap_err();
    assert_eq!(error.code, 13521);
}

#[tokio::test]
async fn a_word_without_end_is_spoken_in_pieces() {
    let say = embedded();
    let clip = say.speak(&speech(&"x".repeat(TEXT_MAX), "", "")).await.unwrap().clip;
    assert!(clip.ms() > 1_000);
}

#[tokio::test]
async fn nobody_waiting_means_nobody_speaking() {
    let provider = Embedded::new(1).unwrap();
    let long = speech(&"a long sentence that takes a while to say, ".repeat(90), "", "");
    // Given up before the first poll and after it: the pool is free for the next one either way.
    drop(provider.speak(&long));
    let given_up = provider.speak(&long);
    tokio::select! {
        biased;
        _ = given_up => panic!("it cannot be ready at once"),
        () = std::future::ready(()) => {}
    }
    assert!(provider.speak(&speech("next", "", "")).await.is_ok());
}

#[tokio::test]
async fn calls_that_say_the_same_at_once_share_the_work() {
    let say = Arc::new(embedded());
    let all: Vec<_> = (0..20)
        .map(|_| {
            let say = say.clone();
            tokio::spawn(
                async move { say.speak(&speech("Please hold the line.", "man", "")).await.unwrap().clip },
            )
        })
        .collect();
    let mut clips = Vec::new();
    for one in all {
        clips.push(one.await.unwrap());
    }
    assert!(clips.windows(2).all(|w| Arc::ptr_eq(&w[0], &w[1])));
    assert_eq!((say.held().1, say.held().2), (1, 0));
}

#[test]
fn every_name_of_twilios_shape_is_understood() {
    for (voice, gender, language) in [
        ("", Gender::Male, "en-US"),
        ("man", Gender::Male, "en-US"),
        ("woman", Gender::Female, "en-US"),
        ("alice", Gender::Female, "en-US"),
        ("Polly.Joanna", Gender::Female, "en-US"),
        ("Polly.Matthew-Neural", Gender::Male, "en-US"),
        ("Polly.Hans", Gender::Male, "de-DE"),
        ("Polly.Somebody-Generative", Gender::Female, "en-US"),
        ("Google.de-DE-Wavenet-B", Gender::Male, "de-DE"),
        ("Google.en-GB-Standard-A", Gender::Female, "en-GB"),
    ] {
        assert_eq!(wanted(voice, ""), Wanted { gender, language: language.into(), known: true }, "{voice}");
        assert_eq!(wanted(voice, "fr-CA").language, "fr-CA", "the document decides");
    }
    for voice in ["robot", "Polly.", "polly.Joanna", "Google.<x>", "Polly.a b"] {
        assert!(!wanted(voice, "").known, "{voice}");
    }
}

#[test]
fn another_voice_than_the_one_asked_for_is_told() {
    let told = |voice: &str, real| warning(&speech("x", voice, ""), real, "kal").map(|(code, _)| code);
    assert_eq!(told("man", true), None);
    assert_eq!(told("Polly.Joanna", true), None);
    assert_eq!(told("Polly.Joanna", false), Some(13512));
    assert_eq!(told("alice", false), Some(13512));
    assert_eq!(told("robot", false), Some(13511));
    assert_eq!(told("robot", true), Some(13511));
    let words = warning(&speech("x", "Polly.Hans", ""), false, "kal").unwrap().1;
    assert!(words.contains("Polly.Hans") && words.contains("de-DE") && words.contains("kal"), "{words}");
}

#[tokio::test]
async fn the_embedded_voice_warns_where_it_stands_in() {
    let say = embedded();
    assert_eq!(say.speak(&speech("hi", "Polly.Joanna", "")).await.unwrap().warning.unwrap().0, 13512);
    assert_eq!(say.speak(&speech("hi", "man", "de-DE")).await.unwrap().warning.unwrap().0, 13512);
    assert_eq!(say.speak(&speech("hi", "robot", "")).await.unwrap().warning.unwrap().0, 13511);
}

fn openai(server: &Server, voices: &[(&str, &str)]) -> OpenAi {
    let config = OpenAiConfig {
        base_url: server.url("/v1/"),
        api_key: "sk-test".into(),
        model: "tts-1".into(),
        voices: voices.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<BTreeMap<_, _>>(),
    };
    OpenAi::new(config, fetcher(None), 1)
}

#[tokio::test]
async fn a_provider_over_http_is_asked_in_openais_shape() {
    let server = Server::start(|_, _| {
        let file = wav(1, 1, 24_000, 16, &vec![9; 24_000]);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            file.len()
        );
        vec![Step::Send(head.into_bytes()), Step::Send(file)]
    })
    .await;
    let provider = openai(&server, &[("Polly.Joanna", "nova"), ("male", "onyx-2")]);
    assert_eq!(provider.voice(&speech("", "Polly.Joanna", "")), ("nova".into(), true));
    assert_eq!(provider.voice(&speech("", "Polly.Matthew", "")), ("onyx-2".into(), false));
    assert_eq!(provider.voice(&speech("", "woman", "")), ("alloy".into(), true));
    let clip = provider.speak(&speech("Grüße", "Polly.Joanna", "de-DE")).await.unwrap();
    assert_eq!(clip.ms(), 500);
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/audio/speech"));
    assert_eq!(seen.header("authorization"), Some("Bearer sk-test"));
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    let want =
        serde_json::json!({"model": "tts-1", "input": "Grüße", "voice": "nova", "response_format": "wav"});
    assert_eq!(body, want);
}

#[tokio::test]
async fn a_provider_that_fails_is_named() {
    for (answer, code) in [
        (reply_text(500, "", ""), 11200),
        (reply_text(200, "Content-Type: text/html\r\n", "<html>"), 11200),
        (reply_text(200, "Content-Type: audio/mpeg\r\n", "noise"), 11200),
        (reply_text(200, "Content-Type: audio/pcm\r\n", ""), 11200),
    ] {
        let server = Server::start(move |_, _| raw(&answer)).await;
        let error = openai(&server, &[]).speak(&speech("hi", "", "")).await.unwrap_err();
        assert_eq!(error.code, code);
        assert!(error.words.contains("onyx") && !error.words.contains("sk-test"), "{}", error.words);
    }
    let server = Server::start(|_, _| reply(200, "Content-Type: audio/L16; rate=8000\r\n", "abcd")).await;
    assert_eq!(openai(&server, &[]).speak(&speech("hi", "", "")).await.unwrap().ulaw.len(), 2);
}

fn reply_text(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}
