//! The server of the conversation: it sends back what it gets, save texts that tell it what to do.
//!
//! | text | what the server does |
//! |---|---|
//! | `!close CODE REASON` | closes |
//! | `!vanish` | ends the transport without a word |
//! | `!ended NAME` | says how the connection with that name ended: `CODE REASON`, `lost`, or nothing while it has not |
//! | `!fragments` | a peer: sends a text in fragments with pings between them |
//! | `!ping` | a peer: pings, and says `ponged` once that was answered |
//! | `!pings COUNT` | a peer: says `pinged` once so many pings came |

use crate::socket::{Message, Options, Socket};
use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// How connections ended, by their names.
type Ends = Arc<Mutex<BTreeMap<String, String>>>;

/// Serves until the process ends.
pub fn serve<S: Socket>(options: Options) -> ExitCode {
    let served = || -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("{}", listener.local_addr()?.port());
        let ends = Ends::default();
        loop {
            let stream = listener.accept()?.0;
            stream.set_nodelay(true)?;
            let ends = Arc::clone(&ends);
            std::thread::spawn(move || converse::<S>(stream, options, &ends));
        }
    };
    let Err(error) = served() else { return ExitCode::SUCCESS };
    eprintln!("cannot serve on 127.0.0.1: {error}");
    ExitCode::FAILURE
}

fn converse<S: Socket>(stream: TcpStream, options: Options, ends: &Ends) {
    match S::accept(stream, options.deflate) {
        Ok((socket, name)) => {
            let end = answer(socket, ends).err().unwrap_or_else(|| "by this side".into());
            ends.lock().unwrap_or_else(PoisonError::into_inner).insert(name, end);
        }
        Err(why) => eprintln!("a handshake failed: {why}"),
    }
}

/// Answers until the connection is over; the error is how it ended.
fn answer<S: Socket>(mut socket: S, ends: &Ends) -> Result<(), String> {
    loop {
        let message = socket.receive()?;
        let Message::Text(text) = &message else {
            socket.send(message)?;
            continue;
        };
        let mut words = text.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("!close"), Some(code), reason) => {
                let code = code.parse().map_err(|_| format!("{code} is no code"))?;
                return socket.close(code, reason.unwrap_or_default());
            }
            (Some("!vanish"), ..) => {
                socket.vanish();
                return Ok(());
            }
            (Some("!ended"), Some(name), _) => {
                let end = ends.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
                socket.send(Message::Text(end.unwrap_or_default()))?;
            }
            (Some(command), ..) if command.starts_with('!') => {
                if !socket.obey(text)? {
                    socket.send(Message::Text(format!("{command} is not known here")))?;
                }
            }
            _ => socket.send(message)?,
        }
    }
}
