//! An MCP server over WebSocket, and a client that talks to it: plain messages with the subprotocol `mcp`, no RPC of zRPC.
//!
//! The Model Context Protocol is JSON-RPC 2.0, one object a text message. The server offers one tool, which adds numbers. The
//! client introduces itself, asks which tools there are, and calls one, rightly and wrongly. Both sides print what they say.
//!
//!     cargo run --example mcp
//!
//! A page of another origin, or a client without the subprotocol, is refused before the first message: see
//! `zrpc::core::websocket::Policy`.

use serde_json::{Value, json};
use std::error::Error;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use zrpc::core::websocket::{CloseCode, Config, End, Policy, Request};
use zrpc::tokio::websocket::{Message, WebSocket};

const VERSION: &str = "2025-06-18";
const PARSE_ERROR: i64 = -32700;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let policy = Policy { paths: vec!["/mcp".into()], subprotocols: vec!["mcp".into()], ..Policy::default() };
    let config = Arc::new(Config { policy, ..Config::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        serve(WebSocket::accept(stream, config).await?).await?;
        Ok::<(), Box<dyn Error + Send + Sync>>(())
    });
    let request = Request::new(address.to_string(), "/mcp").subprotocol("mcp");
    let socket = WebSocket::connect(TcpStream::connect(address).await?, &request, Arc::default()).await?;
    talk(socket).await?;
    server.await?.map_err(|error| error.to_string())?;
    Ok(())
}

// --- the server ----------------------------------------------------------------------------------------------------------

/// Answers requests until the client closes.
async fn serve(mut socket: WebSocket) -> Result<(), End> {
    while let Some(message) = socket.receive().await? {
        let Message::Text(text) = message else {
            socket.close(CloseCode::UNSUPPORTED, "MCP is text");
            continue;
        };
        if let Some(answer) = answer(&text) {
            socket.send(answer.to_string()).await?;
        }
    }
    Ok(())
}

/// The answer to a request; a notification has none.
fn answer(text: &str) -> Option<Value> {
    let Ok(request) = serde_json::from_str::<Value>(text) else {
        return Some(failure(&Value::Null, PARSE_ERROR, "the message is no JSON"));
    };
    let id = request.get("id")?;
    let params = &request["params"];
    let result = match request["method"].as_str() {
        Some("initialize") => Ok(json!({
            "protocolVersion": VERSION,
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "zrpc-mcp-example", "version": "1" },
        })),
        Some("ping") => Ok(json!({})),
        Some("tools/list") => Ok(json!({ "tools": [add_tool()] })),
        Some("tools/call") if params["name"] == "add" => add(&params["arguments"]),
        Some("tools/call") => Err((INVALID_PARAMS, "there is no such tool; tools/list names them")),
        _ => Err((METHOD_NOT_FOUND, "there is no such method")),
    };
    Some(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err((code, message)) => failure(id, code, message),
    })
}

fn failure(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

fn add_tool() -> Value {
    json!({
        "name": "add",
        "description": "Adds numbers.",
        "inputSchema": {
            "type": "object",
            "properties": { "numbers": { "type": "array", "items": { "type": "number" } } },
            "required": ["numbers"],
        },
    })
}

fn add(arguments: &Value) -> Result<Value, (i64, &'static str)> {
    let numbers =
        arguments["numbers"].as_array().ok_or((INVALID_PARAMS, "`numbers` is an array of numbers"))?;
    let numbers: Option<Vec<f64>> = numbers.iter().map(Value::as_f64).collect();
    let sum: f64 = numbers.ok_or((INVALID_PARAMS, "`numbers` has something that is no number"))?.iter().sum();
    Ok(json!({ "content": [{ "type": "text", "text": sum.to_string() }], "isError": false }))
}

// --- the client ----------------------------------------------------------------------------------------------------------

async fn talk(mut socket: WebSocket) -> Result<(), Box<dyn Error>> {
    println!("connected; subprotocol {}", socket.subprotocol().unwrap_or("none"));
    let introduction = json!({
        "protocolVersion": VERSION,
        "capabilities": {},
        "clientInfo": { "name": "zrpc-mcp-client", "version": "1" },
    });
    let server = ask(&mut socket, 1, "initialize", introduction).await?;
    println!("it is {}", server["result"]["serverInfo"]["name"]);
    socket.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string()).await?;
    ask(&mut socket, 2, "tools/list", json!({})).await?;
    let call = json!({ "name": "add", "arguments": { "numbers": [1, 2, 39.5] } });
    let sum = ask(&mut socket, 3, "tools/call", call).await?;
    println!("the sum is {}", sum["result"]["content"][0]["text"]);
    let wrong = json!({ "name": "subtract", "arguments": {} });
    let refused = ask(&mut socket, 4, "tools/call", wrong).await?;
    println!("refused: {}", refused["error"]["message"]);
    socket.close(CloseCode::NORMAL, "that was all");
    while socket.receive().await?.is_some() {}
    println!("closed");
    Ok(())
}

/// Sends a request and waits for its answer.
async fn ask(socket: &mut WebSocket, id: u64, method: &str, params: Value) -> Result<Value, Box<dyn Error>> {
    let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
    println!("-> {request}");
    socket.send(request).await?;
    match socket.receive().await? {
        Some(Message::Text(answer)) => {
            println!("<- {answer}");
            Ok(serde_json::from_str(&answer)?)
        }
        other => Err(format!("an answer in text was expected, not {other:?}").into()),
    }
}
