//! The chat service: a trait implementation with four plain `async fn`s.

use crate::chat::import_reply::{Reason, Rejection};
use crate::chat::{Chat, ImportReply, Line, ListenRequest, SayReply, SayRequest};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::SystemTime;
use tokio::sync::broadcast::{self, error::RecvError};
use zrpc::tokio::{Replies, Streaming};
use zrpc::{Request, Response, Result, Status};

/// Lines that a listener may be behind before it misses some.
const BEHIND_MAX: usize = 4096;
/// Bytes that a line may have.
const TEXT_BYTES_MAX: usize = 1000;

/// Rooms by name; a room is made when somebody comes.
#[derive(Default)]
pub struct Rooms {
    rooms: Mutex<HashMap<String, Room>>,
}

struct Room {
    lines: Vec<Line>,
    news: broadcast::Sender<Line>,
}

impl Rooms {
    fn with_room<T>(&self, name: &str, act: impl FnOnce(&mut Room) -> T) -> T {
        let mut rooms = self.rooms.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let new = || Room { lines: Vec::new(), news: broadcast::Sender::new(BEHIND_MAX) };
        act(rooms.entry(name.to_owned()).or_insert_with(new))
    }

    fn add(&self, room: &str, author: String, text: String) -> SayReply {
        self.with_room(room, |state| {
            let number = state.lines.len() as u64 + 1;
            let at = Some(SystemTime::now().into());
            let line = Line { number, room: room.to_owned(), author, text, at };
            state.lines.push(line.clone());
            SayReply { number, listeners: state.news.send(line).unwrap_or(0) as u32 }
        })
    }
}

impl Chat for Rooms {
    async fn say(&self, request: Request<SayRequest>) -> Result<Response<SayReply>> {
        let SayRequest { room, author, text } = request.into_message();
        if let Some(reason) = objection(&room, &text) {
            return Err(Status::invalid_argument(format!(
                "the line was not taken: {}",
                reason.as_str_name()
            )));
        }
        Ok(Response::new(self.add(&room, author, text)))
    }

    async fn listen(&self, request: Request<ListenRequest>, mut replies: Replies<Line>) -> Result<()> {
        let ListenRequest { room, backlog } = request.into_message();
        let (earlier, mut news) = self.with_room(&room, |state| {
            let first = state.lines.len().saturating_sub(backlog as usize);
            (state.lines[first..].to_vec(), state.news.subscribe())
        });
        // So that the client knows that it is heard, though nothing may be said for long.
        replies.send_metadata();
        for line in earlier {
            replies.send(line).await?;
        }
        // Waits for news, and while the client does not read. Ends when the client hangs up: the future is dropped.
        while let Some(line) = next(&mut news).await? {
            replies.send(line).await?;
        }
        Ok(())
    }

    async fn import(&self, request: Request<Streaming<Line>>) -> Result<Response<ImportReply>> {
        let mut lines = request.into_message();
        let mut reply = ImportReply::default();
        while let Some(line) = lines.message().await? {
            match objection(&line.room, &line.text) {
                Some(reason) => {
                    reply.rejections.push(Rejection { index: reply.received, reason: reason.into() });
                }
                None => {
                    self.add(&line.room, line.author, line.text);
                    reply.accepted += 1;
                }
            }
            reply.received += 1;
        }
        Ok(Response::new(reply))
    }

    async fn talk(&self, request: Request<Streaming<SayRequest>>, mut replies: Replies<Line>) -> Result<()> {
        let mut words = request.into_message();
        let Some(first) = words.message().await? else { return Ok(()) };
        let (room, author) = (first.room.clone(), first.author.clone());
        let mut news = self.with_room(&room, |state| state.news.subscribe());
        self.say(Request::new(first)).await?;
        loop {
            tokio::select! {
                said = words.message() => match said? {
                    Some(said) => drop(self.say(Request::new(said)).await?),
                    None => return Ok(()),
                },
                line = next(&mut news) => match line? {
                    Some(line) if line.author != author => replies.send(line).await?,
                    Some(_) => {}
                    None => return Ok(()),
                },
            }
        }
    }
}

async fn next(news: &mut broadcast::Receiver<Line>) -> Result<Option<Line>> {
    match news.recv().await {
        Ok(line) => Ok(Some(line)),
        Err(RecvError::Closed) => Ok(None),
        Err(RecvError::Lagged(missed)) => {
            Err(Status::resource_exhausted(format!("too slow for this room: {missed} lines were missed")))
        }
    }
}

fn objection(room: &str, text: &str) -> Option<Reason> {
    match text.len() {
        _ if room.is_empty() => Some(Reason::NoRoom),
        0 => Some(Reason::Empty),
        length if length > TEXT_BYTES_MAX => Some(Reason::TooLong),
        _ => None,
    }
}
