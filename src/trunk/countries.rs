//! How numbers are written within each country: calling code, national prefix, international prefix, and how many digits a number has
//! without any of them. Decision 0014 says why they stand here.

/// The plan of one country.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// ISO 3166-1, two letters; `001`: a code that belongs to no country.
    pub iso: &'static str,
    /// Calling code.
    pub code: &'static str,
    /// Written before a number that is dialled within the country; empty: nothing is.
    pub prefix: &'static str,
    /// What people and switches write in its place, longest first, divided by spaces.
    pub also: &'static str,
    /// Written before an international number beside `00`, divided by spaces.
    pub exit: &'static str,
    /// Fewest digits of a number without code and prefix.
    pub min: usize,
    /// Most of them.
    pub max: usize,
    /// Freephone and the like where it is longer or shorter than that, as it is dialled within the country: how it begins and how many
    /// digits it has, `1800:10`, divided by spaces.
    pub free: &'static str,
}

const fn p(iso: &'static str, code: &'static str, prefix: &'static str, min: usize, max: usize) -> Plan {
    Plan { iso, code, prefix, also: "", exit: "", min, max, free: "" }
}

/// A country of the North American plan.
const fn n(iso: &'static str) -> Plan {
    p(iso, "1", "", 10, 10).also("1").exit("011")
}

impl Plan {
    const fn also(mut self, also: &'static str) -> Plan {
        self.also = also;
        self
    }

    const fn exit(mut self, exit: &'static str) -> Plan {
        self.exit = exit;
        self
    }

    const fn free(mut self, free: &'static str) -> Plan {
        self.free = free;
        self
    }

    /// The national prefix that stands before the freephone number that follows a calling code as `number` does; None: it is none.
    pub fn free_prefix(&self, number: &str) -> Option<&'static str> {
        let of = |text: &'static str| {
            let (begin, digits) = text.split_once(':')?;
            let prefix = self.prefixes().find(|prefix| begin.starts_with(prefix)).unwrap_or("");
            let digits = digits.parse::<usize>().ok()?.checked_sub(prefix.len())?;
            (number.len() == digits && number.starts_with(begin.strip_prefix(prefix)?)).then_some(prefix)
        };
        self.free.split(' ').find_map(of)
    }

    /// What follows the calling code of a freephone number that is dialled so within the country.
    pub fn freephone<'a>(&self, dialled: &'a str) -> Option<&'a str> {
        let bare =
            |prefix: &str| dialled.strip_prefix(prefix).filter(|n| self.free_prefix(n) == Some(prefix));
        self.prefixes().chain([""]).find_map(bare)
    }

    /// The national prefixes that are read, the written one first.
    pub fn prefixes(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.prefix).chain(self.also.split(' ')).filter(|p| !p.is_empty())
    }

    /// May a number of this country have so many digits?
    pub fn fits(&self, digits: usize) -> bool {
        (self.min..=self.max).contains(&digits)
    }
}

/// The plan of a country.
pub fn of(iso: &str) -> Option<&'static Plan> {
    PLANS.iter().find(|p| p.iso == iso)
}

/// The plans that share a calling code.
pub fn plans(code: &str) -> impl Iterator<Item = &'static Plan> {
    PLANS.iter().filter(move |p| p.code == code)
}

/// The calling code at the beginning of an international number without `+`, and the rest. No code begins another one.
pub fn split(digits: &str) -> Option<(&'static str, &str)> {
    PLANS.iter().find_map(|p| Some((p.code, digits.strip_prefix(p.code)?)))
}

/// Can this be an international number without `+`: is there such a code, and does a country of it have numbers of that length?
pub fn plausible(digits: &str) -> bool {
    split(digits)
        .is_some_and(|(code, rest)| plans(code).any(|p| p.fits(rest.len()) || p.free_prefix(rest).is_some()))
}

/// Every country that has telephones of its own.
#[rustfmt::skip]
const PLANS: &[Plan] = &[
    // North America and the Caribbean.
    n("US"), n("CA"), n("AG"), n("AI"), n("AS"), n("BB"), n("BM"), n("BS"), n("DM"), n("DO"), n("GD"), n("GU"), n("JM"),
    n("KN"), n("KY"), n("LC"), n("MP"), n("MS"), n("PR"), n("SX"), n("TC"), n("TT"), n("VC"), n("VG"), n("VI"),

    // Africa.
    p("EG", "20", "0", 8, 10), p("SS", "211", "0", 9, 9), p("MA", "212", "0", 9, 9), p("EH", "212", "0", 9, 9),
    p("DZ", "213", "0", 8, 9), p("TN", "216", "", 8, 8), p("LY", "218", "0", 9, 9), p("GM", "220", "", 7, 7),
    p("SN", "221", "", 9, 9), p("MR", "222", "", 8, 8), p("ML", "223", "", 8, 8), p("GN", "224", "", 8, 9),
    p("CI", "225", "", 10, 10), p("BF", "226", "", 8, 8), p("NE", "227", "", 8, 8), p("TG", "228", "", 8, 8),
    p("BJ", "229", "", 10, 10), p("MU", "230", "", 7, 8).exit("020"), p("LR", "231", "0", 7, 9), p("SL", "232", "0", 8, 8),
    p("GH", "233", "0", 9, 9).free("0800:9"), p("NG", "234", "0", 10, 10).exit("009").free("0800:12"), p("TD", "235", "", 8, 8),
    p("CF", "236", "", 8, 8),
    p("CM", "237", "", 9, 9).free("88:8"), p("CV", "238", "", 7, 7), p("ST", "239", "", 7, 7), p("GQ", "240", "", 9, 9),
    p("GA", "241", "", 7, 8), p("CG", "242", "", 9, 9), p("CD", "243", "0", 7, 10), p("AO", "244", "", 9, 9),
    p("GW", "245", "", 9, 9), p("IO", "246", "", 7, 7), p("AC", "247", "", 5, 5), p("SC", "248", "", 7, 7),
    p("SD", "249", "0", 9, 9), p("RW", "250", "0", 8, 9), p("ET", "251", "0", 9, 9), p("SO", "252", "0", 6, 9),
    p("DJ", "253", "", 8, 8), p("KE", "254", "0", 7, 9).exit("000"), p("TZ", "255", "0", 9, 9).exit("000"),
    p("UG", "256", "0", 9, 9).exit("000"), p("BI", "257", "", 8, 8), p("MZ", "258", "", 8, 9), p("ZM", "260", "0", 9, 9),
    p("MG", "261", "0", 9, 9), p("RE", "262", "0", 9, 9), p("YT", "262", "0", 9, 9), p("ZW", "263", "0", 7, 10),
    p("NA", "264", "0", 8, 9), p("MW", "265", "0", 7, 9), p("LS", "266", "", 8, 8), p("BW", "267", "", 7, 8).free("0800:10"),
    p("SZ", "268", "", 8, 8), p("KM", "269", "", 7, 7), p("ZA", "27", "0", 9, 9), p("SH", "290", "", 4, 5),
    p("TA", "290", "", 4, 4), p("ER", "291", "0", 7, 7), p("AW", "297", "", 7, 7),

    // Europe.
    p("FO", "298", "", 6, 6), p("GL", "299", "", 6, 6), p("GR", "30", "", 10, 10), p("NL", "31", "0", 9, 11).free("0800:8"),
    p("BE", "32", "0", 8, 9), p("FR", "33", "0", 9, 9), p("ES", "34", "", 9, 9), p("GI", "350", "", 8, 8),
    p("PT", "351", "", 9, 9), p("LU", "352", "", 5, 9), p("IE", "353", "0", 7, 10), p("IS", "354", "", 7, 9),
    p("AL", "355", "0", 8, 9).free("0800:8"), p("MT", "356", "", 8, 8), p("CY", "357", "", 8, 8),
    p("FI", "358", "0", 5, 10).exit("990 994 999"), p("AX", "358", "0", 6, 10).exit("990 994 999"),
    p("BG", "359", "0", 6, 9), p("HU", "36", "06", 8, 9), p("LT", "370", "0", 8, 8).also("8"), p("LV", "371", "", 8, 8),
    p("EE", "372", "", 7, 8), p("MD", "373", "0", 8, 8), p("AM", "374", "0", 8, 8),
    p("BY", "375", "8", 9, 9).also("80 0").exit("810").free("8801:11"), p("AD", "376", "", 6, 9),
    p("MC", "377", "", 8, 9).also("0"),
    p("SM", "378", "", 8, 10), p("UA", "380", "0", 9, 9), p("RS", "381", "0", 7, 10), p("ME", "382", "0", 8, 8),
    p("XK", "383", "0", 8, 9), p("HR", "385", "0", 8, 9), p("SI", "386", "0", 8, 8), p("BA", "387", "0", 8, 9),
    p("MK", "389", "0", 8, 8), p("IT", "39", "", 6, 11), p("VA", "39", "", 6, 11), p("RO", "40", "0", 9, 9),
    p("CH", "41", "0", 9, 9), p("CZ", "420", "", 9, 9), p("SK", "421", "0", 6, 9), p("LI", "423", "", 7, 9).also("0"),
    p("AT", "43", "0", 5, 13), p("GB", "44", "0", 9, 10), p("GG", "44", "0", 10, 10), p("IM", "44", "0", 10, 10),
    p("JE", "44", "0", 10, 10), p("DK", "45", "", 8, 8), p("SE", "46", "0", 7, 9), p("NO", "47", "", 8, 8),
    p("SJ", "47", "", 8, 8), p("PL", "48", "", 9, 9).also("0"), p("DE", "49", "0", 5, 13), p("TR", "90", "0", 10, 10),
    p("RU", "7", "8", 10, 10).exit("810"), p("KZ", "7", "8", 10, 10).exit("810"), p("GE", "995", "0", 9, 9),
    p("AZ", "994", "0", 9, 9), p("KG", "996", "0", 9, 9), p("TJ", "992", "", 9, 9).also("8").exit("810"),
    p("TM", "993", "8", 8, 8).exit("810"), p("UZ", "998", "", 9, 9).also("8").exit("810"),

    // Middle and South America.
    p("FK", "500", "", 5, 5), p("BZ", "501", "", 7, 7).free("0800:11"), p("GT", "502", "", 8, 8).free("1800:11 1801:11"),
    p("SV", "503", "", 8, 8).free("800:7"),
    p("HN", "504", "", 8, 8).free("800:11"), p("NI", "505", "", 8, 8), p("CR", "506", "", 8, 8).free("800:10"),
    p("PA", "507", "", 7, 8),
    p("PM", "508", "0", 6, 9), p("HT", "509", "", 8, 8), p("PE", "51", "0", 8, 9),
    p("MX", "52", "", 10, 10).also("044 045 01 02"), p("CU", "53", "0", 6, 8).exit("119").free("0800:11"),
    p("AR", "54", "0", 10, 11),
    p("BR", "55", "0", 10, 11).exit("0012 0014 0015 0021 0022 0023 0025 0031 0041 0043 0055 0065 0099").free("0800:10 0800:11"),
    p("CL", "56", "", 9, 9).also("0"), p("CO", "57", "", 10, 10).also("0").exit("005 007 009").free("01800:12"),
    p("VE", "58", "0", 10, 10),
    p("GP", "590", "0", 9, 9), p("BL", "590", "0", 9, 9), p("MF", "590", "0", 9, 9), p("BO", "591", "0", 8, 8).free("800:9"),
    p("GY", "592", "", 7, 7).exit("001"), p("EC", "593", "0", 8, 9).free("1800:11"), p("GF", "594", "0", 9, 9),
    p("PY", "595", "0", 7, 9).exit("002").free("9800:11"), p("MQ", "596", "0", 9, 9), p("SR", "597", "", 6, 7),
    p("UY", "598", "0", 8, 8).free("0800:8"),
    p("CW", "599", "", 7, 8), p("BQ", "599", "", 7, 7),

    // Asia.
    p("MY", "60", "0", 8, 10), p("ID", "62", "0", 7, 12).exit("001 007 008 009"), p("PH", "63", "0", 8, 10).free("1800:12 1800:13"),
    p("SG", "65", "", 8, 8).exit("001 002 008 013 018 019 021").free("1800:11"),
    p("TH", "66", "0", 8, 9).exit("001 004 005 006 007 008 009").free("1800:10"),
    p("TL", "670", "", 7, 8), p("BN", "673", "", 7, 7), p("JP", "81", "0", 9, 10).exit("010"),
    p("KR", "82", "0", 8, 10).exit("001 002 005 006 008 00700 00727"), p("VN", "84", "0", 9, 10), p("KP", "850", "0", 8, 10),
    p("HK", "852", "", 8, 8).exit("001").free("800:9"), p("MO", "853", "", 8, 8).free("0800:7"),
    p("KH", "855", "0", 8, 9).exit("001 007 008").free("1800:10"),
    p("LA", "856", "0", 8, 10), p("CN", "86", "0", 9, 11), p("BD", "880", "0", 8, 10), p("TW", "886", "0", 8, 9).exit("002"),
    p("MV", "960", "", 7, 7).free("800:10"), p("LB", "961", "0", 7, 8), p("JO", "962", "0", 8, 9), p("SY", "963", "0", 8, 9),
    p("IQ", "964", "0", 8, 10), p("KW", "965", "", 8, 8).free("180:7"), p("SA", "966", "0", 9, 9).free("800:10 9200:9"),
    p("YE", "967", "0", 7, 9),
    p("OM", "968", "", 8, 8), p("PS", "970", "0", 8, 9).free("1800:10"), p("AE", "971", "0", 8, 9),
    p("IL", "972", "0", 8, 9).exit("012 013 014").free("1800:10 1700:10"), p("BH", "973", "", 8, 8),
    p("QA", "974", "", 8, 8).free("800:7"), p("BT", "975", "", 7, 8),
    p("MN", "976", "0", 8, 10).exit("001"), p("NP", "977", "0", 8, 10).free("1660:11"), p("IN", "91", "0", 10, 10).free("1800:11"),
    p("PK", "92", "0", 9, 10).free("0800:9"),
    p("AF", "93", "0", 9, 9), p("LK", "94", "0", 9, 9), p("MM", "95", "0", 7, 10), p("IR", "98", "0", 10, 10),

    // Australia and the Pacific.
    p("AU", "61", "0", 9, 9).exit("0011").free("1800:10 1300:10 13:6"),
    p("CC", "61", "0", 9, 9).exit("0011").free("1800:10 1300:10 13:6"),
    p("CX", "61", "0", 9, 9).exit("0011").free("1800:10 1300:10 13:6"),
    p("NZ", "64", "0", 8, 10), p("NF", "672", "", 6, 6), p("NR", "674", "", 7, 7), p("PG", "675", "", 7, 8),
    p("TO", "676", "", 5, 7), p("SB", "677", "", 5, 7), p("VU", "678", "", 5, 7), p("FJ", "679", "", 7, 7).free("0800:11"),
    p("PW", "680", "", 7, 7).exit("011"), p("WF", "681", "", 6, 6).free("800:9"), p("CK", "682", "", 5, 5),
    p("NU", "683", "", 4, 7),
    p("WS", "685", "", 5, 10), p("KI", "686", "0", 5, 8), p("NC", "687", "", 6, 6), p("TV", "688", "", 5, 7),
    p("PF", "689", "", 8, 8).free("800:9"), p("TK", "690", "", 4, 7), p("FM", "691", "", 7, 7).exit("011"),
    p("MH", "692", "", 7, 7).also("1").exit("011"),

    // Of no country: freephone, shared cost, satellites, networks, premium.
    p("001", "800", "", 8, 8), p("001", "808", "", 8, 8), p("001", "870", "", 9, 9), p("001", "878", "", 12, 12),
    p("001", "881", "", 9, 9), p("001", "882", "", 7, 12), p("001", "883", "", 9, 12), p("001", "888", "", 11, 11),
    p("001", "979", "", 9, 9),
];
