//! "Did you mean …": the nearest known name by edit distance.

/// Names beyond this many characters are never misspelt by hand, and comparing them costs their product.
const NAME_CHARS_MAX: usize = 80;
/// Candidates that are looked at; a section with more options gets no suggestion from the rest.
const CANDIDATES_MAX: usize = 20_000;

/// The candidate nearest to `wanted`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.chars().collect();
    if wanted.is_empty() || wanted.len() > NAME_CHARS_MAX {
        return None;
    }
    let allowed = (wanted.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().take(CANDIDATES_MAX) {
        if candidate.len() > NAME_CHARS_MAX {
            continue;
        }
        let distance = edit_distance(&wanted, &candidate.chars().collect::<Vec<_>>());
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, name)| name)
}

/// Insertions, removals and replacements of one character, and swaps of two neighbours, that lead from one to the other.
fn edit_distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    let mut above = row.clone();
    for (i, a) in from.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let changed = (row[j] + usize::from(a != b))
                .min(row[j + 1] + 1)
                .min(next[j] + 1);
            let is_swap = i > 0 && j > 0 && from[i - 1] == *b && to[j - 1] == *a;
            next.push(match is_swap {
                true => changed.min(above[j - 1] + 1),
                false => changed,
            });
        }
        above = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_of_a_misspelt_name_is_found() {
        assert_eq!(
            nearest("loaction", ["recipe", "location", "url"]),
            Some("location")
        );
        assert_eq!(nearest("ur", ["recipe", "url"]), Some("url"));
        assert_eq!(nearest("ulr", ["recipe", "url"]), Some("url"));
    }

    #[test]
    fn nearest_of_an_unlike_name_is_none() {
        assert_eq!(nearest("md5sum", ["recipe", "location", "url"]), None);
        assert_eq!(nearest("", ["a"]), None);
    }

    #[test]
    fn edit_distance_counts_each_change_once() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(edit_distance(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(edit_distance(&chars(""), &chars("abc")), 3);
        assert_eq!(edit_distance(&chars("abcd"), &chars("badc")), 2);
        assert_eq!(edit_distance(&chars("ca"), &chars("abc")), 3);
        assert_eq!(edit_distance(&chars("same"), &chars("same")), 0);
    }
}
