//! One message where a method says one: the request of unary and server-streaming calls, the response of unary and
//! client-streaming ones.
//!
//! No message, or more than one, is UNIMPLEMENTED on either side, since the peers then disagree about the method's kind.
//! A status that is an error needs no message and wins over whatever came before it. A session does not know the kinds
//! of its calls; whoever does collects what comes in a [`Single`].

use crate::rpc::{Origin, Status};

/// The message of a side that sends exactly one.
#[derive(Clone, Debug)]
pub struct Single<M>(Came<M>);

#[derive(Clone, Debug)]
enum Came<M> {
    None,
    One(M),
    Several,
}

impl<M> Single<M> {
    /// Nothing came yet.
    #[must_use]
    pub const fn new() -> Single<M> {
        Single(Came::None)
    }

    /// Takes a message; false when it is one too many, and then none is kept.
    pub fn put(&mut self, message: M) -> bool {
        self.0 = match self.0 {
            Came::None => Came::One(message),
            Came::One(_) | Came::Several => Came::Several,
        };
        !self.is_surplus()
    }

    /// Whether more than one message came.
    #[must_use]
    pub fn is_surplus(&self) -> bool {
        matches!(self.0, Came::Several)
    }

    /// The request of a call whose client sends no more.
    ///
    /// # Errors
    /// UNIMPLEMENTED when none or several came; it ends the call.
    pub fn request(self) -> Result<M, Status> {
        self.only(
            "the method takes exactly one message, and none came",
            "the method takes exactly one message, and several came",
        )
    }

    /// The response of a call that ended with `status`.
    ///
    /// # Errors
    /// The status when it is an error; UNIMPLEMENTED when it is OK and none or several came.
    pub fn response(self, status: Status) -> Result<M, Status> {
        if !status.is_ok() {
            return Err(status);
        }
        self.only(
            "the method answers with exactly one message, and none came",
            "the method answers with exactly one message, and several came",
        )
    }

    fn only(self, none: &'static str, several: &'static str) -> Result<M, Status> {
        let text = match self.0 {
            Came::One(message) => return Ok(message),
            Came::None => none,
            Came::Several => several,
        };
        Err(Status::unimplemented(text).with_origin(Origin::Peer))
    }
}

impl<M> Default for Single<M> {
    fn default() -> Self {
        Single::new()
    }
}

impl<M> FromIterator<M> for Single<M> {
    fn from_iter<I: IntoIterator<Item = M>>(messages: I) -> Single<M> {
        let mut single = Single::new();
        for message in messages {
            if !single.put(message) {
                break;
            }
        }
        single
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Code;

    fn single(count: u8) -> Single<u8> {
        (0..count).map(|number| number + 7).collect()
    }

    #[test]
    fn exactly_one_message_is_taken_in_either_direction() {
        assert_eq!(single(1).request(), Ok(7));
        assert_eq!(single(1).response(Status::OK), Ok(7));
    }

    #[test]
    fn none_and_several_are_unimplemented_and_the_peers_fault() {
        for count in [0, 2, 3, 200] {
            for result in [single(count).request(), single(count).response(Status::OK)] {
                let status = result.unwrap_err();
                assert_eq!((status.code(), status.origin()), (Code::Unimplemented, Origin::Peer), "{count}");
            }
            assert_eq!(single(count).is_surplus(), count > 1);
        }
    }

    #[test]
    fn an_error_needs_no_message_and_wins_over_any_number() {
        for count in 0..4 {
            let status = Status::not_found("gone");
            assert_eq!(single(count).response(status.clone()), Err(status));
        }
    }

    #[test]
    fn only_the_first_message_fits() {
        let mut single = Single::new();
        assert!(single.put("a") && !single.put("b") && !single.put("c"));
    }
}
