//! Q.850 causes of SIP status codes (RFC 3398, section 8.2.6.1; Q.850 for those that it leaves out).

/// The cause of a call that ended with this status: 200 is a BYE. None for a code that is no final one.
pub fn of_status(code: u16) -> Option<u8> {
    Some(match code {
        200..=299 => 16,
        401 | 402 | 403 | 407 | 603 => 21,
        404 | 485 | 604 => 1,
        405 => 63,
        406 | 415 | 501 => 79,
        408 | 504 => 102,
        410 => 22,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        486 | 600 => 17,
        // Given up by whoever called: the normal end of it.
        487 => 16,
        488 | 606 => 65,
        400 | 481 | 500 | 503 => 41,
        502 => 38,
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
        300..=399 | 424..=699 => 31,
        _ => return None,
    })
}
