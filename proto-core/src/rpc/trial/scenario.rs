//! What may happen in a small world of calls, and the worlds in which the sessions of each carrier are explored.

/// What may happen in a world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) calls_max: usize,
    /// Messages of each call in each direction.
    pub(crate) messages_max: usize,
    pub(crate) message_bytes: usize,
    /// Every second call has a deadline.
    pub(crate) deadlines: bool,
    /// Messages are consumed by a step of their own, and not at once.
    pub(crate) consumes: bool,
    pub(crate) cancels: bool,
    pub(crate) drains: bool,
    /// The transport may end.
    pub(crate) cuts: bool,
    /// Both sides have greeted each other before the first step.
    pub(crate) is_greeted: bool,
}

/// Two calls with a message each, and nothing that goes wrong.
pub(crate) const PLAIN: Scenario = Scenario {
    calls_max: 2,
    messages_max: 1,
    message_bytes: 3,
    deadlines: false,
    consumes: false,
    cancels: false,
    drains: false,
    cuts: false,
    is_greeted: true,
};

/// The worlds in which each carrier's sessions are explored, as tests: what the carrier is called, and what makes a pair.
macro_rules! explore_calls {
    ($carrier:literal, $pair:expr) => {
        use $crate::base::laws::explore::explore;
        use $crate::rpc::trial::explore::Pair;
        use $crate::rpc::trial::scenario::{PLAIN, Scenario};

        #[test]
        fn two_calls_end_whatever_comes_first() {
            let found = explore(concat!($carrier, ", two calls"), Pair::new(PLAIN, $pair), 8);
            assert!(found.states > 1_000, "{found:?}");
        }

        #[test]
        fn a_call_ends_wherever_it_is_cancelled_or_runs_out_of_time_or_its_transport_ends() {
            let scenario =
                Scenario { cancels: true, deadlines: true, cuts: true, is_greeted: false, ..PLAIN };
            let found = explore(concat!($carrier, ", cancellation"), Pair::new(scenario, $pair), 7);
            assert!(found.states > 1_000, "{found:?}");
        }

        #[test]
        fn calls_end_wherever_either_side_drains() {
            let scenario = Scenario { drains: true, ..PLAIN };
            let found = explore(concat!($carrier, ", drain"), Pair::new(scenario, $pair), 7);
            assert!(found.states > 1_000, "{found:?}");
        }

        #[test]
        fn messages_beyond_the_credit_arrive_whenever_it_is_given_back() {
            let scenario =
                Scenario { calls_max: 1, messages_max: 3, message_bytes: 1_800, consumes: true, ..PLAIN };
            let found = explore(concat!($carrier, ", credit"), Pair::new(scenario, $pair), 11);
            assert!(found.states > 1_000, "{found:?}");
        }
    };
}
pub(crate) use explore_calls;
