//! The chat service without a runtime: threads, blocking calls, and a client that starts no thread of its own.
//!
//! ```text
//! cargo run --example blocking
//! ```

#[path = "chat/mod.rs"]
mod chat;

use chat::blocking::{Chat, ChatClient, ChatServer};
use chat::{ImportReply, Line, ListenRequest, SayReply, SayRequest};
use std::error::Error;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;
use zrpc::blocking::{Channel, Replies, Server, Streaming};
use zrpc::{Request, Response, Result, Status};

/// One room, whatever it is called.
#[derive(Default)]
struct Room(Mutex<State>);

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    listeners: Vec<Sender<Line>>,
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn add(&self, said: SayRequest) -> Result<SayReply> {
        if said.text.is_empty() {
            return Err(Status::invalid_argument("the text is empty; say something"));
        }
        let mut state = self.lock();
        let number = state.lines.len() as u64 + 1;
        let line = Line { number, room: said.room, author: said.author, text: said.text, at: None };
        state.lines.push(line.clone());
        state.listeners.retain(|listener| listener.send(line.clone()).is_ok());
        Ok(SayReply { number, listeners: state.listeners.len() as u32 })
    }
}

impl Chat for Room {
    fn say(&self, request: Request<SayRequest>) -> Result<Response<SayReply>> {
        self.add(request.into_message()).map(Response::new)
    }

    fn listen(&self, request: Request<ListenRequest>, mut replies: Replies<Line>) -> Result<()> {
        let (sender, news) = mpsc::channel();
        let earlier = {
            let mut state = self.lock();
            state.listeners.push(sender);
            let first = state.lines.len().saturating_sub(request.message().backlog as usize);
            state.lines[first..].to_vec()
        };
        // Sending fails once the client has hung up, which ends the handler.
        earlier.into_iter().chain(news).try_for_each(|line| replies.send(line))
    }

    fn import(&self, request: Request<Streaming<Line>>) -> Result<Response<ImportReply>> {
        let mut reply = ImportReply::default();
        for line in request.into_message() {
            let Line { room, author, text, .. } = line?;
            reply.received += 1;
            reply.accepted += u64::from(self.add(SayRequest { room, author, text }).is_ok());
        }
        Ok(Response::new(reply))
    }

    fn talk(&self, request: Request<Streaming<SayRequest>>, mut replies: Replies<Line>) -> Result<()> {
        for said in request.into_message() {
            let said = said?;
            let number = self.add(said.clone())?.number;
            replies.send(Line { number, room: said.room, author: said.author, text: said.text, at: None })?;
        }
        Ok(())
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let server = Server::builder().service(ChatServer::new(Room::default())).bind("127.0.0.1:0")?.spawn()?;
    let address = server.local_addr()?;
    println!("a blocking gRPC server on {address}\n");
    let client = ChatClient::new(Channel::connect(&format!("http://{address}"))?);

    let reply = client.say(said("ann", "is anybody here?"))?.into_message();
    println!("Say     -> line {}", reply.number);

    // A second thread shares the channel; the two take turns at reading its one connection.
    let listener = {
        let mut lines = client.listen(ListenRequest { room: "lobby".into(), backlog: 10 })?;
        thread::spawn(move || -> Result<Vec<String>> {
            let mut heard = Vec::new();
            while heard.len() < 5 {
                let Some(line) = lines.message()? else { break };
                heard.push(format!("{}: {}", line.author, line.text));
            }
            Ok(heard)
        })
    };

    let mut import = client.import(Request::new(()))?;
    for text in ["I was here yesterday", "so was I"] {
        import.send(Line {
            room: "lobby".into(),
            author: "bob".into(),
            text: text.into(),
            ..Line::default()
        })?;
    }
    println!("Import  -> {} lines taken", import.finish()?.into_message().accepted);

    let (mut speech, mut heard) = client.talk(Request::new(()))?;
    for text in ["hello, all", "and good-bye"] {
        speech.send(said("cid", text))?;
        let echo = heard.message()?.map(|line| line.number).unwrap_or_default();
        println!("Talk    -> said line {echo}");
    }
    drop(speech);

    for line in listener.join().map_err(|_| "the listener panicked")?? {
        println!("Listen  -> {line}");
    }
    let late = client.listen(Request::new(ListenRequest::default()).with_timeout(Duration::from_millis(100)));
    let status = late.and_then(|lines| lines.collect::<Result<Vec<Line>>>()).err().unwrap_or(Status::OK);
    println!("\na stream with a deadline of 100 ms ended as {status}");
    drop(client);
    server.drain(Duration::from_secs(1));
    Ok(())
}

fn said(author: &str, text: &str) -> SayRequest {
    SayRequest { room: "lobby".into(), author: author.into(), text: text.into() }
}
