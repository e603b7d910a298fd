//! Streaming audio from local disk: no database, no lock, one chunk in memory.

use std::{io, ops::Range, path::PathBuf};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{
    Shared,
    answer::ApiError,
    conditions::{Delivery, decide},
    session::MediaSession,
};
use crate::{
    catalogue::{Media, media_folder},
    metrics::ActiveStream,
};

/// So much is read and sent at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// What is named after its content never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// `GET /media/{sha256}.{ext}`
pub(super) async fn media(
    State(app): State<Shared>,
    _session: MediaSession,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // Only names in the catalogue are ever looked for on disk: a path cannot lead anywhere else.
    let track = app.catalogue.by_media_name(&name).ok_or(ApiError::NotFound("media file"))?;
    let media = &track.media;
    let file = open(&app, media).await?;
    let etag = format!("\"{}\"", media.sha256);
    let delivery = decide(&method, &headers, media.bytes, &etag);
    let mut answer = deliver(&app, media, file, &method, &delivery).await?;
    let headers = answer.headers_mut();
    headers.insert(header::ETAG, HeaderValue::try_from(etag).expect("a hash is visible ASCII"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // An error says for itself that it is not to be kept.
    headers.entry(header::CACHE_CONTROL).or_insert(FOR_EVER);
    Ok(answer)
}

/// Opens a media file, if it is still what the catalogue says it is.
async fn open(app: &Shared, media: &Media) -> Result<File, ApiError> {
    let path = media_folder(&app.data).join(media.name());
    open_regular(&path, media.bytes).await.map_err(|error| {
        tracing::error!(event = "media_missing", path = %path.display(), %error);
        ApiError::NotFound("media file on this replica")
    })
}

async fn open_regular(path: &PathBuf, bytes: u64) -> io::Result<File> {
    let found = tokio::fs::symlink_metadata(path).await?;
    match found.is_file() && found.len() == bytes {
        true => File::open(path).await,
        false => Err(io::Error::other("not the regular file of this length that was published")),
    }
}

async fn deliver(
    app: &Shared,
    media: &Media,
    file: File,
    method: &Method,
    delivery: &Delivery,
) -> Result<Response, ApiError> {
    let size = media.bytes;
    match delivery {
        Delivery::NotModified => Ok(StatusCode::NOT_MODIFIED.into_response()),
        Delivery::PreconditionFailed => {
            let why = "This file has another ETag than the one asked for.";
            Ok(ApiError::Other(StatusCode::PRECONDITION_FAILED, why.into()).into_response())
        }
        Delivery::Unsatisfiable => {
            let why = format!("This file has {size} bytes.");
            let error = ApiError::Other(StatusCode::RANGE_NOT_SATISFIABLE, why);
            Ok(([(header::CONTENT_RANGE, format!("bytes */{size}"))], error).into_response())
        }
        Delivery::Whole => body(app, media, file, method, 0..size).await,
        Delivery::Part(range) => {
            let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            let body = body(app, media, file, method, range.clone()).await?;
            Ok((StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, content_range)], body).into_response())
        }
    }
}

async fn body(
    app: &Shared,
    media: &Media,
    mut file: File,
    method: &Method,
    range: Range<u64>,
) -> Result<Response, ApiError> {
    let length = range.end - range.start;
    let headers: [(HeaderName, String); 2] =
        [(header::CONTENT_TYPE, media.format.content_type().into()), (header::CONTENT_LENGTH, length.to_string())];
    if method == Method::HEAD {
        return Ok((headers, Body::empty()).into_response());
    }
    file.set_max_buf_size(CHUNK_BYTES);
    file.seek(io::SeekFrom::Start(range.start)).await.map_err(|error| super::answer::internal(&error))?;
    let sending = Sending {
        app: Shared::clone(app),
        name: media.name(),
        file,
        left: length,
        sent: 0,
        _active: app.metrics.stream_started(),
    };
    Ok((headers, Body::from_stream(stream::try_unfold(sending, Sending::next))).into_response())
}

/// A media body on its way.
struct Sending {
    app: Shared,
    name: String,
    file: File,
    left: u64,
    sent: u64,
    _active: ActiveStream,
}

impl Sending {
    /// The next chunk. A replica that stops breaks off in mid-body, so that the client knows and asks another one.
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut stopping = self.app.stopping.clone();
        let chunk = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => return Err(io::Error::other("the replica stops")),
            chunk = self.read() => chunk?,
        };
        self.left -= chunk.len() as u64;
        self.sent += chunk.len() as u64;
        self.app.metrics.media_sent(chunk.len() as u64);
        Ok(Some((chunk, self)))
    }

    async fn read(&mut self) -> io::Result<Bytes> {
        let until_stall =
            self.app.defects.stall_after_bytes().map_or(u64::MAX, |after| after.saturating_sub(self.sent));
        if until_stall == 0 {
            std::future::pending::<()>().await;
        }
        let wanted = self.left.min(until_stall).min(CHUNK_BYTES as u64) as usize;
        let mut chunk = BytesMut::with_capacity(wanted);
        let read = (&mut self.file).take(wanted as u64).read_buf(&mut chunk).await?;
        if read == 0 {
            tracing::error!(event = "media_truncated", name = self.name, missing_bytes = self.left);
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(chunk.freeze())
    }
}
