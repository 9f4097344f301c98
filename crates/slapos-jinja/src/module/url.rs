//! `urllib.parse`.

use std::rc::Rc;

use percent_encoding::{percent_decode_str, percent_encode_byte};

use super::named_tuple;
use crate::arguments::Arguments;
use crate::error::{Outcome, type_error, value_error};
use crate::render::Machine;
use crate::value::{Key, Value};

type Call = fn(&Machine<'_>, Arguments) -> Outcome<Value>;

pub(super) fn module() -> Value {
    let all: [(&str, Call); 11] = [
        ("quote", |_, arguments| quoted(arguments, "/", false)),
        ("quote_plus", |_, arguments| quoted(arguments, "", true)),
        ("unquote", |_, arguments| {
            Ok(Value::text(unquoted(
                &arguments.one("unquote")?.as_str("the text")?,
            )))
        }),
        ("unquote_plus", |_, arguments| {
            let text = arguments.one("unquote_plus")?.as_str("the text")?;
            Ok(Value::text(unquoted(&text.replace('+', " "))))
        }),
        ("urlencode", urlencode),
        ("urlparse", |_, arguments| taken_apart(arguments, true)),
        ("urlsplit", |_, arguments| taken_apart(arguments, false)),
        ("urlunparse", put_together),
        ("urlunsplit", put_together),
        ("urljoin", join),
        ("parse_qs", parse_query),
    ];
    Value::object(
        "module",
        all.into_iter()
            .map(|(name, call)| (name, Value::function(name, call)))
            .collect(),
    )
}

fn quote(text: &[u8], safe: &str, plus: bool) -> String {
    let mut out = String::new();
    for byte in text {
        let c = char::from(*byte);
        if c.is_ascii_alphanumeric() || "_.-~".contains(c) || (c.is_ascii() && safe.contains(c)) {
            out.push(c);
        } else if plus && c == ' ' {
            out.push('+');
        } else {
            out.push_str(percent_encode_byte(*byte));
        }
    }
    out
}

fn quoted(arguments: Arguments, safe: &str, plus: bool) -> Outcome<Value> {
    let [text, own, _, _] = arguments.bind("quote", ["string", "safe", "encoding", "errors"], 1)?;
    let safe = own.map_or(Ok(Rc::from(safe)), |safe| safe.as_str("safe"))?;
    Ok(Value::text(match text.unwrap_or(Value::None) {
        Value::Bytes(bytes) => quote(&bytes, &safe, plus),
        other => quote(other.as_str("the text")?.as_bytes(), &safe, plus),
    }))
}

fn unquoted(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn pairs_of(machine: &Machine<'_>, value: &Value) -> Outcome<Vec<(Value, Value)>> {
    if let Some(pairs) = value.pairs(machine)? {
        return Ok(pairs);
    }
    let pairs = value.items(machine)?.into_iter().map(|pair| {
        match <[Value; 2]>::try_from(pair.items(machine)?) {
            Ok([key, value]) => Ok((key, value)),
            Err(_) => type_error("not a valid non-string sequence or mapping object"),
        }
    });
    pairs.collect()
}

fn urlencode(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [query, doseq] = arguments.bind("urlencode", ["query", "doseq"], 1)?;
    let doseq = doseq.map_or(Ok(false), |flag| flag.is_true())?;
    let part = |value: &Value| {
        let text = value.to_text(machine)?;
        machine.make(text.len().saturating_mul(3))?;
        Ok::<_, Box<crate::error::Failure>>(quote(text.as_bytes(), "", true))
    };
    let mut all = Vec::new();
    for (key, value) in pairs_of(machine, &query.unwrap_or(Value::None))? {
        let values = match value.sequence(machine)? {
            Some(values) if doseq => values,
            _ => vec![value],
        };
        for value in values {
            all.push(format!("{}={}", part(&key)?, part(&value)?));
        }
    }
    Ok(Value::text(all.join("&")))
}

/// The filter `urlencode`.
pub(crate) fn url_encode(machine: &Machine<'_>, value: &Value) -> Outcome<Value> {
    if matches!(value, Value::Str(_)) || !value.is_iterable() {
        return Ok(Value::text(quote(
            value.to_text(machine)?.as_bytes(),
            "/",
            false,
        )));
    }
    let mut all = Vec::new();
    for (key, value) in pairs_of(machine, value)? {
        let (key, value) = (key.to_text(machine)?, value.to_text(machine)?);
        machine.make((key.len() + value.len()).saturating_mul(3))?;
        all.push(format!(
            "{}={}",
            quote(key.as_bytes(), "", true),
            quote(value.as_bytes(), "", true)
        ));
    }
    Ok(Value::text(all.join("&")))
}

#[derive(Default)]
struct Parts<'u> {
    scheme: String,
    netloc: &'u str,
    path: &'u str,
    query: &'u str,
    fragment: &'u str,
    has_netloc: bool,
}

fn split(url: &str) -> Parts<'_> {
    let mut parts = Parts::default();
    let mut rest = url;
    if let Some((scheme, after)) = rest.split_once(':')
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    {
        parts.scheme = scheme.to_ascii_lowercase();
        rest = after;
    }
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        (parts.netloc, rest) = after.split_at(end);
        parts.has_netloc = true;
    }
    if let Some((before, fragment)) = rest.split_once('#') {
        (rest, parts.fragment) = (before, fragment);
    }
    if let Some((before, query)) = rest.split_once('?') {
        (rest, parts.query) = (before, query);
    }
    parts.path = rest;
    parts
}

fn taken_apart(arguments: Arguments, with_parameters: bool) -> Outcome<Value> {
    let [url, _, _] = arguments.bind("urlparse", ["url", "scheme", "allow_fragments"], 1)?;
    let url = url.unwrap_or(Value::None).as_str("the URL")?;
    let parts = split(&url);
    let (path, parameters) = match parts.path.rfind('/').map_or(0, |at| at) {
        at if with_parameters && parts.path[at..].contains(';') => {
            let cut = at + parts.path[at..].find(';').unwrap_or(0);
            (&parts.path[..cut], &parts.path[cut + 1..])
        }
        _ => (parts.path, ""),
    };
    let (user, host) = match parts.netloc.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, parts.netloc),
    };
    let (name, password) = match user.map(|user| user.split_once(':').unwrap_or((user, "\0"))) {
        Some((name, "\0")) => (Value::text(name), Value::None),
        Some((name, password)) => (Value::text(name), Value::text(password)),
        None => (Value::None, Value::None),
    };
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => host
            .split_once(':')
            .map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let port = match port.filter(|port| !port.is_empty()) {
        None => Value::None,
        Some(port) => match port.parse::<u16>() {
            Ok(port) => Value::Int(i128::from(port)),
            Err(_) => {
                return value_error(format!(
                    "Port could not be cast to integer value as '{port}'"
                ));
            }
        },
    };
    let host = if host.is_empty() {
        Value::None
    } else {
        Value::text(host.to_lowercase())
    };
    let named = [
        ("scheme", parts.scheme.as_str()),
        ("netloc", parts.netloc),
        ("path", path),
        ("params", parameters),
        ("query", parts.query),
        ("fragment", parts.fragment),
    ];
    let named = named
        .into_iter()
        .filter(|(name, _)| with_parameters || *name != "params");
    let mut named: Vec<(&'static str, Value)> = named
        .map(|(name, text)| (name, Value::text(text)))
        .collect();
    let items = named.iter().map(|(_, value)| value.clone()).collect();
    named.extend([
        ("hostname", host),
        ("port", port),
        ("username", name),
        ("password", password),
    ]);
    let whole = url.to_string();
    named.push((
        "geturl",
        Value::function("geturl", move |_, _| Ok(Value::text(&whole))),
    ));
    Ok(named_tuple(
        if with_parameters {
            "ParseResult"
        } else {
            "SplitResult"
        },
        named,
        items,
    ))
}

fn put_together(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let parts = arguments.one("urlunparse")?.items(machine)?;
    let parts: Vec<Rc<str>> = parts
        .iter()
        .map(|part| part.to_text(machine))
        .collect::<Outcome<_>>()?;
    let (scheme, netloc, path, parameters, query, fragment) = match parts.as_slice() {
        [scheme, netloc, path, query, fragment] => (scheme, netloc, path, "", query, fragment),
        [scheme, netloc, path, parameters, query, fragment] => {
            (scheme, netloc, path, &**parameters, query, fragment)
        }
        _ => return value_error("a URL is put together of five or six parts"),
    };
    let mut url = String::new();
    if !scheme.is_empty() {
        url = format!("{scheme}:");
    }
    if !netloc.is_empty() || (scheme.starts_with("file") && path.starts_with('/')) {
        let slash = if path.is_empty() || path.starts_with('/') {
            ""
        } else {
            "/"
        };
        url = format!("{url}//{netloc}{slash}");
    }
    url.push_str(path);
    for (sign, part) in [(';', parameters), ('?', &**query), ('#', &**fragment)] {
        if !part.is_empty() {
            url.push(sign);
            url.push_str(part);
        }
    }
    Ok(Value::text(url))
}

fn join(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [base, url, _] = arguments.bind("urljoin", ["base", "url", "allow_fragments"], 2)?;
    let (base, url) = (
        base.unwrap_or(Value::None).as_str("the base")?,
        url.unwrap_or(Value::None).as_str("the URL")?,
    );
    let (from, to) = (split(&base), split(&url));
    if url.is_empty() || (!to.scheme.is_empty() && to.scheme != from.scheme) {
        return Ok(Value::text(if url.is_empty() { &*base } else { &*url }));
    }
    let scheme = &from.scheme;
    let netloc = if to.has_netloc {
        to.netloc
    } else {
        from.netloc
    };
    let path = match to.path {
        path if to.has_netloc || path.starts_with('/') => path.to_owned(),
        "" => from.path.to_owned(),
        path => {
            let folder = from.path.rfind('/').map_or("", |at| &from.path[..=at]);
            format!("{folder}{path}")
        }
    };
    let query = if to.query.is_empty() && to.path.is_empty() && !to.has_netloc {
        from.query
    } else {
        to.query
    };
    let mut joined = format!("{scheme}://{netloc}{}", without_dots(&path));
    for (sign, part) in [('?', query), ('#', to.fragment)] {
        if !part.is_empty() {
            joined.push(sign);
            joined.push_str(part);
        }
    }
    Ok(Value::text(joined))
}

fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let all: Vec<&str> = path.split('/').collect();
    for (at, part) in all.iter().enumerate() {
        let is_last = at + 1 == all.len();
        match *part {
            ".." => {
                if parts.len() > 1 {
                    parts.pop();
                }
                if is_last {
                    parts.push("");
                }
            }
            "." if is_last => parts.push(""),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn parse_query(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let query = arguments.one("parse_qs")?.as_str("the query")?;
    let mut dict = crate::value::Dict::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if value.is_empty() {
            continue;
        }
        let plain = |text: &str| unquoted(&text.replace('+', " "));
        let name = plain(name);
        let entry = dict
            .entry(Key::text(&name))
            .or_insert_with(|| (Value::text(&name), Value::list(Vec::new())));
        if let Value::List(values) = &entry.1 {
            values.borrow_mut().push(Value::text(plain(value)));
        }
    }
    Ok(Value::dict(dict))
}
