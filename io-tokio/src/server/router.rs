//! From a request's path to the method that serves it.

use crate::incoming::Service;
use std::collections::HashMap;
use std::sync::Arc;
use zrpc_core::rpc::Method;

/// All methods of a server's services by their path. The table is fixed before the first connection comes.
#[derive(Default)]
pub(crate) struct Router {
    services: Vec<Arc<dyn Service>>,
    routes: HashMap<&'static str, Route>,
    /// Paths that end in `/` and stand for all below them, the longest first.
    below: Vec<(&'static str, Route)>,
}

/// Where a path leads.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    service: usize,
    /// The index of the method in its descriptor.
    pub(crate) index: usize,
    pub(crate) method: &'static Method,
}

impl Router {
    /// Adds the methods of a service; those of one added before under the same path give way.
    pub(crate) fn add(&mut self, service: Arc<dyn Service>) {
        for (index, method) in service.descriptor().methods.iter().enumerate() {
            self.routes.insert(method.path, Route { service: self.services.len(), index, method });
        }
        self.services.push(service);
    }

    /// Adds a service whose one method serves all paths below its own, which ends in `/`.
    #[cfg(feature = "tower")]
    pub(crate) fn add_below(&mut self, service: Arc<dyn Service>) {
        for (index, method) in service.descriptor().methods.iter().enumerate() {
            let route = Route { service: self.services.len(), index, method };
            self.below.retain(|(prefix, _)| *prefix != method.path);
            self.below.push((method.path, route));
        }
        self.below.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        self.services.push(service);
    }

    /// The route of a path, byte for byte; where there is none, that of the longest path above it.
    pub(crate) fn find(&self, path: &str) -> Option<Route> {
        let above = || self.below.iter().find(|(prefix, _)| path.starts_with(prefix)).map(|(_, route)| route);
        self.routes.get(path).or_else(above).copied()
    }

    /// Whether some service has this name, to tell an unknown method from an unknown service.
    pub(crate) fn offers(&self, service: &str) -> bool {
        self.services.iter().any(|offered| offered.descriptor().name == service)
    }

    /// The service of a route that this router found.
    pub(crate) fn service(&self, route: Route) -> &dyn Service {
        &*self.services[route.service]
    }
}
