//! The edge as a client: one small request, one small answer, one connection.

use crate::ask::line::{Connection, Input};
use crate::codec::{AnswerHead, BodyDecoder, HeadScanner, Method, Piece, parse_answer};
use bytes::BytesMut;
use downbeat_core::model::FailureKind;

/// Most bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) head: AnswerHead,
    pub(crate) body: BytesMut,
}

/// Sends a request as it is and reads the answer, with a body of at most `body_max` bytes.
///
/// # Errors
/// `Reset` when the connection breaks, `Wrong` when the answer is not understood or too long.
pub(crate) async fn call(
    mut connection: Connection,
    request: &[u8],
    method: &Method,
    body_max: usize,
) -> Result<Reply, FailureKind> {
    connection.write(request).await.map_err(|_| FailureKind::Reset)?;
    let mut scanner = HeadScanner::default();
    let head = loop {
        if connection.read(READ_BYTES).await.is_last() {
            return Err(FailureKind::Reset);
        }
        let head = parse_answer(&mut scanner, &mut connection.buffer, method).map_err(|_| FailureKind::Wrong)?;
        if let Some(head) = head {
            break head;
        }
    };
    let body = read_body(&mut connection, head.decoder(), body_max).await?;
    Ok(Reply { head, body })
}

async fn read_body(c: &mut Connection, mut decoder: BodyDecoder, max: usize) -> Result<BytesMut, FailureKind> {
    let mut body = BytesMut::new();
    loop {
        match decoder.take(&mut c.buffer) {
            Ok(Piece::Data(data)) if body.len() + data.len() <= max => body.extend_from_slice(&data),
            Ok(Piece::End) => return Ok(body),
            Ok(Piece::More) => match c.read(READ_BYTES).await {
                Input::Bytes(_) => {}
                Input::End if decoder.may_end() => return Ok(body),
                Input::End | Input::Broken => return Err(FailureKind::Reset),
            },
            Ok(Piece::Data(_)) | Err(_) => return Err(FailureKind::Wrong),
        }
    }
}
