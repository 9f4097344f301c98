"""The recipe host: runs recipes of Python for the engine, which holds the profile.

Started with a socket to the engine as its standard input; both ways go lines of JSON, host/channel.rs lists
them. Recipes are constructed in this process, one inside another as they refer to each other. Installing,
updating and uninstalling happen in a fork of it, so that a recipe that crashes takes nothing with it.
This process does nothing of its own accord, and ends when the engine does.
"""
import array
import importlib
import json
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import MutableMapping

TRACEBACK_CHARS = 6000


class EngineGone(BaseException):
    """Not an Exception: no recipe shall catch it."""


class Channel:
    def __init__(self, sock):
        self.sock, self.buffer, self.fds = sock, b"", []

    def send(self, message):
        try:
            self.sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            raise EngineGone()

    def receive(self):
        while b"\n" not in self.buffer:
            data, ancillary, _, _ = self.sock.recvmsg(1 << 16, socket.CMSG_SPACE(4 * 8))
            for level, kind, fds in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    numbers = array.array("i")
                    numbers.frombytes(fds[:len(fds) - len(fds) % numbers.itemsize])
                    self.fds.extend(numbers)
            if not data:
                raise EngineGone()
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line.decode())


class Host:
    """What recipes have constructed so far, and the way to the engine."""

    def __init__(self, channel):
        self.channel = channel
        self.parts = {}
        self.recipes = {}
        self.frozen = None

    def ask(self, what, **more):
        """Asks the engine, constructing whatever it wants constructed meanwhile."""
        if self.frozen is not None and what not in ("download",):
            raise UserError("the profile is evaluated; `%s` comes too late" % what)
        self.channel.send(dict(more, ask=what))
        while True:
            message = self.channel.receive()
            if "do" in message:
                self.do(message)
                continue
            if "error" in message:
                kind = {"option": MissingOption, "section": MissingSection}.get(message.get("kind"), UserError)
                raise kind(message["error"])
            return message.get("value")

    def do(self, message):
        getattr(self, "do_" + message["do"])(message)

    def do_paths(self, message):
        import pkg_resources
        for path in message["paths"]:
            if path in sys.path:
                continue
            sys.path.append(path)
            for distribution in pkg_resources.find_distributions(path):
                pkg_resources.working_set.add(distribution, path, replace=True)
                distribution.activate()
        importlib.invalidate_caches()

    def do_construct(self, message):
        name = message["part"]
        options = Options(self, name, {key: load(value) for key, value in message["options"].items()})
        self.parts[name] = options
        try:
            recipe = find(message["entry"])(Buildout(self), name, options)
            self.recipes[name] = recipe
            answer = {"options": {key: dump(value) for key, value in options.data.items()}}
            answer["updates"] = updates(recipe)
        except EngineGone:
            raise
        except BaseException as error:
            self.parts.pop(name, None)
            answer = failure(error)
        sys.stdout.flush()
        self.channel.send(dict(answer, done="construct"))

    def do_freeze(self, message):
        self.frozen = {
            name: {key: load(value) for key, value in section.items()}
            for name, section in message["sections"].items()
        }

    def do_fork(self, message):
        sock, output = self.channel.fds[:2]
        del self.channel.fds[:2]
        if os.fork():
            os.close(sock)
            os.close(output)
            return
        # This process only waits for the one that runs the recipe, and tells how it ended.
        status = 1
        try:
            os.setpgid(0, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.channel.sock.close()
            self.channel = Channel(socket.socket(fileno=sock))
            self.channel.send({"pid": os.getpid()})
            child = os.fork()
            if not child:
                self.run(message)
                status = 0
            else:
                _, ended = os.waitpid(child, 0)
                if os.WIFSIGNALED(ended):
                    self.channel.send({"died": "was killed by signal %d" % os.WTERMSIG(ended)})
                else:
                    self.channel.send({"died": "ended with status %d" % os.WEXITSTATUS(ended)})
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def run(self, message):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        name = message["part"]
        created = []
        try:
            if message["call"] == "uninstall":
                options = {key: load(value) for key, value in message["options"].items()}
                find(message["entry"])(name, options)
                answer = {"keeps": options.get("__buildout_installed__") == ""}
            else:
                created = self.parts[name].created_paths
                recipe = self.recipes[name]
                method = getattr(recipe, message["call"], None) or recipe.install
                answer = {"paths": paths_of(method())}
        except EngineGone:
            raise
        except BaseException as error:
            for path in created:
                remove(path)
            answer = failure(error)
        sys.stdout.flush()
        sys.stderr.flush()
        self.channel.send(dict(answer, done=message["call"]))


def updates(recipe):
    """Whether the recipe has something to do at every run."""
    method = getattr(recipe, "update", None)
    code = getattr(method, "__code__", None)
    if not callable(method) or (code is not None and code.co_code == updates_nothing.__code__.co_code
                                and code.co_consts in ((None,), (code.co_consts[0], None))):
        return False
    # A script of slapos.recipe.build says so by its option.
    is_script = type(recipe).__module__ == "slapos.recipe.build" and type(recipe).__name__ == "Script"
    return not is_script or bool(recipe._update)


def updates_nothing(self):
    pass


def find(entry):
    module, attributes = entry.split(":")
    found = importlib.import_module(module.strip())
    for attribute in attributes.split("[")[0].strip().split("."):
        found = getattr(found, attribute)
    return found


def failure(error):
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    sys.stderr.write(text)
    sys.stderr.flush()
    is_user_error = isinstance(error, UserError)
    reason = str(error) if is_user_error else "%s: %s" % (type(error).__name__, error)
    return {"error": reason, "traceback": "" if is_user_error else text[-TRACEBACK_CHARS:]}


def paths_of(result):
    if result is None:
        return []
    if isinstance(result, (str, bytes)):
        result = [result]
    return [os.fsdecode(path) for path in result]


def remove(path):
    import shutil
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.remove(path)


# Values: text goes as text, everything else as a literal that the engine reads.

LITERALS = {
    "__builtins__": {}, "set": set, "frozenset": frozenset, "bytearray": bytearray, "complex": complex,
    "dict": dict, "list": list, "str": str, "tuple": tuple,
}


def load(value):
    if isinstance(value, dict):
        # The engine wrote this literal itself, from a value that it read as one.
        return eval(value["py"], dict(LITERALS))
    return value


def dump(value):
    return value if isinstance(value, str) else {"py": repr(value)}


class Options(MutableMapping):
    """A section. That of a part under construction is here, every other is the engine's."""

    def __init__(self, host, name, data=None):
        self.host, self.name, self.data = host, name, data
        self.buildout = Buildout(host)
        self.created_paths = []

    def known(self):
        """The section's options if this process has them."""
        if self.data is not None or self.host.frozen is None:
            return self.data
        try:
            return self.host.frozen[self.name]
        except KeyError:
            raise MissingSection("the section `%s` was not read while the profile was evaluated; refer to it "
                                 "in the part's options" % self.name)

    def get(self, key, default=None):
        known = self.known()
        if key == "__buildout_signature__" and self.data is not None and self.host.frozen is None:
            return self.host.ask("signature")
        if known is not None:
            return known.get(key, default)
        value = self.host.ask("get", section=self.name, option=key)
        return default if value is None else load(value)

    def __getitem__(self, key):
        nothing = object()
        value = self.get(key, nothing)
        if value is nothing:
            raise MissingOption("Missing option: %s:%s" % (self.name, key))
        return value

    def __setitem__(self, key, value):
        if self.data is None:
            raise UserError("a recipe may set options of its own part only, not `%s` of [%s]" % (key, self.name))
        if self.host.frozen is None:
            self.host.ask("set", section=self.name, option=key, value=dump(value))
        self.data[key] = value

    def __delitem__(self, key):
        if self.data is None:
            raise UserError("a recipe may remove options of its own part only, not `%s` of [%s]" % (key, self.name))
        if key not in self.data:
            raise MissingOption("Missing option: %s:%s" % (self.name, key))
        if self.host.frozen is None:
            self.host.ask("remove", section=self.name, option=key)
        del self.data[key]

    def keys(self):
        known = self.known()
        if known is not None:
            return list(known)
        return self.host.ask("keys", section=self.name)

    def __contains__(self, key):
        return key in self.keys()

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def copy(self):
        return dict(self.items())

    def created(self, *paths):
        self.created_paths.extend(paths)
        return self.created_paths

    def query_bool(self, name, default=None):
        if name not in self:
            if default is None:
                raise MissingOption("Missing option: %s:%s" % (self.name, name))
            self[name] = default
        return self.get_bool(name)

    def get_bool(self, name):
        value = self[name]
        if value not in ("true", "false"):
            raise UserError("Invalid value for %s option: %s" % (name, value))
        return value == "true"

    def barrier(self):
        pass

    def _sub(self, template, seen):
        return self.host.ask("substitute", text=template)

    def __repr__(self):
        return repr(self.copy())


class Buildout(MutableMapping):
    """The profile, as recipes see it."""

    def __init__(self, host):
        self._host = host
        self._logger = logging.getLogger("zc.buildout")

    def __getitem__(self, name):
        host = self._host
        if name in host.parts:
            if host.frozen is None:
                host.ask("depend", section=name)
            return host.parts[name]
        if host.frozen is not None:
            if name not in host.frozen:
                raise MissingSection("The referenced section, %r, was not defined." % name)
        else:
            host.ask("depend", section=name)
        if name in host.parts:
            return host.parts[name]
        return Options(host, name)

    def get(self, name, default=None):
        return self[name] if name in self else default

    def __setitem__(self, name, value):
        raise UserError("a recipe may not add the section `%s` to a profile that is evaluated" % name)

    __delitem__ = __setitem__

    def keys(self):
        host = self._host
        return sorted(host.frozen) if host.frozen is not None else host.ask("sections")

    def __contains__(self, name):
        return name in self.keys()

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    @property
    def newest(self):
        return self["buildout"].get("newest") == "true"

    @property
    def offline(self):
        return self["buildout"].get("offline") == "true"

    def __deepcopy__(self, memo):
        return self


class Download:
    """In the place of zc.buildout's: the engine finds sources, by hash wherever they are."""

    host = None

    def __init__(self, options=None, cache=-1, namespace=None, offline=-1, fallback=False, hash_name=False,
                 logger=None):
        self.options = options or {}
        self.logger = logger or logging.getLogger("zc.buildout")

    def __call__(self, url, md5sum=None, path=None, alternate_url=None):
        import shutil
        import tempfile
        if md5sum is None and "#" in url and len(url.rsplit("#", 1)[1]) == 32:
            url, md5sum = url.rsplit("#", 1)
        found = self.host.ask("download", url=url, md5=md5sum, alternate=alternate_url)
        if path is not None:
            shutil.copyfile(found, path)
            return path, False
        if found.startswith("/") and found == url[7 * url.startswith("file://"):]:
            return found, False
        # A copy: recipes may change or move what they get.
        handle, copy = tempfile.mkstemp(prefix="download-", suffix="-" + os.path.basename(url.split("?")[0])[-80:])
        os.close(handle)
        shutil.copyfile(found, copy)
        return copy, True

    download = download_cached = __call__

    def check_md5sum(self, path, md5sum):
        import hashlib
        with open(path, "rb") as data:
            return md5sum is None or hashlib.md5(data.read()).hexdigest() == md5sum


def start():
    """Takes the socket away from standard input, which recipes and their children read."""
    sock = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # Who waits for each install is a child of this process; nobody else waits for it.
    host = Host(Channel(sock))
    for path in reversed(host.channel.receive()["paths"]):
        sys.path.insert(0, path)
    return host


def serve(host):
    while True:
        try:
            host.do(host.channel.receive())
        except EngineGone:
            os._exit(0)
        # Forks of earlier installs that ended.
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
the_host = start()
import zc.buildout  # noqa: E402
import zc.buildout.buildout  # noqa: E402
import zc.buildout.download  # noqa: E402
import zc.buildout.easy_install  # noqa: E402
UserError = zc.buildout.UserError
MissingOption = zc.buildout.buildout.MissingOption


class MissingSection(zc.buildout.buildout.MissingSection):
    def __str__(self):
        return str(self.args[0])


Download.host = the_host
zc.buildout.download.Download = Download
the_host.channel.send({"done": "start"})
serve(the_host)
