//! SETTINGS, RFC 9113 §6.5: applied whole, then acknowledged.

use crate::http2::Violation;
use crate::http2::connection::{Connection, Role};
use crate::http2::control::Control;
use crate::http2::event::Event;
use crate::http2::frame::{FrameHead, flags, settings};
use crate::http2::lifecycle::Timer;
use crate::http2::stream::StreamId;

/// Entries of SETTINGS that cost as much as a frame.
const ENTRIES_FREE: usize = 8;

impl Connection {
    pub(super) fn on_settings(
        &mut self,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<Option<Event>, Violation> {
        if head.has(flags::ACK) {
            return self.on_settings_ack(payload).map(|()| None);
        }
        let from = if self.role == Role::Client { Role::Server } else { Role::Client };
        let mut remote = self.remote;
        let mut cost = 1;
        for (index, (setting, value)) in settings::parse(payload)?.enumerate() {
            // Each entry is a turn of this loop, and no peer has more to say than a few (CVE-2020-11080).
            cost += u32::from(index % ENTRIES_FREE == ENTRIES_FREE - 1);
            remote.take(from, setting, value)?;
            if setting == settings::id::HEADER_TABLE_SIZE {
                // RFC 9113 §6.5.3: values are processed in order, so that a table that shrinks and grows again is
                // emptied.
                self.encoder.set_peer_table_size_max(value as usize);
            }
        }
        remote.received = true;
        let window_change =
            i64::from(remote.initial_window_bytes) - i64::from(self.remote.initial_window_bytes);
        self.remote = remote;
        if window_change != 0 {
            self.shift_windows(window_change)?;
        }
        if !self.charge_idle(cost) {
            return Ok(None);
        }
        // RFC 9113 §6.5.3: settings MUST be acknowledged as soon as they are applied.
        self.control.push(Control::SettingsAck);
        Ok(Some(Event::Settings))
    }

    fn on_settings_ack(&mut self, payload: &[u8]) -> Result<(), Violation> {
        // RFC 9113 §6.5: an acknowledgement with a payload MUST be a connection error FRAME_SIZE_ERROR.
        if !payload.is_empty() {
            return Err(Violation::SettingsAckPayload);
        }
        // RFC 9113 §3.4: SETTINGS must come first, and an acknowledgement is not what a preface is.
        if !self.remote.received {
            return Err(Violation::PrefaceWithoutSettings);
        }
        if self.is_acknowledged() {
            return Err(Violation::StraySettingsAck);
        }
        self.timers.disarm(Timer::Settings);
        // RFC 9113 §4.3.1: the block after the acknowledgement of a smaller table MUST begin with an update; one that
        // lacks it MUST be a connection error COMPRESSION_ERROR.
        self.decoder.set_table_size_max(self.config.header_table_bytes as usize);
        self.reduce_windows();
        Ok(())
    }

    /// Our SETTINGS are in force: what they take away from the initial window is gone.
    fn reduce_windows(&mut self) {
        let size = self.config.stream_window_bytes;
        let difference = i64::from(size) - i64::from(self.stream_window_open);
        self.stream_window_open = size;
        let mut at = None;
        while let Some(id) = self.streams.next_id(at).filter(|_| difference != 0) {
            at = Some(id);
            if let Some(stream) = self.streams.get_mut(id) {
                stream.recv.shift(difference);
            }
            // What was consumed while the window was still wide is due now: nothing else would ever announce it.
            self.announce_credit(StreamId(id as u32));
        }
    }

    /// RFC 9113 §6.9.2: a change of SETTINGS_INITIAL_WINDOW_SIZE MUST adjust the window of every stream.
    fn shift_windows(&mut self, difference: i64) -> Result<(), Violation> {
        let mut at = None;
        while let Some(id) = self.streams.next_id(at) {
            at = Some(id);
            let Some(stream) = self.streams.get_mut(id) else { continue };
            if !stream.send.shift(difference) {
                return Err(Violation::InitialWindowOverflow);
            }
            self.list(StreamId(id as u32));
        }
        Ok(())
    }
}
