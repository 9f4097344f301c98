//! The language server: the same answers as on the command line, while somebody types.
//!
//! Start with [`serve`], the conversation; [`Server`] is its state and answers without any pipe, which is how it is tested.
//! Each feature is a file of `lsp/`. Unsaved buffers take the place of files on disk, for the document itself and for every
//! profile that extends it. Requests are answered in turn; problems are worked out when the editor is silent for a moment.
//! To add a feature: a file, an arm in [`Server::answer`], a line in `capabilities`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response, ResponseError};
use lsp_types::notification::{
    DidChangeTextDocument, DidChangeWatchedFiles, DidCloseTextDocument, DidOpenTextDocument,
    DidSaveTextDocument, LogMessage, Notification as _, PublishDiagnostics,
};
use lsp_types::request::{
    Completion, DocumentSymbolRequest, Formatting, GotoDefinition, HoverRequest,
    PrepareRenameRequest, Rename, Request as _,
};
use lsp_types::{InitializeParams, LogMessageParams, MessageType, ServerCapabilities, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use slapos_buildout::Machine;
use thiserror::Error;

use crate::limits::{DOCUMENTS_MAX, EDITOR_SILENCE, MESSAGES_MAX};

mod analysis;
mod buffers;
mod capabilities;
mod completion;
mod definition;
mod hover;
mod outline;
mod place;
mod problems;
mod rename;
mod subject;

use analysis::Analysis;
use buffers::Buffers;
pub use buffers::Source;
use place::location_of;

/// Why the conversation ended before its time.
#[derive(Debug, Error)]
#[error("talking to the editor: {0}")]
pub struct ServeError(String);

/// The state of the server.
pub struct Server {
    buffers: Buffers,
    machine: Machine,
    /// Folders that the editor has open; only files in them are changed.
    roots: Vec<String>,
    /// Of open documents.
    analyses: HashMap<String, Rc<Analysis>>,
    /// For the editor's log.
    messages: Vec<String>,
    /// Documents whose problems are to be told again.
    stale: BTreeSet<String>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Server")
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

/// Talks over standard input and output until the editor says so.
pub fn serve_stdio(source: Box<dyn Source>, machine: Machine) -> Result<(), ServeError> {
    let (connection, threads) = Connection::stdio();
    let served = serve(&connection, source, machine);
    // The writer ends when nobody can write to it any longer.
    drop(connection);
    served?;
    threads
        .join()
        .map_err(|error| ServeError(error.to_string()))
}

/// Talks over a connection until the editor says so.
pub fn serve(
    connection: &Connection,
    source: Box<dyn Source>,
    machine: Machine,
) -> Result<(), ServeError> {
    let said = |error: &dyn std::fmt::Display| ServeError(error.to_string());
    let (id, params) = connection.initialize_start().map_err(|e| said(&e))?;
    let params: InitializeParams = serde_json::from_value(params).map_err(|e| said(&e))?;
    let answer = serde_json::json!({
        "capabilities": capabilities::capabilities(),
        "serverInfo": { "name": "slapos profile lsp", "version": env!("CARGO_PKG_VERSION") },
    });
    connection
        .initialize_finish(id, answer)
        .map_err(|e| said(&e))?;
    let mut server = Server::new(source, machine, &params);
    while let Some(message) = server.next(connection)? {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request).map_err(|e| said(&e))? {
                    return Ok(());
                }
                send(connection, server.answer(request).into())?;
            }
            Message::Notification(notification) => server.notice(notification),
            Message::Response(_) => {}
        }
        for notification in server.logs() {
            send(connection, notification.into())?;
        }
    }
    Ok(())
}

fn send(connection: &Connection, message: Message) -> Result<(), ServeError> {
    let sent = connection.sender.send(message);
    sent.map_err(|_| ServeError("it is gone".to_owned()))
}

impl Server {
    /// A server as it is once the editor has told of itself.
    pub fn new(source: Box<dyn Source>, machine: Machine, params: &InitializeParams) -> Server {
        let folders = params.workspace_folders.iter().flatten();
        let mut roots: Vec<String> = folders
            .filter_map(|folder| location_of(&folder.uri))
            .collect();
        #[allow(deprecated)]
        if roots.is_empty() {
            // What editors tell that know no workspaces.
            roots.extend(params.root_uri.as_ref().and_then(location_of));
        }
        Server {
            buffers: Buffers::new(source),
            machine,
            roots,
            analyses: HashMap::new(),
            messages: Vec::new(),
            stale: BTreeSet::new(),
        }
    }

    /// What this server can do.
    pub fn capabilities() -> ServerCapabilities {
        capabilities::capabilities()
    }

    /// The next message; tells problems when the editor is silent. None when it is gone.
    fn next(&mut self, connection: &Connection) -> Result<Option<Message>, ServeError> {
        if !self.stale.is_empty() {
            match connection.receiver.recv_timeout(EDITOR_SILENCE) {
                Ok(message) => return Ok(Some(message)),
                Err(error) if error.is_timeout() => {
                    let told = self.tell().into_iter();
                    let logs = self.logs();
                    for notification in told.chain(logs) {
                        send(connection, notification.into())?;
                    }
                }
                Err(_) => return Ok(None),
            }
        }
        Ok(connection.receiver.recv().ok())
    }

    /// The problems of all documents that may have others than before.
    pub fn tell(&mut self) -> Vec<Notification> {
        let stale = std::mem::take(&mut self.stale);
        let mut all = BTreeMap::new();
        for location in stale {
            let analysis = self.analysis(&location);
            problems::of(&analysis, &mut all);
        }
        let method = PublishDiagnostics::METHOD.to_owned();
        all.into_values()
            .map(|params| Notification::new(method.clone(), params))
            .collect()
    }

    /// What the editor's log is to be told, such as copies that stand in for a site; each once.
    pub fn logs(&mut self) -> Vec<Notification> {
        let mut messages = std::mem::take(&mut self.messages);
        messages.extend(self.buffers.below.take_warnings());
        let logged = messages.into_iter().take(MESSAGES_MAX).map(|message| {
            let (method, typ) = (LogMessage::METHOD.to_owned(), MessageType::WARNING);
            Notification::new(method, LogMessageParams { typ, message })
        });
        logged.collect()
    }

    /// Answers a request.
    pub fn answer(&mut self, request: Request) -> Response {
        let result = match request.method.as_str() {
            GotoDefinition::METHOD => self.with(&request, definition::answer),
            HoverRequest::METHOD => self.with(&request, hover::answer),
            Completion::METHOD => self.with(&request, completion::answer),
            PrepareRenameRequest::METHOD => self.with(&request, rename::prepare),
            Rename::METHOD => self.try_with(&request, rename::answer),
            DocumentSymbolRequest::METHOD => self.with(&request, outline::answer),
            Formatting::METHOD => self.try_with(&request, outline::format),
            other => Err(refused(
                ErrorCode::MethodNotFound,
                format!("this server has no `{other}`"),
            )),
        };
        match result {
            Ok(value) => Response::new_ok(request.id, value),
            Err(error) => Response::new_err(request.id, error.code, error.message),
        }
    }

    fn with<P: DeserializeOwned, A: Serialize>(
        &mut self,
        request: &Request,
        feature: fn(&mut Server, P) -> A,
    ) -> Result<Json, ResponseError> {
        let params = params(&request.params)?;
        json(&feature(self, params))
    }

    fn try_with<P: DeserializeOwned, A: Serialize>(
        &mut self,
        request: &Request,
        feature: fn(&mut Server, P) -> Result<A, String>,
    ) -> Result<Json, ResponseError> {
        let params = params(&request.params)?;
        let answer = feature(self, params);
        json(&answer.map_err(|reason| refused(ErrorCode::RequestFailed, reason))?)
    }

    /// Takes note of what the editor tells; what is not understood is passed over.
    pub fn notice(&mut self, notification: Notification) {
        let params = notification.params;
        match notification.method.as_str() {
            DidOpenTextDocument::METHOD => {
                if let Ok(opened) =
                    serde_json::from_value::<lsp_types::DidOpenTextDocumentParams>(params)
                {
                    self.set(&opened.text_document.uri, opened.text_document.text);
                }
            }
            DidChangeTextDocument::METHOD => {
                let changed =
                    serde_json::from_value::<lsp_types::DidChangeTextDocumentParams>(params);
                let Ok(mut changed) = changed else { return };
                // Whole texts are asked for, and the last one is the state.
                if let Some(last) = changed.content_changes.pop() {
                    self.set(&changed.text_document.uri, last.text);
                }
            }
            DidCloseTextDocument::METHOD => {
                if let Ok(closed) =
                    serde_json::from_value::<lsp_types::DidCloseTextDocumentParams>(params)
                    && let Some(location) = location_of(&closed.text_document.uri)
                {
                    self.buffers.close(&location);
                    self.forget();
                }
            }
            DidSaveTextDocument::METHOD | DidChangeWatchedFiles::METHOD => {
                self.buffers.forget_disk();
                self.forget();
            }
            _ => {}
        }
    }

    fn set(&mut self, uri: &Uri, text: String) {
        let Some(location) = location_of(uri) else {
            return;
        };
        if self.buffers.is_open(&location) || self.buffers.count() < DOCUMENTS_MAX {
            self.buffers.set(&location, text);
            self.forget();
        } else if self.messages.len() < MESSAGES_MAX {
            let message = format!(
                "{location} is not looked at: {DOCUMENTS_MAX} documents are open; close some of them"
            );
            self.messages.push(message);
        }
    }

    /// Any text may be extended by any document, so a change makes all of them stale.
    fn forget(&mut self) {
        self.analyses.clear();
        self.stale.extend(self.buffers.open().map(str::to_owned));
    }

    /// What is known of the profile at a location, worked out when it is asked for; kept while it is open.
    fn analysis(&mut self, location: &str) -> Rc<Analysis> {
        if let Some(known) = self.analyses.get(location) {
            return Rc::clone(known);
        }
        let analysis = Analysis::of(location, &self.buffers, &self.machine);
        let analysis = Rc::new(analysis);
        if self.buffers.is_open(location) {
            let kept = Rc::clone(&analysis);
            self.analyses.insert(location.to_owned(), kept);
        }
        analysis
    }

    fn analysis_of(&mut self, uri: &Uri) -> Option<Rc<Analysis>> {
        let location = location_of(uri)?;
        Some(self.analysis(&location))
    }
}

fn params<P: DeserializeOwned>(params: &Json) -> Result<P, ResponseError> {
    let read = serde_json::from_value(params.clone());
    read.map_err(|error| refused(ErrorCode::InvalidParams, error.to_string()))
}

fn json(value: &impl Serialize) -> Result<Json, ResponseError> {
    let written = serde_json::to_value(value);
    written.map_err(|error| refused(ErrorCode::InternalError, error.to_string()))
}

fn refused(code: ErrorCode, message: String) -> ResponseError {
    ResponseError {
        code: code as i32,
        message,
        data: None,
    }
}

#[cfg(test)]
mod tests;
