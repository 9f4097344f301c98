//! How states, addresses and values look: pure functions from what is known to what is shown.

use serde_json::Value;
use slapos_api::wire::JsonMap;

/// How a state feels, for its colour and its sign. The word itself is always shown beside it.
#[must_use]
pub(super) fn tone(state: &str) -> &'static str {
    match state {
        "started" | "kept" | "available" | "running" | "online" => "good",
        "degraded" | "check-broken" | "backoff" => "warn",
        "failed" | "broken" | "offline" => "bad",
        "waiting" | "building" | "installing" | "starting" | "stopping" | "destroying"
        | "pending" | "cleaning" => "busy",
        _ => "calm",
    }
}

/// The sign of a tone, so that it is told apart without colour.
#[must_use]
pub(super) fn sign(tone: &str) -> &'static str {
    match tone {
        "good" => "✓",
        "warn" => "!",
        "bad" => "✕",
        "busy" => "◌",
        _ => "–",
    }
}

/// A state as a badge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Badge {
    /// The word.
    pub(super) word: String,
    /// Its tone.
    pub(super) tone: &'static str,
    /// Its sign.
    pub(super) sign: &'static str,
}

impl Badge {
    /// Of a state.
    pub(super) fn of(state: &str) -> Self {
        let tone = tone(state);
        Self {
            word: state.replace('-', " "),
            tone,
            sign: sign(tone),
        }
    }
}

/// One published value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// Its key.
    pub(super) key: String,
    /// What it is, from the catalogue.
    pub(super) description: String,
    /// In full.
    pub(super) value: String,
    /// For eyes that pass by; the same as `value` when there is nothing to hide.
    pub(super) masked: String,
    /// Can a browser open it?
    pub(super) is_link: bool,
}

impl Shown {
    /// Is something of it hidden?
    pub(super) fn is_secret(&self) -> bool {
        self.masked != self.value
    }
}

/// A value under its key, with what must not be read over a shoulder masked.
pub(super) fn shown(key: &str, value: &Value, description: &str) -> Shown {
    let text = plain(value);
    let masked = if is_secret_key(key) {
        "••••••••".to_owned()
    } else {
        mask_address(&text)
    };
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    Shown {
        key: key.to_owned(),
        description: description.to_owned(),
        is_link: is_web && masked == text,
        masked,
        value: text,
    }
}

/// The address that a list shows of a service: `url` if there is one, else the first address.
pub(super) fn address(connection: &JsonMap) -> Option<Shown> {
    let is_address = |value: &Value| value.as_str().is_some_and(|text| text.contains("://"));
    let main = connection.get_key_value("url");
    let found = main.or_else(|| connection.iter().find(|(_, value)| is_address(value)));
    found.map(|(key, value)| shown(key, value, ""))
}

/// A JSON value as people write it: a text without quotes, the rest as JSON.
#[must_use]
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) if map.contains_key("$sealed") => "(sealed)".to_owned(),
        other => other.to_string(),
    }
}

/// Minutes and seconds.
#[must_use]
pub(super) fn elapsed(seconds: u32) -> String {
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// At most `limit` characters of the first line.
#[must_use]
pub(super) fn first_line(text: &str, limit: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= limit {
        return line.to_owned();
    }
    line.chars().take(limit).chain(['…']).collect()
}

/// Does a name promise a secret?
#[must_use]
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "passwd", "secret", "token", "private"]
        .iter()
        .any(|word| key.contains(word))
}

/// `redis://:word@host` → `redis://:••••@host`.
fn mask_address(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((login, host)) = authority.rsplit_once('@') else {
        return text.to_owned();
    };
    match login.split_once(':') {
        Some((user, word)) if !word.is_empty() => format!("{scheme}://{user}:••••@{host}{path}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shown_address_hides_the_password_only() {
        let url = shown("url", &json!("redis://:s3cret@[::1]:6379/0"), "");
        assert_eq!(url.masked, "redis://:••••@[::1]:6379/0");
        assert_eq!(url.value, "redis://:s3cret@[::1]:6379/0");
        assert!(url.is_secret() && !url.is_link);
        let open = shown("url", &json!("http://[::1]:80/a@b"), "");
        assert!(open.is_link && !open.is_secret());
    }

    #[test]
    fn shown_password_is_hidden_whole() {
        assert_eq!(shown("admin-password", &json!("x"), "").masked, "••••••••");
        assert!(!shown("port", &json!(6379), "").is_secret());
    }

    #[test]
    fn address_of_a_service_prefers_url() {
        let map = json!({"backend": "http://a", "url": "redis://b"});
        assert_eq!(
            address(map.as_object().unwrap()).unwrap().value,
            "redis://b"
        );
        let map = json!({"port": 1, "backend": "http://a"});
        assert_eq!(address(map.as_object().unwrap()).unwrap().value, "http://a");
        assert_eq!(address(json!({"port": 1}).as_object().unwrap()), None);
    }

    #[test]
    fn badge_of_every_state_has_a_word_and_a_sign() {
        for state in [
            "started", "degraded", "failed", "building", "stopped", "new-word",
        ] {
            let badge = Badge::of(state);
            assert!(!badge.word.is_empty() && !badge.sign.is_empty(), "{state}");
        }
        assert_ne!(Badge::of("started").sign, Badge::of("failed").sign);
    }

    #[test]
    fn elapsed_shows_minutes_beyond_an_hour() {
        assert_eq!(elapsed(41), "00:41");
        assert_eq!(elapsed(3_661), "61:01");
    }
}
