//! What travels with a message and is not bytes: file descriptors, which only a driver can name.
//!
//! The core holds them without knowing what they are, and drops those that nobody takes.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

/// The attachments of one message, in order. Drivers put in and take out what they can send; there is no place taken
/// while there are none.
///
/// ```
/// use zrpc_core::rpc::Attachments;
///
/// let mut attachments = Attachments::new();
/// attachments.push("stands for a file");
/// assert_eq!(attachments.len(), 1);
/// assert_eq!(attachments.take::<&str>(), ["stands for a file"]);
/// assert!(attachments.is_empty());
/// ```
#[derive(Clone, Default)]
pub struct Attachments(Option<Box<List>>);

/// Behind a pointer of its own, since each message on its way has one and nearly all are empty.
#[derive(Clone, Default)]
struct List(Vec<Arc<dyn Any + Send + Sync>>);

impl Attachments {
    /// None.
    #[must_use]
    pub const fn new() -> Attachments {
        Attachments(None)
    }

    /// Adds one.
    pub fn push<T: Any + Send + Sync>(&mut self, attachment: T) {
        self.0.get_or_insert_default().0.push(Arc::new(attachment));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |list| list.0.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes those out that are of this type, in order. One that a clone of these attachments still holds is dropped here.
    pub fn take<T: Any + Send + Sync>(&mut self) -> Vec<T> {
        let list = self.0.take().map(|list| *list).unwrap_or_default();
        list.0.into_iter().filter_map(|any| Arc::into_inner(any.downcast().ok()?)).collect()
    }
}

impl<T: Any + Send + Sync> FromIterator<T> for Attachments {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Attachments {
        let mut attachments = Attachments::new();
        list.into_iter().for_each(|attachment| attachments.push(attachment));
        attachments
    }
}

impl fmt::Debug for Attachments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachments({})", self.len())
    }
}
