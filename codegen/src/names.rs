//! What generated items are called, and what to say when two would be called the same.

use crate::error::{Error, Place};
use crate::generate::Options;
use crate::schema::Schema;
use crate::service::full_name;
use prost_build::{Method, Module, Service};
use prost_types::{DescriptorProto, FileDescriptorProto};
use std::collections::{BTreeMap, BTreeSet};

/// The names of one package's generated items.
pub(crate) struct Names<'o> {
    options: &'o Options,
    /// The types and modules that prost generated in the package's module.
    messages: BTreeSet<String>,
    /// The modules of the packages nested in this one.
    nested: BTreeSet<String>,
    /// The traits of the package's services.
    traits: BTreeSet<String>,
}

impl<'o> Names<'o> {
    /// The names for a package whose messages are `code`.
    pub(crate) fn new(
        options: &'o Options,
        code: &syn::File,
        nested: &[&str],
        services: &[Service],
    ) -> Names<'o> {
        let items = code.items.iter().filter_map(|item| match item {
            syn::Item::Struct(item) => Some(item.ident.to_string()),
            syn::Item::Enum(item) => Some(item.ident.to_string()),
            syn::Item::Mod(item) => Some(item.ident.to_string()),
            _ => None,
        });
        let nested = nested.iter().map(|name| (*name).to_owned()).collect();
        let mut names = Names { options, messages: items.collect(), nested, traits: BTreeSet::new() };
        names.traits = services.iter().map(|service| names.of_service(service).to_owned()).collect();
        names
    }

    /// Whether something in the package's module hides what has this name elsewhere.
    fn hides(&self, name: &str) -> bool {
        self.messages.contains(name) || self.traits.contains(name)
    }

    /// The facade's path: `::zrpc`.
    pub(crate) fn facade(&self) -> &str {
        &self.options.facade
    }

    /// A name of Rust's prelude, by its path if the package has a type of that name.
    pub(crate) fn prelude(&self, name: &'static str) -> &'static str {
        if !self.hides(name) {
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
        if self.hides("S") { "TheService" } else { "S" }
    }

    /// The module of the blocking twins.
    pub(crate) fn blocking_module(&self) -> &'static str {
        let is_taken = self.messages.contains("blocking") || self.nested.contains("blocking");
        if is_taken { "blocking_" } else { "blocking" }
    }

    /// The trait of a service, and what the names of its server and client begin with.
    pub(crate) fn of_service<'s>(&'s self, service: &'s Service) -> &'s str {
        self.options.renamed.get(&full_name(service)).unwrap_or(&service.name)
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
    pub(crate) fn check_services(&self, services: &[Service], schema: &Schema) -> Result<(), Error> {
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
                    None if self.messages.contains(&called) => "a message or enum of the package".to_owned(),
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

    /// Whether the modules of nested packages and those of messages with types inside differ.
    pub(crate) fn check_packages(
        &self,
        package: &str,
        files: &[&FileDescriptorProto],
        schema: &Schema,
    ) -> Result<(), Error> {
        let Some(module) = self.messages.intersection(&self.nested).next() else { return Ok(()) };
        let message = files.iter().find_map(|file| {
            let is_meant = |message: &DescriptorProto| module_name(message.name()) == *module;
            let index = file.message_type.iter().position(is_meant)?;
            Some((schema.place(file, &[4, i32::try_from(index).ok()?]), file.message_type[index].name()))
        });
        let (place, name) = message.unwrap_or((None, module));
        let message = format!(
            "the types inside message `{name}` would be in a module `{module}` of package `{package}`, as is package \
             `{package}.{module}`"
        );
        Err(Error::at(place, message, "rename the message, or the package"))
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
fn service_place(schema: &Schema, full: &str, method: Option<&str>) -> Option<Place> {
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

/// The module of the types inside a message.
fn module_name(message: &str) -> String {
    Module::from_protobuf_package_name(message).parts().collect()
}
