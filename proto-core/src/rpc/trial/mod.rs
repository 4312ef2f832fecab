//! Sessions of any carrier on trial: a client and a server over a link, against a model.

pub(crate) mod calls;
#[cfg(test)]
pub(crate) mod explore;
mod model;
pub(crate) mod pair;
#[cfg(test)]
pub(crate) mod scenario;
pub(crate) mod schema;
pub(crate) mod story;
