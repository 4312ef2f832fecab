//! gRPC over any carrier that has streams with header lists: HTTP/2 today.
//!
//! ```text
//! request   :method POST, :path /package.Service/Method, te trailers, content-type application/grpc, grpc-timeout, …
//!           (flag length message)*
//! response  :status 200, content-type application/grpc, …
//!           (flag length message)*
//!           grpc-status, grpc-message, grpc-status-details-bin, …      or all of it in one list: Trailers-Only
//! ```
//!
//! Where it is enabled they speak gRPC-Web, too ([`crate::rpc::grpc_web`]): each call in the form that it comes in.
//! The engines here know neither frames nor windows: they get the carrier as an argument ([`crate::rpc::streams`]).

mod admission;
pub mod client;
mod head;
mod inbound;
mod limits;
mod mapping;
mod memory;
mod outbound;
pub mod server;
mod trailers;
mod web;

pub use client::ClientCalls;
pub use head::RequestDefaults;
pub(crate) use inbound::{inflate, too_large};
pub(crate) use limits::GatheredBytes;
pub use limits::Limits;
pub(crate) use outbound::pack;
pub use server::ServerCalls;
pub(crate) use trailers::details_code;
