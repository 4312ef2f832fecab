//! A host program without std: if anything below the core pulled std in, this would not link.
//!
//! std brings a panic handler, an allocator and the unwinder's personality. This program brings its own of each, so a
//! hidden `extern crate std` anywhere below ends as a duplicate definition. It also runs: a header list goes through
//! the codec and must come back.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_int, c_void};
use core::panic::PanicInfo;
use zrpc_core::base::{Field, Fields};
use zrpc_core::hpack::{Decoder, Encoder, ListLimits};

#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn free(pointer: *mut c_void);
    fn abort() -> !;
}

struct LibC;

// SAFETY: `aligned_alloc` gives memory of at least this size and alignment or null, and `free` takes it back.
unsafe impl GlobalAlloc for LibC {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let align = layout.align().max(size_of::<usize>());
        let size = layout.size().next_multiple_of(align);
        // SAFETY: the size is a multiple of the alignment, which is a power of two that C accepts.
        unsafe { aligned_alloc(align, size).cast() }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, _layout: Layout) {
        // SAFETY: the pointer came from `alloc`.
        unsafe { free(pointer.cast()) }
    }
}

#[global_allocator]
static ALLOCATOR: LibC = LibC;

#[panic_handler]
fn on_panic(_info: &PanicInfo<'_>) -> ! {
    // SAFETY: ends the process and returns nowhere.
    unsafe { abort() }
}

/// The prebuilt `core` and `alloc` refer to it; nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Exits with 0 when the list came back.
#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    let sent: Fields = [Field::new(b":method", b"POST"), Field::secret(b"authorization", b"Bearer t0k3n")]
        .into_iter()
        .collect();
    let mut block = Vec::new();
    Encoder::new(4096).encode(&sent, &mut block);
    let mut received = Fields::new();
    let limits = ListLimits { bytes_max: 4096, fields_max: 8 };
    let decoded = Decoder::new(4096).decode(&block, limits, &mut received);
    c_int::from(decoded.is_err() || received != sent)
}
