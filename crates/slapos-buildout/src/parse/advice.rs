//! What to say about a line that is nothing the language knows.

use slapos_python::text::{is_space, trim};

/// What is wrong and what to do, guessed from the look of the line.
pub(super) fn for_line(line: &str) -> (String, String) {
    let (message, help) = if line.starts_with(is_space) {
        (
            "an indented line with no option to continue",
            "remove the indentation, or put the line below the option it belongs to",
        )
    } else if line.starts_with('[') {
        (
            "this is no section header",
            "write `[name]` or `[name:condition]`; a name has no spaces and none of `# : ; { } [ ]`, \
             and only a comment may follow",
        )
    } else if let Some((name, _)) = line.split_once('=') {
        return bad_name(trim(name));
    } else if line.contains(':') {
        (
            "this is no option: `=` is missing",
            "write `name = value`; `:` does not separate them",
        )
    } else {
        (
            "this line is neither a header, an option nor a continuation",
            "write `name = value`, indent the line to continue the option above, or begin it with `#`",
        )
    };
    (message.to_owned(), help.to_owned())
}

fn bad_name(name: &str) -> (String, String) {
    if name.is_empty() {
        return (
            "an option without a name".to_owned(),
            "write `name = value`".to_owned(),
        );
    }
    (
        format!("`{}` cannot be the name of an option", name.chars().take(60).collect::<String>()),
        "a name has no spaces and none of `{ } [ ] :`; indent the line if it continues the option above"
            .to_owned(),
    )
}
