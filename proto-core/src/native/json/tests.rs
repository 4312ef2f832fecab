//! Frames in JSON, as they are typed: what each does, what each mistake is answered with, and what stays bounded.

use crate::base::{Machine, Out, Output, Time};
use crate::codec::json::{Reader, write_str};
use crate::native::{Config, Json, NativeClient, NativeServer, Role};
use crate::rpc::{
    ClientEvent, ClientSession, Code, Metadata, Part, ServerEvent, ServerSession, SessionEnd, StartCall,
    Status, Transcode, TranscodeError,
};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// Knows the methods of `/demo.Echo`, whose messages are texts: `{"text": "…"}`.
#[derive(Debug)]
struct Texts;

impl Transcode for Texts {
    fn find(&self, path: &str) -> Option<u32> {
        path.starts_with("/demo.Echo/").then_some(7)
    }

    fn to_bytes(&self, _: u32, _: Part, json: &str) -> Result<Bytes, TranscodeError> {
        let read = || {
            let mut reader = Reader::new(json);
            reader.begin_object().ok()?;
            let key = reader.next_key().ok()??;
            (key == "text").then_some(())?;
            reader.string().ok().map(|text| Bytes::from(text.into_owned()))
        };
        read().ok_or_else(|| TranscodeError("the message has a text, and nothing else".into()))
    }

    fn to_json(&self, _: u32, _: Part, message: &[u8], json: &mut Vec<u8>) -> Result<(), TranscodeError> {
        json.extend_from_slice(b"{\"text\":");
        let text = core::str::from_utf8(message).map_err(|error| TranscodeError(error.to_string()))?;
        write_str(text, json);
        json.push(b'}');
        Ok(())
    }
}

fn server(config: Config) -> NativeServer<Json> {
    NativeServer::with_codec(Time::START, config.shared(), Json::with_schema(Role::Server, Arc::new(Texts)))
}

fn client() -> NativeClient<Json> {
    let codec = Json::with_schema(Role::Client, Arc::new(Texts));
    NativeClient::with_codec(Time::START, Config::default().shared(), codec)
}

/// What a machine says, a text for each frame, and its events.
fn turn<M: Machine>(machine: &mut M, mut on_event: impl FnMut(&mut M, M::Event)) -> Vec<String> {
    let mut said = Vec::new();
    loop {
        let mut out = Out::with_room(1);
        let output = machine.poll_output(Time::START, &mut out);
        if !out.is_empty() {
            said.push(String::from_utf8(out.to_vec()).unwrap());
        }
        match output {
            Output::Event(event) => on_event(machine, event),
            Output::Full(_) => {}
            Output::Idle(_) => return said,
        }
    }
}

/// Hands a server a text; it answers each message with itself, and each call with OK.
fn type_to(server: &mut NativeServer<Json>, text: &str) -> Vec<String> {
    server.handle_input(Time::START, Bytes::copy_from_slice(text.as_bytes()));
    turn(server, |server, event| match event {
        ServerEvent::Message { call, message, credit } => {
            server.consume(call, credit);
            let _ = server.send(call, message, false);
        }
        ServerEvent::HalfClosed { call } => {
            let _ = server.finish(call, &Status::OK, &Metadata::new());
        }
        _ => {}
    })
}

const GREETING: &str = r#"{"hello":{"version":1,"max_calls":256,"initial_credit":262144,"max_message_bytes":4194304,"max_metadata_bytes":16384"#;

/// What a server says to a text, without its greeting.
fn answers(text: &str) -> Vec<String> {
    let mut said = type_to(&mut server(Config::default()), text);
    if said.first().is_some_and(|first| first.starts_with(GREETING)) {
        said.remove(0);
    }
    said
}

#[test]
fn a_whole_call_is_one_text_each_way_as_section_12_shows() {
    let mut server = server(Config::default());
    let said = type_to(&mut server, r#"{"hello":{"version":1,"authority":"localhost"}}"#);
    assert!(said.len() == 1 && said[0].starts_with(GREETING), "{said:?}");
    let call = r#"{"call":1,"head":{"path":"/demo.Echo/Say","metadata":{"x-id":["7"]}},"message":{"text":"hi"},"size":2,"end":true}"#;
    assert_eq!(
        type_to(&mut server, call),
        [r#"{"call":1,"message":{"text":"hi"},"size":2,"end":{"code":0}}"#]
    );
}

#[test]
fn what_a_person_leaves_out_has_the_value_that_absence_means() {
    // No HELLO, no size, members in any order, spaces, several frames in one text.
    assert_eq!(
        answers(
            "  { \"message\" : {\"text\":\"hi\"}, \"end\":true,\n \"head\": {\"path\":\"/demo.Echo/Say\"}, \"call\": 3 } "
        ),
        [r#"{"call":3,"message":{"text":"hi"},"size":2,"end":{"code":0}}"#]
    );
    assert_eq!(
        answers(
            r#"[{"call":1,"head":{"path":"/demo.Echo/Say"}},{"call":1,"message":{"text":"a"}},{"call":1,"end":true,"later":{}}]"#
        ),
        [r#"{"call":1,"message":{"text":"a"},"size":1,"end":{"code":0}}"#]
    );
}

#[test]
fn a_message_is_answered_in_the_form_that_it_came_in() {
    assert_eq!(
        answers(r#"{"call":1,"head":{"path":"/demo.Echo/Say"},"data":"aGk=","end":true}"#),
        [r#"{"call":1,"data":"aGk=","end":{"code":0}}"#]
    );
    // Bytes that have no form in JSON go as bytes.
    assert_eq!(
        answers(r#"{"call":1,"head":{"path":"/demo.Other/Say"},"data":"/w","end":true}"#),
        [r#"{"call":1,"data":"/w==","end":{"code":0}}"#]
    );
}

#[test]
fn a_message_that_cannot_be_read_ends_its_call_with_the_reason() {
    let said = answers(r#"{"call":1,"head":{"path":"/demo.Echo/Say"},"message":{"txet":"hi"},"end":true}"#);
    assert_eq!(said, [r#"{"call":1,"end":{"code":3,"message":"the message has a text, and nothing else"}}"#]);
    let said = answers(r#"{"call":1,"head":{"path":"/demo.Other/Say"},"message":{},"end":true}"#);
    assert!(
        said.len() == 1 && said[0].contains(r#""code":12,"message":"this side has no descriptor"#),
        "{said:?}"
    );
}

#[test]
fn each_mistake_ends_the_connection_with_the_protocol_s_own_answer() {
    let call = |rest: &str| format!(r#"{{"call":1,"head":{{"path":"/demo.Echo/Say"}},{rest}}}"#);
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let cases = [
        ("".into(), "no JSON", "a value"),
        ("{".into(), "no JSON", "after a member of an object"),
        ("[{\"hello\":{}},]".into(), "no JSON", "a value"),
        (call(r#""message":{}} {}"#), "no JSON", "nothing more"),
        (call(&format!(r#""message":{deep}"#)), "no JSON", "100 deep"),
        ("7".into(), "no frame", "exactly one of"),
        ("{}".into(), "no frame", "exactly one of"),
        (r#"{"heat":1}"#.into(), "no frame", "exactly one of"),
        (r#"{"call":1,"ping":"0000000000000000"}"#.into(), "no frame", "exactly one of"),
        (r#"{"call":1,"call":1}"#.into(), "comes twice", "`call`"),
        (r#"{"credit":{"call":1,"amount":1,"amount":2}}"#.into(), "comes twice", "`amount`"),
        (r#"{"call":"1","end":true}"#.into(), "wrong type", "`call` should be a whole number"),
        (r#"{"call":9007199254740992,"end":true}"#.into(), "wrong type", "`call` should be a whole number"),
        (r#"{"call":1.0,"end":true}"#.into(), "wrong type", "`call` should be a whole number"),
        (r#"{"call":1}"#.into(), "missing", "beside a head"),
        (r#"{"call":1,"end":false}"#.into(), "missing", "`end` should be true"),
        (r#"{"call":1,"head":[]}"#.into(), "wrong type", "`head` should be an object"),
        (r#"{"call":1,"head":{}}"#.into(), "missing", "`path` should be /package.Service/Method"),
        (r#"{"call":1,"head":{"path":"/a/b","metadata":{"a":1}}}"#.into(), "wrong type", "`metadata`"),
        (
            r#"{"call":1,"head":{"path":"/a/b","metadata":{"a":"1","a":"2"}}}"#.into(),
            "comes twice",
            "`metadata`",
        ),
        (r#"{"call":1,"head":{"path":"/a/b","priority":{"urgency":8}}}"#.into(), "range", "from 0 to 7"),
        (call(r#""data":"*""#), "wrong type", "`data` should be base64"),
        (call(r#""data":7"#), "wrong type", "`data` should be a string"),
        (call(r#""data":"","message":{}"#), "wrong type", "left out beside `message`"),
        (call(r#""message":{},"compressed":true"#), "wrong type", "`compressed`"),
        (call(r#""size":1"#), "missing", "`message`"),
        (r#"{"ping":"1"}"#.into(), "wrong type", "16 hexadecimal digits"),
        (r#"{"credit":{"call":1}}"#.into(), "missing", "`amount` should be there"),
        (r#"{"hello":{"initial_credit":1}}"#.into(), "out of its range", "out of its range"),
    ];
    for (text, violation, detail) in cases {
        let mut server = server(Config::default());
        let _ = type_to(&mut server, r#"{"hello":{}}"#);
        let said = type_to(&mut server, &text);
        let is_goaway = said.len() == 1
            && said[0].starts_with(r#"{"goaway":{"last":"#)
            && said[0].contains(r#""code":1"#);
        let second_hello = text.contains("hello") && said[0].contains("HELLO came twice");
        assert!(is_goaway && (said[0].contains(violation) || second_hello), "{text}: {said:?}");
        let explained = server.codec().explain().unwrap_or_default();
        assert!(explained.contains(detail) || second_hello, "{text}: {explained}");
        assert!(type_to(&mut server, r#"{"hello":{}}"#).is_empty());
    }
}

#[test]
fn what_opens_a_connection_with_something_else_is_refused_as_every_version_is() {
    for (text, why) in [
        (r#"{"hello":{"version":2}}"#, "version 1 is"),
        ("hello", "no JSON"),
        (r#"{"jsonrpc":"2.0","id":1}"#, "no frame"),
    ] {
        let said = answers(text);
        assert!(
            said.len() == 1 && said[0].starts_with(r#"{"refused":{"lowest":1,"highest":1,"text":""#),
            "{said:?}"
        );
        assert!(said[0].contains(why), "{said:?}");
        let mut client = client();
        client.handle_input(Time::START, said[0].clone().into());
        let mut end = None;
        let _ = turn(&mut client, |_, event| {
            if let ClientEvent::Closed(SessionEnd::Failed(status)) = event {
                end = Some(status.message().to_string());
            }
        });
        assert!(end.as_ref().is_some_and(|text| text.contains("speaks versions 1 to 1")), "{end:?}");
    }
}

#[test]
fn a_size_below_the_truth_ends_the_call_and_one_above_costs_nothing_but_credit() {
    let said = answers(
        r#"{"call":1,"head":{"path":"/demo.Echo/Say"},"message":{"text":"hello"},"size":4,"end":true}"#,
    );
    assert!(said.len() == 1 && said[0].contains("`size` is less than"), "{said:?}");
    let said = answers(
        r#"{"call":1,"head":{"path":"/demo.Echo/Say"},"message":{"text":"hello"},"size":99,"end":true}"#,
    );
    assert!(said.len() == 1 && said[0].contains("hello"), "{said:?}");
}

#[test]
fn a_message_longer_than_all_credit_passes_whole_and_the_next_waits_for_it() {
    let config = Config { initial_credit: 65_536, ..Config::default() };
    let mut server = server(config);
    let long = "x".repeat(200_000);
    let text = format!(r#"{{"call":1,"head":{{"path":"/demo.Echo/Say"}},"message":{{"text":"{long}"}}}}"#);
    let mut got = None;
    server.handle_input(Time::START, text.clone().into());
    let said = turn(&mut server, |_, event| {
        if let ServerEvent::Message { call, message, credit } = event {
            got = Some((call, message.len(), credit));
        }
    });
    let (call, length, credit) = got.unwrap();
    assert_eq!((length, credit), (200_000, 200_032));
    // Nobody took it yet: a second one is too much.
    let again = r#"{"call":1,"message":{"text":""}}"#;
    assert_eq!(said.len(), 1);
    server.handle_input(Time::START, again.into());
    let said = turn(&mut server, |_, _| {});
    assert!(said.len() == 1 && said[0].starts_with(r#"{"reset":{"call":1,"code":3"#), "{said:?}");
    server.consume(call, credit);
}

#[test]
fn two_sides_in_json_hold_a_conversation_of_all_parts() {
    let (mut client, mut server) = (client(), server(Config::default()));
    let mut metadata = Metadata::new();
    metadata.append("x-a", "1").unwrap();
    metadata.append("x-b", "\"\\é".chars().filter(char::is_ascii).collect::<String>().as_str()).unwrap();
    metadata.append("x-a", "2").unwrap();
    metadata.append_bin("k-bin", &[0, 255]).unwrap();
    let head = StartCall {
        path: "/demo.Echo/Say",
        metadata: &metadata,
        deadline: Some(Time::START + core::time::Duration::from_millis(1500)),
        compression: None,
    };
    let call = client.start(Time::START, head).unwrap();
    let _ = client.send(call, "line\n1".into(), false).unwrap();
    let _ = client.send(call, Bytes::from_static(&[0xff]), false).unwrap();
    client.half_close(call).unwrap();
    let to_server = turn(&mut client, |_, _| {});
    assert_eq!(to_server.len(), 3, "HELLO, and a frame for each message: {to_server:?}");
    assert!(to_server[1].contains(r#""timeout_us":1500000"#) && to_server[1].contains(r#""x-a":["1","2"]"#));
    assert!(to_server[1].ends_with(r#""message":{"text":"line\n1"},"size":6}"#), "{}", to_server[1]);
    assert!(to_server[2].ends_with(r#""data":"/w==","end":true}"#), "{}", to_server[2]);

    let mut heard = Vec::new();
    let mut to_client = Vec::new();
    for text in to_server {
        server.handle_input(Time::START, text.into());
        to_client.extend(turn(&mut server, |server, event| match event {
            ServerEvent::Opened { call } => {
                let request = server.request(call).unwrap();
                assert_eq!((request.path, request.authority), ("/demo.Echo/Say", "localhost"));
                assert_eq!(request.metadata.get_all("x-a").collect::<Vec<_>>(), ["1", "2"]);
                assert_eq!(request.metadata.get_bin("k-bin").unwrap(), [0, 255]);
            }
            ServerEvent::Message { message, .. } => heard.push(message),
            ServerEvent::HalfClosed { call } => {
                server.send_head(call, &metadata_of("x-head", "h"), None).unwrap();
                let _ = server.send(call, "reply".into(), false).unwrap();
                let status = Status::not_found("no \"such\" thing");
                server.finish(call, &status, &metadata_of("x-end", "e")).unwrap();
            }
            _ => {}
        }));
    }
    assert_eq!(heard, [Bytes::from("line\n1"), Bytes::from_static(&[0xff])]);

    let mut end = None;
    for text in to_client {
        client.handle_input(Time::START, text.into());
        let _ = turn(&mut client, |client, event| match event {
            ClientEvent::Head { call } => {
                assert_eq!(
                    client.response_metadata(call).and_then(|metadata| metadata.get("x-head")),
                    Some("h")
                );
            }
            ClientEvent::Message { message, .. } => assert_eq!(message, "reply"),
            ClientEvent::Ended { status, trailers, .. } => end = Some((status, trailers)),
            _ => {}
        });
    }
    let (status, trailers) = end.unwrap();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no \"such\" thing"));
    assert_eq!(trailers.get("x-end"), Some("e"));
}

fn metadata_of(key: &str, value: &str) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append(key, value).unwrap();
    metadata
}

#[test]
fn metadata_without_end_is_not_kept_and_calls_without_end_are_forgotten() {
    let mut server =
        server(Config { resets: crate::base::Rate { burst: 100_000, per_second: 0 }, ..Config::default() });
    let many = (0..1000).map(|key| format!(r#""k{key}":["v"]"#)).collect::<Vec<_>>().join(",");
    let said = type_to(
        &mut server,
        &format!(r#"{{"call":1,"head":{{"path":"/demo.Echo/Say","metadata":{{{many}}}}}}}"#),
    );
    assert!(said.last().is_some_and(|end| end.contains(r#""code":8"#)), "{said:?}");
    for call in 2..5_000 {
        let text = format!(
            r#"[{{"call":{call},"head":{{"path":"/demo.Echo/Say"}}}},{{"reset":{{"call":{call},"code":6}}}}]"#
        );
        let _ = type_to(&mut server, &text);
        assert!(server.memory() <= NativeServer::<Json>::memory_max(&Config::default()));
    }
    assert_eq!(server.open_calls(), 0);
    assert_eq!(server.codec().forms.memory(), 0);
}

#[test]
fn arrays_of_nothing_count_as_frames_that_carry_no_work() {
    let mut server = server(Config::default());
    let _ = type_to(&mut server, r#"{"hello":{}}"#);
    let end = (0..2_000).find_map(|_| type_to(&mut server, "[]").pop());
    assert!(end.is_some_and(|end| end.contains("carry no work")));
}
