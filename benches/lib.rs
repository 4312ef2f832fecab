//! The same work on zRPC and its peers, in the same run.
