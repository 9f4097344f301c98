"""Serves the WSGI application of a file: host.py ADDRESS PORT THREADS NAME FILE.

The file is Python that defines `application`. One page is the server's own, /.well-known/slapos-alive; it tells
that this server runs and whether the file could be loaded. A file that cannot be loaded answers every request with
status 500, and why is in the log.
"""
import logging
import sys
import traceback

import waitress

ALIVE = "/.well-known/slapos-alive"


def load(path):
    """The application of a file, and None; or one that says that there is none, and why."""
    names = {"__name__": "application", "__file__": path}
    try:
        with open(path, encoding="utf-8") as source:
            exec(compile(source.read(), path, "exec"), names)
        application = names.get("application")
        if not callable(application):
            raise TypeError("the file defines no callable `application`")
        return application, None
    except Exception as error:
        traceback.print_exc()
        return broken, "%s: %s" % (type(error).__name__, error)


def broken(environ, start_response):
    start_response("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"The application could not be loaded; see the log of the service.\n"]


def host(application, trouble, name):
    """The application, and the page of the server beside it."""
    def hosted(environ, start_response):
        if environ.get("PATH_INFO") != ALIVE:
            return application(environ, start_response)
        status = "200 OK" if trouble is None else "503 Service Unavailable"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [("%s %s\n" % (name, "is alive" if trouble is None else trouble)).encode()]
    return hosted


def main():
    address, port, threads, name, path = sys.argv[1:]
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
    application, trouble = load(path)
    waitress.serve(host(application, trouble, name), host=address, port=int(port), threads=int(threads), ident=None)


if __name__ == "__main__":
    main()
