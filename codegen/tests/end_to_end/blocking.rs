//! The blocking driver's server, client and mock.

use crate::chat::blocking::{Chat, ChatApi, ChatClient, ChatServer};
use crate::chat::{ImportReply, Line, ListenRequest, SayReply, SayRequest};
use crate::{line, listen, say};
use zrpc::blocking::{ClientStreaming, Replies, Sender, Server, Streaming};
use zrpc::{Code, Request, Response, Status};

/// Answers by what was asked, so that a test sees whether it came through.
struct Echo;

impl Chat for Echo {
    fn say(&self, request: Request<SayRequest>) -> Result<Response<SayReply>, Status> {
        let said = request.into_message();
        if said.text.is_empty() {
            return Err(Status::invalid_argument("say something"));
        }
        Ok(SayReply { number: said.text.len() as u64, listeners: 1 }.into())
    }

    fn listen(&self, request: Request<ListenRequest>, mut replies: Replies<Line>) -> Result<(), Status> {
        for number in 1..=u64::from(request.message().backlog) {
            replies.send(line(number, &request.message().room))?;
        }
        Ok(())
    }

    fn import(&self, request: Request<Streaming<Line>>) -> Result<Response<ImportReply>, Status> {
        let mut lines = request.into_message();
        let mut reply = ImportReply::default();
        while let Some(line) = lines.message()? {
            reply.received += 1;
            reply.accepted += u64::from(!line.text.is_empty());
        }
        Ok(reply.into())
    }

    fn talk(
        &self,
        request: Request<Streaming<SayRequest>>,
        mut replies: Replies<Line>,
    ) -> Result<(), Status> {
        let mut said = request.into_message();
        while let Some(said) = said.message()? {
            replies.send(line(0, &said.text.to_uppercase()))?;
        }
        Err(Status::aborted("the room is closed"))
    }
}

fn client() -> ChatClient {
    ChatClient::new(Server::builder().service(ChatServer::new(Echo)).in_memory().expect("threads"))
}

fn texts(mut lines: Streaming<Line>) -> Result<Vec<String>, Status> {
    let mut texts = Vec::new();
    while let Some(line) = lines.message()? {
        texts.push(format!("{} {}", line.number, line.text));
    }
    Ok(texts)
}

#[test]
fn a_unary_call_is_answered_with_a_message_or_a_status() {
    let client = client();
    let reply = client.say(say("lobby", "hello")).expect("it was said");
    assert_eq!(reply.message(), &SayReply { number: 5, listeners: 1 });
    let status = client.say(Request::new(say("lobby", ""))).expect_err("nothing was said");
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "say something"));
}

#[test]
fn a_server_stream_brings_every_reply() {
    let lines = client().listen(listen("lobby", 3)).expect("the call starts");
    assert_eq!(texts(lines), Ok(vec!["1 lobby".to_owned(), "2 lobby".to_owned(), "3 lobby".to_owned()]));
}

#[test]
fn a_client_stream_brings_every_request() {
    let mut import = client().import(()).expect("the call starts");
    for text in ["one", "", "three"] {
        import.send(line(0, text)).expect("there is room");
    }
    let reply = import.finish().expect("an answer").into_message();
    assert_eq!((reply.received, reply.accepted), (3, 2));
}

#[test]
fn a_bidirectional_call_answers_while_it_is_asked() {
    let (mut sender, mut lines) = client().talk(()).expect("the call starts");
    for text in ["one", "two"] {
        sender.send(say("lobby", text)).expect("there is room");
        let answer = lines.message().expect("the call goes on").expect("an answer");
        assert_eq!(answer.text, text.to_uppercase());
    }
    sender.finish();
    let status = lines.message().expect_err("the room closes");
    assert_eq!((status.code(), status.message()), (Code::Aborted, "the room is closed"));
}

/// What a user writes to be testable: it works with whatever does what the client does.
fn import_all(api: &impl ChatApi, texts: &[&str]) -> Result<u64, Status> {
    let mut import = api.import(().into())?;
    for text in texts {
        import.send(line(0, text))?;
    }
    Ok(import.finish()?.message().accepted)
}

struct Mock;

impl ChatApi for Mock {
    fn say(&self, _: Request<SayRequest>) -> Result<Response<SayReply>, Status> {
        Ok(SayReply { number: 1, listeners: 0 }.into())
    }

    fn listen(&self, _: Request<ListenRequest>) -> Result<Streaming<Line>, Status> {
        Ok(Streaming::from_messages([line(7, "made up")]))
    }

    fn import(&self, _: Request<()>) -> Result<ClientStreaming<Line, ImportReply>, Status> {
        Ok(ClientStreaming::from_fns(
            |_| Ok(()),
            || Ok(ImportReply { accepted: 42, ..ImportReply::default() }.into()),
        ))
    }

    fn talk(&self, _: Request<()>) -> Result<(Sender<SayRequest>, Streaming<Line>), Status> {
        Ok((Sender::from_fn(|_| Err(Status::unavailable("nobody listens"))), Streaming::from_messages([])))
    }
}

#[test]
fn code_that_is_generic_over_the_client_runs_with_a_mock() {
    assert_eq!(import_all(&client(), &["one", "two", ""]), Ok(2));
    assert_eq!(import_all(&Mock, &["one"]), Ok(42));
    assert_eq!(Mock.say(say("", "").into()).expect("a reply").message().number, 1);
    assert_eq!(texts(Mock.listen(listen("", 0).into()).expect("a stream")), Ok(vec!["7 made up".to_owned()]));
    let (mut sender, _) = Mock.talk(().into()).expect("a call");
    assert_eq!(sender.send(say("", "")).expect_err("as the mock says").code(), Code::Unavailable);
}
