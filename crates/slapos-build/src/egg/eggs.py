"""Eggs on disk: find those that fit, fetch the others through pip, and tell the working set.

Run as `python eggs.py REQUEST ANSWER`, two JSON files; egg.rs describes both. An egg is one folder of
`eggs-directory` with the files of one distribution, written under a temporary name and renamed, so that a
killed run leaves no half egg. Nothing here decides versions but pins and what pip resolves.
"""
import configparser
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

try:
    import pip
except ImportError:
    pip = None
PIP = [sys.executable, "-I", "-m", "pip"]
if pip is None:
    # Pythons without pip carry the wheel of it for their virtual environments.
    try:
        import ensurepip
        folder = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")
        wheels = [n for n in sorted(os.listdir(folder)) if n.startswith("pip-")]
    except (ImportError, OSError):
        wheels = []
    if not wheels:
        sys.exit("the Python %s has no pip; install it (Debian: apt install python3-pip)" % sys.executable)
    wheel = os.path.join(folder, wheels[-1])
    sys.path.insert(0, wheel)
    PIP = [sys.executable, "-I", os.path.join(wheel, "pip")]

from pip._vendor.packaging.requirements import InvalidRequirement, Requirement  # noqa: E402
from pip._vendor.packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: E402
from pip._vendor.packaging.version import InvalidVersion, Version  # noqa: E402

PYTHON = "py%d.%d" % sys.version_info[:2]
PATCHED = re.compile(r"[+-]SlapOSPatched\d+$", re.I)


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


class Unfit(Exception):
    """What is on disk does not do; pip is to be asked."""


class Egg:
    def __init__(self, path, distribution, develop=False):
        self.path = path
        self.distribution = distribution
        self.name = distribution.metadata["Name"]
        self.version = distribution.version
        self.develop = develop

    def requires(self, extras):
        for text in self.distribution.requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            names = list(extras) + [""]
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in names):
                yield requirement


class Store:
    """The eggs that are there, by name."""

    def __init__(self, request):
        self.folder = request["eggs"]
        self.by_name = {}
        self.develop = {}
        for path in request.get("develop", ()):
            self.add_develop(path)
        if os.path.isdir(self.folder):
            for entry in sorted(os.listdir(self.folder)):
                # Eggs of another Python do not serve this one.
                if entry.endswith("-%s.egg" % PYTHON):
                    self.add(os.path.join(self.folder, entry))

    def add(self, path):
        for distribution in importlib.metadata.distributions(path=[path]):
            if distribution.metadata["Name"]:
                egg = Egg(path, distribution)
                self.by_name.setdefault(canonical(egg.name), []).append(egg)

    def add_develop(self, folder):
        if not os.path.isdir(folder):
            return
        for entry in sorted(os.listdir(folder)):
            if not entry.endswith(".egg-link"):
                continue
            with open(os.path.join(folder, entry)) as link:
                path = link.readline().strip()
            for distribution in importlib.metadata.distributions(path=[path]):
                if distribution.metadata["Name"]:
                    egg = Egg(path, distribution, True)
                    self.develop[canonical(egg.name)] = egg


def version_of(text):
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


class Pins:
    def __init__(self, pins):
        self.pins = {canonical(name): pin.strip() for name, pin in pins.items() if pin.strip()}

    def fits(self, name, version):
        pin = self.pins.get(name)
        if pin is None:
            return True
        if re.match(r"[<>=!~]", pin):
            return SpecifierSet(pin).contains(version, prereleases=True)
        return same_version(pin, version)

    def is_exact(self, name):
        pin = self.pins.get(name)
        return pin is not None and (not re.match(r"[<>=!~]", pin) or pin.startswith("=="))

    def constraints(self):
        for name, pin in sorted(self.pins.items()):
            pin = PATCHED.sub("", pin)
            try:
                yield str(Requirement(name + (pin if re.match(r"[<>=!~]", pin) else "==" + pin)))
            except (InvalidRequirement, InvalidSpecifier):
                # A pin of something that is no Python package, such as a gem.
                continue


def same_version(a, b):
    try:
        return Version(a.replace("-SlapOS", "+SlapOS")) == Version(b.replace("-SlapOS", "+SlapOS"))
    except InvalidVersion:
        return a == b


def parse(text):
    # A patched version is what a part of its own made; the name of it is no specifier that everybody reads.
    match = re.match(r"\s*([A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(.*)$", text)
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        if match and "SlapOSPatched" in match.group(3):
            return Requirement(match.group(1) + (match.group(2) or ""))
        sys.exit("reading the requirement `%s`: %s" % (text, str(error).split("\n")[0]))


def resolve(store, pins, requirements, chosen_by_pip=None, any_installed=False):
    """The eggs that fulfil the requirements, dependencies behind those who need them."""
    chosen, order, seen = {}, [], set()
    ahead = [(requirement, None) for requirement in requirements]
    while ahead:
        requirement, wanted_by = ahead.pop(0)
        name = canonical(requirement.name)
        key = (name, tuple(sorted(requirement.extras)))
        egg = chosen.get(name)
        if egg is None:
            egg = pick(store, pins, name, requirement, chosen_by_pip, any_installed)
            chosen[name] = egg
            order.append(egg)
        elif not egg.develop and not requirement.specifier.contains(egg.version, prereleases=True):
            raise Unfit("%s %s does not fit `%s` of %s" % (egg.name, egg.version, requirement, wanted_by))
        if key not in seen:
            seen.add(key)
            ahead.extend((other, egg.name) for other in egg.requires(requirement.extras))
    return order


def pick(store, pins, name, requirement, chosen_by_pip, any_installed):
    egg = store.develop.get(name)
    if egg is not None:
        return egg
    fitting = [
        egg for egg in store.by_name.get(name, ())
        if requirement.specifier.contains(egg.version, prereleases=True) and pins.fits(name, egg.version)
    ]
    if chosen_by_pip is not None and name in chosen_by_pip:
        fitting = [egg for egg in fitting if same_version(egg.version, chosen_by_pip[name])
                   or PATCHED.search(egg.version)]
    if not fitting:
        raise Unfit("no egg fits `%s`" % requirement)
    if chosen_by_pip is None and not any_installed and not pins.is_exact(name):
        raise Unfit("`%s` is not pinned, and a newer version may exist" % requirement)
    return max(fitting, key=lambda egg: version_of(egg.version))


def fetch(request, store, pins, requirements):
    """Has pip resolve and build into a fresh folder, splits it into eggs; gives the versions by name."""
    os.makedirs(store.folder, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=".new-", dir=store.folder)
    try:
        target, report = os.path.join(temporary, "target"), os.path.join(temporary, "report.json")
        constraints = os.path.join(temporary, "constraints.txt")
        with open(constraints, "w") as out:
            out.write("".join(line + "\n" for line in pins.constraints()))
        command = pip_install(request, target) + ["--report", report, "--constraint", constraints]
        wanted = [str(r) for r in wanted_of_pip(store, requirements)]
        if not wanted:
            return {}
        print("pip install %s" % " ".join(wanted), flush=True)
        if subprocess.call(command + wanted, stdin=subprocess.DEVNULL):
            sys.exit("pip could not install %s" % ", ".join(wanted))
        with open(report) as text:
            installed = json.load(text)["install"]
        check_hosts(request, installed)
        versions = {}
        for item in installed:
            name = canonical(item["metadata"]["name"])
            versions[name] = item["metadata"]["version"]
        staged = [stage(temporary, target, d) for d in importlib.metadata.distributions(path=[target])]
        # On disk before it has its name: a folder with the name of an egg is whole, whatever happens.
        os.sync()
        for egg in staged:
            final = os.path.join(store.folder, os.path.basename(egg))
            try:
                if not os.path.isdir(final):
                    os.rename(egg, final)
            except OSError:
                # Another build may have brought the same egg in between.
                if not os.path.isdir(final):
                    raise
            store.add(final)
        return versions
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def pip_install(request, target):
    command = PIP + [
        "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-warn-script-location",
        "--root-user-action=ignore", "--no-warn-conflicts", "--progress-bar", "off", "--target", target,
    ]
    return command + where(request)


def where(request):
    """Where pip may look, and for what."""
    options = []
    for link in request.get("find_links", ()):
        options += ["--find-links", link]
    if request.get("index"):
        options += ["--index-url", request["index"]]
    if not request.get("prefer_final", True):
        options += ["--pre"]
    return options


def wanted_of_pip(store, requirements):
    """Develop eggs are not on any index: what they need is asked for in their place."""
    ahead, seen = list(requirements), set()
    while ahead:
        requirement = ahead.pop(0)
        egg = store.develop.get(canonical(requirement.name))
        if egg is None:
            # The marker was judged already, and pip would judge it without the extra.
            requirement.marker = None
            yield requirement
        elif (egg.name, str(requirement)) not in seen:
            seen.add((egg.name, str(requirement)))
            ahead.extend(egg.requires(requirement.extras))


def check_hosts(request, installed):
    import fnmatch
    from urllib.parse import urlsplit
    patterns = request.get("allow_hosts") or ["*"]
    for item in installed:
        host = urlsplit(item["download_info"]["url"]).hostname
        if host and not any(fnmatch.fnmatch(host, pattern) for pattern in patterns):
            sys.exit("%s comes from the host %s, which `allow-hosts` does not allow" % (
                item["metadata"]["name"], host))


def stage(temporary, target, distribution):
    """Moves the files of one distribution, as its record lists them, into an egg of its own."""
    name = "%s-%s-%s.egg" % (
        re.sub(r"[^A-Za-z0-9.]+", "_", distribution.metadata["Name"]), distribution.version, PYTHON)
    staging = os.path.join(temporary, name)
    for file in distribution.files or ():
        parts = list(file.parts)
        if parts[0] == "..":
            # Relative to where the library would lie: pip put `../../bin/x` into the target's own bin.
            parts = [part for part in parts if part != ".."]
        source = os.path.join(target, *parts)
        if ".." in parts or os.path.isabs(str(file)) or not os.path.lexists(source):
            continue
        if file.parts[0] == "..":
            parts[0] = {"bin": "EGG-SCRIPTS"}.get(parts[0], parts[0])
        destination = os.path.join(staging, *parts)
        os.makedirs(os.path.dirname(destination), exist_ok=True)
        os.rename(source, destination)
    if not os.path.isdir(staging):
        sys.exit("the distribution %s has no record of its files" % distribution.metadata["Name"])
    return staging


def setup_paths(request, store, pins, custom):
    """Folders of what a build needs beside the package itself."""
    texts = ["setuptools<70", "wheel"] + custom["setup_eggs"]
    lenient = dict(request, newest=False, requirements=texts, custom=None)
    return [egg.path for egg in answer(lenient, store)[0]]


def build_ext(custom):
    return {name.replace("-", "_"): value for name, value in custom["build"].items()}


SETUP = """
import os, sys
sys.path[0:0] = sys.argv.pop(1).split(os.pathsep) + [os.getcwd()]
import setuptools
sys.argv[0] = 'setup.py'
if os.path.exists('setup.py'):
    __file__ = 'setup.py'
    exec(compile(open('setup.py').read(), 'setup.py', 'exec'))
else:
    setuptools.setup()
"""


def develop(request, store, pins, custom):
    """Prepares a source to be used where it lies."""
    folder = custom["setup"]
    if not os.path.isdir(folder):
        sys.exit("the folder %s is not there" % folder)
    paths = setup_paths(request, store, pins, custom)
    command = [sys.executable, "-c", SETUP, os.pathsep.join(paths), "-q", "egg_info", "build_ext", "-i"]
    for name, value in sorted(build_ext(custom).items()):
        command.append("--%s=%s" % (name.replace("_", "-"), value))
    if subprocess.call(command, cwd=folder, stdin=subprocess.DEVNULL):
        sys.exit("preparing the package in %s failed" % folder)
    for place in (folder, os.path.join(folder, "src"), os.path.join(folder, "lib")):
        for distribution in importlib.metadata.distributions(path=[place]):
            if str(distribution._path).endswith(".egg-info"):
                return Egg(place, distribution, True)
    sys.exit("there is no package in %s" % folder)


def build(request, store, pins, custom):
    """Builds one egg from its source, patched and with its own options of compilation."""
    requirement = parse(request["requirements"][0])
    name = canonical(requirement.name)
    os.makedirs(store.folder, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=".new-", dir=store.folder)
    try:
        constraints = os.path.join(temporary, "constraints.txt")
        with open(constraints, "w") as out:
            out.write("".join(line + "\n" for line in pins.constraints()))
        downloads, sources = os.path.join(temporary, "d"), os.path.join(temporary, "s")
        bare = Requirement(str(requirement).split(";")[0])
        bare.extras = set()
        command = PIP + ["download", "--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
                         "--no-deps", "--no-binary", name, "--dest", downloads, "--constraint", constraints]
        if subprocess.call(command + where(request) + [str(bare)], stdin=subprocess.DEVNULL):
            sys.exit("pip could not download the source of %s" % bare)
        archive = os.path.join(downloads, os.listdir(downloads)[0])
        shutil.unpack_archive(archive, sources)
        root = os.path.join(sources, os.listdir(sources)[0])
        for patch in custom["patches"]:
            print("patching with %s" % patch, flush=True)
            options = shlex.split(custom["patch_options"] or "-p0")
            with open(patch) as text:
                if subprocess.call([custom["patch_binary"] or "patch"] + options, stdin=text, cwd=root):
                    sys.exit("the patch %s does not apply to %s" % (patch, os.path.basename(root)))
        configure(root, custom)
        target, environment = os.path.join(temporary, "target"), dict(os.environ)
        command = pip_install(request, target) + ["--no-deps", "--constraint", constraints]
        if custom["setup_eggs"]:
            environment["PYTHONPATH"] = os.pathsep.join(setup_paths(request, store, pins, custom))
            command.append("--no-build-isolation")
        if subprocess.call(command + [root], stdin=subprocess.DEVNULL, env=environment):
            sys.exit("building %s failed" % os.path.basename(root))
        found = list(importlib.metadata.distributions(path=[target]))
        egg = stage(temporary, target, found[0])
        os.sync()
        final, old = os.path.join(store.folder, os.path.basename(egg)), os.path.join(temporary, "old")
        if os.path.isdir(final):
            os.rename(final, old)
        os.rename(egg, final)
        store.by_name.pop(name, None)
        store.add(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def configure(root, custom):
    path = os.path.join(root, "setup.cfg")
    config = configparser.RawConfigParser()
    config.read(path)
    sections = {"build_ext": build_ext(custom)}
    if custom["patches"]:
        sections["egg_info"] = {"tag_build": "+SlapOSPatched%03d" % int(custom["revision"] or 0)}
    for section, options in sections.items():
        if options and not config.has_section(section):
            config.add_section(section)
        for name, value in options.items():
            config.set(section, name, value)
    with open(path, "w") as out:
        config.write(out)


def answer(request, store=None):
    store, pins = store or Store(request), Pins(request["pins"])
    custom = request.get("custom")
    if custom and custom["setup"]:
        return [develop(request, store, pins, custom)], pins
    if custom and not request.get("offline"):
        if custom["patches"] or custom["build"] or custom["setup_eggs"]:
            build(request, store, pins, custom)
            request = dict(request, newest=False)
    requirements = [parse(text) for text in request["requirements"]]
    requirements = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    lenient = request.get("offline") or not request.get("newest", True)
    try:
        return resolve(store, pins, requirements, any_installed=lenient), pins
    except Unfit as unfit:
        if request.get("offline"):
            sys.exit("offline, and %s in %s" % (unfit, store.folder))
    versions = fetch(request, store, pins, requirements)
    try:
        return resolve(store, pins, requirements, chosen_by_pip=versions, any_installed=True), pins
    except Unfit as unfit:
        sys.exit("the eggs do not fit each other: %s" % unfit)


def main():
    with open(sys.argv[1]) as text:
        request = json.load(text)
    order, pins = answer(request)
    eggs = []
    for egg in order:
        entries = {}
        for point in egg.distribution.entry_points:
            entries.setdefault(point.group, {})[point.name] = point.value
        scripts = os.path.join(egg.path, "EGG-SCRIPTS")
        names = set(entries.get("console_scripts", ())) | set(entries.get("gui_scripts", ()))
        eggs.append({
            "name": egg.name, "version": egg.version, "path": egg.path, "develop": egg.develop,
            "pinned": egg.develop or pins.is_exact(canonical(egg.name)), "entry_points": entries,
            "scripts": sorted(n for n in os.listdir(scripts) if n not in names) if os.path.isdir(scripts) else [],
        })
    with open(sys.argv[2], "w") as out:
        json.dump({"eggs": eggs}, out)


if __name__ == "__main__":
    main()
