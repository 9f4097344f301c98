//! "Did you mean …": the nearest of some known words.

/// The word of `known` nearest to `word`, when it is near enough to be a slip of the fingers: at
/// most a third of its length in edits.
#[must_use]
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours from `left` to `right` (optimal
/// string alignment). Texts over 64 characters are not compared: the cost is quadratic.
fn edit_distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().flat_map(char::to_lowercase).collect();
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    if left.len() > 64 || right.len() > 64 {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    rows[0] = (0..=right.len()).collect();
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let cost = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closest_finds_a_slip_of_the_fingers() {
        let known = ["redis", "nginx", "helloworld"];
        assert_eq!(closest("reids", known), Some("redis"));
        assert_eq!(closest("Nginx", known), Some("nginx"));
        assert_eq!(closest("hellowrld", known), Some("helloworld"));
    }

    #[test]
    fn closest_of_something_else_is_none() {
        assert_eq!(closest("postgresql", ["redis", "nginx"]), None);
        assert_eq!(closest(&"x".repeat(100), ["redis"]), None);
    }
}
