//! Hostile templates against a machine with few steps left, and what is left of a machine.
//!
//! Bounds of whole renderings are in tests/all/bounds.rs: there every step that the limits allow is taken.

use super::*;

/// Steps that a template has here: enough for what the tests make, and soon spent by what never ends.
const STEPS: u64 = 2_000_000;

/// How a template fails that has few steps; what it prints is not looked at.
fn kind_of(template: &str) -> Option<ErrorKind> {
    let settings = Settings {
        name: "t",
        extensions: &[Extension::Do],
        templates: &NoTemplates,
    };
    let machine = Machine::new(&settings, Budget::default());
    machine.spend(limits::STEPS_MAX - STEPS).expect("spends");
    let block = parse(template, "t", settings.extensions).expect("parses");
    let frame = Frame::top(Scope::new(None), &Rc::from("t"));
    for name in ["itertools", "functools", "re", "json", "operator"] {
        let module = crate::module::module(name).expect("is built in");
        frame.scope.set(&Rc::from(name), module);
    }
    let result = machine.block(&frame, &block, &mut String::new());
    result.err().map(|failure| failure.kind)
}

/// A namespace, and a statement that is done this many times.
fn repeated(start: &str, times: u32, statement: &str) -> String {
    format!(
        "{{% set ns = namespace(t={start}) %}}{{% for i in range({times}) %}}{statement}{{% endfor %}}"
    )
}

#[test]
fn render_of_long_chains_of_values_ends_without_recursion() {
    for link in [
        "(ns.t,)",
        "[ns.t]",
        "{'a': ns.t}",
        "ns.t|map('upper')",
        "ns.t|select",
        "itertools.chain(ns.t)",
        "functools.partial(ns.t)",
        "namespace(t=ns.t)",
        "{'a': ns.t}.values()",
        "zip(ns.t)",
    ] {
        let template = repeated("''", 30_000, &format!("{{% set ns.t = {link} %}}"));
        assert_eq!(kind_of(&template), None, "{link}");
    }
    // What goes through such a chain is stopped.
    for (link, used) in [
        ("(ns.t,)", "{{ {ns.t: 1} }}"),
        ("(ns.t,)", "{{ ns.t == (ns.t,) }}"),
        ("(ns.t,)", "{{ ns.t }}"),
        ("ns.t|map('upper')", "{{ ns.t|list }}"),
        ("frozenset([ns.t])", ""),
    ] {
        let template = repeated("''", 30_000, &format!("{{% set ns.t = {link} %}}"));
        assert_eq!(
            kind_of(&format!("{template}{used}")),
            Some(ErrorKind::Limit),
            "{link} {used}"
        );
    }
}

#[test]
fn render_of_values_that_hold_themselves_ends() {
    let set = "{% set a = [] %}{% do a.append(a) %}{% set b = [] %}{% do b.append(b) %}";
    for used in ["a == b", "a < b", "[a]|unique|list", "a in b", "b.index(a)"] {
        let kind = kind_of(&format!("{set}{{{{ {used} }}}}"));
        let wanted = if used.contains("unique") {
            ErrorKind::Type
        } else {
            ErrorKind::Limit
        };
        assert_eq!(kind, Some(wanted), "{used}");
    }
    let set = "{% set a = {} %}{% do a.update(a=a) %}{% set b = {} %}{% do b.update(a=b) %}";
    assert_eq!(
        kind_of(&format!("{set}{{{{ a == b }}}}")),
        Some(ErrorKind::Limit)
    );
}

#[test]
fn render_of_values_that_hold_one_another_many_times_is_stopped() {
    let twice = "{% set a = [] %}{% do a.append(a) %}{% do a.append(a) %}";
    assert_eq!(kind_of(&format!("{twice}{{{{ a }}}}")), None);
    for used in ["dumps(a)", "a|tojson", "a|pprint"] {
        let kind = kind_of(&format!("{twice}{{{{ {used} }}}}"));
        assert!(
            matches!(kind, Some(ErrorKind::Value | ErrorKind::Limit)),
            "{used}: {kind:?}"
        );
    }
    let doubled = repeated("''", 60, "{% set ns.t = [ns.t, ns.t] %}");
    let pairs = repeated("''", 60, "{% set ns.t = (ns.t, ns.t) %}");
    let copies = repeated("''", 60, "{% set ns.t = [ns.t, ns.t] %}").replace("ns", "other");
    for used in [
        "{{ ns.t }}",
        "{{ '%s' % (ns.t,) }}",
        "{{ dumps(ns.t) }}",
        "{{ ns.t|tojson }}",
        "{{ ns.t|pprint }}",
        "{{ ns.t == other.t }}",
        "{{ ns.t < other.t }}",
    ] {
        assert_eq!(
            kind_of(&format!("{doubled}{copies}{used}")),
            Some(ErrorKind::Limit),
            "{used}"
        );
    }
    assert_eq!(
        kind_of(&format!("{pairs}{{{{ {{ns.t: 1}} }}}}")),
        Some(ErrorKind::Limit)
    );
}

#[test]
fn render_of_what_fills_the_memory_is_stopped() {
    let long = "{% set ns = namespace(t=(1,) * 5000, b=bytes([1]) * 100000, d={}, s=set(range(5000))) %}\
        {% set ns.l = ns.t|list %}{% set ns.d = dict(zip(ns.s, ns.t)) %}{% set kept = [] %}";
    for made in [
        "ns.t + ns.t",
        "ns.b + ns.b",
        "ns.l + ns.l",
        "ns.l.copy()",
        "ns.d.copy()",
        "dict(ns.d)",
        "ns.s.union([])",
        "ns.s - ns.s",
        "ns.s.copy()",
        "frozenset(ns.s)",
        "dict.fromkeys(ns.s)",
        "[1]|batch(9000, 0)|list",
        "[1]|slice(9000)|list",
        "ns.l[:]",
        "ns.l|sort",
        "itertools.product(ns.t, [1])|list",
        "itertools.combinations(ns.t, 1)|list",
        "ns.l * 2",
        "ns.d.items()|list",
        "('a ' * 5000).split()",
        "('a\n' * 5000).splitlines()",
        "re.findall('a', 'a' * 5000)",
        "range(5000)|list",
        "json.loads('[' ~ '0,' * 5000 ~ '0]')",
        "'x'.ljust(50000, 'é') ~ 'x'",
        "('\t' * 5000).expandtabs(20)",
    ] {
        let kept = format!(
            "{long}{{% for i in range(60000) %}}{{% do kept.append({made}) %}}{{% endfor %}}"
        );
        assert_eq!(kind_of(&kept), Some(ErrorKind::Limit), "{made}");
    }
    assert_eq!(
        kind_of("{{ range(49000000)|list|length }}"),
        Some(ErrorKind::Limit)
    );
    assert_eq!(
        kind_of("{{ 'x'.ljust(60000, 'y' * 60000) }}"),
        Some(ErrorKind::Type)
    );
}

#[test]
fn render_of_long_texts_and_lists_takes_steps_or_no_time() {
    // A million characters are true at once; a thousand times would be long if they were counted.
    let long = "{% set s = 'é' * 1000000 %}{% set l = [0] * 100000 %}{% set ns = namespace(n=0) %}";
    for quick in [
        "not s",
        "l.index(0)",
        "0 in l",
        "l.pop()",
        "99999 in range(10 ** 30)",
    ] {
        let template =
            format!("{long}{{% for i in range(5000) %}}{{% do {quick} %}}{{% endfor %}}");
        assert_eq!(kind_of(&template), None, "{quick}");
    }
    for slow in [
        "l.pop(0)",
        "l.insert(0, 1)",
        "l.count(0)",
        "1 in l",
        "l.reverse()",
        "s|length",
        "l|sum",
    ] {
        let template =
            format!("{long}{{% for i in range(50000) %}}{{% do {slow} %}}{{% endfor %}}");
        assert_eq!(kind_of(&template), Some(ErrorKind::Limit), "{slow}");
    }
}

#[test]
fn drop_of_a_machine_keeps_no_scope() {
    let settings = Settings {
        name: "t",
        extensions: &[],
        templates: &NoTemplates,
    };
    let text = "{% set ns = namespace() %}{% macro m() %}{% if caller is defined %}{% endif %}{% macro inner() %}{% endmacro %}{% set ns.m = inner %}\
        {% set ns.ns = inner %}{% endmacro %}{{ m() }}{% for x in [1] recursive %}{% set ns.l = loop %}\
        {% macro n() %}{% endmacro %}{% endfor %}{% call(x) m() %}{% endcall %}{% import 'other' as other %}";
    #[derive(Debug)]
    struct Other;
    impl Load for Other {
        fn load(&self, _: &str) -> Option<Result<String, String>> {
            Some(Ok("{% macro o() %}{% endmacro %}".to_owned()))
        }
    }
    let settings = Settings {
        templates: &Other,
        ..settings
    };
    let machine = Machine::new(&settings, Budget::default());
    let block = parse(text, "t", &[]).expect("parses");
    let frame = Frame::top(Scope::new(None), &Rc::from("t"));
    machine
        .block(&frame, &block, &mut String::new())
        .expect("renders");
    let held = machine.held.borrow().clone();
    assert!(held.iter().filter(|scope| scope.strong_count() > 0).count() > 3);
    drop((frame, machine));
    assert_eq!(held.iter().map(Weak::strong_count).sum::<usize>(), 0);
}
