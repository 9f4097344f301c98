"""zc.buildout 3.0.1 loads a profile and works out every option of every section: peer.py PROFILE [remember]

It is run by `cargo xtask bench profile`, and prints what `slapos profile resolve --json` prints. Recipes are stubs, so that
nothing is installed. The engine is that of PyPI untouched; with `remember` each file is read and merged once, and the
history of an option is shared when it is copied: what it could be with some care.
"""
import copy
import json
import logging
import os
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import zc.buildout.buildout as engine  # noqa: E402


class Stub:
    def __init__(self, buildout, name, options):
        pass


engine._install_and_load = lambda spec, group, entry, buildout: Stub


def remember():
    def copied(self, memo):
        twin = object.__new__(type(self))
        twin.value, twin.history = self.value, list(self.history)
        return twin
    engine.SectionKey.__deepcopy__ = copied
    engine.HistoryItem.__deepcopy__ = lambda self, memo: self
    load, known = engine._open, {}

    def once(base, name, *rest):
        place = os.path.normpath(os.path.join(base, name))
        if place not in known:
            known[place] = load(base, name, *rest)
        return copy.deepcopy(known[place])
    engine._open = once


def main():
    if "remember" in sys.argv[2:]:
        remember()
    settings = [("buildout", "offline", "true"), ("buildout", "newest", "false")]
    build = engine.Buildout(sys.argv[1], settings, False, "annotate", [])
    for part in build["buildout"]["parts"].split():
        build[part]
    order = list(build._parts)
    sections = {name: dict(build[name].items()) for name in build._raw}
    # It pins itself, which nobody else has to (docs/profile-language.md, `opt-versions`).
    for name in ("zc.buildout", "zc.recipe.egg"):
        sections["versions"].pop(name, None)
    json.dump({"sections": sections, "order": order}, sys.stdout)


main()
