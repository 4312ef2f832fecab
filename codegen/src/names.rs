//! What generated items are called, and what to say when two would be called the same.

use crate::error::Error;
use crate::schema::Schema;
use crate::service::full_name;
use prost_build::{Method, Service};
use std::collections::{BTreeMap, BTreeSet};

/// The names of one package's generated items.
pub(crate) struct Names {
    facade: String,
    /// The types and modules that prost generated in the package's module, and the packages nested in it.
    taken: BTreeSet<String>,
    /// What services are to be called, by their full name, where not as in the .proto.
    renamed: BTreeMap<String, String>,
}

impl Names {
    /// The names for a package whose messages are `code` and whose nested packages are `nested`.
    pub(crate) fn new<'n>(
        facade: &str,
        code: &syn::File,
        nested: impl Iterator<Item = &'n str>,
        renamed: &BTreeMap<String, String>,
    ) -> Names {
        let items = code.items.iter().filter_map(|item| match item {
            syn::Item::Struct(item) => Some(item.ident.to_string()),
            syn::Item::Enum(item) => Some(item.ident.to_string()),
            syn::Item::Mod(item) => Some(item.ident.to_string()),
            _ => None,
        });
        let taken = items.chain(nested.map(str::to_owned)).collect();
        Names { facade: facade.to_owned(), taken, renamed: renamed.clone() }
    }

    /// The facade's path: `::zrpc`.
    pub(crate) fn facade(&self) -> &str {
        &self.facade
    }

    /// A name of Rust's prelude, by its path if the package has a type of that name.
    pub(crate) fn prelude(&self, name: &'static str) -> &'static str {
        if !self.taken.contains(name) {
            return name;
        }
        match name {
            "Clone" => "::core::clone::Clone",
            "Into" => "::core::convert::Into",
            "Send" => "::core::marker::Send",
            _ => "::core::marker::Sync",
        }
    }

    /// The type parameter of a server.
    pub(crate) fn type_parameter(&self) -> &'static str {
        if self.taken.contains("S") { "TheService" } else { "S" }
    }

    /// The module of the blocking twins.
    pub(crate) fn blocking_module(&self) -> &'static str {
        if self.taken.contains("blocking") { "blocking_" } else { "blocking" }
    }

    /// The trait of a service, and what the names of its server and client begin with.
    pub(crate) fn of_service<'s>(&'s self, service: &'s Service) -> &'s str {
        self.renamed.get(&full_name(service)).unwrap_or(&service.name)
    }

    /// The function of a method; `new` is the client's own.
    pub(crate) fn of_method<'m>(&self, method: &'m Method) -> &'m str {
        if method.name == "new" { "new_" } else { &method.name }
    }

    /// The static that describes a service.
    pub(crate) fn constant(&self, service: &Service) -> String {
        let mut constant = String::new();
        let mut before_is_small = false;
        for letter in self.of_service(service).chars() {
            if letter.is_uppercase() && before_is_small {
                constant.push('_');
            }
            before_is_small = letter.is_lowercase() || letter.is_ascii_digit();
            constant.extend(letter.to_uppercase());
        }
        if constant == "FILE_DESCRIPTOR_SET" { format!("{constant}_") } else { constant }
    }

    /// The path of a message, from the package's module or from the module of blocking twins in it.
    pub(crate) fn message(&self, path: &str, from_blocking: bool) -> String {
        const SCALARS: [&str; 7] = ["bool", "f32", "f64", "i32", "i64", "u32", "u64"];
        let absolute = path.starts_with("::") || path.starts_with("crate::") || path.starts_with('(');
        if from_blocking && !absolute && !SCALARS.contains(&path) {
            format!("super::{path}")
        } else {
            path.to_owned()
        }
    }

    /// Whether all names of these services differ, from each other and from what is there.
    pub(crate) fn check(&self, services: &[Service], schema: &Schema) -> Result<(), Error> {
        let mut types: BTreeMap<String, String> = BTreeMap::new();
        for service in services {
            let (name, proto) = (self.of_service(service), full_name(service));
            for (suffix, what) in
                [("", "trait"), ("Server", "server"), ("Client", "client"), ("Api", "client trait")]
            {
                let called = format!("{name}{suffix}");
                let other = types.insert(called.clone(), proto.clone()).filter(|other| *other != proto);
                let other = match other {
                    Some(other) => format!("that of service `{other}`"),
                    None if self.taken.contains(&called) => "a message or enum of the package".to_owned(),
                    None => continue,
                };
                let message =
                    format!("the {what} of service `{proto}` would be called `{called}`, as is {other}");
                let help =
                    format!("rename one of them, or say `.rename_service({proto:?}, …)` in the build script");
                return Err(Error::at(service_place(schema, &proto, None), message, help));
            }
            self.check_methods(service, schema)?;
        }
        Ok(())
    }

    fn check_methods(&self, service: &Service, schema: &Schema) -> Result<(), Error> {
        let mut functions: BTreeMap<&str, &str> = BTreeMap::new();
        for method in &service.methods {
            let name = self.of_method(method);
            if let Some(other) = functions.insert(name, &method.proto_name) {
                let message =
                    format!("methods `{other}` and `{}` would both be called `{name}`", method.proto_name);
                let place = service_place(schema, &full_name(service), Some(&method.proto_name));
                return Err(Error::at(place, message, "rename one of them"));
            }
        }
        Ok(())
    }
}

/// Where a service, or a method of it, is named.
fn service_place(schema: &Schema, full: &str, method: Option<&str>) -> Option<crate::error::Place> {
    for file in &schema.files {
        let package = file.package();
        let own = full.strip_prefix(package).map(|name| name.trim_start_matches('.'));
        for (index, service) in file.service.iter().enumerate() {
            if own != Some(service.name()) {
                continue;
            }
            let mut path = vec![6, i32::try_from(index).ok()?];
            if let Some(position) =
                method.and_then(|m| service.method.iter().rposition(|one| one.name() == m))
            {
                path.extend([2, i32::try_from(position).ok()?]);
            }
            return schema.place(file, &path);
        }
    }
    None
}
