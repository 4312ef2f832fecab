//! From a schema to the text of the generated files: messages by prost-build, services by [`crate::service`], put
//! together a package at a time.

use crate::comments::Docs;
use crate::error::Error;
use crate::layout::{PackageFile, lay_out, module_tree, parse};
use crate::names::Names;
use crate::output::Output;
use crate::schema::Schema;
use crate::service::{self, Parts};
use prost_build::{Module, Service, ServiceGenerator};
use prost_types::FileDescriptorProto;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What is generated besides messages, and how it is called.
pub(crate) struct Options {
    pub(crate) parts: Parts,
    /// The path of the crate `zrpc`.
    pub(crate) facade: String,
    /// What services are called, by their full name, where not as in the .proto.
    pub(crate) renamed: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            parts: Parts { server: true, client: true, tokio: true, blocking: true },
            facade: "::zrpc".to_owned(),
            renamed: BTreeMap::new(),
        }
    }
}

/// A package's module, as its parts.
type Path = Vec<String>;

/// Generates the code of `schema`.
pub(crate) fn generate(
    schema: &Schema,
    options: Options,
    messages: prost_build::Config,
) -> Result<Output, Error> {
    if options.parts.any() {
        expect_service(schema)?;
    }
    let mut docs = Docs::default();
    let (packages, services) = generate_messages(schema, &options, messages, &mut docs)?;
    let mut output = Output::watching(schema.paths.values().cloned());
    let mut files: BTreeMap<Path, PackageFile> = BTreeMap::new();
    for (module, messages) in &packages {
        let inside: Vec<&FileDescriptorProto> =
            schema.files.iter().filter(|file| module_of(file.package()) == *module).collect();
        let package = inside.first().map_or("", |file| file.package()).to_owned();
        let sources: Vec<String> = inside.iter().map(|file| file.name().to_owned()).collect();
        let stem = stem_of(module);
        let own: Vec<Service> =
            services.iter().filter(|service| module_of(&service.package) == *module).cloned().collect();
        let nested = packages.keys().filter(|path| path.len() > module.len() && path.starts_with(module));
        let nested: Vec<&str> = nested.map(|path| path[module.len()].as_str()).collect();
        let names = Names::new(&options, &parse(messages)?, &nested, &own);
        names.check_packages(&package, &inside, schema)?;
        let mut code = messages.clone();
        if !own.is_empty() && options.parts.any() {
            names.check_services(&own, schema)?;
            code.push_str(&service::package(&own, options.parts, &names, &format!("{stem}.binpb")));
            output.add(format!("{stem}.binpb"), schema.descriptor_set(&package));
        }
        let code = lay_out(&docs.unmark(&code), &sources)?;
        let deprecates = code.contains("#[deprecated]");
        output.add(format!("{stem}.rs"), code.into_bytes());
        files
            .insert(module.clone(), PackageFile { name: format!("{stem}.rs"), package, sources, deprecates });
    }
    output.add("mod.rs".to_owned(), module_tree(&files).into_bytes());
    Ok(output)
}

/// The messages of every package by prost-build, and the services that it met on its way.
fn generate_messages(
    schema: &Schema,
    options: &Options,
    mut config: prost_build::Config,
    docs: &mut Docs,
) -> Result<(BTreeMap<Path, String>, Vec<Service>), Error> {
    let met = Rc::new(RefCell::new(Vec::new()));
    config
        .service_generator(Box::new(Collector(Rc::clone(&met))))
        .prost_path(format!("{}::prost", options.facade))
        .prost_types_path(format!("{}::prost_types", options.facade))
        // So that any message can be packed into an `Any`, for instance as a detail of a status.
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com");
    let requests = schema.files.iter().map(|file| {
        let mut file = file.clone();
        docs.mark(&mut file);
        (Module::from_protobuf_package_name(file.package()), file)
    });
    let modules = config.generate(requests.collect()).map_err(|error| {
        let help =
            "look at the paths that the build script names: each begins with a dot, as in `.package.Message`";
        Error::new(format!("the messages cannot be generated: {error}"), help)
    })?;
    let modules =
        modules.into_iter().map(|(module, code)| (module.parts().map(str::to_owned).collect(), code));
    let packages = modules.collect();
    Ok((packages, met.take()))
}

/// Takes note of each service, and writes something so that a package without messages is not dropped.
struct Collector(Rc<RefCell<Vec<Service>>>);

impl ServiceGenerator for Collector {
    fn generate(&mut self, service: Service, code: &mut String) {
        self.0.borrow_mut().push(service);
        code.push('\n');
    }
}

/// Who asks for services names a file that has one; anything else is likely the wrong file.
fn expect_service(schema: &Schema) -> Result<(), Error> {
    let asked = || schema.files.iter().filter(|file| schema.asked.iter().any(|name| name == file.name()));
    if asked().any(|file| !file.service.is_empty()) {
        return Ok(());
    }
    let names: Vec<&str> = asked().map(FileDescriptorProto::name).collect();
    let help = "add one (`service Name { rpc Say(Request) returns (Reply); }`), or turn \
                server and client off to generate messages alone";
    Err(Error::new(format!("there is no service in {}", names.join(", ")), help))
}

fn module_of(package: &str) -> Path {
    Module::from_protobuf_package_name(package).parts().map(str::to_owned).collect()
}

/// What the files of a package are called, without their endings.
fn stem_of(module: &[String]) -> String {
    if module.is_empty() { "_".to_owned() } else { module.join(".").replace("r#", "") }
}
