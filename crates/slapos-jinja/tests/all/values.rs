//! What operators, methods and printing make of values, beyond the vectors of the genuine recipe.

use slapos_jinja::ErrorKind;

use crate::{error, text};

#[test]
fn render_of_formats_is_pythons() {
    assert_eq!(
        text("{{ '%-5s|%5.2f|%03d|%x|%e' % ('ab', 3.14159, 7, 255, 12345.678) }}"),
        "ab   | 3.14|007|ff|1.234568e+04"
    );
    assert_eq!(
        text("{{ '%s %s' % ('a', None) }}{{ '%d%%' % 5 }}{{ '%r' % 'x' }}"),
        "a None5%'x'"
    );
    assert_eq!(
        text("{{ '{0[k]} {0.k} {1!r:>5} {x:,}'.format({'k': 1}, 'a', x=1234567) }}"),
        "1 1   'a' 1,234,567"
    );
    assert_eq!(error("{{ '%s' % (1, 2) }}").kind, ErrorKind::Type);
    assert_eq!(error("{{ '%(a)s' % {} }}").kind, ErrorKind::Key);
}

#[test]
fn render_of_values_within_themselves_prints_dots() {
    assert_eq!(
        text("{% set a = [1] %}{% do a.append(a) %}{% do a.append((a,)) %}{{ a }}"),
        "[1, [...], ([...],)]"
    );
    assert_eq!(
        text("{% set d = {} %}{% do d.update(d=d, l=[d]) %}{{ d }}{% set l = [[]] * 2 %}{{ l }}"),
        "{'d': {...}, 'l': [{...}]}[[], []]"
    );
}

#[test]
fn render_of_numbers_is_pythons() {
    for (template, expected) in [
        (
            "{{ 1.0 // 0.1 }} {{ 5 % inf }} {{ -5 % inf }} {{ 5 // inf }}",
            "9.0 5.0 inf 0.0",
        ),
        (
            "{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }}",
            "3.0 -4.0 0.5 -0.5",
        ),
        (
            "{{ 1e300 % 7 }} {{ -1e300 // 7e299 }} {{ 0.0 // -3 }}",
            "1.0 -2.0 -0.0",
        ),
        (
            "{{ divmod(1.0, 0.1) }} {{ divmod(-7, 2) }}",
            "(9.0, 0.09999999999999995) (-4, 1)",
        ),
        ("{{ 2 ** -1 }} {{ 0 ** 0 }} {{ (-2.0) ** 3 }}", "0.5 1 -8.0"),
        (
            "{{ abs(-3) }} {{ -(-7) }} {{ 'abcdef'|truncate(4, true, '..', 0) }}",
            "3 7 ab..",
        ),
        (
            "{{ ['a']|map('upper')|list }} {{ enumerate('ab', 5)|list }}",
            "['A'] [(5, 'a'), (6, 'b')]",
        ),
    ] {
        let template = format!("{{% set inf = float('inf') %}}{template}");
        assert_eq!(text(&template), expected, "{template}");
    }
    for (template, kind) in [
        ("{{ 0 ** -1 }}", ErrorKind::ZeroDivision),
        ("{{ 0.0 ** -1.5 }}", ErrorKind::ZeroDivision),
        ("{{ divmod(1.0, 0) }}", ErrorKind::ZeroDivision),
        ("{{ (-8) ** 0.5 }}", ErrorKind::Unsupported),
    ] {
        assert_eq!(error(template).kind, kind, "{template}");
    }
}

#[test]
fn render_of_integers_beyond_128_bits_is_refused() {
    let least = "{% set most = 2 ** 126 - 1 + 2 ** 126 %}{% set least = -most - 1 %}";
    for used in [
        "-least",
        "abs(least)",
        "least|abs",
        "least // -1",
        "most + 1",
        "'a'|truncate(most)",
        "enumerate('ab', most)|list",
    ] {
        let error = error(&format!("{least}{{{{ {used} }}}}"));
        assert_eq!(error.kind, ErrorKind::Limit, "{used}");
        assert!(error.message.contains("128 bits"), "{used}: {error}");
    }
    // None of these computes with what it is given.
    for used in [
        "itertools.repeat(1, least)|list",
        "[1].insert(least, 2)",
        "[1].index(1, least)",
        "'a'.find('a', least)",
        "'abc'[least:most]",
        "itertools.islice('abc', most)|list",
        "'a'.ljust(least)",
        "range(least, most)[3]",
        "range(least, most, most)|list",
        "most in range(least, most, 7)",
    ] {
        text(&format!("{least}{{{{ {used} }}}}"));
    }
    let nothing = error(&format!("{least}{{{{ [1][least] }}}}"));
    assert_eq!(nothing.kind, ErrorKind::Undefined, "{nothing}");
}

#[test]
fn render_of_keys_tells_ranges_and_complex_numbers_from_tuples() {
    for (template, expected) in [
        ("{{ {range(5): 1, (0, 5, 1): 2}|length }}", "2"),
        (
            "{{ {range(0): 1, range(3, 3): 2}|length }}{{ {range(0, 3, 2): 1, range(0, 4, 2): 2} }}",
            "1{range(0, 3, 2): 2}",
        ),
        ("{{ {complex(1, 2): 1, (1.0, 2.0): 2}|length }}", "2"),
        (
            "{{ {complex(1, 0): 1, 1: 2, 1.0: 3, true: 4}|length }}",
            "1",
        ),
        ("{{ {frozenset([1, 2]): 1}[frozenset([2, 1])] }}", "1"),
        (
            "{{ {1: 'a', 2: 'b'} == {2: 'b', 1.0: 'a'} }}{{ frozenset([1]) == set([1]) }}",
            "TrueTrue",
        ),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
}

#[test]
fn render_of_sets_and_lists_is_pythons() {
    for (template, expected) in [
        (
            "{{ set([1, 2, 3]).symmetric_difference([3, 4]) }}",
            "{1, 2, 4}",
        ),
        (
            "{{ set([1, 2]).union([2], [3]) }}{{ set([1, 2, 3]).difference([1], [2]) }}",
            "{1, 2, 3}{3}",
        ),
        (
            "{{ set([1, 2, 3]) - set([2]) }}{{ (frozenset([1, 2]) - set([2])) }}",
            "{1, 3}frozenset({1})",
        ),
        (
            "{% set s = set([1]) %}{% do s.update([2], [3]) %}{{ s }}{{ s.issuperset([1, 2]) }}",
            "{1, 2, 3}True",
        ),
        (
            "{% set s = set([1, 2]) %}{% do s.intersection_update([2, 3]) %}{{ s }}",
            "{2}",
        ),
        (
            "{% set s = set([1]) %}{{ s.union(map(s.add, [5])) }}{{ s }}",
            "{1, 5, None}{1, 5}",
        ),
        (
            "{{ sorted([3, 1, 2], reverse=true) }}{{ [[2, 'a'], [1, 'b'], [2, 'c']]|sort(attribute=0, reverse=true) }}",
            "[3, 2, 1][[2, 'a'], [2, 'c'], [1, 'b']]",
        ),
        (
            "{{ 3 in range(0, 9, 3) }}{{ 4 in range(0, 9, 3) }}{{ 2 in (1, 2) }}{{ 'a' in ['b'] }}",
            "TrueFalseTrueFalse",
        ),
        (
            "{{ 'x'.ljust(3, '-') }}{{ 'x'.center(4) }}{{ 'a\tb'.expandtabs(4) }}",
            "x-- x  a   b",
        ),
        (
            "{{ ' a\x1cb '.split() }}{{ '\x1c'.isspace() }}{{ '\x1f1 '|int }}",
            "['a', 'b']True1",
        ),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
    for template in [
        "{{ 'x'.ljust(3, '--') }}",
        "{{ 'x'.center(3, '') }}",
        "{{ 'x'.rjust(1, 'ab') }}",
    ] {
        assert_eq!(error(template).kind, ErrorKind::Type, "{template}");
    }
}

#[test]
fn render_of_sorting_needs_an_order_only_between_what_differs() {
    for (template, expected) in [
        ("{{ [none, none]|sort }}", "[None, None]"),
        (
            "{{ [(1, none), (1, none)]|sort }}",
            "[(1, None), (1, None)]",
        ),
        (
            "{{ ['b', 'A', 'a']|sort }}{{ ['b', 'A']|sort(case_sensitive=true) }}",
            "['A', 'a', 'b']['A', 'b']",
        ),
        (
            "{{ 15|round(-1) }} {{ round(25, -1) }} {{ round(-25, -1) }} {{ round(5, -9) }}",
            "20 20 -20 0",
        ),
        ("{{ '\\101\\60' }}", "A0"),
        ("{{ 'odd' is test }}{{ 'nope' is test }}", "TrueFalse"),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
    for template in ["{{ [1, 'a']|sort }}", "{{ [none, 1]|sort }}"] {
        assert_eq!(error(template).kind, ErrorKind::Type, "{template}");
    }
    assert_eq!(error("{{ 1 +}}").kind, ErrorKind::Syntax);
}
