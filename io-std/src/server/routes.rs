//! From a path to the method of a service.

use crate::clock;
use crate::server::service::Service;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use zrpc_core::base::Time;
use zrpc_core::rpc::local_status::not_served;
use zrpc_core::rpc::{Interceptors, Method, Status};

/// The methods that a server offers.
#[derive(Default)]
pub(crate) struct Routes {
    routes: HashMap<&'static str, Arc<Route>>,
    services: Vec<&'static str>,
    pub(crate) interceptors: Interceptors,
}

/// A method, and whom to ask.
pub(crate) struct Route {
    pub(crate) service: Arc<dyn Service>,
    /// Its place in the service's descriptor.
    pub(crate) index: usize,
    pub(crate) method: &'static Method,
    /// Until when its handlers are known to be long, in nanoseconds of the driver's clock.
    long_until: AtomicU64,
}

impl Routes {
    /// Adds a service; in place of one of the same name.
    pub(crate) fn add(&mut self, service: Arc<dyn Service>) {
        let descriptor = service.descriptor();
        self.services.push(descriptor.name);
        for (index, method) in descriptor.methods.iter().enumerate() {
            let route = Route { service: Arc::clone(&service), index, method, long_until: AtomicU64::new(0) };
            self.routes.insert(method.path, Arc::new(route));
        }
    }

    /// The method that serves `path`.
    ///
    /// # Errors
    /// UNIMPLEMENTED, with what is unknown about it.
    pub(crate) fn find(&self, path: &str) -> Result<&Arc<Route>, Status> {
        let found = self.routes.get(path);
        found.ok_or_else(|| not_served(path, |service| self.services.contains(&service)))
    }
}

impl Route {
    /// Whether a handler of this method took long not long ago.
    pub(crate) fn is_long(&self, now: Time) -> bool {
        self.long_until.load(Ordering::Relaxed) > now.as_nanos()
    }

    /// A handler of this method took long: for a while, they go to threads of their own at once.
    pub(crate) fn note_long(&self) {
        const REMEMBERED: Duration = Duration::from_secs(1);
        self.long_until.store((clock::now() + REMEMBERED).as_nanos(), Ordering::Relaxed);
    }
}
