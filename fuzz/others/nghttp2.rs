//! The header decoder of libnghttp2, made safe: a block in, its fields and the table out.

use crate::hpack::Header;
use libnghttp2_sys as sys;
use std::ptr;

pub struct Inflater {
    raw: *mut sys::nghttp2_hd_inflater,
}

impl Inflater {
    pub fn new() -> Inflater {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is a place for one pointer, which is written when the answer is 0.
        let answer = unsafe { sys::nghttp2_hd_inflate_new(&mut raw) };
        assert_eq!(answer, 0, "there is memory for a decoder");
        Inflater { raw }
    }

    pub fn set_table_size_max(&mut self, size: usize) {
        // SAFETY: the decoder lives, and no block is half read: `decode` reads whole ones, or is the last call.
        let answer = unsafe { sys::nghttp2_hd_inflate_change_table_size(self.raw, size) };
        assert_eq!(answer, 0, "between blocks the size may change");
    }

    /// The fields of a whole block; `None` when it is refused, after which the decoder is of no more use.
    pub fn decode(&mut self, mut block: &[u8]) -> Option<Vec<Header>> {
        let mut headers = Vec::new();
        loop {
            let mut flags = 0;
            let mut field = sys::nghttp2_nv {
                name: ptr::null_mut(),
                value: ptr::null_mut(),
                namelen: 0,
                valuelen: 0,
                flags: 0,
            };
            // SAFETY: the decoder lives; the block is as long as is said; what is written to lives until after the call.
            let read = unsafe {
                sys::nghttp2_hd_inflate_hd2(self.raw, &mut field, &mut flags, block.as_ptr(), block.len(), 1)
            };
            block = &block[usize::try_from(read).ok()?..];
            if flags & sys::NGHTTP2_HD_INFLATE_EMIT as i32 != 0 {
                // SAFETY: an emitted field points to as many bytes as it says, until the next call.
                let (name, value) =
                    unsafe { (bytes(field.name, field.namelen), bytes(field.value, field.valuelen)) };
                headers.push(Header {
                    name,
                    value,
                    never: field.flags & sys::NGHTTP2_NV_FLAG_NO_INDEX as u8 != 0,
                });
            }
            if flags & sys::NGHTTP2_HD_INFLATE_FINAL as i32 != 0 {
                // SAFETY: the decoder lives.
                unsafe { sys::nghttp2_hd_inflate_end_headers(self.raw) };
                return Some(headers);
            }
        }
    }

    /// Bytes in the dynamic table.
    pub fn table_size(&self) -> usize {
        // SAFETY: the decoder lives.
        unsafe { sys::nghttp2_hd_inflate_get_dynamic_table_size(self.raw) }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: it was made by `nghttp2_hd_inflate_new` and is deleted once.
        unsafe { sys::nghttp2_hd_inflate_del(self.raw) };
    }
}

/// # Safety
/// `start` points to `len` bytes, or `len` is 0.
unsafe fn bytes(start: *const u8, len: usize) -> Vec<u8> {
    // SAFETY: as the caller promises.
    if len == 0 { Vec::new() } else { unsafe { std::slice::from_raw_parts(start, len) }.to_vec() }
}
