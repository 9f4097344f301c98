//! The style sheet, the script and the icon: built into the program, named by their content.
//!
//! A name changes when its content does, so browsers may keep them for ever and never use an old
//! one with a new page.

use crate::app::AppError;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A file and its address.
pub(super) struct Asset {
    /// `/static/panel.0123456789abcdef.css`.
    pub(super) path: String,
    content_type: &'static str,
    text: &'static str,
}

/// The style sheet.
pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../static/panel.css");
    Asset::new(text, "css", "text/css; charset=utf-8")
});

/// The script.
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../static/panel.js");
    Asset::new(text, "js", "text/javascript; charset=utf-8")
});

/// The icon.
pub(super) static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../../static/icon.svg");
    Asset::new(text, "svg", "image/svg+xml")
});

impl Asset {
    fn new(text: &'static str, extension: &str, content_type: &'static str) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        let short: String = hash
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            path: format!("/static/panel.{short}.{extension}"),
            content_type,
            text,
        }
    }
}

/// `GET /static/{file}`; needs no log-in, the log-in page uses them.
pub(super) async fn serve(Path(file): Path<String>) -> Response {
    let path = format!("/static/{file}");
    let all: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    let Some(asset) = all.into_iter().find(|asset| asset.path == path) else {
        return AppError::not_found(format!("file {path}")).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.text).into_response()
}
