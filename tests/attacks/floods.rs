//! A3, A7, A8, A10, A11, A12, A13: frames without end that each cost their sender next to nothing.

use crate::host::{Handlers, Victim};
use crate::host::{Report, attack, opened};
use crate::rapid_reset::HEAP;
use zrpc::core::stack::AnyServerConfig;
use zrpc_tests::attacks::wire::kind;
use zrpc_tests::attacks::{Script, Wire, http2, native};

/// Useless frames within which a flood must be refused.
const USELESS: u32 = 1_000;

fn flood(script: Script) -> Report {
    let (row, name) = (script.row, script.name);
    let report = attack(script);
    assert!(report.end.is_some(), "{row} {name} goes on");
    assert!(report.peak <= HEAP, "{row} {name}: {} bytes of heap", report.peak);
    assert_eq!(report.left, 0, "{row} {name} leaves memory behind");
    report
}

#[test]
fn a3_a_header_block_ends_with_its_ninth_continuation_or_its_limit_in_bytes() {
    let empty = attack(http2::empty_continuations());
    assert_eq!((empty.units, empty.goaway), (10, Some(11)), "HEADERS and nine CONTINUATION");
    let full = attack(http2::full_continuations());
    assert!(full.units <= 9 && full.goaway == Some(11), "{} frames", full.units);
    // Four times the limit on header lists may be gathered, since such a block is still decoded.
    assert!(full.peak <= 2 * HEAP && full.left == 0, "{} bytes of heap", full.peak);
}

#[test]
fn a7_a8_a10_a11_a13_useless_frames_end_a_connection_within_a_thousand() {
    let scripts = [
        http2::table_flips(),
        http2::settings_flood(),
        http2::full_settings_flood(),
        http2::ping_flood(),
        http2::empty_data(),
        http2::padded_data(),
        http2::priority_flood(),
        http2::window_updates(),
        http2::nameless_fields(),
        http2::unknown_frames(),
        http2::stray_acks(),
    ];
    for script in scripts {
        let report = flood(script);
        assert!(report.units <= USELESS && report.goaway == Some(11), "{} frames", report.units);
    }
}

#[test]
fn a8_acknowledgements_that_nobody_reads_stay_below_17_kib() {
    for script in [http2::settings_flood().deaf("SETTINGS, unread"), http2::ping_flood().deaf("PING, unread")]
    {
        let report = flood(script);
        assert!(report.units <= USELESS);
        assert!(report.queued <= 17 * 1024, "{} bytes wait", report.queued);
    }
}

#[test]
fn a8_a13_the_native_protocol_bounds_the_same_floods() {
    for script in native::floods().into_iter().filter(|script| matches!(script.row, "A8" | "A13")) {
        let report = flood(script);
        assert!(report.units <= USELESS && report.queued <= 17 * 1024, "{} frames", report.units);
    }
}

#[test]
fn a10_answers_that_may_leave_an_octet_at_a_time_are_not_waited_for_without_end() {
    let report = attack(http2::slow_window());
    assert!(report.end.is_some(), "the attacker goes on after {} updates", report.units);
    // A hundred answers of a thousand octets wait, and are the application's.
    assert!(report.peak <= 100 * 1_000 + 4 * HEAP, "{} bytes of heap", report.peak);
}

#[test]
fn a12_ten_thousand_connections_whose_windows_overflow_leave_nothing_behind() {
    for _ in 0..10_000 {
        let report =
            Victim::new(AnyServerConfig::default(), Handlers::Answer).run(&mut http2::window_overflow());
        assert_eq!((report.goaway, report.left), (Some(3), 0));
    }
}

#[test]
fn a13_every_unknown_type_with_every_flag_is_skipped_and_counted_and_no_known_one_panics() {
    let mut victim = Victim::new(AnyServerConfig::default(), Handlers::Answer);
    victim.take(&opened().take(), true);
    let (mut skipped, mut connections) = (0u32, 1u32);
    for kind in 0..=255u8 {
        for flags in 0..=255u8 {
            let length = usize::from(kind ^ flags) % 10;
            let mut wire = Wire::default();
            wire.frame(kind, flags, u32::from(flags % 3), &[0; 10][..length]);
            victim.take(&wire.take(), true);
            if kind > kind::CONTINUATION {
                skipped += 1;
            }
            if victim.end().is_some() {
                // After the fatal frame, more input is discarded.
                victim.take(&opened().ping(1).take(), true);
                let report =
                    std::mem::replace(&mut victim, Victim::new(AnyServerConfig::default(), Handlers::Answer))
                        .over();
                assert_eq!(report.left, 0);
                victim.take(&opened().take(), true);
                connections += 1;
            }
        }
    }
    assert_eq!(skipped, 246 * 256);
    assert!(connections > 246 * 256 / 1_000, "unknown frames are counted: {connections} connections");
}
