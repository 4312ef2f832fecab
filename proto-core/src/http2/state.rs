//! The states of a stream, RFC 9113 §5.1, as a table that can be printed.
//!
//! ```text
//!                              +--------+
//!                      send PP |        | recv PP
//!                     ,--------+  idle  +--------.
//!                    /         |        |         \
//!                   v          +--------+          v
//!            +----------+          |           +----------+
//!            | reserved |          | send H /  | reserved |
//!            | (local)  |          | recv H    | (remote) |
//!            +----------+          v           +----------+
//!                 |            +--------+            |
//!                 | recv ES    |        |  send ES   |
//!          ,------+-----------+  open  +------------+------.
//!         v                   |        |                    v
//!   half-closed(remote)       +--------+            half-closed(local)
//!         |                        | R                      |
//!         |  send ES / R           v           recv ES / R  |
//!         '------------------>  closed  <-------------------'
//! ```
//!
//! This file does not know which side it plays: the same table serves clients and servers.

/// Where a stream stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum State {
    Idle,
    ReservedLocal,
    ReservedRemote,
    Open,
    HalfClosedLocal,
    HalfClosedRemote,
    Closed,
}

/// What can happen to a stream. HEADERS and DATA that carry END_STREAM are two events: the frame, then the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Event {
    SendHeaders,
    RecvHeaders,
    SendData,
    RecvData,
    SendEnd,
    RecvEnd,
    SendReset,
    RecvReset,
    SendPromise,
    RecvPromise,
}

impl State {
    /// All states, in the order of the drawing.
    pub const ALL: [State; 7] = [
        State::Idle,
        State::ReservedLocal,
        State::ReservedRemote,
        State::Open,
        State::HalfClosedLocal,
        State::HalfClosedRemote,
        State::Closed,
    ];

    /// The state after `event`; `None` where RFC 9113 §5.1 does not allow it.
    #[must_use]
    pub const fn on(self, event: Event) -> Option<State> {
        use Event as E;
        use State as S;
        match (self, event) {
            (S::Idle, E::SendHeaders | E::RecvHeaders) => Some(S::Open),
            (S::Idle, E::SendPromise) => Some(S::ReservedLocal),
            (S::Idle, E::RecvPromise) => Some(S::ReservedRemote),

            (S::ReservedLocal, E::SendHeaders) => Some(S::HalfClosedRemote),
            (S::ReservedRemote, E::RecvHeaders) => Some(S::HalfClosedLocal),
            (S::ReservedLocal | S::ReservedRemote, E::SendReset | E::RecvReset) => Some(S::Closed),

            (S::Open, E::SendHeaders | E::RecvHeaders | E::SendData | E::RecvData) => Some(S::Open),
            (S::Open, E::SendEnd) => Some(S::HalfClosedLocal),
            (S::Open, E::RecvEnd) => Some(S::HalfClosedRemote),
            (S::Open, E::SendReset | E::RecvReset) => Some(S::Closed),

            (S::HalfClosedLocal, E::RecvHeaders | E::RecvData) => Some(S::HalfClosedLocal),
            (S::HalfClosedLocal, E::RecvEnd | E::SendReset | E::RecvReset) => Some(S::Closed),

            (S::HalfClosedRemote, E::SendHeaders | E::SendData) => Some(S::HalfClosedRemote),
            (S::HalfClosedRemote, E::SendEnd | E::SendReset | E::RecvReset) => Some(S::Closed),

            _ => None,
        }
    }

    /// Whether the peer may still send content.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, State::Open | State::HalfClosedLocal)
    }

    /// Whether we may still send content.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, State::Open | State::HalfClosedRemote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    const EVENTS: [Event; 10] = [
        Event::SendHeaders,
        Event::RecvHeaders,
        Event::SendData,
        Event::RecvData,
        Event::SendEnd,
        Event::RecvEnd,
        Event::SendReset,
        Event::RecvReset,
        Event::SendPromise,
        Event::RecvPromise,
    ];

    /// Every state against every event; `.` is where RFC 9113 §5.1 has no arrow.
    const TABLE: &str = "\
Idle: Open Open . . . . . . ReservedLocal ReservedRemote
ReservedLocal: HalfClosedRemote . . . . . Closed Closed . .
ReservedRemote: . HalfClosedLocal . . . . Closed Closed . .
Open: Open Open Open Open HalfClosedLocal HalfClosedRemote Closed Closed . .
HalfClosedLocal: . HalfClosedLocal . HalfClosedLocal . Closed Closed Closed . .
HalfClosedRemote: HalfClosedRemote . HalfClosedRemote . Closed . Closed Closed . .
Closed: . . . . . . . . . .
";

    #[test]
    fn rfc9113_5_1_the_printed_table_is_the_drawing() {
        let mut printed = String::new();
        for state in State::ALL {
            printed += &format!("{state:?}:");
            for event in EVENTS {
                printed += &state.on(event).map_or(" .".into(), |next| format!(" {next:?}"));
            }
            printed.push('\n');
        }
        assert_eq!(printed, TABLE);
    }

    #[test]
    fn rfc9113_5_1_content_flows_just_where_data_has_an_arrow() {
        for state in State::ALL {
            assert_eq!(state.receives(), state.on(Event::RecvData).is_some(), "{state:?}");
            assert_eq!(state.sends(), state.on(Event::SendData).is_some(), "{state:?}");
        }
    }
}
