//! The attacks of docs/attacks.md against our machines: in memory, in virtual time, under an allocator that counts. Nothing
//! here depends on how fast the computer is: the bars are bytes, frames and handlers.

mod bombs;
mod bounds;
mod clients;
mod floods;
mod heads;
mod host;
mod rapid_reset;
mod stalls;
mod websockets;
