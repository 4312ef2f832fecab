//! One replica: it holds the latest value that it was told of.

use super::register::{ReadReply, ReadRequest, Register, WriteReply, WriteRequest};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zrpc::{Request, Response, Status};

/// What outlives the process.
pub type Disk = Arc<Mutex<ReadReply>>;

/// How long a write takes to be safe.
const FSYNC: Duration = Duration::from_millis(4);

pub struct Replica {
    disk: Disk,
}

impl Replica {
    pub fn with(disk: Disk) -> Replica {
        Replica { disk }
    }
}

impl Register for Replica {
    async fn write(&self, request: Request<WriteRequest>) -> Result<Response<WriteReply>, Status> {
        let WriteRequest { version, value } = request.into_message();
        if version == 0 {
            return Err(Status::invalid_argument("versions begin with 1"));
        }
        tokio::time::sleep(FSYNC).await;
        let mut held = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if held.version < version {
            *held = ReadReply { version, value };
        }
        Ok(Response::new(WriteReply {}))
    }

    async fn read(&self, _: Request<ReadRequest>) -> Result<Response<ReadReply>, Status> {
        let held = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Response::new(held.clone()))
    }
}
