//! Reading options of a part as recipes want them: texts, words, lines, switches.

use std::collections::BTreeMap;

use slapos_buildout::{PartOptions, RecipeError, Value};

/// The text of an option, none if it is not there or empty.
pub(crate) fn text(
    part: &mut PartOptions<'_, '_>,
    option: &str,
) -> Result<Option<String>, RecipeError> {
    let value = part.get(option)?.map(Value::into_text);
    Ok(value
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty()))
}

/// The same, with a default.
pub(crate) fn text_or(
    part: &mut PartOptions<'_, '_>,
    option: &str,
    default: &str,
) -> Result<String, RecipeError> {
    Ok(text(part, option)?.unwrap_or_else(|| default.to_owned()))
}

/// The text of an option that must be there.
pub(crate) fn needed(part: &mut PartOptions<'_, '_>, option: &str) -> Result<String, RecipeError> {
    match text(part, option)? {
        Some(text) => Ok(text),
        None => {
            // The report of a missing option shows where the section is.
            part.required(option)?;
            Err(RecipeError::Refused(format!(
                "the option `{option}` is empty"
            )))
        }
    }
}

/// Exactly `true` or `false`.
pub(crate) fn switch(
    part: &mut PartOptions<'_, '_>,
    option: &str,
    default: bool,
) -> Result<bool, RecipeError> {
    match text(part, option)?.as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(RecipeError::Refused(format!(
            "the option `{option}` is `{other}`; it may be true or false"
        ))),
    }
}

/// An option of the patches of one egg: `<egg>-patches`, else `patches`.
pub(crate) fn patch_option(
    part: &mut PartOptions<'_, '_>,
    egg: &str,
    option: &str,
) -> Result<Option<String>, RecipeError> {
    match text(part, &format!("{egg}-{option}"))? {
        Some(own) => Ok(Some(own)),
        None => text(part, option),
    }
}

/// A number within bounds.
pub(crate) fn number<T>(
    part: &mut PartOptions<'_, '_>,
    option: &str,
    default: T,
) -> Result<T, RecipeError>
where
    T: std::str::FromStr,
{
    match text(part, option)? {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| {
            RecipeError::Refused(format!(
                "the option `{option}` is `{text}`, which is no such number"
            ))
        }),
    }
}

/// An octal mode.
pub(crate) fn mode(part: &mut PartOptions<'_, '_>) -> Result<Option<u32>, RecipeError> {
    let Some(text) = text(part, "mode")? else {
        return Ok(None);
    };
    match u32::from_str_radix(&text, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(Some(mode)),
        _ => Err(RecipeError::Refused(format!(
            "the option `mode` is `{text}`; write it in octal, as 0644"
        ))),
    }
}

/// Every option in the form that is stored.
pub(crate) fn all(part: &mut PartOptions<'_, '_>) -> Result<BTreeMap<String, String>, RecipeError> {
    let mut all = BTreeMap::new();
    for option in part.keys() {
        if let Some(value) = part.get(&option)? {
            all.insert(option, value.into_text());
        }
    }
    Ok(all)
}

/// A text that reads as it is: `${` in it is not a reference.
pub(crate) fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// Whether an option is one of the original's words for true.
pub(crate) fn says_yes(
    part: &mut PartOptions<'_, '_>,
    option: &str,
    default: bool,
) -> Result<bool, RecipeError> {
    let text = text(part, option)?.map(|text| text.to_lowercase());
    Ok(text.map_or(default, |text| {
        matches!(text.as_str(), "y" | "yes" | "1" | "true")
    }))
}

/// Words of a command, quoted as in a shell. No variables, no globs.
pub(crate) fn shell_words(text: &str) -> Result<Vec<String>, RecipeError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' | '"' => quoted(&mut chars, c, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().extend(chars.next()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(
    chars: &mut std::str::Chars<'_>,
    quote: char,
    word: &mut String,
) -> Result<(), RecipeError> {
    while let Some(c) = chars.next() {
        match c {
            _ if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next() {
                Some(escaped @ ('"' | '\\')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            _ => word.push(c),
        }
    }
    Err(RecipeError::Refused(format!(
        "a quote {quote} is not closed"
    )))
}

/// A word as a shell reads it back.
pub(crate) fn shell_quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Python's `%(name)s` and `%%`; everything else stays.
pub(crate) fn percent(
    text: &str,
    value_of: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(")s"))
        {
            out.push_str(&value_of(name).ok_or_else(|| format!("`%({name})s` is not known here"))?);
            rest = after;
        } else {
            out.push('%');
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_words_read_quotes_as_a_shell_does() {
        let words = shell_words("a 'b c'  \"d \\\" e\"\n\\ f '' g'h'i").unwrap();
        assert_eq!(words, ["a", "b c", "d \" e", " f", "", "ghi"]);
        assert!(shell_words("a 'b").is_err());
        assert_eq!(shell_words("  ").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn shell_quote_reads_back() {
        for word in ["plain", "", "a b", "it's", "$x", "a\nb", "--a=b/c"] {
            assert_eq!(shell_words(&shell_quote(word)).unwrap(), [word]);
        }
    }

    #[test]
    fn percent_fills_in_names_and_keeps_the_rest() {
        let value_of = |name: &str| (name == "a").then(|| "1".to_owned());
        assert_eq!(percent("%(a)s %% %d 5%", &value_of).unwrap(), "1 % %d 5%");
        assert!(percent("%(b)s", &value_of).is_err());
    }
}
