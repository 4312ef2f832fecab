//! Where in the text messages each object begins and ends.

use crate::codec::json::{JsonError, Reader};
use alloc::collections::VecDeque;
use bytes::{Buf, Bytes};

/// Text messages that were pushed and not read to their end.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// What is left of the one that is being read.
    text: Bytes,
    place: Place,
    waiting: VecDeque<Bytes>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Place {
    /// Before a text message.
    #[default]
    Before,
    /// In an array, before its first element or its end.
    Opened,
    /// In an array, after an element.
    Within,
}

impl Texts {
    /// Messages that wait take slots only; their bytes are the input's. Owners push one, then read.
    pub(super) const MEMORY_MAX: usize = 64 * size_of::<Bytes>();

    pub(super) fn push(&mut self, text: Bytes) {
        // A message of no bytes is a text that lacks its value, and must not pass for none.
        let text = if text.is_empty() { Bytes::from_static(b" ") } else { text };
        if self.is_empty() {
            self.text = text;
        } else {
            self.waiting.push_back(text);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Texts::default();
    }

    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.waiting.capacity() * size_of::<Bytes>()
    }

    /// The text of the next object; an empty one stands for an array without any. `None` when all is read.
    ///
    /// # Errors
    /// When a message is no JSON. Objects that stand before the fault in an array come first.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, JsonError> {
        if self.text.is_empty() {
            let Some(text) = self.waiting.pop_front() else { return Ok(None) };
            self.text = text;
        }
        self.skip_space();
        match self.place {
            Place::Before if self.text.first() == Some(&b'[') => {
                self.text.advance(1);
                self.place = Place::Opened;
            }
            Place::Before => {
                let object = self.value()?;
                self.end()?;
                return Ok(Some(object));
            }
            Place::Opened | Place::Within => {}
        }
        self.element().map(Some)
    }

    /// The next element of an array; after the last one the message must end.
    fn element(&mut self) -> Result<Bytes, JsonError> {
        self.skip_space();
        if self.place == Place::Opened && self.text.first() == Some(&b']') {
            self.text.advance(1);
            self.end()?;
            return Ok(Bytes::new());
        }
        let object = self.value()?;
        self.skip_space();
        match self.text.first() {
            Some(b',') => {
                self.text.advance(1);
                self.place = Place::Within;
            }
            Some(b']') => {
                self.text.advance(1);
                self.end()?;
            }
            _ => return Err(JsonError { at: 0, expected: "`,` or `]` after an element of an array" }),
        }
        Ok(object)
    }

    fn value(&mut self) -> Result<Bytes, JsonError> {
        let range = Reader::new(&self.text).skip()?;
        let value = self.text.slice(range.clone());
        self.text.advance(range.end);
        Ok(value)
    }

    fn end(&mut self) -> Result<(), JsonError> {
        Reader::new(&self.text).end()?;
        self.text = Bytes::new();
        self.place = Place::Before;
        Ok(())
    }

    fn skip_space(&mut self) {
        let space = self.text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.advance(space);
    }
}
