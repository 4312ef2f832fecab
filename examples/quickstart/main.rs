//! A chat service with all four kinds of calls: server and client in one process, over a real socket.
//!
//! ```text
//! cargo run --example quickstart                               # the demonstration; ends by itself
//! cargo run --example quickstart -- serve 127.0.0.1:50051      # a server to talk to ...
//! cargo run --example quickstart -- talk 127.0.0.1:50051 ann   # ... from as many terminals as you like
//! ```
//!
//! The server speaks gRPC, gRPC-Web, WebSocket and the native protocol on its one port. Pages of other origins may call it
//! when it is told so: `serve 127.0.0.1:50051 --allow-origin http://127.0.0.1:8080`, as often as there are origins.
//!
//! `rooms.rs` is the service; everything in `../chat` was generated from `../chat/chat.proto`.

#[path = "../chat/mod.rs"]
mod chat;
mod rooms;

use chat::{ChatClient, ChatServer, Line, ListenRequest, SayRequest};
use rooms::Rooms;
use std::error::Error;
use std::io::BufRead;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use zrpc::core::rpc::grpc_web;
use zrpc::core::stack::AnyServerConfig;
use zrpc::core::websocket;
use zrpc::tokio::{Channel, Server};
use zrpc::{Request, Status};

const USAGE: &str = "usage: quickstart [serve ADDRESS [--allow-origin ORIGIN]... | talk ADDRESS NAME]";
const LOBBY: &str = "lobby";
/// Calls of the closing measurement.
const MEASURED_CALLS: u32 = 5000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => demonstrate().await,
        ["serve", address, ref options @ ..] => serve(address, allowed_origins(options)?).await,
        ["talk", address, name] => talk(address, name).await,
        _ => Err(USAGE.into()),
    }
}

async fn demonstrate() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().service(ChatServer::new(Rooms::default())).bind("127.0.0.1:0").await?;
    let address = server.local_addr()?;
    let handle = server.handle();
    tokio::spawn(server.run());
    println!("a gRPC server on {address}, and a client of it\n");
    let client = ChatClient::new(Channel::connect(&format!("http://{address}")).await?);

    let reply = client.say(said("ann", "is anybody here?")).await?.into_message();
    println!("Say     one request, one reply      -> line {} of the lobby", reply.number);

    println!("Listen  one request, many replies   -> as they are said:");
    let listener = tokio::spawn(listen(client.clone(), 6));

    sleep(Duration::from_millis(200)).await;
    let mut import = client.import(Request::new(())).await?;
    for text in ["I was here yesterday", "so was I", ""] {
        let line = Line { room: LOBBY.into(), author: "bob".into(), text: text.into(), ..Line::default() };
        import.send(line).await?;
        sleep(Duration::from_millis(150)).await;
    }
    let imported = import.finish().await?.into_message();

    let (mut speech, mut heard) = client.talk(Request::new(())).await?;
    for text in ["hello, all", "and good-bye"] {
        speech.send(said("cid", text)).await?;
        sleep(Duration::from_millis(250)).await;
    }
    client.say(said("ann", "good-bye, cid")).await?;
    let answer = heard.message().await?.map(|line| format!("{}: {}", line.author, line.text));
    listener.await??;
    println!(
        "Import  many requests, one reply    -> {} of {} lines taken",
        imported.accepted, imported.received
    );
    println!("Talk    many requests, many replies -> cid heard {:?}", answer.unwrap_or_default());
    drop(speech);

    let late = client.listen(Request::new(lobby(0)).with_timeout(Duration::from_millis(100))).await;
    let status = first_status(late).await;
    println!("\na stream with a deadline of 100 ms ended as {status}");
    let refused = client.say(said("ann", "")).await.err().unwrap_or(Status::OK);
    println!("an empty line was refused as {refused}");

    let started = Instant::now();
    for _ in 0..MEASURED_CALLS {
        client.say(said("ann", "tick")).await?;
    }
    let each = started.elapsed() / MEASURED_CALLS;
    println!("{MEASURED_CALLS} calls, one after the other: {each:?} each in this build");
    handle.drain(Duration::from_secs(1)).await;
    println!(
        "drained; {} connections and {} handlers are left",
        handle.connections(),
        handle.running_handlers()
    );
    Ok(())
}

/// Prints what is said in the lobby, as it is said, until `count` lines came.
async fn listen(client: ChatClient, count: usize) -> Result<(), Status> {
    let mut lines = client.listen(lobby(10)).await?;
    for _ in 0..count {
        let Some(line) = lines.message().await? else { break };
        println!("          {:>2} {}: {}", line.number, line.author, line.text);
    }
    // Dropping the stream hangs up.
    Ok(())
}

/// What follows each `--allow-origin`.
fn allowed_origins(options: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let origin = |pair: &[&str]| match *pair {
        ["--allow-origin", origin] => Ok(origin.to_owned()),
        _ => Err(USAGE.into()),
    };
    options.chunks(2).map(origin).collect()
}

async fn serve(address: &str, origins: Vec<String>) -> Result<(), Box<dyn Error>> {
    let mut config = AnyServerConfig::default();
    if let Some(web) = &mut config.grpc.web {
        web.cors.origins = grpc_web::Origins::List(origins.clone());
    }
    if let Some(websocket) = &mut config.websocket {
        websocket.websocket.policy.origins = websocket::Origins::SameAnd(origins);
    }
    let server =
        Server::builder().config(config).service(ChatServer::new(Rooms::default())).bind(address).await?;
    println!("serving on {}; stop with Ctrl-C", server.local_addr()?);
    server.run().await;
    Ok(())
}

async fn talk(address: &str, name: &str) -> Result<(), Box<dyn Error>> {
    let client = ChatClient::new(Channel::connect(&format!("http://{address}")).await?);
    let (mut speech, mut heard) = client.talk(Request::new(())).await?;
    speech.send(said(name, "has come in")).await?;
    println!("you are in the lobby as {name}; type lines, end with Ctrl-D");
    let (typed, mut lines) = tokio::sync::mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
    });
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(text) if text.is_empty() => {}
                Some(text) => speech.send(said(name, &text)).await?,
                None => return Ok(()),
            },
            line = heard.message() => match line? {
                Some(line) => println!("{}: {}", line.author, line.text),
                None => return Ok(()),
            },
        }
    }
}

/// How a stream ended.
async fn first_status(stream: Result<zrpc::tokio::Streaming<Line>, Status>) -> Status {
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(status) => return status,
    };
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return Status::OK,
            Err(status) => return status,
        }
    }
}

fn said(author: &str, text: &str) -> SayRequest {
    SayRequest { room: LOBBY.into(), author: author.into(), text: text.into() }
}

fn lobby(backlog: u32) -> ListenRequest {
    ListenRequest { room: LOBBY.into(), backlog }
}
