//! The messages and services of the interoperability suite, generated from `proto/` by `zrpc-gen`.

#[path = "generated/mod.rs"]
mod generated;

pub use generated::grpc::testing;
pub use generated::xds::data::orca::v3 as load;
pub use generated::xds::service::orca::v3 as load_service;
