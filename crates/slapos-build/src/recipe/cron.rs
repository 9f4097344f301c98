//! `slapos.cookbook:cron` and `cron.d`: the wrapper of dcron, and one entry of its table.

use slapos_buildout::{PartOptions, RecipeError};

use super::texts::Texts;
use super::{Construction, Part, options};

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let mut words = vec![options::needed(part, "dcrond-binary")?];
    for (flag, option) in [
        ("-s", "cron-entries"),
        ("-c", "crontabs"),
        ("-t", "cronstamps"),
    ] {
        words.extend([flag.to_owned(), options::needed(part, option)?]);
    }
    words.extend(["-f", "-l", "5"].map(str::to_owned));
    for (flag, option) in [("-M", "catcher"), ("-L", "log-file")] {
        words.extend([flag.to_owned(), options::needed(part, option)?]);
    }
    let path = construction
        .world
        .directory
        .join(options::needed(part, "binary")?);
    Ok(Box::new(Texts::default().wrapper(path, &words)))
}

pub(super) fn construct_entry(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let frequency = match options::text(part, "frequency")? {
        Some(frequency) => frequency,
        None => {
            let time = options::needed(part, "time")?;
            crontab(&time).ok_or_else(|| {
                format!("`time` is `{time}`, which no crontab can say; write `daily`, `Mon *-* 4:00` or the like")
            })?
        }
    };
    let name = options::text_or(part, "name", &construction.name)?;
    if name.contains('/') || name.starts_with('.') {
        return Err(format!("`name` is `{name}`, no name for a file").into());
    }
    let command = options::needed(part, "command")?;
    if frequency.contains('\n') || command.contains('\n') {
        return Err("an entry of a crontab is one line".into());
    }
    let folder = construction
        .world
        .directory
        .join(options::needed(part, "cron-entries")?);
    let line = format!("{frequency} {command}\n");
    Ok(Box::new(Texts::default().file(
        folder.join(name),
        line,
        0o644,
    )))
}

const WORDS: [(&str, &str); 6] = [
    ("minutely", "* * * * *"),
    ("hourly", "0 * * * *"),
    ("daily", "0 0 * * *"),
    ("weekly", "0 0 * * 0"),
    ("monthly", "0 0 1 * *"),
    ("yearly", "0 0 1 1 *"),
];

/// A calendar time as systemd writes it, as a crontab does; none where a crontab cannot.
fn crontab(time: &str) -> Option<String> {
    if let Some((_, line)) = WORDS.iter().find(|(word, _)| *word == time) {
        return Some((*line).to_owned());
    }
    let mut words = time.split(' ').peekable();
    let weekday = words.peek().and_then(|word| weekdays(word));
    if weekday.is_some() {
        words.next();
    }
    let (mut day, mut clock) = ("*-*", "0:0");
    match (words.next(), words.next(), words.next()) {
        (None, ..) if weekday.is_some() => {}
        (Some(one), None, _) if one.contains(':') => clock = one,
        (Some(one), None, _) => day = one,
        (Some(one), Some(two), None) => (day, clock) = (one, two),
        _ => return None,
    }
    let mut day: Vec<&str> = day.split('-').collect();
    // Years and seconds are beyond a crontab.
    if day.len() == 3 && day.remove(0) != "*" {
        return None;
    }
    let mut clock: Vec<&str> = clock.split(':').collect();
    if clock.len() == 3 && clock.pop()?.parse::<u32>().ok()? != 0 {
        return None;
    }
    let ([month, day], [hour, minute]) = (day.as_slice(), clock.as_slice()) else {
        return None;
    };
    // Some crons take either, some both.
    if weekday.is_some() && *day != "*" {
        return None;
    }
    let fields = [
        field(minute, 0, 60)?,
        field(hour, 0, 24)?,
        field(day, 1, 31)?,
        field(month, 1, 12)?,
        weekday.unwrap_or_else(|| "*".to_owned()),
    ];
    Some(fields.join(" "))
}

/// Names of days, `Mon,Wed` or `mon-fri`, as numbers.
fn weekdays(word: &str) -> Option<String> {
    const DAYS: [&str; 7] = [
        "sunday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
    ];
    let number = |name: &str| {
        let name = name.to_lowercase();
        DAYS.iter()
            .position(|day| *day == name || day[..3] == name)
            .map(|n| n.to_string())
    };
    let ranges = word
        .split(',')
        .filter(|range| !range.is_empty())
        .map(|range| {
            let ends: Option<Vec<String>> = range.splitn(2, '-').map(number).collect();
            ends.map(|ends| ends.join("-"))
        });
    let mut ranges: Vec<String> = ranges.collect::<Option<_>>()?;
    ranges.sort();
    (!ranges.is_empty()).then(|| ranges.join(","))
}

/// `*`, numbers, or `start/step`, which a crontab writes with its end.
fn field(text: &str, first: u32, count: u32) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let one = |text: &str| {
        let (start, step) = match text.split_once('/') {
            Some((start, step)) => (
                start,
                Some(step.parse::<u32>().ok().filter(|step| *step > 0)?),
            ),
            None => (text, None),
        };
        let start: u32 = start.parse().ok()?;
        let from_first = start.checked_sub(first).filter(|n| *n < count)?;
        match step.map(|step| ((count - from_first - 1) / step * step, step)) {
            None | Some((0, _)) => Some(start.to_string()),
            Some((length, step)) => Some(format!("{start}-{}/{step}", start + length)),
        }
    };
    let parts: Option<Vec<String>> = text.split(',').map(one).collect();
    parts.map(|parts| parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crontab_says_what_the_calendar_says() {
        let cases = [
            ("daily", "0 0 * * *"),
            ("Mon,Wed 4:30", "30 4 * * 1,3"),
            ("mon-fri *-* 12:00", "0 12 * * 1-5"),
            ("*-*-* 2:15:00", "15 2 * * *"),
            ("*-1 3:0", "0 3 1 * *"),
            ("0/20:0", "0 0-20/20 * * *"),
            ("*:0/15", "0-45/15 * * * *"),
            ("sunday", "0 0 * * 0"),
        ];
        for (time, line) in cases {
            assert_eq!(crontab(time).as_deref(), Some(line), "{time}");
        }
        for bad in [
            "",
            "x",
            "2026-1-1 0:0",
            "mon 1-1 0:0",
            "1:2:3",
            "25:00",
            "0:61",
            "*:0/0",
            "a b c d",
        ] {
            assert_eq!(crontab(bad), None, "{bad}");
        }
    }
}
