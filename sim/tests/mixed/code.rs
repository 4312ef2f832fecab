//! The code that runs in the processes of the mixed scenario: one service, and what its clients do.

use crate::plan::{Call, Kind};
use bytes::Bytes;
use std::time::Duration;
use zrpc_core::rpc::{Code, Status};
use zrpc_sim::{Channel, ClientCall, NewCall, ServerCall};

/// What a request tells the server to do, in its first bytes.
struct Order {
    count: u16,
    size: u32,
    pace: u16,
}

const ORDER_BYTES: usize = 8;
/// More than any window begins with, so that it passes only if no credit was lost.
const LARGE: u32 = 90_000;

fn request(order: &Order, filling: u8, size: u32) -> Bytes {
    let mut bytes = Vec::with_capacity(ORDER_BYTES + size as usize);
    bytes.extend(order.count.to_be_bytes());
    bytes.extend(order.size.to_be_bytes());
    bytes.extend(order.pace.to_be_bytes());
    bytes.extend(contents(filling, size));
    bytes.into()
}

fn order(request: &[u8]) -> Option<Order> {
    let bytes: [u8; ORDER_BYTES] = request.get(..ORDER_BYTES)?.try_into().ok()?;
    let [a, b, c, d, e, f, g, h] = bytes;
    Some(Order {
        count: u16::from_be_bytes([a, b]),
        size: u32::from_be_bytes([c, d, e, f]),
        pace: u16::from_be_bytes([g, h]),
    })
}

/// Bytes that compress a little and tell one message from the next.
fn contents(filling: u8, size: u32) -> impl Iterator<Item = u8> {
    (0..size).map(move |at| filling.wrapping_mul(31).wrapping_add((at / 7) as u8))
}

fn message(filling: u16, size: u32) -> Bytes {
    contents(filling as u8, size).collect::<Vec<u8>>().into()
}

/// The service.
pub async fn answer(call: ServerCall) -> Result<(), Status> {
    let path = call.path().to_owned();
    let Some(first) = call.message().await else {
        return Err(Status::invalid_argument("a call without a message"));
    };
    let order = order(&first).ok_or_else(|| Status::invalid_argument("a message without an order"))?;
    let rest = || call.clock().sleep(Duration::from_millis(u64::from(order.pace)));
    match path.as_str() {
        "/sim.Service/Unary" => {
            rest().await;
            call.send(message(1, order.size)).await
        }
        "/sim.Service/Stream" => {
            for number in 0..order.count {
                call.send(message(number, order.size)).await?;
                rest().await;
            }
            Ok(())
        }
        "/sim.Service/Collect" => {
            let mut count = 1;
            while call.message().await.is_some() {
                count += 1;
                rest().await;
            }
            call.send(message(count, order.size)).await
        }
        "/sim.Service/Chat" => {
            call.send(message(0, order.size)).await?;
            let mut number = 0;
            while call.message().await.is_some() {
                number += 1;
                rest().await;
                call.send(message(number, order.size)).await?;
            }
            Ok(())
        }
        "/sim.Service/Hang" => std::future::pending().await,
        "/sim.Service/Fail" => {
            rest().await;
            Err(Status::new(Code::FailedPrecondition, "as it was told"))
        }
        _ => Err(Status::unimplemented("no such method")),
    }
}

fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Unary => "/sim.Service/Unary",
        Kind::Stream => "/sim.Service/Stream",
        Kind::Collect => "/sim.Service/Collect",
        Kind::Chat => "/sim.Service/Chat",
        Kind::Hang => "/sim.Service/Hang",
        Kind::Fail => "/sim.Service/Fail",
    }
}

/// Makes one call of the plan, again when that is safe.
pub async fn make(channel: Channel, call: Call) {
    let clock = channel.clock().clone();
    clock.sleep(call.at).await;
    let mut head = NewCall::to(path(call.kind));
    head.deadline = call.timeout.map(|timeout| clock.now() + timeout);
    head.compression = call.compression;
    let _ended =
        channel.with_retries(&head, 4, async |attempt| converse(&channel, attempt, &call).await).await;
}

async fn converse(channel: &Channel, attempt: ClientCall, call: &Call) -> Result<(), Status> {
    let clock = channel.clock();
    let began = clock.now();
    let is_patient = || call.cancel_after.is_none_or(|after| clock.now().saturating_since(began) < after);
    let order = Order { count: call.count, size: call.down, pace: call.server_pace };
    let rest = || clock.sleep(Duration::from_millis(u64::from(call.client_pace)));
    let sent = attempt.send(request(&order, 0, call.up)).await;
    let more = if matches!(call.kind, Kind::Collect | Kind::Chat) { call.count } else { 0 };
    for number in 0..more {
        if sent.is_err()
            || !is_patient()
            || attempt.send(request(&order, number as u8, call.up)).await.is_err()
        {
            break;
        }
        rest().await;
        if call.kind == Kind::Chat {
            attempt.message().await;
        }
    }
    attempt.half_close();
    if call.kind == Kind::Hang
        && let Some(after) = call.cancel_after
    {
        clock.sleep(after).await;
    }
    while is_patient() {
        if attempt.message().await.is_none() {
            break;
        }
        rest().await;
    }
    if !is_patient() {
        attempt.cancel();
    }
    let status = attempt.status().await;
    if status.safe_to_retry() {
        clock.sleep(Duration::from_millis(300)).await;
    }
    if status.is_ok() { Ok(()) } else { Err(status) }
}

/// A large message each way: it passes only if no credit was lost and nothing is stuck.
pub async fn prove(channel: Channel) {
    let head = NewCall::to("/sim.Service/Unary");
    let order = Order { count: 0, size: LARGE, pace: 0 };
    let proven = channel
        .with_retries(&head, 100, async |attempt| {
            let _over = attempt.send(request(&order, 0, LARGE)).await;
            attempt.half_close();
            let reply = attempt.message().await;
            let status = attempt.status().await;
            if status.is_ok() {
                assert_eq!(reply.map(|reply| reply.len()), Some(LARGE as usize));
                return Ok(());
            }
            channel.clock().sleep(Duration::from_secs(1)).await;
            Err(status)
        })
        .await;
    assert_eq!(proven, Ok(()), "all is well, and a call does not pass");
}
