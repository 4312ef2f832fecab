//! The code of one service: a trait to implement, a server that serves it, a client, and a trait of the client so that
//! a test can put its own in place. The same for both drivers; the async one stands in the package's module, the
//! blocking one in a module `blocking` beside it.
//!
//! Names are spelt so that no message can get in their way: the facade's by their whole path, and the few of Rust's
//! prelude by their whole path too as soon as the package has a type of that name.

use crate::names::Names;
use prost_build::{Method, Service};
use std::fmt::{Display, Write};

/// What to generate.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) server: bool,
    pub(crate) client: bool,
    pub(crate) tokio: bool,
    pub(crate) blocking: bool,
}

impl Parts {
    /// Whether services matter at all, or only messages are generated.
    pub(crate) fn any(self) -> bool {
        (self.server || self.client) && (self.tokio || self.blocking)
    }
}

/// Which driver the code is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Driver {
    Tokio,
    Blocking,
}

/// Everything that is generated for the services of a package, besides their messages.
pub(crate) fn package(services: &[Service], parts: Parts, names: &Names, descriptor_set: &str) -> String {
    let mut code = format!(
        "/// The serialised `FileDescriptorSet` of the files of this package and all that they import.\n\
         pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!({descriptor_set:?});\n"
    );
    for service in services {
        code.push_str(&descriptor(service, names));
    }
    if parts.tokio {
        services
            .iter()
            .for_each(|service| Writer::new(service, Driver::Tokio, names).write(parts, &mut code));
    }
    if parts.blocking {
        let module = names.blocking_module();
        code.push_str("/// The same for blocking code, which waits where async code awaits.\n");
        writeln_to(&mut code, format_args!("pub mod {module} {{"));
        services
            .iter()
            .for_each(|service| Writer::new(service, Driver::Blocking, names).write(parts, &mut code));
        code.push_str("}\n");
    }
    code
}

/// The static that says what the service is.
fn descriptor(service: &Service, names: &Names) -> String {
    let facade = names.facade();
    let (name, constant) = (full_name(service), names.constant(service));
    let mut code = format!("/// `{name}`: its methods, their kinds and paths.\n");
    writeln_to(&mut code, format_args!("pub static {constant}: {facade}::ServiceDescriptor ="));
    writeln_to(&mut code, format_args!("{facade}::ServiceDescriptor {{ name: {name:?}, methods: &["));
    for method in &service.methods {
        let path = format!("/{name}/{}", method.proto_name);
        let (kind, idempotency) = (kind(method), idempotency(method));
        writeln_to(
            &mut code,
            format_args!(
                "{facade}::Method {{ path: {path:?}, kind: {facade}::Kind::{kind}, \
                 idempotency: {facade}::Idempotency::{idempotency} }},"
            ),
        );
    }
    code.push_str("], file_descriptor_set: FILE_DESCRIPTOR_SET };\n");
    code
}

/// `package.Service`.
pub(crate) fn full_name(service: &Service) -> String {
    if service.package.is_empty() {
        service.proto_name.clone()
    } else {
        format!("{}.{}", service.package, service.proto_name)
    }
}

fn kind(method: &Method) -> &'static str {
    match (method.client_streaming, method.server_streaming) {
        (false, false) => "Unary",
        (true, false) => "ClientStreaming",
        (false, true) => "ServerStreaming",
        (true, true) => "Bidirectional",
    }
}

fn idempotency(method: &Method) -> &'static str {
    use prost_types::method_options::IdempotencyLevel;
    match method.options.idempotency_level() {
        IdempotencyLevel::IdempotencyUnknown => "Unknown",
        IdempotencyLevel::NoSideEffects => "NoSideEffects",
        IdempotencyLevel::Idempotent => "Idempotent",
    }
}

fn writeln_to(code: &mut String, line: impl Display) {
    // Writing to a string cannot fail.
    let _ = writeln!(code, "{line}");
}

/// Writes one service for one driver.
struct Writer<'a> {
    service: &'a Service,
    driver: Driver,
    names: &'a Names<'a>,
    /// The trait to implement, and what the other names begin with.
    name: &'a str,
}

impl<'a> Writer<'a> {
    fn new(service: &'a Service, driver: Driver, names: &'a Names<'a>) -> Writer<'a> {
        Writer { service, driver, names, name: names.of_service(service) }
    }

    fn write(&self, parts: Parts, code: &mut String) {
        if parts.server {
            self.write_service_trait(code);
            self.write_server(code);
        }
        if parts.client {
            self.write_client(code);
            self.write_client_trait(code);
        }
    }

    fn write_service_trait(&self, code: &mut String) {
        let (send, sync) = (self.names.prelude("Send"), self.names.prelude("Sync"));
        write_docs(code, &self.service.comments);
        writeln_to(code, format_args!("pub trait {}: {send} + {sync} + 'static {{", self.name));
        for method in &self.service.methods {
            write_docs(code, &method.comments);
            let input = self.typed(&method.input_type);
            let request =
                if method.client_streaming { self.driver_type("Streaming", &[&input]) } else { input };
            let request = self.facade_type("Request", &[&request]);
            let output = self.typed(&method.output_type);
            let (replies, result) = if method.server_streaming {
                (format!(", replies: {}", self.driver_type("Replies", &[&output])), "()".to_owned())
            } else {
                (String::new(), self.facade_type("Response", &[&output]))
            };
            let result = self.promised(&self.result(&result));
            let name = self.names.of_method(method);
            writeln_to(code, format_args!("fn {name}(&self, request: {request}{replies}) -> {result};"));
        }
        code.push_str("}\n");
    }

    fn write_server(&self, code: &mut String) {
        let (name, facade, module) = (self.name, self.names.facade(), self.module());
        let (s, arc) = (self.names.type_parameter(), "::std::sync::Arc");
        let clone = self.names.prelude("Clone");
        // A name of one letter is also that of the static.
        let is_ambiguous = self.names.constant(self.service) == name;
        let link = if is_ambiguous { format!("[`{name}`](trait@{name})") } else { format!("[`{name}`]") };
        let deprecated = if self.service.options.deprecated() { "#[deprecated]\n" } else { "" };
        writeln_to(
            code,
            format_args!(
                "/// Serves a {link}: what a `{}::Server` takes.\n\
                 #[derive(Debug)]\n\
                 pub struct {name}Server<{s}> {{ service: {arc}<{s}> }}\n\
                 impl<{s}: {name}> {name}Server<{s}> {{\n\
                 /// Serves `service`.\n\
                 {deprecated}pub fn new(service: {s}) -> Self {{ Self {{ service: {arc}::new(service) }} }}\n\
                 /// Serves a service that others hold too.\n\
                 {deprecated}pub fn from_arc(service: {arc}<{s}>) -> Self {{ Self {{ service }} }}\n\
                 }}\n\
                 impl<{s}> {clone} for {name}Server<{s}> {{\n\
                 fn clone(&self) -> Self {{ Self {{ service: {arc}::clone(&self.service) }} }}\n\
                 }}\n\
                 impl<{s}: {name}> {module}::Service for {name}Server<{s}> {{\n\
                 fn descriptor(&self) -> &'static {facade}::ServiceDescriptor {{ &{} }}",
                module.trim_start_matches("::"),
                self.constant(),
            ),
        );
        self.write_dispatch(code);
        code.push_str("}\n");
    }

    /// `Service::call`: from the number of a method to the user's function.
    fn write_dispatch(&self, code: &mut String) {
        let module = self.module();
        let result =
            if self.driver == Driver::Tokio { format!("-> {module}::Handling") } else { String::new() };
        let number = if self.service.methods.is_empty() { "_" } else { "method" };
        writeln_to(
            code,
            format_args!("fn call(&self, {number}: usize, call: {module}::IncomingCall) {result} {{"),
        );
        if self.service.methods.is_empty() {
            code.push_str("call.unimplemented()\n}\n");
            return;
        }
        let s = self.names.type_parameter();
        let service = match self.driver {
            Driver::Tokio => {
                code.push_str("let service = ::std::sync::Arc::clone(&self.service);\n");
                "&service"
            }
            Driver::Blocking => "&self.service",
        };
        code.push_str("match method {\n");
        for (number, method) in self.service.methods.iter().enumerate() {
            let codec = self.codec(&method.output_type, &method.input_type);
            let shape = shape(method);
            let arguments = if method.server_streaming { "request, replies" } else { "request" };
            let name = self.names.of_method(method);
            let handled = format!("{s}::{name}({service}, {arguments})");
            let (handler, inferred) = match self.driver {
                Driver::Tokio => (format!("move |{arguments}| async move {{ {handled}.await }}"), ", _, _"),
                Driver::Blocking => (format!("|{arguments}| {handled}"), ""),
            };
            writeln_to(
                code,
                format_args!(
                    "{number} => {{\n\
                     let handler = {handler};\n\
                     call.{shape}::<{codec}{inferred}>(handler)\n\
                     }}"
                ),
            );
        }
        code.push_str("_ => call.unimplemented(),\n}\n}\n");
    }

    fn write_client(&self, code: &mut String) {
        let (name, module, proto) = (self.name, self.module(), full_name(self.service));
        let deprecated = if self.service.options.deprecated() { "#[deprecated]\n" } else { "" };
        writeln_to(
            code,
            format_args!(
                "/// Calls `{proto}`. A clone shares the channel and costs next to nothing.\n\
                 #[derive(Clone, Debug)]\n\
                 pub struct {name}Client {{ channel: {module}::Channel }}\n\
                 impl {name}Client {{\n\
                 /// A client that calls over `channel`.\n\
                 #[must_use]\n\
                 {deprecated}pub fn new(channel: {module}::Channel) -> Self {{ Self {{ channel }} }}"
            ),
        );
        for (number, method) in self.service.methods.iter().enumerate() {
            write_docs(code, &method.comments);
            write_deprecated(code, method);
            let request = self.facade_type("Request", &[&self.request_type(method)]);
            let into = self.names.prelude("Into");
            let (result, codec) = (self.answer(method), self.codec(&method.input_type, &method.output_type));
            let (is_async, wait) = if self.driver == Driver::Tokio { ("async ", ".await") } else { ("", "") };
            let (fn_name, shape, constant) = (self.names.of_method(method), shape(method), self.constant());
            writeln_to(
                code,
                format_args!(
                    "pub {is_async}fn {fn_name}(&self, request: impl {into}<{request}>) -> {result} {{\n\
                     self.channel.{shape}::<{codec}>(&{constant}.methods[{number}], request.into()){wait}\n\
                     }}"
                ),
            );
        }
        code.push_str("}\n");
    }

    fn write_client_trait(&self, code: &mut String) {
        let (name, send, sync) = (self.name, self.names.prelude("Send"), self.names.prelude("Sync"));
        writeln_to(
            code,
            format_args!(
                "/// What [`{name}Client`] does, as a trait: code that is generic over it can be tested without a server.\n\
                 pub trait {name}Api: {send} + {sync} {{"
            ),
        );
        for method in &self.service.methods {
            write_docs(code, &method.comments);
            write_deprecated(code, method);
            let result = self.promised(&self.answer(method));
            writeln_to(code, format_args!("{} -> {result};", self.api_head(method)));
        }
        writeln_to(code, format_args!("}}\nimpl {name}Api for {name}Client {{"));
        let (is_async, wait) = if self.driver == Driver::Tokio { ("async ", ".await") } else { ("", "") };
        for method in &self.service.methods {
            if method.options.deprecated() {
                code.push_str("#[allow(deprecated)]\n");
            }
            let (head, result, fn_name) =
                (self.api_head(method), self.answer(method), self.names.of_method(method));
            let body = format!("{name}Client::{fn_name}(self, request){wait}");
            writeln_to(code, format_args!("{is_async}{head} -> {result} {{ {body} }}"));
        }
        code.push_str("}\n");
    }

    fn api_head(&self, method: &Method) -> String {
        let request = self.facade_type("Request", &[&self.request_type(method)]);
        format!("fn {}(&self, request: {request})", self.names.of_method(method))
    }

    /// What a client hands over when it starts a call.
    fn request_type(&self, method: &Method) -> String {
        if method.client_streaming { "()".to_owned() } else { self.typed(&method.input_type) }
    }

    /// What a client gets.
    fn answer(&self, method: &Method) -> String {
        let (input, output) = (self.typed(&method.input_type), self.typed(&method.output_type));
        let answer = match (method.client_streaming, method.server_streaming) {
            (false, false) => self.facade_type("Response", &[&output]),
            (true, false) => self.driver_type("ClientStreaming", &[&input, &output]),
            (false, true) => self.driver_type("Streaming", &[&output]),
            (true, true) => {
                format!(
                    "({}, {})",
                    self.driver_type("Sender", &[&input]),
                    self.driver_type("Streaming", &[&output])
                )
            }
        };
        self.result(&answer)
    }

    fn result(&self, value: &str) -> String {
        self.facade_type("Result", &[value])
    }

    /// What a trait's function returns: the value itself, or a future of it that may change threads.
    fn promised(&self, value: &str) -> String {
        match self.driver {
            Driver::Tokio => {
                format!("impl ::core::future::Future<Output = {value}> + {}", self.names.prelude("Send"))
            }
            Driver::Blocking => value.to_owned(),
        }
    }

    fn codec(&self, encoded: &str, decoded: &str) -> String {
        self.facade_type("ProstCodec", &[&self.typed(encoded), &self.typed(decoded)])
    }

    fn facade_type(&self, name: &str, arguments: &[&str]) -> String {
        format!("{}::{name}<{}>", self.names.facade(), arguments.join(", "))
    }

    fn driver_type(&self, name: &str, arguments: &[&str]) -> String {
        format!("{}::{name}<{}>", self.module(), arguments.join(", "))
    }

    fn module(&self) -> String {
        let module = if self.driver == Driver::Tokio { "tokio" } else { "blocking" };
        format!("{}::{module}", self.names.facade())
    }

    fn constant(&self) -> String {
        let constant = self.names.constant(self.service);
        if self.driver == Driver::Tokio { constant } else { format!("super::{constant}") }
    }

    /// A message's type as it is reached from the module of this driver.
    fn typed(&self, path: &str) -> String {
        self.names.message(path, self.driver == Driver::Blocking)
    }
}

fn shape(method: &Method) -> &'static str {
    match (method.client_streaming, method.server_streaming) {
        (false, false) => "unary",
        (true, false) => "client_streaming",
        (false, true) => "server_streaming",
        (true, true) => "bidirectional",
    }
}

fn write_docs(code: &mut String, comments: &prost_build::Comments) {
    comments.leading.iter().for_each(|marker| writeln_to(code, format_args!("///{marker}")));
}

fn write_deprecated(code: &mut String, method: &Method) {
    if method.options.deprecated() {
        code.push_str("#[deprecated]\n");
    }
}
