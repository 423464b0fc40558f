//! Real numbers of many countries, as carriers, telephones and people write them.

use crate::kit::rows::trunk;
use chorus::store::rows::{TrunkMode, TrunkRow};
use chorus::trunk::countries;
use chorus::trunk::normalise::{inbound, outbound};

/// Country, E.164, and what means the same there.
const WRITTEN: &[(&str, &str, &[&str])] = &[
    (
        "US",
        "+14155552671",
        &["4155552671", "14155552671", "(415) 555-2671", "0014155552671", "01114155552671"],
    ),
    ("CA", "+16135550143", &["6135550143", "1.613.555.0143"]),
    (
        "GB",
        "+442079460018",
        &["02079460018", "442079460018", "00442079460018", "+44 (0)20 7946 0018", "2079460018"],
    ),
    (
        "DE",
        "+493012345678",
        &["03012345678", "030/12345678", "493012345678", "00493012345678", "+49 (0)30 12345678"],
    ),
    ("DE", "+4915112345678", &["015112345678", "4915112345678"]),
    ("AT", "+4313100", &["01 3100", "00431 3100"]),
    ("IT", "+390612345678", &["0612345678", "390612345678", "00390612345678", "+39 06 12345678"]),
    ("IT", "+393123456789", &["3123456789", "393123456789"]),
    (
        "RU",
        "+79161234567",
        &["89161234567", "8 (916) 123-45-67", "79161234567", "9161234567", "81079161234567"],
    ),
    ("RU", "+78001234567", &["88001234567", "8001234567"]),
    ("HU", "+36301234567", &["06301234567", "36301234567", "+36 06 30 1234567"]),
    ("KH", "+85512345678", &["012345678", "85512345678", "00185512345678"]),
    ("BR", "+5511987654321", &["11987654321", "011987654321", "01511987654321", "5511987654321"]),
    ("IN", "+919876543210", &["9876543210", "09876543210", "919876543210", "+91 0 98765 43210"]),
    ("AU", "+61412345678", &["0412345678", "61412345678", "001161412345678"]),
    ("AU", "+611800123456", &["1800123456", "1800 123 456", "611800123456", "0011611800123456"]),
    ("AU", "+61131234", &["131234", "13 12 34", "61131234"]),
    ("BR", "+55800123456", &["0800 12 3456", "55800123456"]),
    ("CO", "+5718001234567", &["01800 1234567", "5718001234567"]),
    ("NL", "+318001234", &["0800-1234", "318001234", "+31 (0)800 1234"]),
    ("SG", "+6518001234567", &["18001234567", "6518001234567"]),
    ("BY", "+3758011234567", &["8 801 1234567", "3758011234567", "+375 801 1234567"]),
    ("BZ", "+50108001234123", &["0-800-1234-123"]),
    ("FR", "+33612345678", &["0612345678", "33612345678", "06 12 34 56 78", "06.12.34.56.78"]),
    (
        "MX",
        "+525512345678",
        &["5512345678", "525512345678", "5215512345678", "+52 1 55 1234 5678", "0445512345678"],
    ),
    ("AR", "+5491123456789", &["01115 2345 6789", "5491123456789", "0 11 15 2345-6789"]),
    ("AR", "+5492211234567", &["0221151234567"]),
    ("BY", "+375291234567", &["80291234567", "8 029 1234567", "375291234567"]),
    ("LT", "+37061234567", &["061234567", "861234567", "37061234567"]),
    ("ES", "+34912345678", &["912345678", "34912345678"]),
    ("SE", "+46701234567", &["0701234567", "46701234567"]),
    ("CI", "+2250712345678", &["0712345678", "2250712345678"]),
    ("JP", "+81312345678", &["0312345678", "01081312345678"]),
    ("CN", "+8613912345678", &["13912345678", "8613912345678"]),
    ("ZA", "+27821234567", &["0821234567", "27821234567"]),
    ("TT", "+18682345678", &["8682345678", "18682345678"]),
];

#[test]
fn one_number_is_one_number_however_it_is_written() {
    for (country, number, written) in WRITTEN {
        assert_eq!(inbound(number, Some(country)), *number);
        for text in *written {
            assert_eq!(inbound(text, Some(country)), *number, "{country} {text}");
        }
    }
}

#[test]
fn a_number_of_another_country_is_not_taken_for_ones_own() {
    for (country, text, number) in [
        ("US", "011442079460018", "+442079460018"),
        ("US", "442079460018", "+442079460018"),
        ("FR", "14155552671", "+14155552671"),
        ("FR", "0014155552671", "+14155552671"),
        ("AU", "0011442079460018", "+442079460018"),
        ("JP", "01014155552671", "+14155552671"),
        ("KR", "0014155552671", "+14155552671"),
        ("BR", "001514155552671", "+14155552671"),
        ("IT", "00493012345678", "+493012345678"),
    ] {
        assert_eq!(inbound(text, Some(country)), number, "{country} {text}");
    }
}

#[test]
fn what_is_no_whole_number_stays_what_it_is() {
    for country in [None, Some("US"), Some("DE"), Some("GB"), Some("IT"), Some("RU"), Some("KH"), Some("ZZ")]
    {
        for text in
            ["", "+", "100", "1001", "6703", "911", "112", "reception", "Reception", "*43", "a1001", "x;y"]
        {
            assert_eq!(inbound(text, country), text, "{country:?}");
        }
    }
    assert_eq!(inbound("+15550001;npdi", None), "+15550001");
    assert_eq!(inbound("0015550001", None), "+15550001");
    assert_eq!(inbound("14155552671", None), "14155552671", "without a country nobody can tell");
    assert_eq!(inbound("1155551212", Some("US")), "1155551212", "no area begins with 1");
}

fn of(country: &str) -> TrunkRow {
    TrunkRow { country: Some(country.to_owned()), outbound_plus_prefix: Some(false), ..trunk(1, &[]) }
}

#[test]
fn a_trunk_dials_within_its_country_as_people_there_do() {
    for (country, number, national) in [
        ("US", "+14155552671", "4155552671"),
        ("GB", "+442079460018", "02079460018"),
        ("DE", "+493012345678", "03012345678"),
        ("IT", "+390612345678", "0612345678"),
        ("RU", "+79161234567", "89161234567"),
        ("HU", "+36301234567", "06301234567"),
        ("KH", "+85512345678", "012345678"),
        ("BR", "+5511987654321", "011987654321"),
        ("IN", "+919876543210", "09876543210"),
        ("AU", "+61412345678", "0412345678"),
        ("AU", "+611800123456", "1800123456"),
        ("NL", "+318001234", "08001234"),
        ("CO", "+5718001234567", "018001234567"),
        ("BY", "+3758011234567", "88011234567"),
        ("FR", "+33612345678", "0612345678"),
        ("MX", "+525512345678", "5512345678"),
    ] {
        let row = TrunkRow { outbound_national_dialing: true, ..of(country) };
        assert_eq!(outbound(number, &row), national, "{country}");
        let digits = if country == "ES" { "49301234567" } else { "34912345678" };
        assert_eq!(outbound(&format!("+{digits}"), &row), digits, "abroad from {country}");
        assert_eq!(inbound(national, Some(country)), number, "what it dials it reads");
        let row = TrunkRow { outbound_dial_string_prefix: Some("9".to_owned()), ..row };
        assert_eq!(outbound(number, &row), format!("9{national}"));
        assert_eq!(outbound("1001", &row), "91001", "an extension takes the prefix alone");
    }
}

#[test]
fn the_plus_is_there_unless_the_trunk_says_otherwise() {
    let row = |mode, plus, national| TrunkRow {
        authentication_mode: mode,
        outbound_plus_prefix: plus,
        outbound_national_dialing: national,
        outbound_dial_string_prefix: Some("12".to_owned()),
        country: Some("DE".to_owned()),
        ..TrunkRow::default()
    };
    let dials = |row: TrunkRow| outbound("+493012345678", &row);
    assert_eq!(dials(row(TrunkMode::IpAddress, None, false)), "+12493012345678");
    assert_eq!(dials(row(TrunkMode::ClientCredentials, None, false)), "+12493012345678");
    assert_eq!(dials(row(TrunkMode::OutboundRegistration, None, false)), "12493012345678");
    assert_eq!(dials(row(TrunkMode::IpAddress, None, true)), "1203012345678");
    assert_eq!(dials(row(TrunkMode::IpAddress, Some(false), false)), "12493012345678");
    assert_eq!(dials(row(TrunkMode::OutboundRegistration, Some(true), false)), "+12493012345678");
    assert_eq!(outbound("1001", &row(TrunkMode::IpAddress, Some(true), false)), "121001");
}

#[test]
fn the_codes_divide_every_international_number_in_one_way() {
    for (digits, code) in
        [("14155552671", "1"), ("442079460018", "44"), ("85512345678", "855"), ("79161234567", "7")]
    {
        assert_eq!(countries::split(digits).unwrap().0, code);
        assert!(countries::plausible(digits), "{digits}");
    }
    for digits in ["", "0", "9991234567", "4420794600180", "1415555267"] {
        assert!(!countries::plausible(digits), "{digits}");
    }
}
