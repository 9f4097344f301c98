"""The genuine zc.buildout 3.0.1 as a process that answers profiles: one JSON object a line in, one a line out.

It is run by `cargo xtask compat buildout` in a private environment. A question names a folder of files, what to
load and which named rules (docs/profile-language.md) to put over the engine. With no rule it is the engine of PyPI
untouched, apart from recipes: those are stubs, so that nothing is ever installed.
"""
import builtins
import copy
import functools
import json
import logging
import os
import pprint
import re
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import zc.buildout  # noqa: E402
import zc.buildout.buildout as engine  # noqa: E402
import zc.buildout.configparser as reader  # noqa: E402

Options = engine.Options
CONSTRUCTORS = {}
for name in ("bytearray", "complex", "frozenset", "set", "dict", "list", "str", "tuple"):
    CONSTRUCTORS[name] = vars(builtins)[name]


# ---------------------------------------------------------------------------------------------- recipes
class Noop:
    def __init__(self, buildout, name, options):
        pass


class Location(Noop):
    def __init__(self, buildout, name, options):
        options["location"] = "/parts/" + name


class Set(Noop):
    def __init__(self, buildout, name, options):
        for key in sorted(options):
            if key.startswith("set-"):
                options[key[4:]] = options[key]


class Typed(Noop):
    def __init__(self, buildout, name, options):
        for key in sorted(options):
            if key.startswith("py-"):
                options[key[3:]] = eval(options[key], {})


class Read(Noop):
    def __init__(self, buildout, name, options):
        for place in options.get("reads", "").split():
            section, option = place.split(":")
            options["read-%s-%s" % (section, option)] = buildout[section][option]


# The engine copies every option's history at every merge, which is most of its time. Items of a history never change,
# so a copy may share them; no answer depends on it.
def copied(self, memo):
    twin = object.__new__(type(self))
    twin.value, twin.history = self.value, list(self.history)
    return twin


engine.SectionKey.__deepcopy__ = copied
engine.HistoryItem.__deepcopy__ = lambda self, memo: self

RECIPES = {"location": Location, "set": Set, "typed": Typed, "read": Read}
engine._install_and_load = lambda spec, group, entry, buildout: RECIPES.get(entry, Noop)


# ---------------------------------------------------------------------------------------------- rules
# Each rule replaces functions of the engine; the originals come back with the next question.
PARTS = [
    (engine, "_open"), (engine, "_update_section"), (engine, "_default_globals"), (engine, "_unannotate_section"),
    (reader, "parse"), (Options, "get"), (Options, "_sub"), (Options, "__getitem__"), (Options, "__setitem__"),
    (Options, "_do_extend_raw"), (Options, "_initialize"),
]
ORIGINAL = [getattr(owner, name) for owner, name in PARTS]


def put_rules(names):
    for (owner, name), original in zip(PARTS, ORIGINAL):
        setattr(owner, name, original)
    engine.sorted = sorted
    for name in sorted(names):
        RULES[name]()


def reading(change):
    """Passes every value that is read from outside, not for a reference, through `change`."""
    get = Options.get

    def read(self, option, default=None, seen=None):
        value = get(self, option, default, seen)
        return change(value) if seen is None and isinstance(value, str) else value

    def item(self, key):
        value = self.get(key)
        if value is None:
            raise engine.MissingOption("Missing option: %s:%s" % (self.name, key))
        return value
    Options.get, Options.__getitem__ = read, item


def rule_escape():
    # A marker of a typed value is not text; whichever rule is put first must leave it to the other.
    reading(lambda text: text if text.startswith("!py") else text.replace("$${", "${"))


def rule_typed_values():
    def load(text):
        marker = re.match(r"!py([^!]*)!(.*)", text)
        if marker is None:
            return text
        return {"": lambda data: eval(data, {"__builtins__": {}}, CONSTRUCTORS)}[marker.group(1)](marker.group(2))
    reading(load)

    def store(self, option, value):
        if not isinstance(value, str):
            value = "!py!" + pprint.pformat(value, width=sys.maxsize).replace("$", "\\x24").replace(";", "\\x3b")
        self._data[option] = value
    Options.__setitem__ = store


def rule_profile_location():
    parse = reader.parse

    def located(file, name, *rest):
        sections = parse(file, name, *rest)
        for options in sections.values():
            if any("${:_profile_base_location_}" in value for value in options.values()):
                options["_profile_base_location_"] = os.path.dirname(name)
        return sections
    reader.parse = located


def rule_command_line_order():
    # The engine sorts assignments with their values, so the largest value wins; with the rule the last one does.
    def by_section(values, **how):
        values = list(values)
        is_settings = not how and values and all(isinstance(value, tuple) and len(value) == 3 for value in values)
        return sorted(values, key=lambda value: value[0]) if is_settings else sorted(values, **how)
    engine.sorted = by_section


def rule_multiarch():
    names = engine._default_globals

    def more():
        known = names()
        known["multiarch"] = "x86_64-linux-gnu"
        return known
    engine._default_globals = more


def rule_byte_order_mark():
    parse = reader.parse

    class Without:
        def __init__(self, file):
            self.file, self.is_first = file, True

        def readline(self):
            line = self.file.readline()
            if self.is_first:
                self.is_first, line = False, line[1:] if line.startswith("\ufeff") else line
            return line
    reader.parse = lambda file, *rest: parse(Without(file), *rest)


def rule_leading_dot_dot():
    # Cycles are compared without `a/..`, too.
    load = engine._open

    def shortened(base, name, seen, *rest):
        while name.startswith("../") and "/" in base:
            base, name = base.rsplit("/", 1)[0] or "/", name[3:]
        if any(os.path.normpath(os.path.join(base, name)) == os.path.normpath(other) for other in seen):
            raise zc.buildout.UserError("Recursive file include", seen, name)
        return load(base, name, seen, *rest)
    engine._open = shortened


PENDING = "\x01"  # begins the value of an option that waits for its base; the value is a list of changes


def changes_of(section):
    """Set options, and changes by name in the order they are applied."""
    fixed, changes = {}, {}
    for key in sorted(section, key=lambda key: (key.rstrip(" +"), key[-1])):
        value = section[key]
        if value.value.startswith(PENDING):
            changes.setdefault(key, []).extend(json.loads(value.value[1:]))
        elif key[-1:] in "+-" and key.rstrip(" +-"):
            change = [key[-1], value.value, value.source, key]
            changes.setdefault(key.rstrip(" +-"), []).append(change)
        else:
            fixed[key] = value
    return fixed, changes


def fold(text, changes):
    for sign, value, _, _ in changes:
        lines = text.split("\n")
        more = value.split("\n")
        text = "\n".join(lines + more if sign == "+" else [line for line in lines if line not in more])
    return text


def rule_pending_increment():
    def update(below, above):
        fixed, waiting = changes_of(copy.deepcopy(below))
        own, changes = changes_of(copy.deepcopy(above))
        for name in [name for name in waiting if name in fixed]:
            fixed[name].value = fold(fixed[name].value, waiting.pop(name))
        for name, value in own.items():
            source = value.source
            if name in fixed:
                fixed[name].overrideValue(value)
            else:
                fixed[name] = value
            waiting.pop(name, None)
            del source
        for name, several in changes.items():
            if name in fixed:
                fixed[name].value = fold(fixed[name].value, several)
                fixed[name].addToHistory("ADD", "", several[-1][2])
            else:
                known = waiting.setdefault(name, [])
                known.extend([change for change in several if change not in known])
        for name, several in waiting.items():
            fixed[name] = engine.SectionKey(PENDING + json.dumps(several), several[-1][2])
        return fixed

    def finished(raw):
        fixed, changes = changes_of({key: engine.SectionKey(value, "") for key, value in raw.items()})
        result = {key: value.value for key, value in fixed.items()}
        for name, several in changes.items():
            result[name] = fold(result.get(name, ""), several)
        return result
    extend = ORIGINAL[PARTS.index((Options, "_do_extend_raw"))]
    initialize = ORIGINAL[PARTS.index((Options, "_initialize"))]

    def extended(self, name, data, doing):
        if name == "buildout":
            return finished(data)
        # `<` may itself be an increment.
        macro = finished({key: data[key] for key in data if key.rstrip(" +-") == "<"})
        data = {key: value for key, value in data.items() if key.rstrip(" +-") != "<"}
        return finished(extend(self, name, dict(data, **macro), doing))

    def initialized(self):
        if any(key.rstrip(" +-") == "<" for key in self._raw) and self.name != "buildout":
            self._raw = self._do_extend_raw(self.name, self._raw, [])
        else:
            self._raw = finished(self._raw)
        initialize(self)
    engine._update_section = update
    Options._do_extend_raw, Options._initialize = extended, initialized


RULES = {
    "byte-order-mark": rule_byte_order_mark, "command-line-order": rule_command_line_order,
    "escape": rule_escape, "leading-dot-dot": rule_leading_dot_dot,
    "multiarch": rule_multiarch, "pending-increment": rule_pending_increment,
    "profile-location": rule_profile_location, "typed-values": rule_typed_values,
}


# ---------------------------------------------------------------------------------------------- answers
MESSAGES = [
    (r"The substitution, (\$\{[^}]*\}),\s+doesn't contain a colon", "substitution-no-colon"),
    (r"The substitution, (\$\{[^}]*\}),\s+has too many colons", "substitution-too-many-colons"),
    (r"The section name in substitution, (\$\{[^}]*\}),", "substitution-bad-section"),
    (r"The option name in substitution, (\$\{[^}]*\}),", "substitution-bad-option"),
    (r"Circular reference in substitutions", "circular-reference"),
    (r"Infinite extending loop '?([^']*)'?", "macro-loop"),
    (r"No section named '?([^']*)'?", "macro-missing"),
    (r"Recursive file include", "recursive-include"),
    (r'No-longer supported "extended-by"', "extended-by"),
    (r"Couldn't open (.*)", "missing-file"),
    (r"Invalid value for (.*?) option: (.*)", "bad-bool"),
]


def problem(error):
    name, given = type(error).__name__, getattr(error, "args", ())
    if name == "MissingOption":
        found = re.match(r"Missing option: (.*?):(.*)", str(given[0])) if given else None
        return {"kind": "missing-option", "names": list(found.groups()) if found else [str(x) for x in given[1:3]]}
    if name == "MissingSection":
        return {"kind": "missing-section", "names": [str(given[0])]}
    if name == "MissingSectionHeaderError":
        return {"kind": "missing-section-header", "names": [os.path.basename(error.filename)], "lines": [error.lineno]}
    if name == "ParsingError":
        names, lines = [os.path.basename(error.filename)], [line for line, _ in error.errors]
        return {"kind": "parse-error", "names": names, "lines": lines}
    if isinstance(error, OSError) and error.errno in (2, 20, 21):
        return {"kind": "missing-file", "names": [os.path.basename(str(error.filename))]}
    if isinstance(error, zc.buildout.UserError):
        for pattern, kind in MESSAGES:
            found = re.search(pattern, str(error))
            if found:
                names = [os.path.basename(x) if kind == "missing-file" else x for x in found.groups()]
                return {"kind": kind, "names": names}
        return {"kind": "user-error", "names": [], "text": str(error)}
    trace, files = error.__traceback__, []
    while trace:
        files.append(os.path.basename(trace.tb_frame.f_code.co_filename))
        trace = trace.tb_next
    kind = "bad-expression" if "configparser.py" in files and name != "RecursionError" else "internal"
    return {"kind": kind, "names": [], "text": "%s: %s" % (name, str(error)[:200])}


def shown(value):
    return value if isinstance(value, str) else {"py": repr(value), "type": type(value).__name__}


def merged(name, options, rules):
    """What profiles set, as texts before macros and references."""
    own = {key: value for key, value in options.items() if is_own(name, key, value)}
    if "pending-increment" not in rules:
        return {key: value.value for key, value in own.items()}
    # A section that only one file has was never merged.
    fixed, changes = changes_of(copy.deepcopy(own))
    texts = {key: value.value for key, value in fixed.items()}
    for key, several in changes.items():
        texts[key] = fold(texts.get(key, ""), several)
    return texts


def is_own(section, option, value):
    """Whether a profile set it, and not the engine."""
    if value.source in ("DEFAULT_VALUE", "COMPUTED_VALUE"):
        return False
    return not (section == "buildout" and option in ("offline", "newest"))


def sections_of(build, fresh, own):
    sections, failures = {}, {}
    build = build or fresh()
    for name in sorted(build._raw):
        try:
            options = build[name]
            values = {key: shown(options[key]) for key in options.keys()}
            if name in ("buildout", "versions"):
                kept = own[name] | {key.rstrip(" +-") for key in own[name]}
                values = {key: value for key, value in values.items() if key in kept}
            sections[name] = values
        except BaseException as error:
            failures[name] = problem(error)
            build = fresh()
    return sections, failures


def answer(question):
    put_rules(question["rules"])
    os.chdir(question["folder"])
    settings = [("buildout", "offline", "true"), ("buildout", "newest", "false")]
    settings += [tuple(setting) for setting in question["settings"]]
    home = question.get("defaults")
    os.environ["BUILDOUT_HOME"] = os.path.dirname(home) if home else "/nonexistent"
    try:
        build = engine.Buildout(question["entry"], settings, bool(home), "annotate", [])
    except BaseException as error:
        return {"error": problem(error)}
    own, raw = {}, {}
    for name, options in build._annotated.items():
        own[name] = {key for key, value in options.items() if is_own(name, key, value)}
        raw[name] = merged(name, options, question["rules"])
    result = {"raw": raw}
    del build._annotated
    fresh = functools.partial(copy.deepcopy, build)
    build = fresh()
    try:
        for part in (build["buildout"].get("parts") or "").split():
            build[part]["recipe"]
        result["order"] = list(build._parts)
    except BaseException as error:
        result["order_error"] = problem(error)
        build = None  # a failure leaves half-built sections behind
    result["sections"], result["unresolved"] = sections_of(build, fresh, own)
    return result


def machine():
    """What conditions are told here, so that the other side sees the same."""
    import platform
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return {
        "python": list(sys.version_info[:3]), "executable": sys.executable, "machine": platform.machine(),
        "platform": sys.platform, "system": platform.system(), "release": platform.release(), "os_release": release,
        "bits": 64 if sys.maxsize > 2 ** 32 else 32, "little_endian": sys.byteorder == "little",
    }


def main():
    sys.setrecursionlimit(2000)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        question = json.loads(line)
        out.write(json.dumps(machine() if question == "machine" else answer(question)) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
