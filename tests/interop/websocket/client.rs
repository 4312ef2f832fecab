//! The client of the conversation: every case opens connections of its own, named after it.

use crate::socket::{
    Case, FOREIGN_SUBPROTOCOL, LOST, Message, Options, SUBPROTOCOL, Socket, beyond_ascii, check, closed,
};
use std::process::ExitCode;
use std::time::Duration;

/// At the borders of the lengths that a frame's head has, and far beyond.
const SIZES: [usize; 6] = [0, 125, 126, 65_535, 65_536, 1 << 20];
/// How often a server is asked again whether a connection has ended; whoever waits for ever is ended by the script.
const AGAIN: Duration = Duration::from_millis(10);

/// Runs every case and says which hold.
pub fn call<S: Socket>(options: &Options) -> ExitCode {
    let mut cases = shared::<S>();
    cases.extend(S::own_cases());
    let mut failed = 0;
    for (name, case) in &cases {
        match case(options) {
            Ok(()) => println!("ok {name}"),
            Err(why) => {
                failed += 1;
                println!("FAILED {name}: {why}");
            }
        }
    }
    println!("{} passed, {failed} failed", cases.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A connection as most cases want it.
pub fn open<S: Socket>(options: &Options, name: &str) -> Result<S, String> {
    S::connect(options.port, name, &[SUBPROTOCOL], options.deflate)
}

fn shared<S: Socket>() -> Vec<Case> {
    vec![
        ("texts_of_every_size_come_back", texts::<S>),
        ("bytes_of_every_size_come_back", bytes::<S>),
        ("utf8_beyond_ascii_comes_back", utf8::<S>),
        ("a_thousand_messages_come_back_in_order", many::<S>),
        ("a_repetitive_message_crosses_the_relay", repetitive::<S>),
        ("the_server_hears_code_and_reason_of_a_close", close_by_client::<S>),
        ("the_client_hears_code_and_reason_of_a_close", close_by_server::<S>),
        ("the_server_sees_a_client_vanish", client_vanishes::<S>),
        ("the_client_sees_a_server_vanish", server_vanishes::<S>),
        ("a_subprotocol_is_chosen", subprotocol_chosen::<S>),
        ("a_client_of_a_foreign_subprotocol_is_refused", subprotocol_refused::<S>),
    ]
}

fn echo<S: Socket>(socket: &mut S, message: Message) -> Result<(), String> {
    socket.send(message.clone())?;
    check(socket.receive()?, message)
}

fn texts<S: Socket>(options: &Options) -> Result<(), String> {
    let mut socket = open::<S>(options, "texts")?;
    SIZES.iter().try_for_each(|size| echo(&mut socket, Message::Text("x".repeat(*size))))?;
    socket.close(1000, "")
}

fn bytes<S: Socket>(options: &Options) -> Result<(), String> {
    let mut socket = open::<S>(options, "bytes")?;
    for size in SIZES {
        // Bytes that are no text, and that hardly repeat.
        let bytes = (0..size as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8);
        echo(&mut socket, Message::Binary(bytes.collect()))?;
    }
    socket.close(1000, "")
}

fn utf8<S: Socket>(options: &Options) -> Result<(), String> {
    let mut socket = open::<S>(options, "utf8")?;
    for text in ["ä", "\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}", "\0", &beyond_ascii()] {
        echo(&mut socket, Message::Text(text.into()))?;
    }
    socket.close(1000, "")
}

fn many<S: Socket>(options: &Options) -> Result<(), String> {
    let mut socket = open::<S>(options, "many")?;
    for number in 0..1000 {
        socket.send(Message::Text(format!("number {number}")))?;
    }
    for number in 0..1000 {
        check(socket.receive()?, Message::Text(format!("number {number}")))?;
    }
    socket.close(1000, "")
}

/// The relay counts what passes, and the script judges it.
fn repetitive<S: Socket>(options: &Options) -> Result<(), String> {
    let mut socket = open::<S>(&Options { port: options.relay, ..*options }, "repetitive")?;
    for _ in 0..2 {
        echo(&mut socket, Message::Text("zRPC ".repeat(50_000)))?;
    }
    socket.close(1000, "")
}

fn close_by_client<S: Socket>(options: &Options) -> Result<(), String> {
    let mut socket = open::<S>(options, "closed")?;
    echo(&mut socket, Message::Text("before".into()))?;
    socket.close(4001, "genug für heute")?;
    has_ended::<S>(options, "closed", &closed(4001, "genug für heute"))
}

fn close_by_server<S: Socket>(options: &Options) -> Result<(), String> {
    let mut socket = open::<S>(options, "close")?;
    socket.send(Message::Text("!close 4002 tschüß, bis bald".into()))?;
    check(socket.receive(), Err(closed(4002, "tschüß, bis bald")))
}

fn client_vanishes<S: Socket>(options: &Options) -> Result<(), String> {
    let mut socket = open::<S>(options, "vanished")?;
    echo(&mut socket, Message::Text("before".into()))?;
    socket.vanish();
    has_ended::<S>(options, "vanished", LOST)
}

fn server_vanishes<S: Socket>(options: &Options) -> Result<(), String> {
    let mut socket = open::<S>(options, "vanish")?;
    socket.send(Message::Text("!vanish".into()))?;
    check(socket.receive(), Err(LOST.into()))
}

fn subprotocol_chosen<S: Socket>(options: &Options) -> Result<(), String> {
    let offered = [FOREIGN_SUBPROTOCOL, SUBPROTOCOL];
    let mut socket = S::connect(options.port, "subprotocol", &offered, options.deflate)?;
    check(socket.subprotocol().as_deref(), Some(SUBPROTOCOL))?;
    echo(&mut socket, Message::Text("after".into()))?;
    socket.close(1000, "")
}

fn subprotocol_refused<S: Socket>(options: &Options) -> Result<(), String> {
    match S::connect(options.port, "foreign", &[FOREIGN_SUBPROTOCOL], options.deflate) {
        // The server's answer, or the client's own verdict on a server that chose none.
        Err(why) if why.contains("400") || why.to_lowercase().contains("subprotocol") => Ok(()),
        Err(why) => Err(format!("refused, but for: {why}")),
        Ok(_) => Err("the connection was opened".into()),
    }
}

/// Waits until the server knows that a connection has ended.
fn has_ended<S: Socket>(options: &Options, name: &str, expected: &str) -> Result<(), String> {
    let mut socket = open::<S>(options, "asks")?;
    loop {
        socket.send(Message::Text(format!("!ended {name}")))?;
        match socket.receive()? {
            Message::Text(end) if end.is_empty() => std::thread::sleep(AGAIN),
            end => {
                check(end, Message::Text(expected.into()))?;
                return socket.close(1000, "");
            }
        }
    }
}
