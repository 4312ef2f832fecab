//! WebSocket beside tungstenite: heads of frames one by one, and whole connections by the messages that they deliver.

use crate::Read;
use bytes::Bytes;
use std::io::{self, Cursor};
use std::sync::Arc;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::{Role as TheirRole, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};
use zrpc_core::base::{Machine, Out, Output, Rate, Secret, Time};
use zrpc_core::websocket::frame::{FrameHead, Opcode};
use zrpc_core::websocket::{
    Config, Connection, End, Event, Kind, Request, Role, Violation, accept_connect, check_connect_response,
    connect_fields,
};

const MESSAGE_BYTES_MAX: usize = 300;

/// A head that we read is read by tungstenite as the same, which writes it as it came; one that we refuse, it refuses, or
/// leaves to the connection above its codec (W1).
pub fn frame_heads(input: &[u8]) {
    let ours = FrameHead::len_from(input).and_then(|len| input.get(..len)).map(|head| {
        let is_masked = head[1] & 0x80 != 0;
        (head, FrameHead::parse(head, is_masked))
    });
    let mut cursor = Cursor::new(input);
    let theirs = FrameHeader::parse(&mut cursor);
    let Some((head, ours)) = ours else {
        // The opcode is looked at once the head is whole.
        assert!(matches!(theirs, Ok(None)), "{input:02x?} is no whole head, and {theirs:?}");
        return;
    };
    match (ours, theirs) {
        (Ok(ours), Ok(Some((theirs, length)))) => {
            assert_eq!(cursor.position() as usize, head.len());
            let seen = (theirs.is_final, theirs.rsv1, opcode(theirs.opcode), theirs.mask, length);
            assert_eq!(seen, (ours.fin, ours.compressed, Some(ours.opcode), ours.mask, ours.length));
            let mut written = Vec::new();
            theirs.format(length, &mut written).expect("there is room in memory");
            assert_eq!(written, head, "tungstenite writes what we read");
        }
        (Err(Violation::ReservedOpcode), theirs) => assert!(theirs.is_err(), "{head:02x?}: {theirs:?}"),
        (Err(violation), Ok(_)) => assert!(is_of_connection(violation), "{head:02x?}: {violation}"),
        // Reserved bits are seen before the opcode is.
        (Err(Violation::ReservedBits), Err(_)) => {}
        (ours, theirs) => panic!("{head:02x?}: {ours:?} and {theirs:?}"),
    }
}

/// What the codec of tungstenite leaves to its connection, or to nobody: W1.
fn is_of_connection(violation: Violation) -> bool {
    use Violation::{CompressedContinuation, FragmentedControl, Length, LongControl, ReservedBits};
    matches!(violation, Length | ReservedBits | CompressedContinuation | FragmentedControl | LongControl)
}

fn opcode(opcode: OpCode) -> Option<Opcode> {
    Some(match opcode {
        OpCode::Data(Data::Continue) => Opcode::Continuation,
        OpCode::Data(Data::Text) => Opcode::Text,
        OpCode::Data(Data::Binary) => Opcode::Binary,
        OpCode::Control(Control::Close) => Opcode::Close,
        OpCode::Control(Control::Ping) => Opcode::Ping,
        OpCode::Control(Control::Pong) => Opcode::Pong,
        _ => return None,
    })
}

/// What a connection delivers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    Text(Bytes),
    Binary(Bytes),
    Close { code: Option<u16>, reason: String },
}

/// The first byte says which side reads, and how its input is cut.
pub fn messages(input: &[u8]) {
    let [first, frames @ ..] = input else { return };
    let role = if first % 2 == 0 { Role::Server } else { Role::Client };
    let (ours, violation) = read_ours(role, frames, 1 + usize::from(first / 2));
    let (mut theirs, waits) = read_tungstenite(role, frames);
    // W4: it knows no 1014, and answers that with 1002.
    if let (Some(last), Some(Item::Close { code: Some(1014), .. })) =
        (theirs.items.last_mut(), ours.items.last())
        && matches!(last, Item::Close { code: Some(1002), .. })
    {
        last.clone_from(&ours.items[ours.items.len() - 1]);
    }
    match violation {
        None => assert_eq!(ours, theirs, "{frames:02x?}"),
        // W2: it takes any encoding of a length, also where seven bits say that a control frame is long, and answers a close
        // code that must not be sent with one that may.
        Some(Violation::Length | Violation::LongControl | Violation::CloseCode) => {
            assert!(theirs.items.starts_with(&ours.items), "{frames:02x?}: {ours:?} and {theirs:?}");
        }
        Some(violation) => {
            assert_eq!(theirs.items, ours.items, "{frames:02x?}");
            // W3: we refuse at the first byte that is wrong, it once the frame is whole.
            assert!(theirs.is_refused || waits, "{frames:02x?}: {violation}, and tungstenite goes on");
        }
    }
}

fn read_ours(role: Role, frames: &[u8], cut: usize) -> (Read<Item>, Option<Violation>) {
    let without_end = Rate { burst: u32::MAX, per_second: u32::MAX };
    let config = Arc::new(Config {
        message_bytes_max: MESSAGE_BYTES_MAX,
        fragments: without_end,
        control_frames: without_end,
        ..Config::default()
    });
    let now = Time::START;
    let mut connection = open(role, now, &config);
    let mut read = Read { items: Vec::new(), is_refused: false };
    let mut violation = None;
    for piece in frames.chunks(cut) {
        connection.handle_input(now, Bytes::copy_from_slice(piece));
        let mut out = Out::with_room(1 << 20);
        loop {
            match connection.poll_output(now, &mut out) {
                Output::Event(Event::Message { kind: Kind::Text, payload, .. }) => {
                    read.items.push(Item::Text(payload));
                }
                Output::Event(Event::Message { kind: Kind::Binary, payload, .. }) => {
                    read.items.push(Item::Binary(payload));
                }
                Output::Event(Event::Closing { code, reason }) => {
                    read.items.push(Item::Close { code: code.map(|code| code.as_u16()), reason });
                }
                Output::Event(Event::Closed(End::Violation(why))) => {
                    read.is_refused = true;
                    violation = Some(why);
                }
                Output::Event(_) => {}
                Output::Full(_) => out.clear(),
                Output::Idle(_) => break,
            }
        }
    }
    (read, violation)
}

fn open(role: Role, now: Time, config: &Arc<Config>) -> Connection {
    let request = Request::new("localhost", "/");
    let asked = connect_fields(&request, config, "http").expect("a plain request can be sent");
    let agreement = accept_connect(&asked, config).expect("a plain request is taken");
    if role == Role::Server {
        return Connection::accepted(now, Arc::clone(config), &agreement);
    }
    let mut answer = agreement.fields().clone();
    answer.add(b":status", b"200");
    let agreement = check_connect_response(&answer, &request, config);
    let agreement = agreement.expect("what a server of ours agrees to is what was asked");
    Connection::connected(now, Arc::clone(config), &agreement, Secret::from_seed([7; 32]))
}

/// What tungstenite delivers, and whether it waits for more input.
fn read_tungstenite(role: Role, frames: &[u8]) -> (Read<Item>, bool) {
    let role = if role == Role::Server { TheirRole::Server } else { TheirRole::Client };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
        .read_buffer_size(1024);
    let mut socket = WebSocket::from_raw_socket(Wire { rest: frames }, role, Some(config));
    let mut read = Read { items: Vec::new(), is_refused: false };
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => read.items.push(Item::Text(Bytes::from(text))),
            Ok(Message::Binary(bytes)) => read.items.push(Item::Binary(bytes)),
            Ok(Message::Close(close)) => {
                let (code, reason) = match close {
                    Some(close) => (Some(u16::from(close.code)), close.reason.to_string()),
                    None => (None, String::new()),
                };
                read.items.push(Item::Close { code, reason });
                return (read, false);
            }
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return (read, true),
            Err(Error::Protocol(_) | Error::Utf8(_) | Error::Capacity(_)) => {
                read.is_refused = true;
                return (read, false);
            }
            Err(error) => panic!("{frames:02x?}: {error}"),
        }
    }
}

/// Input that ends in waiting; what is written goes nowhere.
struct Wire<'a> {
    rest: &'a [u8],
}

impl io::Read for Wire<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.rest.len().min(room.len());
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (now, later) = self.rest.split_at(count);
        room[..count].copy_from_slice(now);
        self.rest = later;
        Ok(count)
    }
}

impl io::Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
