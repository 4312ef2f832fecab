//! The test service on the async driver.

use crate::interop::server::answers::{self, Load};
use crate::proto::load::OrcaLoadReport;
use crate::proto::load_service::{OpenRcaService, OpenRcaServiceServer, OrcaLoadReportRequest};
use crate::proto::testing::{
    Empty, SimpleRequest, SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest, StreamingOutputCallResponse, TestService, TestServiceServer,
};
use std::sync::Arc;
use zrpc::tokio::{Replies, ServerBuilder, Streaming};
use zrpc::{Request, Response, Status};

/// Adds the test service, and the load reports of its server.
#[must_use]
pub fn offer(builder: ServerBuilder) -> ServerBuilder {
    let load = Arc::new(Load::default());
    builder
        .service(TestServiceServer::new(Answers { load: Arc::clone(&load) }))
        .service(OpenRcaServiceServer::new(Reports { load }))
}

struct Answers {
    load: Arc<Load>,
}

impl TestService for Answers {
    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        answers::unary(request)
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let encoding = request.compression();
        let mut inputs = request.into_message();
        let mut sum = 0;
        while let Some(input) = inputs.message().await? {
            answers::check_compressed(encoding, input.expect_compressed)?;
            sum += answers::input_size(&input);
        }
        Ok(Response::new(StreamingInputCallResponse { aggregated_payload_size: sum }))
    }

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
        mut replies: Replies<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        if let Some(encoding) = answers::stream_compression(request.message()) {
            replies.set_compression(encoding);
        }
        reply(&request.map(|asked| vec![asked]), &mut replies).await
    }

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
        mut replies: Replies<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        let (initial, trailing) = answers::echoes(request.metadata())?;
        *replies.metadata_mut() = initial;
        *replies.trailers_mut() = trailing;
        let (mut requests, head) = request.into_parts();
        while let Some(asked) = requests.message().await? {
            answers::end_with(asked.response_status.clone())?;
            if let Some(report) = asked.orca_oob_report.clone() {
                self.load.dictate(report);
            }
            reply(&head.clone().map(|()| vec![asked]), &mut replies).await?;
        }
        Ok(())
    }

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
        mut replies: Replies<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        let (mut requests, head) = request.into_parts();
        let mut all = Vec::new();
        while let Some(asked) = requests.message().await? {
            all.push(asked);
        }
        reply(&head.map(|()| all), &mut replies).await
    }
}

/// Sends what was asked for.
async fn reply(
    request: &Request<Vec<StreamingOutputCallRequest>>,
    replies: &mut Replies<StreamingOutputCallResponse>,
) -> Result<(), Status> {
    for asked in request.message().iter().flat_map(|asked| &asked.response_parameters) {
        if let Some(pause) = answers::pause(asked) {
            tokio::time::sleep(pause).await;
        }
        let response = answers::output(asked, request.peer().address())?;
        if answers::wants_compression(asked) {
            replies.send(response).await?;
        } else {
            replies.send_uncompressed(response).await?;
        }
    }
    Ok(())
}

struct Reports {
    load: Arc<Load>,
}

impl OpenRcaService for Reports {
    async fn stream_core_metrics(
        &self,
        request: Request<OrcaLoadReportRequest>,
        mut replies: Replies<OrcaLoadReport>,
    ) -> Result<(), Status> {
        let interval = answers::report_interval(request.message());
        loop {
            replies.send(self.load.report()).await?;
            tokio::time::sleep(interval).await;
        }
    }
}
