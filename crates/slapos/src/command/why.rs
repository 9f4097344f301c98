//! `slapos why`: why a service is as it is, the first cause first.

use crate::cli::Context;
use crate::client_file::connect;
use crate::failure::{Exit, Outcome};
use crate::print;
use slapos_api::wire::instance::{Cause, Why};

const EXAMPLES: &str = "\
Examples:
  slapos why my_db
  slapos why my_db --json";

/// Say why a service is as it is, or what it waits for: the first cause first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The service's name or reference.
    name: String,
}

/// Runs it.
pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let why = connect(&context.folder)?.explain_instance(&args.name)?;
    if context.json {
        print::json(&why)?;
    } else {
        print::raw(tell(&why).as_bytes())?;
    }
    Ok(Exit::Done)
}

fn tell(why: &Why) -> String {
    let mut text = format!("{}: {}\n", why.name, why.summary);
    for (index, cause) in why.causes.iter().enumerate() {
        text.push_str(&tell_cause(index + 1, cause));
    }
    text
}

fn tell_cause(number: usize, cause: &Cause) -> String {
    let mut text = format!("{number}. {}: {}\n", cause.kind, cause.message.trim_end());
    for line in cause.log.iter().flat_map(|log| log.trim_end().lines()) {
        text.push_str(&format!("     | {line}\n"));
    }
    if let Some(hint) = &cause.hint {
        text.push_str(&format!("   hint: {hint}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tell_shows_causes_in_order_with_log_and_hint() {
        let why = Why {
            name: "my_db".to_owned(),
            summary: "the build failed".to_owned(),
            causes: vec![Cause {
                kind: "build-failed".to_owned(),
                message: "part redis: make failed".to_owned(),
                hint: Some("install a C compiler".to_owned()),
                log: Some("cc: not found\n".to_owned()),
            }],
        };
        assert_eq!(
            tell(&why),
            "my_db: the build failed\n1. build-failed: part redis: make failed\n     | cc: not \
             found\n   hint: install a C compiler\n"
        );
    }
}
