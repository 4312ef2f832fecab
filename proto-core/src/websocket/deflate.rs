//! What two sides agree on before messages are compressed, RFC 7692 §7.1: whether, with which window, and whether one
//! message may refer to the one before. The compression itself stands in `codec.rs`.

use crate::websocket::extension::{Extension, Parameter};
use alloc::string::String;
use core::fmt::Write as _;

/// The extension's name.
pub(super) const NAME: &[u8] = b"permessage-deflate";

const SERVER_NO_TAKEOVER: &[u8] = b"server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &[u8] = b"client_no_context_takeover";
const SERVER_WINDOW: &[u8] = b"server_max_window_bits";
const CLIENT_WINDOW: &[u8] = b"client_max_window_bits";

/// The window that everybody can have.
pub(super) const WINDOW_BITS_MAX: u8 = 15;
const WINDOW_BITS_MIN: u8 = 8;

/// How messages are compressed, when the peer agrees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deflate {
    /// Whether a message of ours may refer to those before it: smaller messages, for a compressor's 256 KiB that each
    /// connection then keeps.
    pub takeover: bool,
    /// Whether a message of the peer's may do so, for some 40 KiB that each connection then keeps.
    pub peer_takeover: bool,
    /// The window of what we compress, as a power of two in bytes: 8 to 15.
    pub window_bits: u8,
    /// The window that the peer is asked to keep to: 8 to 15.
    pub peer_window_bits: u8,
    /// How hard to try: 1 to 9.
    pub level: u8,
    /// Messages shorter than this go as they are, and so do those that compression would make longer. With 0, every message
    /// is compressed, whatever comes of it.
    pub threshold_bytes: usize,
    /// How many times its size a compressed message may grow beyond the first MiB. Abuse: a bomb, which the limit of a
    /// message stops as well, but later.
    pub ratio_max: u32,
}

impl Default for Deflate {
    fn default() -> Deflate {
        Deflate {
            takeover: false,
            peer_takeover: false,
            window_bits: WINDOW_BITS_MAX,
            peer_window_bits: WINDOW_BITS_MAX,
            level: 6,
            threshold_bytes: 1024,
            ratio_max: 200,
        }
    }
}

impl Deflate {
    fn window_bits(&self) -> u8 {
        self.window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX)
    }

    fn peer_window_bits(&self) -> u8 {
        self.peer_window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX)
    }
}

/// What was agreed on, as this side sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// The largest window of what this side compresses.
    pub window_bits: u8,
    /// Whether its messages refer to those before.
    pub takeover: bool,
    /// Whether the peer's do.
    pub peer_takeover: bool,
}

/// The parameters of one extension, each at most once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Parameters {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_window: Option<u8>,
    /// Without a value, an offer only says that the parameter is understood.
    client_window: Option<Option<u8>>,
}

/// RFC 7692 §7.1: an offer or a response with unknown parameters, with one that comes twice, or with a value that is not
/// allowed MUST be declined.
fn parameters(extension: &Extension<'_>) -> Option<Parameters> {
    let mut read = Parameters::default();
    for Parameter { name, value } in extension.parameters.iter().copied() {
        match (name, value) {
            (SERVER_NO_TAKEOVER, None) if !read.server_no_takeover => read.server_no_takeover = true,
            (CLIENT_NO_TAKEOVER, None) if !read.client_no_takeover => read.client_no_takeover = true,
            (SERVER_WINDOW, Some(bits)) if read.server_window.is_none() => {
                read.server_window = Some(window_bits(bits)?);
            }
            (CLIENT_WINDOW, None) if read.client_window.is_none() => read.client_window = Some(None),
            (CLIENT_WINDOW, Some(bits)) if read.client_window.is_none() => {
                read.client_window = Some(Some(window_bits(bits)?));
            }
            _ => return None,
        }
    }
    Some(read)
}

/// RFC 7692 §7.1.2.1: a decimal number from 8 to 15 without leading zeros.
fn window_bits(text: &[u8]) -> Option<u8> {
    match text {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// A server's choice: the first offer that it can take, and the response that says so.
pub(super) fn choose(offers: &[Extension<'_>], config: &Deflate) -> Option<(Agreed, String)> {
    offers.iter().filter(|offer| offer.name == NAME).find_map(|offer| accept(&parameters(offer)?, config))
}

fn accept(offer: &Parameters, config: &Deflate) -> Option<(Agreed, String)> {
    let mut response = String::from("permessage-deflate");
    // RFC 7692 §7.1.1.1: a server that accepts an offer with server_no_context_takeover MUST say it, too.
    let takeover = config.takeover && !offer.server_no_takeover;
    if !takeover {
        response.push_str("; server_no_context_takeover");
    }
    // RFC 7692 §7.1.1.2: a server may ask for client_no_context_takeover unasked, and a client keeps to it.
    let peer_takeover = config.peer_takeover && !offer.client_no_takeover;
    if !peer_takeover {
        response.push_str("; client_no_context_takeover");
    }
    let mut bits = config.window_bits();
    if let Some(asked) = offer.server_window {
        // RFC 7692 §7.1.2.1: the response MUST have a window of the offer's size or smaller.
        bits = bits.min(asked);
        let _ = write!(response, "; server_max_window_bits={bits}");
    }
    let peer_bits = config.peer_window_bits();
    match offer.client_window {
        // RFC 7692 §7.1.2.2: client_max_window_bits MUST NOT stand in the response when the offer lacks it.
        None if peer_bits < WINDOW_BITS_MAX => return None,
        Some(offered) if peer_bits.min(offered.unwrap_or(WINDOW_BITS_MAX)) < WINDOW_BITS_MAX => {
            let agreed = peer_bits.min(offered.unwrap_or(WINDOW_BITS_MAX));
            let _ = write!(response, "; client_max_window_bits={agreed}");
        }
        _ => {}
    }
    Some((Agreed { window_bits: bits, takeover, peer_takeover }, response))
}

/// A client's offer.
pub(super) fn offer(config: &Deflate) -> String {
    let mut offer = String::from("permessage-deflate");
    if !config.peer_takeover {
        offer.push_str("; server_no_context_takeover");
    }
    if !config.takeover {
        offer.push_str("; client_no_context_takeover");
    }
    if config.peer_window_bits() < WINDOW_BITS_MAX {
        let _ = write!(offer, "; server_max_window_bits={}", config.peer_window_bits());
    }
    // RFC 7692 §7.1.2.2: this lets the server ask for a smaller window.
    offer.push_str("; client_max_window_bits");
    if config.window_bits() < WINDOW_BITS_MAX {
        let _ = write!(offer, "={}", config.window_bits());
    }
    offer
}

/// A client's check of what the server chose; `None` when it is no answer to the offer.
pub(super) fn check(chosen: &Extension<'_>, config: &Deflate) -> Option<Agreed> {
    if chosen.name != NAME {
        return None;
    }
    let chosen = parameters(chosen)?;
    // RFC 7692 §7.1.1.1, §7.1.2.1: what the offer demanded of the server MUST be in its response.
    if !config.peer_takeover && !chosen.server_no_takeover {
        return None;
    }
    let peer_bits = chosen.server_window.unwrap_or(WINDOW_BITS_MAX);
    // RFC 7692 §7.1.2.2: in a response, client_max_window_bits MUST have a value.
    let bits = match chosen.client_window {
        Some(bits) => bits?,
        None => WINDOW_BITS_MAX,
    };
    (peer_bits <= config.peer_window_bits()).then_some(Agreed {
        window_bits: bits.min(config.window_bits()),
        takeover: config.takeover && !chosen.client_no_takeover,
        peer_takeover: !chosen.server_no_takeover,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Entropy, Field, Fields};
    use crate::websocket::extension::extensions;
    use alloc::format;

    fn fields(value: &str) -> Fields {
        [Field::new(b"sec-websocket-extensions", value.as_bytes())].into_iter().collect()
    }

    fn response(offer: &str, config: &Deflate) -> Option<String> {
        choose(&extensions(&fields(offer))?, config).map(|(_, response)| response)
    }

    fn checked(response: &str, config: &Deflate) -> Option<Agreed> {
        check(extensions(&fields(response))?.first()?, config)
    }

    const NO_TAKEOVER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    // RFC 7692 §7.1.2.1: a decimal number from 8 to 15. RFC 7692 §7.1.1.2: client_no_context_takeover is said to the client.
    #[test]
    fn rfc7692_7_1_every_window_is_agreed_on_with_and_without_takeover() {
        let config = Deflate { takeover: true, peer_takeover: true, ..Deflate::default() };
        for bits in 8..=15 {
            let asked =
                format!("permessage-deflate; server_max_window_bits={bits}; client_max_window_bits={bits}");
            let client = if bits == 15 { String::new() } else { format!("; client_max_window_bits={bits}") };
            let expected = format!("permessage-deflate; server_max_window_bits={bits}{client}");
            assert_eq!(response(&asked, &config), Some(expected));
        }
        assert_eq!(response("permessage-deflate", &Deflate::default()).as_deref(), Some(NO_TAKEOVER));
        let quoted = "permessage-deflate; server_max_window_bits=\"10\"";
        assert_eq!(
            response(quoted, &config).as_deref(),
            Some("permessage-deflate; server_max_window_bits=10")
        );
    }

    // RFC 7692 §7.1.2.1: the offer's window or a smaller one.
    #[test]
    fn rfc7692_7_1_1_1_and_7_1_2_1_the_response_repeats_what_the_offer_demands_of_the_server() {
        let config = Deflate { takeover: true, peer_takeover: true, window_bits: 12, ..Deflate::default() };
        let asked = "permessage-deflate; server_no_context_takeover; server_max_window_bits=14";
        let expected = "permessage-deflate; server_no_context_takeover; server_max_window_bits=12";
        assert_eq!(response(asked, &config).as_deref(), Some(expected));
    }

    #[test]
    fn rfc7692_7_1_2_2_client_max_window_bits_is_never_in_a_response_to_an_offer_without_it() {
        let config = Deflate { peer_window_bits: 10, ..Deflate::default() };
        assert_eq!(response("permessage-deflate", &config), None);
        let expected = format!("{NO_TAKEOVER}; client_max_window_bits=10");
        assert_eq!(response("permessage-deflate; client_max_window_bits", &config), Some(expected));
    }

    #[test]
    fn rfc7692_7_1_an_offer_with_a_parameter_unknown_repeated_or_out_of_range_is_declined() {
        for bad in [
            "unknown",
            "server_no_context_takeover=1",
            "client_no_context_takeover=\"1\"",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=08",
            "server_max_window_bits=+9",
            "server_max_window_bits=99999999999999999999",
            "client_max_window_bits=0",
            "server_no_context_takeover; server_no_context_takeover",
            "client_max_window_bits; client_max_window_bits",
        ] {
            let offer = format!("permessage-deflate; {bad}");
            assert_eq!(response(&offer, &Deflate::default()), None, "{bad}");
            let with_fallback = format!("{offer}, x-other, permessage-deflate");
            assert_eq!(response(&with_fallback, &Deflate::default()).as_deref(), Some(NO_TAKEOVER), "{bad}");
        }
    }

    #[test]
    fn rfc7692_7_1_a_client_takes_no_answer_that_is_none_to_its_offer() {
        let config = Deflate::default();
        assert_eq!(offer(&config), format!("{NO_TAKEOVER}; client_max_window_bits"));
        let agreed = Agreed { window_bits: 15, takeover: false, peer_takeover: false };
        assert_eq!(checked("permessage-deflate; server_no_context_takeover", &config), Some(agreed));
        let smaller = "permessage-deflate; server_no_context_takeover; client_max_window_bits=9";
        assert_eq!(checked(smaller, &config), Some(Agreed { window_bits: 9, ..agreed }));
        for bad in [
            "permessage-deflate",
            "x-other",
            "permessage-deflate; server_no_context_takeover; client_max_window_bits",
        ] {
            assert_eq!(checked(bad, &config), None, "{bad}");
        }
        let narrow = Deflate { peer_window_bits: 9, peer_takeover: true, ..config };
        assert_eq!(checked("permessage-deflate", &narrow), None);
        assert_eq!(checked("permessage-deflate; server_max_window_bits=10", &narrow), None);
        assert!(checked("permessage-deflate; server_max_window_bits=9", &narrow).is_some());
    }

    #[test]
    fn cve_2026_2229_ten_thousand_random_offers_are_answered_in_range_or_declined() {
        let mut chance = Entropy::from_seed(9);
        let names = [
            "server_no_context_takeover",
            "client_no_context_takeover",
            "server_max_window_bits",
            "client_max_window_bits",
            "x",
        ];
        let values = ["", "=8", "=9", "=15", "=16", "=7", "=\"12\"", "=-1", "=1e1", "=\u{661}"];
        let (mut taken, mut declined) = (0, 0);
        for _ in 0..10_000 {
            let mut text = String::from("permessage-deflate");
            for _ in 0..chance.below(4) {
                let name = names[chance.below(names.len() as u64) as usize];
                let value = values[chance.below(values.len() as u64) as usize];
                let _ = write!(text, "; {name}{value}");
            }
            let config = Deflate {
                window_bits: chance.next_u64() as u8,
                peer_window_bits: chance.next_u64() as u8,
                takeover: chance.below(2) == 0,
                ..Deflate::default()
            };
            let list = fields(&text);
            match extensions(&list).and_then(|offers| choose(&offers, &config)) {
                Some((agreed, _)) => {
                    assert!((8..=15).contains(&agreed.window_bits));
                    taken += 1;
                }
                None => declined += 1,
            }
            let _ = extensions(&list).and_then(|chosen| check(chosen.first()?, &config));
        }
        assert!(taken > 1_000 && declined > 1_000, "{taken} taken, {declined} declined");
    }
}
