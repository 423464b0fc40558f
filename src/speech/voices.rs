//! Twilio's voice names (twiml.md 3.15) and what they ask for: which are accepted, whose gender and language they have, and what is
//! warned about where another voice speaks.

use super::Speech;

/// Who is wanted, as far as a name tells.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Gender {
    /// `man`, `Polly.Matthew` ...
    Male,
    /// `woman`, `alice`, `Polly.Joanna` ...
    Female,
}

/// A name understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its gender.
    pub gender: Gender,
    /// BCP 47; the document's, else the voice's own.
    pub language: String,
    /// The name is one of Twilio's shapes. Otherwise 13511 is due and the default voice speaks.
    pub known: bool,
}

/// Voice of a Say that names none.
pub const DEFAULT: &str = "man";

/// Names whose gender differs from the female default, and the languages of voices that are not en-US. A name that is missing here
/// still speaks: as a woman, in the language of the document.
const PEOPLE: &[(&str, Gender, &str)] = {
    use Gender::{Female as F, Male as M};
    &[
        ("Joanna", F, "en-US"),
        ("Joey", M, "en-US"),
        ("Matthew", M, "en-US"),
        ("Justin", M, "en-US"),
        ("Kevin", M, "en-US"),
        ("Stephen", M, "en-US"),
        ("Gregory", M, "en-US"),
        ("Brian", M, "en-GB"),
        ("Arthur", M, "en-GB"),
        ("Amy", F, "en-GB"),
        ("Emma", F, "en-GB"),
        ("Geraint", M, "en-GB-WLS"),
        ("Russell", M, "en-AU"),
        ("Nicole", F, "en-AU"),
        ("Olivia", F, "en-AU"),
        ("Aditi", F, "en-IN"),
        ("Raveena", F, "en-IN"),
        ("Hans", M, "de-DE"),
        ("Daniel", M, "de-DE"),
        ("Marlene", F, "de-DE"),
        ("Vicki", F, "de-DE"),
        ("Mathieu", M, "fr-FR"),
        ("Remi", M, "fr-FR"),
        ("Celine", F, "fr-FR"),
        ("Lea", F, "fr-FR"),
        ("Chantal", F, "fr-CA"),
        ("Gabrielle", F, "fr-CA"),
        ("Liam", M, "fr-CA"),
        ("Enrique", M, "es-ES"),
        ("Sergio", M, "es-ES"),
        ("Conchita", F, "es-ES"),
        ("Lucia", F, "es-ES"),
        ("Miguel", M, "es-US"),
        ("Pedro", M, "es-US"),
        ("Lupe", F, "es-US"),
        ("Penelope", F, "es-US"),
        ("Andres", M, "es-MX"),
        ("Mia", F, "es-MX"),
        ("Giorgio", M, "it-IT"),
        ("Adriano", M, "it-IT"),
        ("Carla", F, "it-IT"),
        ("Bianca", F, "it-IT"),
        ("Takumi", M, "ja-JP"),
        ("Mizuki", F, "ja-JP"),
        ("Kazuha", F, "ja-JP"),
        ("Seoyeon", F, "ko-KR"),
        ("Zhiyu", F, "cmn-CN"),
        ("Hiujin", F, "yue-CN"),
        ("Ruben", M, "nl-NL"),
        ("Lotte", F, "nl-NL"),
        ("Jacek", M, "pl-PL"),
        ("Jan", M, "pl-PL"),
        ("Ewa", F, "pl-PL"),
        ("Maja", F, "pl-PL"),
        ("Cristiano", M, "pt-PT"),
        ("Ines", F, "pt-PT"),
        ("Ricardo", M, "pt-BR"),
        ("Thiago", M, "pt-BR"),
        ("Camila", F, "pt-BR"),
        ("Vitoria", F, "pt-BR"),
        ("Maxim", M, "ru-RU"),
        ("Tatyana", F, "ru-RU"),
        ("Mads", M, "da-DK"),
        ("Naja", F, "da-DK"),
        ("Karl", M, "is-IS"),
        ("Dora", F, "is-IS"),
        ("Liv", F, "nb-NO"),
        ("Astrid", F, "sv-SE"),
        ("Filiz", F, "tr-TR"),
        ("Carmen", F, "ro-RO"),
        ("Gwyneth", F, "cy-GB"),
        ("Zeina", F, "arb"),
        ("Arlet", F, "ca-ES"),
    ]
};

/// Understands a voice and a language.
pub fn wanted(voice: &str, language: &str) -> Wanted {
    let voice = if voice.is_empty() { DEFAULT } else { voice };
    let or_own = |own: &str| if language.is_empty() { own.to_owned() } else { language.to_owned() };
    let basic = |gender| Wanted { gender, language: or_own("en-US"), known: true };
    match voice {
        "man" => basic(Gender::Male),
        "woman" | "alice" => basic(Gender::Female),
        _ => {
            if let Some(name) = voice.strip_prefix("Polly.").filter(|n| shaped(n)) {
                let person = name.split('-').next().unwrap_or_default();
                let found = PEOPLE.iter().find(|(p, ..)| p.eq_ignore_ascii_case(person));
                let (gender, own) = found.map_or((Gender::Female, "en-US"), |(_, g, l)| (*g, *l));
                Wanted { gender, language: or_own(own), known: true }
            } else if let Some(name) = voice.strip_prefix("Google.").filter(|n| shaped(n)) {
                Wanted { gender: google_gender(name), language: or_own(&google_language(name)), known: true }
            } else {
                Wanted { gender: Gender::Male, language: or_own("en-US"), known: false }
            }
        }
    }
}

fn shaped(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// `en-US-Wavenet-D`: the language is the first two parts.
fn google_language(name: &str) -> String {
    name.split('-').take(2).collect::<Vec<_>>().join("-")
}

/// The letter at the end is the voice; B, D, I and J are the men of most languages.
fn google_gender(name: &str) -> Gender {
    match name.rsplit('-').next() {
        Some("B" | "D" | "I" | "J") => Gender::Male,
        _ => Gender::Female,
    }
}

/// What the account shall be told, once a voice: the Twilio code and a sentence. `real`: the provider has this very voice.
/// `speaks`: whose voice is heard, and which languages it can.
pub fn warning(speech: &Speech, real: bool, speaks: &str) -> Option<(u32, String)> {
    let voice = if speech.voice.is_empty() { DEFAULT } else { &speech.voice };
    let wanted = wanted(&speech.voice, &speech.language);
    if !wanted.known {
        return Some((13511, format!("voice `{}` is not known; {speaks} speaks instead", shown(voice))));
    }
    if real {
        return None;
    }
    Some((
        13512,
        format!("voice `{}` ({}) is spoken by {speaks} here", shown(voice), shown(&wanted.language)),
    ))
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
