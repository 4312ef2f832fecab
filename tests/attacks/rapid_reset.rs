//! A1 and A2: streams that are opened to be thrown away (CVE-2023-44487, CVE-2019-9514), by the attacker's resets and by
//! those that it makes the server send (CVE-2025-8671).

use crate::host::{Report, attack};
use zrpc_tests::attacks::{http2, native};

/// ENHANCE_YOUR_CALM, RFC 9113 §7.
const ENHANCE_YOUR_CALM: Option<u32> = Some(11);
/// Resets within which an attacker must be refused.
const RESETS: u32 = 1_000;
/// Handlers that it may start until then.
const HANDLERS: usize = 200;
/// Bytes of heap that a hostile connection may hold.
pub const HEAP: usize = 64 * 1024;

fn assert_refused(report: &Report) {
    assert!(report.units <= RESETS, "{} resets", report.units);
    assert!(report.started <= HANDLERS, "{} handlers were started", report.started);
    assert!(report.why().contains("reset"), "{}", report.why());
    assert!(report.peak <= HEAP, "{} bytes of heap", report.peak);
    assert_eq!(report.left, 0, "a connection that is over leaves nothing behind");
}

#[test]
fn a1_rapid_reset_ends_within_a_thousand_resets_and_two_hundred_handlers() {
    for script in [http2::rapid_reset(), http2::rapid_reset_of_headers()] {
        let report = attack(script);
        assert_refused(&report);
        assert_eq!(report.goaway, ENHANCE_YOUR_CALM);
    }
    let whole = attack(http2::rapid_reset());
    assert_eq!(whole.ended, whole.units as usize, "every call that was opened has ended");
}

#[test]
fn a1_calls_of_the_native_protocol_that_are_reset_at_once_end_the_same_way() {
    assert_refused(&attack(native::floods().swap_remove(0)));
}

#[test]
fn a2_each_way_to_make_the_server_reset_its_streams_ends_within_a_thousand() {
    let scripts = http2::made_you_reset();
    assert!(scripts.len() >= 6);
    for script in scripts {
        let reads = script.reads;
        let report = attack(script);
        assert_refused(&report);
        if reads {
            assert_eq!(report.goaway, ENHANCE_YOUR_CALM);
        } else {
            assert!(report.queued <= 16 * 1024, "{} bytes of resets wait", report.queued);
        }
    }
}

#[test]
fn a2_streams_above_the_limit_are_refused_without_a_handler_and_soon_for_good() {
    let report = attack(http2::refused_streams());
    // 256 are calls; the rest is refused.
    assert!(report.units - 256 <= RESETS && report.started == 0);
    assert!(report.peak / 256 <= 1024, "{} bytes of heap a call that waits", report.peak / 256);
    assert_eq!((report.goaway, report.left), (ENHANCE_YOUR_CALM, 0));
}
