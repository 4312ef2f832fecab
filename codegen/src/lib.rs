//! Generates zRPC services and clients from .proto files, without protoc.
