//! Environment markers (PEP 508): `python_version < "3.11" and platform_system == "Linux"`.

use std::cmp::Ordering;

use crate::Machine;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Word(String),
    Text(String),
    Operator(&'static str),
}

const OPERATORS: [&str; 8] = ["===", "<=", "!=", "==", ">=", "~=", "<", ">"];

/// None if the text is no marker; it is a Python expression then.
pub(super) fn evaluate(text: &str, machine: &Machine) -> Option<Result<bool, String>> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
        machine,
        error: None,
    };
    let value = reader.any()?;
    if reader.at < reader.tokens.len() {
        return None;
    }
    Some(reader.error.map_or(Ok(value), Err))
}

/// PEP 508 knows no other; what holds others is an expression.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut all = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while let Some(first) = rest.chars().next() {
        let used = match first {
            '(' | ')' => {
                all.push(if first == '(' {
                    Token::Open
                } else {
                    Token::Close
                });
                1
            }
            '\'' | '"' => {
                let end = rest[1..].find(first)?;
                all.push(Token::Text(rest[1..=end].to_owned()));
                end + 2
            }
            _ => {
                if let Some(operator) = OPERATORS.iter().find(|o| rest.starts_with(**o)) {
                    all.push(Token::Operator(operator));
                    operator.len()
                } else {
                    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                    let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    all.push(Token::Word(rest[..length].to_owned()));
                    (length > 0).then_some(length)?
                }
            }
        };
        rest = rest[used..].trim_start_matches(is_space);
    }
    Some(all)
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    machine: &'a Machine,
    error: Option<String>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_here = matches!(self.tokens.get(self.at), Some(Token::Word(here)) if here == word);
        self.at += usize::from(is_here);
        is_here
    }

    fn any(&mut self) -> Option<bool> {
        self.depth += 1;
        if self.depth > crate::limits::EXPRESSION_DEPTH_MAX {
            return None;
        }
        let mut value = self.all()?;
        while self.take_word("or") {
            value |= self.all()?;
        }
        self.depth -= 1;
        Some(value)
    }

    fn all(&mut self) -> Option<bool> {
        let mut value = self.one()?;
        while self.take_word("and") {
            value &= self.one()?;
        }
        Some(value)
    }

    fn one(&mut self) -> Option<bool> {
        if self.tokens.get(self.at) == Some(&Token::Open) {
            self.at += 1;
            let value = self.any()?;
            return (self.next()? == Token::Close).then_some(value);
        }
        let left = self.operand()?;
        let operator = match self.next()? {
            Token::Operator(operator) => operator,
            Token::Word(word) if word == "in" => "in",
            Token::Word(word) if word == "not" && self.take_word("in") => "not in",
            _ => return None,
        };
        let right = self.operand()?;
        let compared = compare(&left, operator, &right);
        if compared.is_none() {
            self.error
                .get_or_insert_with(|| format!("cannot compare `{left}` with `{right}`"));
        }
        Some(compared.unwrap_or(false))
    }

    fn operand(&mut self) -> Option<String> {
        match self.next()? {
            Token::Text(text) => Some(text),
            Token::Word(word) => variable(&word, self.machine),
            _ => None,
        }
    }
}

fn variable(name: &str, machine: &Machine) -> Option<String> {
    let (major, minor, micro) = machine.python;
    Some(match name {
        "python_version" => format!("{major}.{minor}"),
        "python_full_version" | "implementation_version" => format!("{major}.{minor}.{micro}"),
        "os_name" | "os.name" => super::names::os_name(machine).to_owned(),
        "sys_platform" | "sys.platform" => machine.platform.clone(),
        "platform_machine" | "platform.machine" => machine.machine.clone(),
        "platform_system" => machine.system.clone(),
        "platform_release" => machine.release.clone(),
        "platform_version" | "platform.version" => String::new(),
        "implementation_name" => machine.implementation.clone(),
        "platform_python_implementation"
        | "platform.python_implementation"
        | "python_implementation" => super::names::implementation(machine).to_owned(),
        _ => return None,
    })
}

/// By version where both sides are versions, else by text.
fn compare(left: &str, operator: &str, right: &str) -> Option<bool> {
    match operator {
        "in" => return Some(right.contains(left)),
        "not in" => return Some(!right.contains(left)),
        "===" => return Some(left == right),
        _ => {}
    }
    if let (Some(prefix), Some(version)) = (right.strip_suffix(".*"), release(left)) {
        let prefix = release(prefix)?;
        let starts = version
            .iter()
            .chain(std::iter::repeat(&0))
            .zip(&prefix)
            .all(|(a, b)| a == b);
        return match operator {
            "==" => Some(starts),
            "!=" => Some(!starts),
            _ => None,
        };
    }
    match (release(left), release(right)) {
        (Some(version), Some(bound)) if operator == "~=" => {
            let series = &bound[..bound.len().saturating_sub(1)];
            Some(by_version(&version, &bound).is_ge() && version.starts_with(series))
        }
        (Some(version), Some(bound)) => ordered(by_version(&version, &bound), operator),
        _ => ordered(left.cmp(right), operator),
    }
}

fn ordered(ordering: Ordering, operator: &str) -> Option<bool> {
    Some(match operator {
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        "==" => ordering.is_eq(),
        "!=" => ordering.is_ne(),
        ">=" => ordering.is_ge(),
        ">" => ordering.is_gt(),
        _ => return None,
    })
}

/// The numbers of a plain release such as `3.11`; anything else is compared as text.
fn release(text: &str) -> Option<Vec<u64>> {
    text.trim()
        .split('.')
        .map(|part| part.parse().ok())
        .collect()
}

/// Missing numbers count as 0.
fn by_version(a: &[u64], b: &[u64]) -> Ordering {
    let length = a.len().max(b.len());
    let number = |all: &[u64], n: usize| all.get(n).copied().unwrap_or(0);
    let mut each = (0..length).map(|n| number(a, n).cmp(&number(b, n)));
    each.find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<bool>) {
        let value = evaluate(text, &Machine::linux("x86_64"));
        assert_eq!(value.map(Result::unwrap), expect, "{text}");
    }

    #[test]
    fn evaluate_compares_versions_by_number() {
        check(r#"python_version < "3.9""#, Some(false));
        check(
            r#"python_version >= "3.9" and python_version < "4""#,
            Some(true),
        );
        check(r#"python_version == "3.*""#, Some(true));
        check(r#"python_version ~= "3.8""#, Some(true));
        check(r#"python_full_version != "3.11.7""#, Some(false));
        check(r#""3.10" <= python_version"#, Some(true));
    }

    #[test]
    fn evaluate_compares_other_values_as_text() {
        check(r#"sys_platform == "linux" or os_name == "nt""#, Some(true));
        check(r#"(platform_machine in "x86_64 i686")"#, Some(true));
        check(r#"platform_machine not in 'x86_64'"#, Some(false));
    }

    #[test]
    fn evaluate_of_what_is_no_marker_is_none() {
        for text in [
            "python3",
            "",
            "''",
            "sys.version_info < (3,8)",
            "linux and python3",
            "(",
            "a == 'b'",
            "python_version >= '3'\u{c}",
            "\u{a0}python_version >= '3'",
        ] {
            check(text, None);
        }
        check(&"(".repeat(100_000), None);
    }

    #[test]
    fn evaluate_of_an_order_without_meaning_is_an_error() {
        assert!(
            evaluate("python_version < '3.*'", &Machine::linux("x86_64"))
                .unwrap()
                .is_err()
        );
    }
}
