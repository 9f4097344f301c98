//! A content as an answer: the whole file or a range of it, and never more of it in memory than one piece.

use std::io::SeekFrom;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncSeekExt, ReadBuf};

use super::Refusal;
use crate::hash::Hash;
use crate::limits;

/// The file at this place, or the part of it that the head asks for (RFC 9110, 14). What has a hash never changes,
/// so that the hash is its tag.
pub(super) async fn send(
    path: PathBuf,
    hash: &Hash,
    head: &HeaderMap,
) -> Result<Response, Refusal> {
    let mut file = open(path).await?;
    let length = file.metadata().await.map_err(Refusal::broken)?.len();
    let tag = format!("\"{}\"", hash.hex());
    let common = [
        (header::ETAG, tag.as_str()),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    let text = |name| head.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|known| known.contains(&tag)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let (status, from, to) = match text(header::RANGE).map(|range| asked(range, length)) {
        None | Some(Asked::Whole) => (StatusCode::OK, 0, length),
        Some(Asked::Part(from, to)) => (StatusCode::PARTIAL_CONTENT, from, to),
        Some(Asked::Beyond) => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, range).into_response());
        }
    };
    file.seek(SeekFrom::Start(from))
        .await
        .map_err(Refusal::broken)?;
    let rest = to - from;
    let body = Body::new(FileBody { file, rest });
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    if status == StatusCode::OK {
        return Ok((common, kind, body).into_response());
    }
    let last = to.saturating_sub(1);
    let range = format!("bytes {from}-{last}/{length}");
    let range = [(header::CONTENT_RANGE, range)];
    Ok((status, common, kind, range, body).into_response())
}

async fn open(path: PathBuf) -> Result<File, Refusal> {
    File::open(path).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Refusal::not_found(),
        _ => Refusal::broken(error),
    })
}

/// What a `Range` head means for a file of some length.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Also for what is no range, and for several at once, which need not be served.
    Whole,
    /// From the first to before the second.
    Part(u64, u64),
    Beyond,
}

fn asked(range: &str, length: u64) -> Asked {
    let bounds = range
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'));
    let Some((first, last)) = bounds else {
        return Asked::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (number(first), number(last)) {
        (Some(first), _) if first >= length => Asked::Beyond,
        (Some(first), Some(last)) if last >= first => {
            Asked::Part(first, last.saturating_add(1).min(length))
        }
        (Some(first), None) if last.trim().is_empty() => Asked::Part(first, length),
        (None, Some(0)) if first.trim().is_empty() => Asked::Beyond,
        (None, Some(last)) if first.trim().is_empty() => {
            Asked::Part(length.saturating_sub(last), length)
        }
        _ => Asked::Whole,
    }
}

/// The next bytes of a file.
struct FileBody {
    file: File,
    rest: u64,
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.rest == 0 {
            return Poll::Ready(None);
        }
        let wanted = usize::try_from(self.rest).unwrap_or(usize::MAX);
        let mut chunk = vec![0; limits::CHUNK_BYTES.min(wanted)];
        let mut buffer = ReadBuf::new(&mut chunk);
        let reading = Pin::new(&mut self.file).poll_read(context, &mut buffer);
        let read = match reading {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(Ok(())) => buffer.filled().len(),
        };
        if read == 0 {
            // Somebody cut the file: the connection must break, or a short file would look whole.
            let error = std::io::ErrorKind::UnexpectedEof;
            return Poll::Ready(Some(Err(error.into())));
        }
        chunk.truncate(read);
        self.rest -= read as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(chunk)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asked_reads_one_range() {
        for (range, expected) in [
            ("bytes=6-", Asked::Part(6, 10)),
            ("bytes=0-0", Asked::Part(0, 1)),
            ("bytes=2-99", Asked::Part(2, 10)),
            ("bytes=-3", Asked::Part(7, 10)),
            ("bytes=-99", Asked::Part(0, 10)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=5-2", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("lines=1-2", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=0-18446744073709551615", Asked::Part(0, 10)),
        ] {
            assert_eq!(asked(range, 10), expected, "{range}");
        }
        assert_eq!(asked("bytes=0-", 0), Asked::Beyond);
    }
}
