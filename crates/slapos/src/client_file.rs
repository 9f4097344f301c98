//! `etc/client.json`: how every later command finds the master by itself, and [`connect`].
//!
//! Written by `slapos up` when the master listens. It holds no secret, only where the token is.
//! Unknown fields are refused, since one that is mistyped would be ignored for ever.

use crate::atomic_file;
use crate::failure::Failure;
use crate::folder::Folder;
use serde::{Deserialize, Serialize};
use slapos_api::{Client, Credential};
use std::io::ErrorKind;
use std::path::PathBuf;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientFile {
    /// Where the master is.
    pub(crate) url: String,
    /// The file with the token to show.
    pub(crate) token_file: PathBuf,
    /// The authority to believe; needed for an `https` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
}

impl ClientFile {
    /// Reads it, `None` when there is none.
    pub(crate) fn load(folder: &Folder) -> Result<Option<Self>, Failure> {
        let path = folder.client_file();
        match fs_err::read_to_string(&path) {
            Ok(text) => parse(&text).map(Some).map_err(|cause| {
                Failure::new(format!("Cannot understand {}: {cause}", path.display()))
                    .with_hint("correct it, or remove it and run `slapos up`")
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new(error.to_string())
                .with_hint("run this as the user who ran `slapos up`")),
        }
    }

    /// Writes it, readable by its owner only.
    pub(crate) fn save(&self, folder: &Folder) -> Result<(), Failure> {
        let path = folder.client_file();
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent).map_err(|error| Failure::new(error.to_string()))?;
        }
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
        atomic_file::write(&path, &text, 0o600).map_err(|error| Failure::new(error.to_string()))
    }

    /// The token itself.
    pub(crate) fn read_token(&self) -> Result<String, Failure> {
        let text = fs_err::read_to_string(&self.token_file).map_err(|error| {
            Failure::new(error.to_string()).with_hint("run this as the user who ran `slapos up`")
        })?;
        Ok(text.trim().to_owned())
    }

    /// The panel's address with the token in it: whoever has it is the owner.
    pub(crate) fn token_url(&self) -> Result<String, Failure> {
        let token = slapos_api::client::escape(&self.read_token()?);
        Ok(format!("{}/?token={token}", self.url))
    }

    /// A client of that master.
    pub(crate) fn connect(&self) -> Result<Client, Failure> {
        let authority = match &self.ca_file {
            Some(path) if self.url.starts_with("https:") => Some(
                fs_err::read_to_string(path).map_err(|error| Failure::new(error.to_string()))?,
            ),
            _ => None,
        };
        let credential = Credential::Token(self.read_token()?);
        Ok(Client::new(&self.url, credential, authority.as_deref())?)
    }
}

/// A client of the master of `folder`.
pub(crate) fn connect(folder: &Folder) -> Result<Client, Failure> {
    let Some(file) = ClientFile::load(folder)? else {
        let root = folder.root().display();
        return Err(
            Failure::unreachable(format!("No SlapOS was started in {root} yet.")).with_hint(
                "start one with `slapos up`, or name the folder of another with --root DIR",
            ),
        );
    };
    file.connect()
}

fn parse(text: &str) -> Result<ClientFile, String> {
    let file: ClientFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if file.url.starts_with("http://") || file.url.starts_with("https://") {
        Ok(file)
    } else {
        Err(format!(
            "\"url\" is {:?}, not http://… or https://…",
            file.url
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_of_what_up_writes_gives_it_back() {
        let file = ClientFile {
            url: "http://127.0.0.1:4321".to_owned(),
            token_file: "/r/var/master/owner.token".into(),
            ca_file: Some("/r/var/master/pki/ca.pem".into()),
        };
        let text = serde_json::to_string(&file).unwrap();
        assert_eq!(parse(&text), Ok(file));
    }

    #[test]
    fn parse_of_a_mistyped_field_names_it() {
        let error = parse(r#"{"url":"http://a","tokenfile":"b"}"#).unwrap_err();
        assert!(error.contains("tokenfile"), "{error}");
    }

    #[test]
    fn parse_of_an_address_without_a_scheme_is_refused() {
        let error = parse(r#"{"url":"127.0.0.1:4321","token_file":"b"}"#).unwrap_err();
        assert!(error.contains("http://"), "{error}");
    }
}
