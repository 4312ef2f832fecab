//! The async driver's server, client and mock.

use crate::chat::{
    Chat, ChatApi, ChatClient, ChatServer, ImportReply, Line, ListenRequest, SayReply, SayRequest,
};
use crate::{line, listen, say};
use zrpc::tokio::{ClientStreaming, Replies, Sender, Server, Streaming};
use zrpc::{Code, Request, Response, Status};

/// Answers by what was asked, so that a test sees whether it came through.
struct Echo;

impl Chat for Echo {
    async fn say(&self, request: Request<SayRequest>) -> Result<Response<SayReply>, Status> {
        let said = request.into_message();
        if said.text.is_empty() {
            return Err(Status::invalid_argument("say something"));
        }
        Ok(SayReply { number: said.text.len() as u64, listeners: 1 }.into())
    }

    async fn listen(
        &self,
        request: Request<ListenRequest>,
        mut replies: Replies<Line>,
    ) -> Result<(), Status> {
        for number in 1..=u64::from(request.message().backlog) {
            replies.send(line(number, &request.message().room)).await?;
        }
        Ok(())
    }

    async fn import(&self, request: Request<Streaming<Line>>) -> Result<Response<ImportReply>, Status> {
        let mut lines = request.into_message();
        let mut reply = ImportReply::default();
        while let Some(line) = lines.message().await? {
            reply.received += 1;
            reply.accepted += u64::from(!line.text.is_empty());
        }
        Ok(reply.into())
    }

    async fn talk(
        &self,
        request: Request<Streaming<SayRequest>>,
        mut replies: Replies<Line>,
    ) -> Result<(), Status> {
        let mut said = request.into_message();
        while let Some(said) = said.message().await? {
            replies.send(line(0, &said.text.to_uppercase())).await?;
        }
        Err(Status::aborted("the room is closed"))
    }
}

fn client() -> ChatClient {
    ChatClient::new(Server::builder().service(ChatServer::new(Echo)).in_memory())
}

async fn texts(mut lines: Streaming<Line>) -> Result<Vec<String>, Status> {
    let mut texts = Vec::new();
    while let Some(line) = lines.message().await? {
        texts.push(format!("{} {}", line.number, line.text));
    }
    Ok(texts)
}

#[tokio::test]
async fn a_unary_call_is_answered_with_a_message_or_a_status() {
    let client = client();
    let reply = client.say(say("lobby", "hello")).await.expect("it was said");
    assert_eq!(reply.message(), &SayReply { number: 5, listeners: 1 });
    let status = client.say(Request::new(say("lobby", ""))).await.expect_err("nothing was said");
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "say something"));
}

#[tokio::test]
async fn a_server_stream_brings_every_reply() {
    let lines = client().listen(listen("lobby", 3)).await.expect("the call starts");
    assert_eq!(
        texts(lines).await,
        Ok(vec!["1 lobby".to_owned(), "2 lobby".to_owned(), "3 lobby".to_owned()])
    );
}

#[tokio::test]
async fn a_client_stream_brings_every_request() {
    let mut import = client().import(()).await.expect("the call starts");
    for text in ["one", "", "three"] {
        import.send(line(0, text)).await.expect("there is room");
    }
    let reply = import.finish().await.expect("an answer").into_message();
    assert_eq!((reply.received, reply.accepted), (3, 2));
}

#[tokio::test]
async fn a_bidirectional_call_answers_while_it_is_asked() {
    let (mut sender, mut lines) = client().talk(()).await.expect("the call starts");
    for text in ["one", "two"] {
        sender.send(say("lobby", text)).await.expect("there is room");
        let answer = lines.message().await.expect("the call goes on").expect("an answer");
        assert_eq!(answer.text, text.to_uppercase());
    }
    sender.finish();
    let status = lines.message().await.expect_err("the room closes");
    assert_eq!((status.code(), status.message()), (Code::Aborted, "the room is closed"));
}

/// What a user writes to be testable: it works with whatever does what the client does.
async fn import_all(api: &impl ChatApi, texts: &[&str]) -> Result<u64, Status> {
    let mut import = api.import(().into()).await?;
    for text in texts {
        import.send(line(0, text)).await?;
    }
    Ok(import.finish().await?.message().accepted)
}

struct Mock;

impl ChatApi for Mock {
    async fn say(&self, _: Request<SayRequest>) -> Result<Response<SayReply>, Status> {
        Ok(SayReply { number: 1, listeners: 0 }.into())
    }

    async fn listen(&self, _: Request<ListenRequest>) -> Result<Streaming<Line>, Status> {
        Ok(Streaming::from_messages([line(7, "made up")]))
    }

    async fn import(&self, _: Request<()>) -> Result<ClientStreaming<Line, ImportReply>, Status> {
        Ok(ClientStreaming::from_fns(
            |_| Ok(()),
            || Ok(ImportReply { accepted: 42, ..ImportReply::default() }.into()),
        ))
    }

    async fn talk(&self, _: Request<()>) -> Result<(Sender<SayRequest>, Streaming<Line>), Status> {
        Ok((Sender::from_fn(|_| Err(Status::unavailable("nobody listens"))), Streaming::from_messages([])))
    }
}

#[tokio::test]
async fn code_that_is_generic_over_the_client_runs_with_a_mock() {
    assert_eq!(import_all(&client(), &["one", "two", ""]).await, Ok(2));
    assert_eq!(import_all(&Mock, &["one"]).await, Ok(42));
    assert_eq!(Mock.say(say("", "").into()).await.expect("a reply").message().number, 1);
    assert_eq!(
        texts(Mock.listen(listen("", 0).into()).await.expect("a stream")).await,
        Ok(vec!["7 made up".to_owned()])
    );
    let (mut sender, _) = Mock.talk(().into()).await.expect("a call");
    assert_eq!(sender.send(say("", "")).await.expect_err("as the mock says").code(), Code::Unavailable);
}
