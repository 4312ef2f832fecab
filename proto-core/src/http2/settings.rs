//! What each side's SETTINGS say, RFC 9113 §6.5.2.

use crate::http2::Violation;
use crate::http2::config::{Config, MAX_FRAME_BYTES};
use crate::http2::connection::Role;
use crate::http2::control::SettingsPairs;
use crate::http2::flow::SendWindow;
use crate::http2::frame::MAX_31_BITS;
use crate::http2::frame::settings::id;

/// What the peer can take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RemoteSettings {
    /// Whether they have arrived; until then these are the RFC's initial values.
    pub received: bool,
    /// Bytes of the table that our encoder may use.
    pub header_table_bytes: u32,
    /// Streams that we may have open.
    pub max_concurrent_streams: u32,
    /// Bytes of window that each of our streams begins with.
    pub initial_window_bytes: u32,
    /// Bytes of payload that a frame of ours may have.
    pub max_frame_bytes: u32,
    /// Bytes of header list that it takes.
    pub header_list_bytes_max: u32,
    /// Whether it serves extended CONNECT (RFC 8441).
    pub extended_connect: bool,
}

impl Default for RemoteSettings {
    fn default() -> RemoteSettings {
        RemoteSettings {
            received: false,
            header_table_bytes: 4096,
            max_concurrent_streams: u32::MAX,
            initial_window_bytes: SendWindow::INITIAL,
            max_frame_bytes: 16_384,
            header_list_bytes_max: u32::MAX,
            // RFC 9113 §5.5: a setting that negotiates an extension MUST be off initially.
            extended_connect: false,
        }
    }
}

impl RemoteSettings {
    /// Takes one pair that the peer, whose role this is, sent. RFC 9113 §6.5: all settings that it defines are
    /// supported.
    ///
    /// # Errors
    /// When the value is one that RFC 9113 does not allow.
    pub(super) fn take(&mut self, from: Role, setting: u16, value: u32) -> Result<(), Violation> {
        match setting {
            id::HEADER_TABLE_SIZE => self.header_table_bytes = value,
            // RFC 9113 §6.5.2: any value but 0 or 1, and 1 from a server, MUST be a connection error PROTOCOL_ERROR.
            id::ENABLE_PUSH if value > 1 || from == Role::Server && value == 1 => {
                return Err(Violation::SettingEnablePush);
            }
            id::ENABLE_PUSH => {}
            id::MAX_CONCURRENT_STREAMS => self.max_concurrent_streams = value,
            // RFC 9113 §6.5.2: values above 2^31-1 MUST be a connection error FLOW_CONTROL_ERROR.
            id::INITIAL_WINDOW_SIZE if value > MAX_31_BITS => return Err(Violation::SettingWindow),
            id::INITIAL_WINDOW_SIZE => self.initial_window_bytes = value,
            // RFC 9113 §6.5.2: values outside 2^14 to 2^24-1 MUST be a connection error PROTOCOL_ERROR.
            id::MAX_FRAME_SIZE if !MAX_FRAME_BYTES.contains(&value) => {
                return Err(Violation::SettingFrameSize);
            }
            id::MAX_FRAME_SIZE => self.max_frame_bytes = value,
            id::MAX_HEADER_LIST_SIZE => self.header_list_bytes_max = value,
            // RFC 8441 §3: the value MUST be 0 or 1, and a 1 MUST NOT be taken back.
            id::ENABLE_CONNECT_PROTOCOL if value > 1 || value == 0 && self.extended_connect => {
                return Err(Violation::SettingConnect);
            }
            id::ENABLE_CONNECT_PROTOCOL => self.extended_connect = value == 1,
            // RFC 9113 §6.5.2, §6.5.3: an unknown setting MUST be ignored.
            _ => {}
        }
        Ok(())
    }
}

/// What our SETTINGS frame says: all that differs from the RFC's initial values.
pub(super) fn local_pairs(role: Role, config: &Config) -> SettingsPairs {
    let mut pairs = SettingsPairs::new();
    let mut say = |setting, value, initial| {
        if value != initial {
            pairs.push((setting, value));
        }
    };
    say(id::HEADER_TABLE_SIZE, config.header_table_bytes, 4096);
    match role {
        // RFC 9113 §8.4: a client that does not want pushes says so.
        Role::Client => say(id::ENABLE_PUSH, 0, 1),
        Role::Server => {
            say(id::MAX_CONCURRENT_STREAMS, config.max_concurrent_streams, u32::MAX);
            say(id::ENABLE_CONNECT_PROTOCOL, u32::from(config.extended_connect), 0);
        }
    }
    say(id::INITIAL_WINDOW_SIZE, config.stream_window_bytes, SendWindow::INITIAL);
    say(id::MAX_FRAME_SIZE, config.max_frame_bytes, 16_384);
    say(id::MAX_HEADER_LIST_SIZE, config.header_list_bytes_max, u32::MAX);
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_6_5_2_values_out_of_range_are_violations_and_unknown_settings_are_not() {
        let mut remote = RemoteSettings::default();
        let before = remote;
        assert_eq!(remote.take(Role::Server, 0xff, 7), Ok(()));
        assert_eq!(remote.take(Role::Client, id::ENABLE_PUSH, 1), Ok(()));
        assert_eq!(remote.take(Role::Server, id::ENABLE_PUSH, 1), Err(Violation::SettingEnablePush));
        assert_eq!(remote.take(Role::Client, id::ENABLE_PUSH, 2), Err(Violation::SettingEnablePush));
        assert_eq!(
            remote.take(Role::Client, id::INITIAL_WINDOW_SIZE, 1 << 31),
            Err(Violation::SettingWindow)
        );
        for size in [0, 16_383, 16_777_216] {
            assert_eq!(remote.take(Role::Client, id::MAX_FRAME_SIZE, size), Err(Violation::SettingFrameSize));
        }
        assert_eq!(remote, before);
        assert_eq!(remote.take(Role::Server, id::ENABLE_CONNECT_PROTOCOL, 1), Ok(()));
        assert_eq!(remote.take(Role::Server, id::ENABLE_CONNECT_PROTOCOL, 0), Err(Violation::SettingConnect));
    }

    #[test]
    fn rfc9113_8_4_a_client_turns_push_off() {
        assert!(local_pairs(Role::Client, &Config::default()).contains(&(id::ENABLE_PUSH, 0)));
        assert!(
            !local_pairs(Role::Server, &Config::default())
                .iter()
                .any(|(setting, _)| *setting == id::ENABLE_PUSH)
        );
    }
}
